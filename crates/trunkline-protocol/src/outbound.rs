//! The sending machine: numbering, replay log, window, queue.

mod best_effort;

pub use best_effort::{BEST_EFFORT_FRAMES, BEST_EFFORT_QUEUE, DatagramFate};

use crate::control::Control;
use crate::datagram_queue::DatagramQueue;
use crate::inbound::window;
use crate::queue::{Admission, Queue, cost};
use crate::replay_log::{COPIED_MAX, ReplayLog};
use crate::{
    AckId, Auth, Close, Code, Drops, Encoding, GoAway, Kind, Limits, NamespaceName, Payload,
    Prepared, Violation,
};

/// What leaves in a session.
///
/// ```text
///   push ──> queue ──(window open)──> replay log ──(receipt)──> gone
///            no number yet            numbered, kept until confirmed
///                                     │ sent ┊ to be replayed │
/// ```
///
/// A frame takes its number when it is first handed to a connection, or, if it is an ACK that need not wait,
/// when it is [taken](Self::push_ack), shortly before that. The replay log is the send
/// window: when it holds `window` bytes, frames that ask wait in the queue. It outlives connections
/// and ends with [`end`](Self::end). **After every change, call [`transmit`](Self::transmit) until
/// it gives nothing.** Specification: session.md, "Sender".
#[derive(Debug)]
pub struct Outbound {
    encoding: Encoding,
    /// Whether what [`push_ack`](Self::push_ack) writes is in the session's encoding, and never longer than
    /// the peer takes.
    copies_acks: bool,
    window: usize,
    queue_limit: usize,
    state: State,
    hold: Hold,
    confirmed: u64,
    log: ReplayLog,
    queue: Queue,
    /// Best-effort frames of this turn, for the present connection.
    loose: Vec<Prepared>,
    /// Datagrams that wait for the present connection; there from the first of them on.
    datagrams: Option<Box<DatagramQueue>>,
    control: Control,
    /// CONNECTs that took a number since somebody asked.
    connects: Vec<(u64, Prepared)>,
    /// The receipt that PING, PONG and RECEIVED tell.
    receipt: u64,
    sent: Sent,
    drops: Drops,
    dropped_events: u64,
}

/// How many frames were handed to connections. What waits is not among them, nor is what was dropped
/// while it waited; an ACK that took its number at once counts from then on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// EVENTs that took a number; replays are not counted.
    pub events: u64,
    /// ACKs and FAILEDs, likewise.
    pub answers: u64,
    /// DATAGRAMs and LATESTs.
    pub best_effort: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Detached,
    Attached,
    Ended(Code),
}

/// Which frames are kept from taking a number, for the time being.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// None.
    #[default]
    Nothing,
    /// EVENTs: before WELCOME of a fresh session.
    Events,
    /// EVENTs and CONNECTs: after GOAWAY.
    EventsAndConnects,
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The queue holds twice its limit: the session cannot keep its promise and must end.
    #[error("{queued} bytes wait for the peer where {limit} may")]
    Overflow {
        /// Bytes in the queue, with [`FRAME_BYTES`](crate::FRAME_BYTES) for each frame.
        queued: usize,
        /// Twice the announced `limits.queue`.
        limit: usize,
    },
    /// The session is over.
    #[error("the session ended with code {0}")]
    Ended(Code),
}

/// What a session that ended leaves behind.
#[derive(Debug, Default)]
pub struct Lost {
    /// Numbered and not confirmed: whether they arrived is unknown. In order, without the answers
    /// among them.
    pub unconfirmed: Vec<Prepared>,
    /// How many small answers were numbered and not confirmed.
    pub unconfirmed_answers: usize,
    /// Never handed to a connection. In order.
    pub queued: Vec<Prepared>,
}

impl Outbound {
    /// The machine of a fresh session, detached, for what both sides announced.
    #[must_use]
    pub fn new(encoding: Encoding, ours: &Limits, peers: &Limits) -> Self {
        Self {
            encoding,
            copies_acks: encoding == Encoding::MessagePack && peers.frame >= COPIED_MAX,
            window: window(ours, peers),
            queue_limit: ours.queue as usize,
            state: State::Detached,
            hold: Hold::Nothing,
            confirmed: 0,
            log: ReplayLog::default(),
            queue: Queue::default(),
            loose: Vec::new(),
            datagrams: None,
            control: Control::default(),
            connects: Vec::new(),
            receipt: 0,
            sent: Sent::default(),
            drops: Drops::default(),
            dropped_events: 0,
        }
    }

    /// Takes a sequenced frame.
    ///
    /// # Errors
    /// The session is over, or cannot hold any more.
    pub fn push(&mut self, frame: Prepared) -> Result<(), PushError> {
        self.make_room(&frame)?;
        self.queue.push(frame, self.encoding);
        Ok(())
    }

    /// Takes an ACK that need not wait, and numbers it at once, so that it takes no memory as a frame. To be
    /// called only while the connection takes more.
    ///
    /// False, and no effect, if it has to wait, or is too long, or the session is not in MessagePack: then
    /// its frame is to be [pushed](Self::push).
    pub fn push_ack(&mut self, namespace: &NamespaceName, ack_id: AckId, args: &Payload) -> bool {
        let may_be_numbered = self.copies_acks
            && self.state == State::Attached
            && self.queue.is_lined_up_empty()
            && !self.control.is_closing()
            && self.may_answer();
        let seq = self.numbered() + 1;
        let is_taken = may_be_numbered && self.log.push_ack(namespace, ack_id, args, seq);
        if is_taken {
            self.sent.answers += 1;
        }
        is_taken
    }

    /// Takes a sequenced frame of a socket whose CONNECT, number `connect`, has no answer yet. It counts
    /// as waiting like any other, and takes no number before [`line_up`](Self::line_up). Specification:
    /// namespaces.md, NSP-006; session.md, SES-025.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_aside(&mut self, connect: u64, frame: Prepared) -> Result<(), PushError> {
        self.make_room(&frame)?;
        self.queue.push_aside(connect, frame, self.encoding);
        Ok(())
    }

    /// Lines up what was pushed aside for this CONNECT, behind all that waits: its CONNECTED has been
    /// pushed.
    pub fn line_up(&mut self, connect: u64) {
        self.queue.line_up_aside(connect, self.encoding);
    }

    /// Takes back what was pushed aside for this CONNECT, in order: it is refused, or was left.
    pub fn take_aside(&mut self, connect: u64) -> Vec<Prepared> {
        self.queue.take_aside(connect, self.encoding)
    }

    /// Drops events that may be dropped while more waits than `limits.queue`: for when what could be
    /// written has been. See [`Overflow`](crate::Overflow).
    pub fn shed(&mut self) {
        self.shed_to(self.queue_limit);
    }

    /// Drops the EVENTs of a namespace that wait without a number, also those pushed aside, since the
    /// socket that they are of is over; gives how many there were. Specification: namespaces.md, NSP-010.
    pub fn discard_events(&mut self, namespace: &NamespaceName) -> Vec<Prepared> {
        self.queue.discard_events(namespace, self.encoding)
    }

    /// The EVENTs of a namespace that have left, or are to be replayed, and have no receipt yet, in order.
    #[must_use]
    pub fn unconfirmed_events(&self, namespace: &NamespaceName) -> Vec<Prepared> {
        self.log.events_of(namespace)
    }

    /// Takes a cumulative receipt and trims the log.
    ///
    /// # Errors
    /// A receipt for frames that were never sent.
    pub fn receive_receipt(&mut self, received: u64) -> Result<(), Violation> {
        if matches!(self.state, State::Ended(_)) {
            // Nothing is kept to confirm, and the peer may not know yet.
            return Ok(());
        }
        let sent = self.numbered() - self.log.fresh().0 as u64;
        if received > sent {
            return Err(Violation::ReceiptBeyondSent { received, sent });
        }
        while self.confirmed < received {
            self.confirmed += 1;
            self.log.confirm(self.encoding, self.confirmed);
        }
        Ok(())
    }

    /// Numbers frames that the present connection has been handed already: a client may send CONNECT
    /// right behind its HELLO.
    pub fn adopt(&mut self, frames: Vec<Prepared>) {
        for frame in frames {
            self.number(frame);
        }
        self.log.skip();
    }

    /// The CONNECTs that took a number since this was called last, and their numbers: what their
    /// answers name (NSP-014). Call it before an answer is looked at, and whenever a CONNECT is
    /// pushed, or it grows.
    pub fn take_connects(&mut self) -> Vec<(u64, Prepared)> {
        std::mem::take(&mut self.connects)
    }

    /// Begins on a new connection whose peer has received up to `received`: the rest of the log will
    /// be replayed, in order, ahead of anything new.
    ///
    /// # Errors
    /// A receipt for frames that were never sent.
    pub fn attach(&mut self, received: u64) -> Result<(), Violation> {
        self.receive_receipt(received)?;
        self.forget_connection();
        if !matches!(self.state, State::Ended(_)) {
            self.state = State::Attached;
        }
        Ok(())
    }

    /// The connection is gone; what it was handed without receipt will be replayed on the next.
    pub fn detach(&mut self) {
        self.forget_connection();
        if self.state == State::Attached {
            self.state = State::Detached;
        }
    }

    /// Ends the session: nothing more is taken, and all that was kept is given back.
    pub fn end(&mut self, code: Code) -> Lost {
        if !matches!(self.state, State::Ended(_)) {
            self.state = State::Ended(code);
        }
        self.lose_loose();
        self.connects = Vec::new();
        let (unconfirmed, unconfirmed_answers) = self.log.take();
        Lost {
            unconfirmed,
            unconfirmed_answers,
            queued: self.queue.drain(),
        }
    }

    /// Writes the next message that the connection may have: `write` gets its parts, once.
    ///
    /// Returns whether there was one. Frames are numbered here.
    pub fn transmit(&mut self, write: &mut dyn FnMut(&[&[u8]])) -> bool {
        if self.is_idle() || self.control.is_closed() {
            return false;
        }
        // A session that ended has only its farewell left.
        if matches!(self.state, State::Ended(_)) {
            return self.write_last(write);
        }
        if self.state != State::Attached {
            return false;
        }
        if self.write_first(write) {
            return true;
        }
        if self.control.is_hurried() {
            return self.write_last(write);
        }
        if self.log.is_sent() && !self.number_next() {
            return self.write_loose(write) || self.write_last(write);
        }
        self.log.transmit(self.encoding, self.confirmed + 1, write)
    }

    /// Keeps some kinds of frames from taking a number.
    pub fn hold(&mut self, hold: Hold) {
        self.hold = hold;
    }

    /// Sends a PING on the present connection; `t` comes back in its PONG.
    pub fn ping(&mut self, t: u64) {
        self.control.ping(t);
    }

    /// Answers a PING.
    pub fn pong(&mut self, t: u64) {
        self.control.pong(t);
    }

    /// Sends a receipt for all up to `received`; later heartbeats repeat it.
    pub fn send_receipt(&mut self, received: u64) {
        self.receipt = received;
        self.control.receipt();
    }

    /// Sets the receipt that heartbeat frames carry, without sending one for it.
    pub fn set_receipt(&mut self, received: u64) {
        self.receipt = received;
    }

    /// Sends AUTH on the present connection, instead of one that waits there.
    pub fn auth(&mut self, auth: Auth) {
        self.control.auth(auth);
    }

    /// Sends GOAWAY on the present connection.
    pub fn go_away(&mut self, go_away: GoAway) {
        self.control.go_away(go_away);
    }

    /// Ends the present connection with a CLOSE, after all that may still be sent on it. The first
    /// one stands.
    pub fn close(&mut self, close: Close) {
        self.control.close(close);
    }

    /// As [`close`](Self::close), in place of a CLOSE that waits: for one that says more. Nothing follows
    /// one that has been written.
    pub fn close_instead(&mut self, close: Close) {
        self.control.close_instead(close);
    }

    /// As [`close`](Self::close), ahead of all that has not been handed to the connection: for a peer that
    /// is to have nothing more. What waits goes on waiting.
    pub fn close_at_once(&mut self, close: Close) {
        self.control.close_at_once(close);
    }

    /// Whether a CLOSE waits or has been written.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.control.is_closing()
    }

    /// Whether the CLOSE has been written: nothing follows it.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.control.is_closed()
    }

    /// The CLOSE of the present connection, once one was set.
    #[must_use]
    pub fn farewell(&self) -> Option<&Close> {
        self.control.farewell()
    }

    /// Whether a connection is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.state == State::Attached
    }

    /// The code the session ended with.
    #[must_use]
    pub const fn ended(&self) -> Option<Code> {
        match self.state {
            State::Ended(code) => Some(code),
            State::Detached | State::Attached => None,
        }
    }

    /// Whether more waits in the queue than `limits.queue`: a slow consumer, if what could be
    /// written has been.
    #[must_use]
    pub const fn is_over_limit(&self) -> bool {
        self.queue.bytes() > self.queue_limit
    }

    /// Whether nothing waits and all that was sent is confirmed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.log.is_empty() && self.queue.is_empty()
    }

    /// Whether the peer has confirmed anything.
    #[must_use]
    pub const fn has_receipt(&self) -> bool {
        self.confirmed > 0
    }

    /// Whether all that was pushed has been handed to the present connection, without what was pushed
    /// aside.
    #[must_use]
    pub fn is_handed_over(&self) -> bool {
        self.state == State::Attached && self.log.is_sent() && self.queue.is_lined_up_empty()
    }

    /// Bytes that wait for a number, with [`FRAME_BYTES`](crate::FRAME_BYTES) for each frame.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Of these, bytes of what was not pushed aside: a connection that reads makes them fewer.
    #[must_use]
    pub const fn lined_up_bytes(&self) -> usize {
        self.queue.bytes() - self.queue.aside_bytes()
    }

    /// How many frames wait for a number.
    #[must_use]
    pub fn queued_frames(&self) -> usize {
        self.queue.len()
    }

    /// Bytes that are numbered and not confirmed: of messages alone, as the window counts them.
    #[must_use]
    pub const fn unconfirmed_bytes(&self) -> usize {
        self.log.bytes()
    }

    /// What the queue and the replay log take in memory, about: the messages, and
    /// [`FRAME_BYTES`](crate::FRAME_BYTES) for each frame.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.queue.bytes() + self.log.kept_bytes()
    }

    /// The highest number given.
    #[must_use]
    pub fn numbered(&self) -> u64 {
        self.confirmed + self.log.len() as u64
    }

    /// What was handed to connections since the session began.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// Events dropped since the session began, because more waited than may.
    #[must_use]
    pub const fn dropped_events(&self) -> u64 {
        self.dropped_events
    }

    /// The encoding of the session.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Lets memory go that is kept from busier times: for now and then, since a busy session would
    /// only take it again.
    pub fn release_memory(&mut self) {
        self.log.release_memory();
        self.queue.release_memory();
        if !self.has_datagrams_waiting() {
            self.datagrams = None;
        }
    }

    /// Whether nothing waits for any connection: most calls of [`transmit`](Self::transmit) find that.
    fn is_idle(&self) -> bool {
        self.log.is_sent()
            && self.queue.is_lined_up_empty()
            && self.loose.is_empty()
            && self.control.is_idle()
    }

    /// Whether one more frame may wait; drops what may be dropped for it.
    fn make_room(&mut self, frame: &Prepared) -> Result<(), PushError> {
        if let State::Ended(code) = self.state {
            return Err(PushError::Ended(code));
        }
        let cost = cost(frame, self.encoding);
        let limit = 2 * self.queue_limit;
        if self.queue.bytes() + cost > limit {
            self.shed_to(limit.saturating_sub(cost));
        }
        let queued = self.queue.bytes() + cost;
        if queued > limit && !self.queue.is_empty() {
            return Err(PushError::Overflow { queued, limit });
        }
        Ok(())
    }

    fn shed_to(&mut self, bytes: usize) {
        self.dropped_events += self.queue.shed(self.encoding, bytes) as u64;
    }

    /// Moves the next admissible frame from the queue to the log.
    fn number_next(&mut self) -> bool {
        let admission = Admission {
            asking: self.log.bytes() < self.window || self.log.is_empty(),
            answering: self.may_answer(),
            hold: self.hold,
        };
        let Some(frame) = self.queue.take(admission, self.encoding) else {
            return false;
        };
        self.number(frame);
        true
    }

    /// Whether there is room for frames that answer an event.
    fn may_answer(&self) -> bool {
        self.log.bytes() < 2 * self.window || self.log.is_empty()
    }

    fn number(&mut self, frame: Prepared) {
        let seq = self.numbered() + 1;
        match frame.kind() {
            Kind::CONNECT => self.connects.push((seq, frame.clone())),
            Kind::EVENT => self.sent.events += 1,
            Kind::ACK | Kind::FAILED => self.sent.answers += 1,
            _ => {}
        }
        self.log.push(frame, self.encoding, seq);
    }

    fn write_first(&mut self, write: &mut dyn FnMut(&[&[u8]])) -> bool {
        let mut message = Vec::new();
        let any = self.control.next(self.encoding, self.receipt, &mut message);
        if any {
            write(&[&message]);
        }
        any
    }

    fn write_last(&mut self, write: &mut dyn FnMut(&[&[u8]])) -> bool {
        let mut message = Vec::new();
        let any = self.control.last(self.encoding, &mut message);
        if any {
            write(&[&message]);
        }
        any
    }

    fn forget_connection(&mut self) {
        self.log.rewind();
        self.control = Control::default();
        self.lose_loose();
    }
}

impl Hold {
    /// Whether a frame of this kind may take a number.
    pub(crate) fn allows(self, kind: Kind) -> bool {
        match kind {
            Kind::EVENT => self == Self::Nothing,
            Kind::CONNECT => self != Self::EventsAndConnects,
            _ => true,
        }
    }
}
