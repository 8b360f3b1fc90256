//! The write half of the present connection, as a session holds it.

use std::task::{Context, Poll, Waker};

use trunkline_protocol::{DatagramFate, Encoding, Outbound, Prepared};
use trunkline_transport::{ConnectionEnd, DatagramError, MessageKind, MessageSender};

use crate::clock::now;

/// The write half and what any thread needs to write with it.
///
/// Writes always register the connection task's waker: an I/O driver keeps one write waker per
/// connection, so that another one would make the task miss its wake-ups.
pub(crate) struct Link {
    sender: Box<dyn MessageSender>,
    has_datagrams: bool,
    waker: Waker,
    /// The transport takes no more until the connection's task is woken.
    blocked: bool,
    /// The last write was not taken whole.
    stalled: bool,
    /// Bytes taken by writes that had stalled: unlike others, they show that the peer still reads.
    progress: u64,
    end: Option<ConnectionEnd>,
}

impl Link {
    pub(crate) fn new(sender: Box<dyn MessageSender>, has_datagrams: bool) -> Self {
        // Until its task has polled once, whoever writes is followed by that first poll.
        Self {
            sender,
            has_datagrams,
            waker: Waker::noop().clone(),
            blocked: false,
            stalled: false,
            progress: 0,
            end: None,
        }
    }

    /// Notes the task's waker and that it may write again.
    pub(crate) fn polled_by(&mut self, cx: &Context<'_>) {
        if !self.waker.will_wake(cx.waker()) {
            self.waker.clone_from(cx.waker());
        }
        self.blocked = false;
    }

    pub(crate) fn wake(&self) {
        self.waker.wake_by_ref();
    }

    /// Whether the transport takes no more for now.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Bytes the transport has taken after it had taken no more.
    pub(crate) const fn written_while_blocked(&self) -> u64 {
        self.progress
    }

    /// Bytes the transport has taken.
    pub(crate) fn written(&self) -> u64 {
        self.sender.written()
    }

    /// How the connection ended, if writing found out.
    pub(crate) const fn end(&self) -> Option<&ConnectionEnd> {
        self.end.as_ref()
    }

    /// Buffers one message that belongs to no machine: HELLO, WELCOME, a farewell.
    pub(crate) fn push(&mut self, encoding: Encoding, message: &[u8]) {
        self.sender.push(message_kind(encoding), &[message]);
    }

    /// Writes all that the machine gives and the transport takes, in few large writes.
    ///
    /// While the transport is blocked nothing is numbered, so that overflow policies can still act.
    pub(crate) fn transmit(&mut self, machine: &mut Outbound) {
        if self.blocked || self.end.is_some() {
            return;
        }
        let kind = message_kind(machine.encoding());
        for _ in 0..BATCHES_MAX {
            let mut has_more = true;
            while has_more && self.sender.buffered() < WRITE_BATCH {
                let sender = &mut self.sender;
                has_more = machine.transmit(&mut |parts| sender.push(kind, parts));
            }
            if self.sender.buffered() > 0 && !self.flush() {
                return;
            }
            if !has_more {
                return self.transmit_emulated(machine);
            }
        }
        // Let others have their turn; the task goes on with the rest.
        self.wake();
    }

    /// Writes emulated datagrams, a few at a time: what the transport has taken no newer one can
    /// replace.
    fn transmit_emulated(&mut self, machine: &mut Outbound) {
        if self.has_datagrams || !machine.has_datagrams_waiting() {
            return;
        }
        let (kind, now) = (message_kind(machine.encoding()), now());
        loop {
            let sender = &mut self.sender;
            while sender.buffered() < EMULATED_BATCH
                && machine.transmit_emulated(now, &mut |parts| sender.push(kind, parts))
            {
            }
            if self.sender.buffered() == 0 || !self.flush() {
                return;
            }
        }
    }

    pub(crate) const fn has_datagrams(&self) -> bool {
        self.has_datagrams
    }

    pub(crate) fn max_datagram(&self) -> Option<usize> {
        self.sender.max_datagram().filter(|_| self.has_datagrams)
    }

    /// Sends datagrams for as long as the transport takes them. What it has taken can neither be
    /// replaced nor grow too old, so the rest waits with the machine. Specification: best-effort.md,
    /// BEF-014.
    ///
    /// It asks once more than there are datagrams, since the last one may only be on its way then.
    pub(crate) fn transmit_datagrams(&mut self, machine: &mut Outbound) {
        while self.has_datagrams && self.is_datagram_ready() && machine.has_datagrams_waiting() {
            let Some(frame) = machine.take_datagram(now()) else {
                return;
            };
            let fate = self.send_datagram(&frame, machine.encoding());
            machine.count_datagram(fate);
        }
    }

    /// Sends a datagram that need not wait: the transport takes one, and the machine holds none that
    /// goes before it. False if it was not sent; then nothing has been counted.
    pub(crate) fn send_at_once(&mut self, machine: &mut Outbound, frame: &Prepared) -> bool {
        let is_next = self.has_datagrams
            && machine.is_attached()
            && !machine.is_closing()
            && !machine.has_datagrams_waiting();
        if !is_next || !self.is_datagram_ready() {
            return false;
        }
        let fate = self.send_datagram(frame, machine.encoding());
        if fate != DatagramFate::Sent {
            return false;
        }
        machine.count_datagram(fate);
        // It may only be on its way: as in `transmit_datagrams`.
        self.is_datagram_ready();
        true
    }

    fn is_datagram_ready(&mut self) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        self.sender.poll_datagram_ready(&mut cx).is_ready()
    }

    fn send_datagram(&mut self, frame: &Prepared, encoding: Encoding) -> DatagramFate {
        let prefix = frame.prefix(encoding, 0);
        let parts = [&*prefix, frame.suffix(encoding)];
        match self.sender.send_datagram(&parts) {
            Ok(()) => DatagramFate::Sent,
            // One that has waited fitted when it came: the path has shrunk.
            Err(DatagramError::TooLarge { .. }) => DatagramFate::TooLarge,
            Err(DatagramError::Unsupported) => DatagramFate::NotConnected,
        }
    }

    /// Goes on with what an earlier write left, and with what the transport has to send for itself.
    pub(crate) fn resume(&mut self) {
        if self.sender.buffered() > 0 {
            self.flush();
        }
    }

    /// Hands what is buffered to the transport; true if it took all.
    pub(crate) fn flush(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let before = self.sender.written();
        let flushed = self
            .sender
            .poll_flush(&mut Context::from_waker(&self.waker));
        if self.stalled {
            self.progress += self.sender.written() - before;
        }
        self.stalled = flushed.is_pending();
        match flushed {
            Poll::Ready(Ok(())) => return true,
            Poll::Ready(Err(end)) => {
                self.end = Some(end);
                self.wake();
            }
            Poll::Pending => self.blocked = true,
        }
        false
    }

    /// Ends the connection at the transport; ready once it has, or could not.
    pub(crate) fn poll_close(&mut self, code: u16, reason: &str, cx: &mut Context<'_>) -> Poll<()> {
        self.sender.poll_close(cx, code, reason).map(|_ended| ())
    }
}

/// The kind of message that frames of an encoding travel in.
#[must_use]
pub const fn message_kind(encoding: Encoding) -> MessageKind {
    match encoding {
        Encoding::MessagePack => MessageKind::Binary,
        Encoding::Json => MessageKind::Text,
    }
}

/// Bytes gathered into one write.
const WRITE_BATCH: usize = 64 * 1024;

/// Bytes of emulated datagrams gathered into one write.
const EMULATED_BATCH: usize = 4 * 1024;

/// Writes in a row for one connection before others have their turn.
const BATCHES_MAX: usize = 16;
