//! A connection that a test holds up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use trunkline_transport::{
    Connection, ConnectionEnd, DatagramError, Message, MessageKind, MessageReceiver, MessageSender,
};

/// Puts gates into a connection, open at first.
///
/// While the write gate is shut nothing leaves, datagrams neither, as on a link whose peer does not read;
/// while the read gate is shut nothing arrives. Both shut is a link that swallows everything.
///
/// ```
/// use trunkline_testkit::{drive, gated};
/// use trunkline_transport::{MessageKind, memory};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (near, mut far, _link) = memory::pair(memory::Config::default());
/// let (mut near, gate) = gated(near);
/// gate.shut_writes();
/// near.sender.push(MessageKind::Binary, &[b"late"]);
/// assert!(drive::now(|cx| near.sender.poll_flush(cx)).is_pending());
/// gate.open_writes();
/// drive::flush(&mut *near.sender).await.unwrap();
/// assert_eq!(drive::content(&mut *far.receiver).await, "late");
/// # });
/// ```
#[must_use]
pub fn gated(connection: Connection) -> (Connection, Gate) {
    let gate = Gate::default();
    let Connection {
        transport,
        protocol,
        capabilities,
        sender,
        receiver,
        home,
    } = connection;
    let connection = Connection {
        transport,
        protocol,
        capabilities,
        home,
        sender: Box::new(GatedSender {
            inner: sender,
            gate: gate.clone(),
            held: None,
        }),
        receiver: Box::new(GatedReceiver {
            inner: receiver,
            gate: gate.clone(),
        }),
    };
    (connection, gate)
}

/// The test's hand on the gates of one connection.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    writes: Barrier,
    reads: Barrier,
    blocked_flushes: u64,
    holds_datagrams: bool,
}

#[derive(Debug, Default)]
struct Barrier {
    shut: bool,
    /// Whoever waits: one task a direction, as the transport's contract says.
    waiter: Option<Waker>,
}

impl Barrier {
    /// Whether to stop here; if so, opening wakes the caller.
    fn blocks(&mut self, cx: &Context<'_>) -> bool {
        if self.shut {
            self.waiter = Some(cx.waker().clone());
        }
        self.shut
    }

    fn open(&mut self) -> Option<Waker> {
        self.shut = false;
        self.waiter.take()
    }
}

impl Gate {
    /// Lets nothing more leave.
    pub fn shut_writes(&self) {
        self.lock().writes.shut = true;
    }

    /// Lets everything leave, and wakes who waited for it.
    pub fn open_writes(&self) {
        let waiter = self.lock().writes.open();
        waiter.into_iter().for_each(Waker::wake);
    }

    /// Lets nothing more arrive.
    pub fn shut_reads(&self) {
        self.lock().reads.shut = true;
    }

    /// Lets everything arrive, and wakes who waited for it.
    pub fn open_reads(&self) {
        let waiter = self.lock().reads.open();
        waiter.into_iter().for_each(Waker::wake);
    }

    /// From now on keeps a datagram until room is asked for again, as QUIC's half does when its queue is
    /// full; one at a time. One that is still kept when its sender is dropped is lost.
    ///
    /// A sender that sends without having asked for room panics.
    pub fn hold_datagrams(&self) {
        self.lock().holds_datagrams = true;
    }

    /// How many flushes and closes found the write gate shut with something to write.
    #[must_use]
    pub fn blocked_flushes(&self) -> u64 {
        self.lock().blocked_flushes
    }

    fn blocks_write(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        let blocks = state.writes.blocks(cx);
        state.blocked_flushes += u64::from(blocks);
        blocks
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct GatedSender {
    inner: Box<dyn MessageSender>,
    gate: Gate,
    held: Option<Vec<u8>>,
}

impl MessageSender for GatedSender {
    fn push(&mut self, kind: MessageKind, parts: &[&[u8]]) {
        self.inner.push(kind, parts);
    }

    fn buffered(&self) -> usize {
        self.inner.buffered()
    }

    fn written(&self) -> u64 {
        self.inner.written()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        if self.inner.buffered() > 0 && self.gate.blocks_write(cx) {
            return Poll::Pending;
        }
        self.inner.poll_flush(cx)
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: u16,
        reason: &str,
    ) -> Poll<Result<(), ConnectionEnd>> {
        if self.gate.blocks_write(cx) {
            return Poll::Pending;
        }
        self.inner.poll_close(cx, code, reason)
    }

    fn poll_datagram_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.gate.lock().writes.blocks(cx) {
            return Poll::Pending;
        }
        ready!(self.inner.poll_datagram_ready(cx));
        if let Some(held) = self.held.take() {
            // Its sender was told that it left.
            let sent = self.inner.send_datagram(&[&held]);
            sent.expect("the link takes what was kept");
        }
        Poll::Ready(())
    }

    fn send_datagram(&mut self, parts: &[&[u8]]) -> Result<(), DatagramError> {
        if !self.gate.lock().holds_datagrams {
            return self.inner.send_datagram(parts);
        }
        assert!(self.held.is_none(), "sent without being ready");
        self.held = Some(parts.concat());
        Ok(())
    }

    fn max_datagram(&self) -> Option<usize> {
        self.inner.max_datagram()
    }
}

struct GatedReceiver {
    inner: Box<dyn MessageReceiver>,
    gate: Gate,
}

impl MessageReceiver for GatedReceiver {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        if self.gate.lock().reads.blocks(cx) {
            return Poll::Pending;
        }
        self.inner.poll_receive(cx)
    }

    fn received(&self) -> u64 {
        self.inner.received()
    }

    fn set_max_message(&mut self, bytes: usize) {
        self.inner.set_max_message(bytes);
    }

    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionEnd>> {
        if self.gate.lock().reads.blocks(cx) {
            return Poll::Pending;
        }
        self.inner.poll_datagram(cx)
    }
}
