//! A session: what survives connections, shared by its task, rooms and handles.

mod sending;

use std::fmt;
use std::time::Duration;

use trunkline_protocol::{
    Arrival, Auth, Beat, Close, Code, Encoding, GoAway, Heartbeat, Hold, Inbound, Kind, Limits,
    Lost, NamespaceName, Outbound, Prepared, PushError, Role, Time, Violation, Watchdog,
};
use trunkline_transport::Connection;

use self::sending::{Pulse, Sending, slow_consumer};
use crate::driver::Driver;
use crate::intake::{Intake, Pace};
use crate::link::Link;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::turn::Mark;
use crate::{Dispatch, Flow, TooLarge, Traffic, Turn, clock, message_len};

/// Both machines of a session and the present connection's write half.
///
/// Any thread may push. Locks are short, and never held over an await or a user's code; where both
/// are needed, the inbound one is taken first.
pub struct Session {
    role: Role,
    encoding: Encoding,
    ours: Limits,
    peers: Limits,
    inbound: Mutex<Receiving>,
    outbound: Mutex<Sending>,
    /// Bytes received on the present connection's message channel: signs of life.
    received: AtomicU64,
    /// Bytes received on all connections.
    received_bytes: AtomicU64,
    received_best_effort: AtomicU64,
    stale_best_effort: AtomicU64,
    /// Whether frames without a meaning go along with heartbeats now and then.
    pub(crate) sends_ignorable: bool,
    /// How fast the peer may send; at any speed if none.
    pub(crate) pace: Option<Pace>,
}

struct Receiving {
    machine: Inbound,
    /// The connection that counts; whoever drops one frame of an older one stops reading it.
    attach: u64,
    /// What counted, without bytes.
    flow: Flow,
    /// Of the connection before.
    intake: Intake,
}

/// A connection that is to become a session's present one.
#[derive(Debug)]
pub struct Attach {
    /// The connection, its handshake done or about to be completed by `first`.
    pub connection: Connection,
    /// The client's counter; 0 for a fresh session's first connection.
    pub attach: u64,
    /// What the peer has received, as its HELLO or WELCOME says.
    pub received: u64,
    /// The heartbeat's interval and time-out.
    pub heartbeat: (Duration, Duration),
}

impl Session {
    /// A fresh session, attached to nothing yet, for what both sides announced.
    #[must_use]
    pub fn new(role: Role, encoding: Encoding, ours: &Limits, peers: &Limits) -> Self {
        Self {
            role,
            encoding,
            ours: *ours,
            peers: *peers,
            inbound: Mutex::new(Receiving {
                machine: Inbound::new(ours, peers),
                attach: 0,
                flow: Flow::default(),
                intake: Intake::default(),
            }),
            outbound: Mutex::new(Sending::new(Outbound::new(encoding, ours, peers))),
            received: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            received_best_effort: AtomicU64::new(0),
            stale_best_effort: AtomicU64::new(0),
            sends_ignorable: false,
            pace: None,
        }
    }

    /// Closes a connection whose peer sends faster, with `rate-limited`. The session stays.
    #[must_use]
    pub const fn paced(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Makes a connection the present one, in one step: an older one gets CLOSE `superseded`, the
    /// peer's receipt trims the log, and the rest is replayed ahead of anything new.
    ///
    /// `first` makes the message that goes first (a server's WELCOME) out of what this side has
    /// received. The returned future must be polled by one task to its end.
    ///
    /// # Errors
    /// The peer confirms frames that were never sent; the session and its present connection are
    /// untouched, the connection is handed back.
    pub fn attach(
        self: &Arc<Self>,
        attach: Attach,
        dispatch: Arc<dyn Dispatch>,
        now: Time,
        first: impl FnOnce(u64) -> Option<Vec<u8>>,
    ) -> Result<Driver, (Violation, Connection)> {
        let mut receiving = self.inbound.lock();
        let mut sending = self.outbound.lock();
        if let Err(violation) = sending.machine.receive_receipt(attach.received) {
            return Err((violation, attach.connection));
        }
        let received = receiving.machine.confirm();
        receiving.attach = attach.attach;
        sending.retire(self.encoding, attach.attach);
        sending.attach = attach.attach;
        let Connection {
            sender, receiver, ..
        } = attach.connection;
        let mut link = Link::new(sender);
        if let Some(message) = first(received) {
            link.push(self.encoding, &message);
        }
        // The receipt was taken above.
        let _ = sending.machine.attach(attach.received);
        sending.machine.set_receipt(received);
        sending.link = Some(link);
        let (interval, timeout) = attach.heartbeat;
        sending.pulse = match self.role {
            Role::Server => Pulse::Asking(Heartbeat::new(interval, timeout, now)),
            Role::Client => Pulse::Watching(Watchdog::new(interval, timeout, now)),
        };
        sending.pinged = None;
        self.received.store(0, Ordering::Relaxed);
        let intake = receiving.intake;
        Ok(Driver::new(
            Arc::clone(self),
            receiver,
            dispatch,
            attach.attach,
            intake,
        ))
    }

    /// As [`attach`](Self::attach) for a session that no connection has had: it cannot fail, since
    /// nothing has been sent that a peer could confirm.
    pub fn attach_first(
        self: &Arc<Self>,
        attach: Attach,
        dispatch: Arc<dyn Dispatch>,
        now: Time,
        first: impl FnOnce(u64) -> Option<Vec<u8>>,
    ) -> Driver {
        match self.attach(
            Attach {
                received: 0,
                ..attach
            },
            dispatch,
            now,
            first,
        ) {
            Ok(driver) => driver,
            Err((violation, _)) => unreachable!("a receipt for nothing: {violation}"),
        }
    }

    /// Numbers frames that were sent ahead of the handshake's end, as if [`push`](Self::push)ed and
    /// handed to the present connection already.
    pub fn adopt(&self, frames: Vec<Prepared>) {
        self.outbound.lock().machine.adopt(frames);
    }

    /// The CONNECTs that took a number since this was called last: see
    /// [`Outbound::take_connects`].
    #[must_use]
    pub fn take_connects(&self) -> Vec<(u64, Prepared)> {
        self.outbound.lock().machine.take_connects()
    }

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

    /// Drops the EVENTs of a namespace that have no number yet, also those pushed aside; gives how many there were (NSP-010).
    pub fn discard_events(self: &Arc<Self>, namespace: &NamespaceName) -> usize {
        let mut sending = self.outbound.lock();
        let discarded = sending.machine.discard_events(namespace);
        self.written_soon(sending);
        discarded
    }

    /// Sends a best-effort frame on the message channel, or drops and counts it: when no connection
    /// is attached, something else still waits, or the transport takes no more. False if it was
    /// dropped.
    pub fn push_best_effort(self: &Arc<Self>, frame: Prepared) -> bool {
        self.push_best_effort_unless(&AtomicBool::new(false), frame)
    }

    /// As [`push_best_effort`](Self::push_best_effort), unless `is_over` is set: then it is dropped.
    pub fn push_best_effort_unless(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        frame: Prepared,
    ) -> bool {
        let _ = frame.suffix(self.encoding);
        let mut sending = self.outbound.lock();
        // The lock orders it with the pushes of whoever has set it.
        if is_over.load(Ordering::Relaxed) {
            return false;
        }
        let is_blocked = sending.link.as_ref().is_none_or(Link::is_blocked);
        let taken = sending.machine.push_best_effort(frame, is_blocked);
        if taken {
            self.written_soon(sending);
        }
        taken
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

    /// Ends the present connection with a CLOSE, after all that may still be sent on it; the code
    /// says whether the session survives. The first one stands, unless it still waits, and says that the
    /// session survives where this one says that it does not. No effect while detached.
    pub fn close(&self, close: Close) {
        let mut sending = self.outbound.lock();
        sending.close(self.role, close);
        sending.transmit();
        sending.wake();
    }

    /// As [`close`](Self::close), ahead of all that the connection has not been handed: for a peer that is
    /// to have nothing more on it.
    pub fn close_at_once(&self, close: Close) {
        let mut sending = self.outbound.lock();
        sending.machine.close_at_once(close);
        sending.transmit();
        sending.wake();
    }

    /// Asks the peer to reconnect.
    pub fn go_away(&self, go_away: GoAway) {
        let mut sending = self.outbound.lock();
        sending.machine.go_away(go_away);
        sending.transmit();
    }

    /// Sends AUTH on connection `attach`; false, and no effect, if that is not the present one any
    /// more.
    pub fn auth(&self, attach: u64, auth: Auth) -> bool {
        let mut sending = self.outbound.lock();
        let is_present = sending.attach == attach && sending.link.is_some();
        if is_present {
            sending.machine.auth(auth);
            sending.transmit();
        }
        is_present
    }

    /// Keeps some kinds of frames from being sent for the time being. After GOAWAY receipts are told at
    /// once too, since both sides wait for them. Specification: session.md, SES-057, SES-070.
    pub fn hold(&self, hold: Hold) {
        let mut receiving = self.inbound.lock();
        receiving.machine.hurry(hold == Hold::EventsAndConnects);
        self.confirm_if_due(receiving, clock::now());
        let mut sending = self.outbound.lock();
        sending.machine.hold(hold);
        sending.transmit();
    }

    /// Ends the session: nothing more is taken, and what it kept is handed back. The present
    /// connection gets `farewell`, as by [`close`](Self::close).
    pub fn end(&self, code: Code, farewell: Option<Close>) -> Lost {
        let mut sending = self.outbound.lock();
        if let Some(close) = farewell {
            // What may still be sent goes first.
            sending.close(self.role, close);
            sending.transmit();
        }
        let lost = sending.machine.end(code);
        sending.transmit();
        sending.tell_lightened();
        sending.wake();
        lost
    }

    /// Withholds receipts while the application's queue is full, and gives them again: the peer's
    /// events then wait on its side, while its acks and heartbeats still come.
    pub fn hold_receipts(&self, held: bool, now: Time) {
        let mut receiving = self.inbound.lock();
        receiving.machine.hold(held);
        self.confirm_if_due(receiving, now);
    }

    /// Looks at the time: heartbeat and receipts. Call it for every session, at least as often as
    /// the heartbeat's times demand.
    pub fn sweep(self: &Arc<Self>, now: Time) {
        self.confirm_if_due(self.inbound.lock(), now);
        let received = self.received.load(Ordering::Relaxed);
        let mut sending = self.outbound.lock();
        sending.machine.release_memory();
        let Some(link) = &sending.link else { return };
        let life = received.wrapping_add(link.written_while_blocked());
        let beat = match &mut sending.pulse {
            Pulse::None => Beat::Nothing,
            Pulse::Asking(heartbeat) => heartbeat.poll(now, life),
            Pulse::Watching(watchdog) => watchdog.poll(now, life),
        };
        match beat {
            Beat::Nothing => {}
            Beat::Ping => {
                sending.ping(now);
                let attach = sending.attach;
                drop(sending);
                self.now_and_then_ignorable(attach);
            }
            Beat::Dead => {
                let close = Close::new(Code::PING_TIMEOUT, "no sign of life in time");
                sending.machine.close(close);
                sending.transmit();
                sending.wake();
            }
        }
    }

    /// Asks the peer for a sign of life at once, with the time-out for its answer: for waking up.
    pub fn probe(&self, now: Time) {
        let mut sending = self.outbound.lock();
        if let Pulse::Watching(watchdog) = &mut sending.pulse {
            watchdog.probe(now);
        }
        sending.ping(now);
    }

    /// When a client must [`sweep`](Self::sweep) next for its watchdog; none while detached.
    #[must_use]
    pub fn watchdog_due(&self) -> Option<Time> {
        let sending = self.outbound.lock();
        match &sending.pulse {
            Pulse::Watching(watchdog) if sending.link.is_some() => Some(watchdog.due()),
            _ => None,
        }
    }

    /// When a [`sweep`](Self::sweep) will find a receipt due by time; none while nothing is
    /// unconfirmed.
    #[must_use]
    pub fn receipt_due(&self) -> Option<Time> {
        self.inbound.lock().machine.receipt_due()
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How its frames are written.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The limits this side announced.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.ours
    }

    /// The limits the peer announced.
    #[must_use]
    pub const fn peer_limits(&self) -> &Limits {
        &self.peers
    }

    /// The length in bytes of the message that a frame becomes here, counted with the longest number
    /// that it may get.
    ///
    /// # Errors
    /// It is more than the peer takes: sent all the same, it would end the session.
    pub fn message_len(&self, frame: &Prepared) -> Result<usize, TooLarge> {
        message_len(frame, self.encoding, self.peers.frame as usize)
    }

    /// Whether a connection is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.outbound.lock().machine.is_attached()
    }

    /// The code the session ended with, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Code> {
        self.outbound.lock().machine.ended()
    }

    /// Whether nothing waits for the peer and all that was sent is confirmed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.outbound.lock().machine.is_settled()
    }

    /// Whether the peer has confirmed anything: only then is a session kept after a cut.
    #[must_use]
    pub fn has_receipt(&self) -> bool {
        self.outbound.lock().machine.has_receipt()
    }

    /// Bytes that wait for a number, with [`FRAME_BYTES`](trunkline_protocol::FRAME_BYTES) for each
    /// frame.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.outbound.lock().machine.queued_bytes()
    }

    /// How many frames wait for a number.
    #[must_use]
    pub fn queued_frames(&self) -> usize {
        self.outbound.lock().machine.queued_frames()
    }

    /// Bytes of messages that are numbered and not confirmed.
    #[must_use]
    pub fn unconfirmed_bytes(&self) -> usize {
        self.outbound.lock().machine.unconfirmed_bytes()
    }

    /// Bytes kept for the peer in all: waiting and unconfirmed, with
    /// [`FRAME_BYTES`](trunkline_protocol::FRAME_BYTES) for each frame.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.outbound.lock().machine.kept_bytes()
    }

    /// Best-effort frames dropped since the session began.
    #[must_use]
    pub fn dropped_best_effort(&self) -> u64 {
        self.outbound.lock().machine.dropped_best_effort()
    }

    /// LATEST frames received and dropped since the session began, because the connection had brought
    /// the same version or a higher one. Specification: best-effort.md, BEF-007.
    #[must_use]
    pub fn stale_best_effort(&self) -> u64 {
        self.stale_best_effort.load(Ordering::Relaxed)
    }

    /// How much was moved since the session began. Bytes of a connection's end may be missing.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let received = Flow {
            best_effort: self.received_best_effort.load(Ordering::Relaxed),
            bytes: self.received_bytes.load(Ordering::Relaxed),
            ..self.inbound.lock().flow
        };
        let sending = self.outbound.lock();
        Traffic {
            received,
            sent: sending.flow(),
            dropped_events: sending.machine.dropped_events(),
            lost_best_effort: sending.machine.lost_best_effort(),
            stale_best_effort: self.stale_best_effort(),
        }
    }

    /// The receipt for a HELLO that offers to resume. What is due on the present connection stays
    /// due: HELLO may be lost.
    #[must_use]
    pub fn confirm_received(&self) -> u64 {
        self.inbound.lock().machine.receipt()
    }

    /// Counts a sequenced frame of connection `attach`, and says whether a receipt is due; none if
    /// that connection was superseded.
    pub(crate) fn accept(
        &self,
        attach: u64,
        (seq, kind): (u64, Kind),
        size: usize,
        now: Time,
    ) -> Result<Option<(Arrival, bool)>, Violation> {
        let mut receiving = self.inbound.lock();
        if receiving.attach != attach {
            return Ok(None);
        }
        let arrival = receiving.machine.accept(seq, size, now)?;
        if arrival == Arrival::New {
            receiving.flow.count(kind);
        }
        Ok(Some((arrival, receiving.machine.is_receipt_due(now))))
    }

    /// Whether connection `attach` is the present one.
    pub(crate) fn is_present(&self, attach: u64) -> bool {
        self.inbound.lock().attach == attach
    }

    /// Tells connection `attach` how it broke the protocol, whether or not it is the present one.
    pub(crate) fn accuse(&self, attach: u64, violation: &Violation) {
        let close = violation.to_close();
        self.with_link(attach, |link, machine| match machine {
            Some(machine) => machine.close(close),
            None => link.push(self.encoding, &close.encode(self.encoding)),
        });
    }

    /// Takes a receipt, and writes what the window lets through.
    pub(crate) fn receive_receipt(self: &Arc<Self>, received: u64) -> Result<(), Violation> {
        let mut sending = self.outbound.lock();
        sending.machine.receive_receipt(received)?;
        self.written_soon(sending);
        Ok(())
    }

    /// Answers a PING of connection `attach` on that connection, or not at all.
    pub(crate) fn pong(self: &Arc<Self>, attach: u64, t: u64) {
        let mut receiving = self.inbound.lock();
        let mut sending = self.outbound.lock();
        if sending.attach != attach {
            return;
        }
        let received = receiving.machine.confirm();
        drop(receiving);
        sending.machine.set_receipt(received);
        sending.machine.pong(t);
        self.written_soon(sending);
        if self.role == Role::Client {
            self.now_and_then_ignorable(attach);
        }
    }

    /// How long the last PING of connection `attach` was under way, if this PONG is its answer: one
    /// that answers no PING, or a second time, tells nothing.
    pub(crate) fn take_pong(&self, attach: u64, t: u64) -> Option<Duration> {
        let mut sending = self.outbound.lock();
        if sending.attach != attach {
            return None;
        }
        let (_, left) = sending.pinged.take_if(|(pinged, _)| *pinged == t)?;
        Some(left.elapsed())
    }

    pub(crate) fn count_stale_best_effort(&self) {
        self.stale_best_effort.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps what a connection's peer has sent lately, for the next one.
    pub(crate) fn keep_intake(&self, attach: u64, intake: Intake) {
        let mut receiving = self.inbound.lock();
        if receiving.attach == attach {
            receiving.intake = intake;
        }
    }

    pub(crate) fn count_best_effort(&self) {
        self.received_best_effort.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the present connection has brought `received` bytes so far, `news` of them since
    /// the last time.
    pub(crate) fn note_life(&self, received: u64, news: u64) {
        self.received.store(received, Ordering::Relaxed);
        if news > 0 {
            self.received_bytes.fetch_add(news, Ordering::Relaxed);
        }
    }

    pub(crate) fn confirm_if_due_at(&self, now: Time) {
        self.confirm_if_due(self.inbound.lock(), now);
    }

    /// Runs `with` on the write half of connection `attach`, present or superseded.
    pub(crate) fn with_link<R>(
        &self,
        attach: u64,
        with: impl FnOnce(&mut Link, Option<&mut Outbound>) -> R,
    ) -> Option<R> {
        let sending = &mut *self.outbound.lock();
        if sending.attach == attach {
            let result = with(sending.link.as_mut()?, Some(&mut sending.machine));
            sending.tell_lightened();
            return Some(result);
        }
        match &mut sending.retired {
            Some((retired, link)) if *retired == attach => Some(with(link, None)),
            _ => None,
        }
    }

    /// Lets go of connection `attach`; true if it was the present one, so that the session is
    /// detached.
    pub(crate) fn detach(&self, attach: u64) -> bool {
        let mut sending = self.outbound.lock();
        let present = sending.attach == attach;
        if present {
            sending.machine.detach();
            sending.count_written();
            sending.link = None;
            sending.pulse = Pulse::None;
        } else if sending
            .retired
            .as_ref()
            .is_some_and(|(retired, _)| *retired == attach)
        {
            sending.retired = None;
        }
        present
    }

    /// Writes what the turn that just ended pushed.
    pub(crate) fn flush_marked(&self) {
        let mut sending = self.outbound.lock();
        sending.marked = false;
        sending.transmit();
    }

    fn confirm_if_due(&self, mut receiving: MutexGuard<'_, Receiving>, now: Time) {
        if !receiving.machine.is_receipt_due(now) {
            return;
        }
        let received = receiving.machine.confirm();
        let mut sending = self.outbound.lock();
        drop(receiving);
        sending.machine.send_receipt(received);
        sending.transmit();
    }

    /// Writes at the end of the turn, or now if none is under way.
    fn written_soon(self: &Arc<Self>, mut sending: MutexGuard<'_, Sending>) {
        if sending.link.is_none() || sending.marked {
            return;
        }
        match Turn::mark(self) {
            Mark::NoTurn => sending.transmit(),
            Mark::Listed => sending.marked = true,
            Mark::Own => {}
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}
