//! The one loop that joins a session to a connection, the same on both sides.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;
use trunkline_protocol::{
    Arrival, Auth, Close, Code, Encoding, Frame, MAX_AUTH_BYTES, Role, Sequenced, Time, Violation,
};
use trunkline_transport::{ConnectionEnd, Message, MessageKind, MessageReceiver};

use crate::intake::Intake;
use crate::latest::{Versions, topic};
use crate::link::message_kind;
use crate::sync::Arc;
use crate::{BestEffort, Dispatch, Ended, Session, Turn, clock};

/// A connection's life as a future: reads, dispatches, writes, and closes in the end.
///
/// ```text
///   reading ──CLOSE either way, violation, superseded──> closing ──flushed and closed──> ended
///      └──────────────── the transport ended ─────────────────────────────────────────────┘
/// ```
///
/// It resolves once, when the connection is over and the session detached from it.
///
/// # Cancel safety
/// Dropping it cuts the connection and detaches the session.
#[must_use = "a connection does nothing unless its driver is polled"]
pub struct Driver {
    session: Arc<Session>,
    dispatch: Arc<dyn Dispatch>,
    receiver: Box<dyn MessageReceiver>,
    has_datagrams: bool,
    attach: u64,
    /// Bytes received that are counted already.
    counted: u64,
    /// A receipt is due for what this batch of reads has brought.
    receipt_due: bool,
    /// The last versions of LATEST; made with the first one.
    versions: Option<Box<Versions>>,
    closing: Option<Box<Closing>>,
    intake: Intake,
    /// Messages and bytes that were read, and that the intake has been charged for.
    frames: u64,
    charged: u64,
}

/// What a connection is read from.
pub(crate) struct Reading {
    pub(crate) receiver: Box<dyn MessageReceiver>,
    pub(crate) has_datagrams: bool,
}

struct Closing {
    ended: Ended,
    code: Code,
    reason: String,
    /// The transport has been told; now the other side is awaited.
    told: bool,
    limit: Pin<Box<Sleep>>,
}

impl Closing {
    /// The session may have ended since, and its CLOSE have taken the place of the one that waited.
    fn follow(&mut self, farewell: Option<&Close>) {
        if let (Ended::Here(close), Some(farewell)) = (&mut self.ended, farewell)
            && close.code != farewell.code
        {
            self.code = farewell.code;
            farewell.reason.clone_into(&mut self.reason);
            **close = farewell.clone();
        }
    }
}

/// Why reading stops for now.
enum Stop {
    /// Nothing more has arrived.
    Pending,
    /// Others are to have their turn.
    Fairness,
    Ended(Ended),
}

impl Driver {
    pub(crate) fn new(
        session: Arc<Session>,
        reading: Reading,
        dispatch: Arc<dyn Dispatch>,
        attach: u64,
        intake: Intake,
    ) -> Self {
        Self {
            session,
            dispatch,
            receiver: reading.receiver,
            has_datagrams: reading.has_datagrams,
            attach,
            counted: 0,
            receipt_due: false,
            versions: None,
            closing: None,
            intake,
            frames: 0,
            charged: 0,
        }
    }

    /// The session it drives.
    #[must_use]
    pub const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// One read batch with its handlers, as one turn, and then one write of all that came of it.
    fn run(&mut self, cx: &mut Context<'_>) -> Stop {
        let stop = {
            let _turn = Turn::of(&self.session);
            let now = clock::now();
            let stop = self.read(cx, now);
            self.charge(now);
            stop
        };
        let received = self.receiver.received();
        let news = received.saturating_sub(self.counted);
        self.session.note_life(received, news);
        self.counted += news;
        match (stop, self.write(cx)) {
            (Stop::Pending | Stop::Fairness, Some(ended)) => Stop::Ended(ended),
            (stop, _) => stop,
        }
    }

    /// Has the connection closed if this batch was too much.
    fn charge(&mut self, now: Time) {
        let Some(pace) = self.session.pace else {
            return;
        };
        let received = self.receiver.received();
        let bytes = received - self.charged;
        let frames = std::mem::take(&mut self.frames);
        self.charged = received;
        if let Err(close) = self.intake.charge(pace, frames, bytes, now) {
            self.session.with_link(self.attach, |_, machine| {
                if let Some(machine) = machine {
                    machine.close(close);
                }
            });
        }
    }

    /// Writes what waits, and looks whether the connection is to end.
    fn write(&self, cx: &mut Context<'_>) -> Option<Ended> {
        let ended = self.session.with_link(self.attach, |link, machine| {
            link.polled_by(cx);
            let Some(machine) = machine else {
                return Some(Ended::Superseded);
            };
            link.transmit(machine);
            link.transmit_datagrams(machine);
            link.resume();
            if let Some(end) = link.end() {
                return Some(Ended::Transport(end.clone()));
            }
            machine
                .farewell()
                .map(|close| Ended::Here(Box::new(close.clone())))
        });
        ended.unwrap_or(Some(Ended::Superseded))
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Time) -> Stop {
        self.receipt_due = false;
        let stop = self.read_batch(cx, now);
        if self.receipt_due {
            self.session.confirm_if_due_at(now);
        }
        // Also behind a full batch: a flood of messages does not keep datagrams waiting.
        match (stop, self.has_datagrams) {
            (Stop::Pending, true) => self.read_datagrams(cx),
            (Stop::Fairness, true) => {
                self.read_datagrams(cx);
                Stop::Fairness
            }
            (stop, _) => stop,
        }
    }

    /// How the connection ends is the message channel's to say.
    fn read_datagrams(&mut self, cx: &mut Context<'_>) -> Stop {
        for _ in 0..READS_MAX {
            let Poll::Ready(Ok(datagram)) = self.receiver.poll_datagram(cx) else {
                return Stop::Pending;
            };
            self.frames += 1;
            self.handle_datagram(&datagram, cx);
        }
        Stop::Fairness
    }

    /// Takes a datagram, or drops and counts it: it is never a reason to end anything. Specification:
    /// encoding.md, ENC-011; frames.md, FRM-005; best-effort.md, BEF-006.
    fn handle_datagram(&mut self, datagram: &[u8], cx: &mut Context<'_>) {
        let frame = Frame::decode(self.session.encoding(), datagram);
        let Some(frame) = frame.ok().filter(is_best_effort) else {
            return self.session.ignore(|ignored| &mut ignored.malformed);
        };
        if self.session.is_present(self.attach) {
            self.dispatch_best_effort(&frame, cx);
        } else {
            self.session.ignore(|ignored| &mut ignored.stale);
        }
    }

    fn read_batch(&mut self, cx: &mut Context<'_>, now: Time) -> Stop {
        for _ in 0..READS_MAX {
            let message = match self.receiver.poll_receive(cx) {
                Poll::Pending => return Stop::Pending,
                Poll::Ready(Ok(message)) => message,
                Poll::Ready(Err(ConnectionEnd::Violation { code: 1009, .. })) => {
                    return Stop::Ended(Ended::Violation(self.too_large()));
                }
                Poll::Ready(Err(end)) => return Stop::Ended(Ended::Transport(end)),
            };
            self.frames += 1;
            match self.handle(&message, now, cx) {
                Ok(None) => {}
                Ok(Some(ended)) => return Stop::Ended(ended),
                Err(violation) => return Stop::Ended(Ended::Violation(violation)),
            }
        }
        Stop::Fairness
    }

    /// The transport has not even read a message. It is told like any other frame that is too large,
    /// and at once: the next flush sends the transport's own farewell, which says less.
    fn too_large(&self) -> Violation {
        let limit = self.session.limits().frame as usize;
        let size = limit.saturating_add(1);
        let violation = Violation::TooLarge { size, limit };
        if self.session.is_present(self.attach) {
            self.session.accuse(self.attach, &violation);
        }
        violation
    }

    fn handle(
        &mut self,
        message: &Message,
        now: Time,
        cx: &mut Context<'_>,
    ) -> Result<Option<Ended>, Violation> {
        let frame = self.decode(message)?;
        let session = &self.session;
        match frame {
            Frame::Sequenced { seq, frame } => {
                match session.accept(self.attach, (seq, frame.kind()), message.bytes.len(), now)? {
                    None => return Ok(Some(Ended::Superseded)),
                    Some((arrival, due)) => {
                        self.receipt_due |= due;
                        if arrival == Arrival::New {
                            self.dispatch_sequenced(seq, frame, cx);
                        }
                    }
                }
            }
            Frame::Ping { t, received } => {
                session.receive_receipt(received)?;
                session.pong(self.attach, t);
            }
            Frame::Pong { t, received } => {
                session.receive_receipt(received)?;
                if let Some(round_trip) = session.take_pong(self.attach, t) {
                    self.dispatch.pong(session, round_trip);
                }
            }
            Frame::Received { received } => session.receive_receipt(received)?,
            Frame::Close(mut close) => {
                close.tame_reason();
                return Ok(Some(Ended::ByPeer(close)));
            }
            // Never taken from a connection that was superseded.
            Frame::GoAway(_) | Frame::Auth(_) | Frame::Datagram { .. } | Frame::Latest { .. }
                if !session.is_present(self.attach) =>
            {
                if is_best_effort(&frame) {
                    session.ignore(|ignored| &mut ignored.stale);
                }
                return Ok(Some(Ended::Superseded));
            }
            Frame::GoAway(go_away) => self.dispatch.go_away(session, *go_away),
            Frame::Auth(auth) => self.take_auth(*auth, message.bytes.len())?,
            Frame::Datagram { .. } | Frame::Latest { .. } => {
                self.dispatch_best_effort(&frame, cx);
            }
            Frame::Ignorable { .. } => {}
            Frame::Hello(_) | Frame::Welcome(_) => {
                let kind = frame.kind();
                return Err(Violation::Unexpected {
                    kind,
                    when: "after the handshake",
                });
            }
        }
        Ok(None)
    }

    /// Specification: SES-065.
    fn take_auth(&self, auth: Auth, size: usize) -> Result<(), Violation> {
        if self.session.role() == Role::Server && size > MAX_AUTH_BYTES {
            let limit = MAX_AUTH_BYTES;
            return Err(Violation::TooLarge { size, limit });
        }
        self.dispatch.auth(&self.session, self.attach, auth)
    }

    fn decode<'a>(&self, message: &'a Message) -> Result<Frame<'a>, Violation> {
        let session = &self.session;
        let (size, limit) = (message.bytes.len(), session.limits().frame as usize);
        if size > limit {
            return Err(Violation::TooLarge { size, limit });
        }
        check_kind(session.encoding(), message.kind)?;
        let frame = Frame::decode(session.encoding(), &message.bytes)?;
        check_direction(session.role(), &frame)?;
        Ok(frame)
    }

    /// Hands over a best-effort frame of the present connection: a LATEST only if it is news, which
    /// is remembered only if it is taken (ENC-009, BEF-007).
    fn dispatch_best_effort(&mut self, frame: &Frame<'_>, cx: &mut Context<'_>) {
        let (namespace, event, latest, args) = match frame {
            Frame::Datagram {
                namespace,
                event,
                args,
            } => (namespace, event, None, *args),
            Frame::Latest {
                namespace,
                event,
                key,
                version,
                args,
            } => (namespace, event, Some((&**key, *version)), *args),
            _ => return,
        };
        let frame = BestEffort {
            namespace,
            event,
            latest,
            args,
        };
        let Some((key, version)) = latest else {
            self.session.count_best_effort();
            self.dispatch.best_effort(&self.session, frame, cx);
            return;
        };
        let limit = self.session.limits().latest_keys as usize;
        let versions = self
            .versions
            .get_or_insert_with(|| Box::new(Versions::new(limit)));
        let topic = topic(namespace, event, key);
        if !versions.is_news(&topic, version) {
            self.session.ignore(|ignored| &mut ignored.stale);
            return;
        }
        self.session.count_best_effort();
        if self.dispatch.best_effort(&self.session, frame, cx) {
            versions.take(topic, version);
        }
    }

    fn dispatch_sequenced(&self, seq: u64, frame: Sequenced<'_>, cx: &mut Context<'_>) {
        if !matches!(frame, Sequenced::Ignorable { .. }) {
            self.dispatch.sequenced(&self.session, seq, frame, cx);
        }
    }

    /// How the connection is about to end, from when that is known: its last words may still be under way.
    #[must_use]
    pub fn ending(&self) -> Option<&Ended> {
        self.closing.as_ref().map(|closing| &closing.ended)
    }

    /// Says farewell as far as there is anybody to hear it.
    fn begin_closing(&mut self, ended: Ended) {
        self.session.keep_intake(self.attach, self.intake);
        let (code, reason) = match &ended {
            Ended::ByPeer(close) => (close.code, String::new()),
            Ended::Here(close) => (close.code, close.reason.clone()),
            Ended::Superseded => (Code::SUPERSEDED, String::new()),
            Ended::Violation(violation) => {
                self.session.accuse(self.attach, violation);
                (violation.code(), violation.to_string())
            }
            Ended::Transport(_) => (Code::ABNORMAL, String::new()),
        };
        let limit = Box::pin(tokio::time::sleep(CLOSE_LIMIT));
        self.closing = Some(Box::new(Closing {
            ended,
            code,
            reason,
            told: false,
            limit,
        }));
    }

    /// Ready when the connection is over, or the other side took too long to agree.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else {
            return Poll::Ready(());
        };
        if matches!(closing.ended, Ended::Transport(_)) {
            return Poll::Ready(());
        }
        if closing.limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !closing.told {
            let told = self.session.with_link(self.attach, |link, machine| {
                link.polled_by(cx);
                if let Some(machine) = machine {
                    closing.follow(machine.farewell());
                    link.transmit(machine);
                }
                if link.end().is_some() || link.flush() {
                    return link.poll_close(closing.code.number(), &closing.reason, cx);
                }
                Poll::Pending
            });
            match told {
                None => return Poll::Ready(()),
                Some(told) => ready!(told),
            }
            closing.told = true;
        }
        self.poll_unread(cx)
    }

    /// Reads to the end what nobody takes any more: unread bytes would turn the close into a reset, and
    /// take the farewell with them.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_datagrams {
            for _ in 0..READS_MAX {
                let Poll::Ready(Ok(datagram)) = self.receiver.poll_datagram(cx) else {
                    break;
                };
                self.count_if_late(&datagram);
            }
        }
        for _ in 0..READS_MAX {
            match ready!(self.receiver.poll_receive(cx)) {
                Ok(message) => self.count_if_late(&message.bytes),
                Err(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Counts a best-effort frame that came after a newer connection had taken over: unlike all others it
    /// is not sent again there. Specification: best-effort.md, BEF-002.
    fn count_if_late(&self, message: &[u8]) {
        let is_superseded = matches!(self.ending(), Some(Ended::Superseded));
        let frame = || Frame::decode(self.session.encoding(), message);
        if is_superseded && frame().as_ref().is_ok_and(is_best_effort) {
            self.session.ignore(|ignored| &mut ignored.stale);
        }
    }
}

const fn is_best_effort(frame: &Frame<'_>) -> bool {
    matches!(frame, Frame::Datagram { .. } | Frame::Latest { .. })
}

impl Future for Driver {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        if this.closing.is_none() {
            match this.run(cx) {
                Stop::Pending => return Poll::Pending,
                Stop::Fairness => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Stop::Ended(ended) => this.begin_closing(ended),
            }
        }
        ready!(this.poll_closing(cx));
        let present = this.session.detach(this.attach);
        let ended = this
            .closing
            .take()
            .filter(|_| present)
            .map(|closing| closing.ended);
        Poll::Ready(ended.unwrap_or(Ended::Superseded))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.session.detach(self.attach);
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("attach", &self.attach)
            .finish_non_exhaustive()
    }
}

fn check_kind(encoding: Encoding, found: MessageKind) -> Result<(), Violation> {
    let name = |kind| match kind {
        MessageKind::Text => "text",
        MessageKind::Binary => "binary",
    };
    let expected = message_kind(encoding);
    if found == expected {
        return Ok(());
    }
    Err(Violation::WrongMessageKind {
        expected: name(expected),
        found: name(found),
    })
}

/// Frames that only the other side sends.
fn check_direction(role: Role, frame: &Frame<'_>) -> Result<(), Violation> {
    if frame.kind().may_come_from(role.peer()) {
        return Ok(());
    }
    let when = match role {
        Role::Server => "from a client",
        Role::Client => "from a server",
    };
    let kind = frame.kind();
    Err(Violation::Unexpected { kind, when })
}

/// Messages handled in a row for one connection before others have their turn.
const READS_MAX: usize = 64;

/// How long a farewell may take: flushing it, and the other side's agreement.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(1);
