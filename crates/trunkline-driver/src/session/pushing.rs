//! What a session is given to send.

use trunkline_protocol::{AckId, NamespaceName, Outbound, Payload, Prepared, PushError};

use super::Session;
use super::sending::{Sending, slow_consumer};
use crate::sync::{Arc, AtomicBool, MutexGuard, Ordering};

impl Session {
    /// Sends a sequenced frame: now, at the end of the turn, or when the window and the connection
    /// allow.
    ///
    /// A queue past `limits.queue` first loses what may be dropped (see
    /// [`Overflow`](trunkline_protocol::Overflow)); if that is not enough, the connection is closed as
    /// a slow consumer's. The session stays. [`traffic`](Self::traffic) counts what is dropped.
    ///
    /// # Errors
    /// The session is over, or its queue holds twice its limit: it cannot keep its promise, and the
    /// caller ends it with `overflow`.
    pub fn push(self: &Arc<Self>, frame: Prepared) -> Result<(), PushError> {
        // JSON is made on first use: before the lock, not under it.
        let _ = frame.suffix(self.encoding);
        self.push_locked(self.outbound.lock(), |machine| machine.push(frame))
    }

    /// As [`push`](Self::push), unless `is_over` is set: then it is false. Whatever is pushed after it
    /// was set is followed by nothing of what it stands for.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_unless(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        frame: Prepared,
    ) -> Result<bool, PushError> {
        let _ = frame.suffix(self.encoding);
        let sending = self.outbound.lock();
        // The lock orders it with the pushes of whoever has set it.
        if is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.push_locked(sending, |machine| machine.push(frame))
            .map(|()| true)
    }

    /// Sends an ACK that need not wait, without the memory of a frame; unless `is_over` is set, as in
    /// [`push_unless`](Self::push_unless).
    ///
    /// False if it was not taken: then its frame is to be pushed, which also says what is wrong with it.
    pub fn push_ack_unless(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        namespace: &NamespaceName,
        ack_id: AckId,
        args: &Payload,
    ) -> bool {
        let mut sending = self.outbound.lock();
        let is_taken = !is_over.load(Ordering::Relaxed)
            && sending.takes_more()
            && sending.machine.push_ack(namespace, ack_id, args);
        if is_taken {
            sending.slow &= sending.machine.is_over_limit();
            self.written_soon(sending);
        }
        is_taken
    }

    /// As [`push_unless`](Self::push_unless), for a socket whose CONNECT, number `connect`, has no answer
    /// yet: the frame counts as waiting, and takes no number before
    /// [`line_up_unless`](Self::line_up_unless).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_aside_unless(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        connect: u64,
        frame: Prepared,
    ) -> Result<bool, PushError> {
        let _ = frame.suffix(self.encoding);
        let sending = self.outbound.lock();
        // As in `push_unless`.
        if is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.push_locked(sending, |machine| machine.push_aside(connect, frame))
            .map(|()| true)
    }

    /// Sends what was pushed aside for this CONNECT, whose CONNECTED was pushed before; unless `is_over`
    /// is set, as in [`push_unless`](Self::push_unless).
    pub fn line_up_unless(self: &Arc<Self>, is_over: &AtomicBool, connect: u64) {
        let mut sending = self.outbound.lock();
        // As in `push_unless`.
        if !is_over.load(Ordering::Relaxed) {
            sending.machine.line_up(connect);
            self.written_soon(sending);
        }
    }

    /// Takes back what was pushed aside for this CONNECT, in order.
    #[must_use]
    pub fn take_aside(&self, connect: u64) -> Vec<Prepared> {
        let mut sending = self.outbound.lock();
        sending.machine.take_aside(connect)
    }

    /// Takes out the EVENTs of a namespace that have no number yet, also those pushed aside, in order
    /// (NSP-010).
    pub fn discard_events(self: &Arc<Self>, namespace: &NamespaceName) -> Vec<Prepared> {
        let mut sending = self.outbound.lock();
        let discarded = sending.machine.discard_events(namespace);
        self.written_soon(sending);
        discarded
    }

    /// The EVENTs of a namespace that have a number and no receipt, in order: the peer may have them.
    #[must_use]
    pub fn unconfirmed_events(&self, namespace: &NamespaceName) -> Vec<Prepared> {
        self.outbound.lock().machine.unconfirmed_events(namespace)
    }

    /// Waits until at most `bytes` of events wait for a number; with 0, until the connection has taken
    /// all that was pushed. What was pushed aside does not count here: no connection can have it yet.
    /// Ready also when the session is over.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn lightened(&self, bytes: usize) {
        loop {
            let lightened = {
                let mut sending = self.outbound.lock();
                if sending.is_lightened(bytes) {
                    return;
                }
                Arc::clone(sending.lightened.get_or_insert_default()).notified_owned()
            };
            lightened.await;
        }
    }

    fn push_locked(
        self: &Arc<Self>,
        mut sending: MutexGuard<'_, Sending>,
        push: impl FnOnce(&mut Outbound) -> Result<(), PushError>,
    ) -> Result<(), PushError> {
        push(&mut sending.machine)?;
        if sending.machine.is_over_limit() {
            // A CLOSE that waits is for the connection's task: what follows in this turn may say more.
            if !sending.machine.is_closing() {
                sending.transmit();
            }
            sending.machine.shed();
            if sending.machine.is_over_limit() && sending.machine.is_attached() && !sending.slow {
                let close = slow_consumer(&sending.machine, &self.ours);
                sending.machine.close(close);
                sending.slow = true;
                sending.wake();
            }
            return Ok(());
        }
        sending.slow = false;
        self.written_soon(sending);
        Ok(())
    }
}
