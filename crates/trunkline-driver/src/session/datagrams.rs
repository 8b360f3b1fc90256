//! Best-effort frames: volatile ones, and datagrams, native where the connection has them and emulated
//! where not.

use trunkline_protocol::DatagramFate;

use super::Session;
use super::sending::Sending;
use crate::sync::{Arc, AtomicBool, MutexGuard, Ordering};
use crate::{BestEffortFrame, TooLarge};

impl Session {
    /// Sends a best-effort frame, or drops and counts it; gives whether it was taken.
    ///
    /// A volatile one is taken if a connection is attached that has nothing else to send and takes
    /// more. Another goes into a datagram as soon as the connection takes one or, where that has none,
    /// to the message channel as soon as it is nearly drained. None is taken when `is_over` is set.
    ///
    /// # Errors
    /// It is larger than the peer or the present connection takes. One that is for many is dropped and
    /// counted instead.
    pub fn push_best_effort(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        frame: &BestEffortFrame,
    ) -> Result<bool, TooLarge> {
        // JSON is made on first use: before the lock, not under it.
        let _ = frame.frame.suffix(self.encoding);
        if frame.is_volatile {
            self.message_len(&frame.frame)?;
        }
        let mut sending = self.outbound.lock();
        // The lock orders it with the pushes of whoever has set it.
        if is_over.load(Ordering::Relaxed) {
            sending.machine.count_datagram(DatagramFate::NotConnected);
            return Ok(false);
        }
        if frame.is_volatile {
            return Ok(self.push_volatile(sending, frame));
        }
        // Most need not wait. What is not sent is looked at in full.
        if sending.send_at_once(frame) {
            return Ok(true);
        }
        let is_native = sending.has_datagrams();
        let limit = match is_native {
            true => sending.max_datagram().unwrap_or(usize::MAX),
            // A member of a fan-out may get a little more than it takes (BEF-005).
            false if frame.is_for_many => usize::MAX,
            false => self.peers.datagram as usize,
        };
        let size = frame.len(self.encoding);
        if size > limit {
            if !frame.is_for_many {
                return Err(TooLarge { size, limit });
            }
            sending.machine.count_datagram(DatagramFate::TooLarge);
            return Ok(false);
        }
        let taken = sending
            .machine
            .queue_datagram(frame.frame.clone(), frame.until);
        match is_native {
            true => sending.transmit_datagrams(),
            false => self.written_soon(sending),
        }
        Ok(taken)
    }

    /// Drops and counts a best-effort frame for a socket that is not connected.
    pub fn drop_best_effort(&self) {
        let machine = &mut self.outbound.lock().machine;
        machine.count_datagram(DatagramFate::NotConnected);
    }

    /// Whether the present connection has datagrams of its own.
    #[must_use]
    pub fn has_datagrams(&self) -> bool {
        self.outbound.lock().has_datagrams()
    }

    /// The largest native datagram that the present connection carries now, bytes; none where it has
    /// none. It changes as the transport learns about the path.
    #[must_use]
    pub fn max_datagram(&self) -> Option<usize> {
        self.outbound.lock().max_datagram()
    }

    fn push_volatile(
        self: &Arc<Self>,
        mut sending: MutexGuard<'_, Sending>,
        frame: &BestEffortFrame,
    ) -> bool {
        let is_blocked = !sending.takes_more();
        let machine = &mut sending.machine;
        let taken = machine.push_best_effort(frame.frame.clone(), is_blocked);
        if taken {
            self.written_soon(sending);
        }
        taken
    }
}
