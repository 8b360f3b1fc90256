//! What both applications do: emit, count what arrives, answer.

use bytes::Bytes;
use trunkline_netem::End;
use trunkline_protocol::{
    AckId, AckTable, Args, Body, Close, Code, EventName, IntoArgs, NamespaceName, Payload,
    Prepared, PushError, Sequenced, Value,
};

use super::ledger::number_in;
use super::line::Line;
use super::session::Session;
use super::{Checked, DEPTH, Timer, World};

/// What both sides keep of a session.
pub(crate) struct Half {
    pub(crate) session: Session,
    pub(crate) acks: AckTable<u64>,
    pub(crate) ended: bool,
    /// What had been counted when the application began to withhold receipts.
    pub(crate) withheld_from: Option<u64>,
}

impl Half {
    pub(crate) fn new(session: Session) -> Self {
        let limit = session.ours.pending_acks as usize;
        Self {
            session,
            acks: AckTable::new(limit),
            ended: false,
            withheld_from: None,
        }
    }
}

/// How a connection ended, as its session sees it.
pub(crate) enum Ending {
    ByPeer(Close),
    Here(Close),
    Superseded,
    Cut,
}

/// The namespaces of the run: one that stays, one that comes and goes.
pub(crate) const NAMESPACES: [&str; 2] = ["/", "/b"];

/// The run's own copy of a namespace's name.
pub(crate) fn known(namespace: &str) -> Result<&'static str, String> {
    NAMESPACES
        .into_iter()
        .find(|known| *known == namespace)
        .ok_or_else(|| format!("a frame for the namespace {namespace}"))
}

pub(crate) fn name(namespace: &str) -> NamespaceName {
    NamespaceName::try_from(namespace).expect("a namespace's name")
}

impl World {
    pub(crate) fn half(&mut self, end: End, session: usize) -> Option<&mut Half> {
        self.half_and_lines(end, session).0
    }

    fn half_and_lines(&mut self, end: End, session: usize) -> (Option<&mut Half>, &mut [Line]) {
        let (client, server) = (&mut self.client.sessions, &mut self.server.sessions);
        let half = match end {
            End::Client => client.get_mut(&session).map(|found| &mut found.half),
            End::Server => server.get_mut(&session).map(|found| &mut found.half),
        };
        (half, &mut self.lines)
    }

    /// Pushes a frame; false if the session is over, perhaps by this very frame.
    pub(crate) fn push(
        &mut self,
        end: End,
        session: usize,
        frame: Prepared,
    ) -> Result<bool, String> {
        let now = self.now;
        let (Some(half), lines) = self.half_and_lines(end, session) else {
            return Ok(false);
        };
        match half.session.push(lines, frame, now) {
            Ok(()) => Ok(true),
            Err(PushError::Overflow { .. }) => {
                let close = Close::new(Code::OVERFLOW, "too much waits");
                self.end_session(end, session, close, "overflow")?;
                Ok(false)
            }
            Err(PushError::Ended(_)) => Ok(false),
            Err(other) => Err(format!("an unexpected refusal: {other}")),
        }
    }

    /// Emits an event; it may ask for an ack, and its args may be such that nobody can read them.
    pub(crate) fn emit(
        &mut self,
        end: End,
        session: usize,
        namespace: &'static str,
        socket: &str,
    ) -> Checked {
        let number = self.next_number;
        self.next_number += 1;
        let asks = self.rng.chance(1, 3);
        let frame = self.event(number, namespace, socket, asks);
        if asks && !self.ask(end, session, namespace, number)? {
            return Ok(());
        }
        // An event whose push ends the session was never taken.
        self.note(|| {
            format!("{end:?} emits {number} in session {session} {namespace} asks={asks}")
        });
        self.ledger.emit(session, end, number);
        let overflowing = !self.push(end, session, frame)?;
        if overflowing {
            self.ledger.take_back(session, end, number);
        }
        Ok(())
    }

    pub(crate) fn event(
        &mut self,
        number: u64,
        namespace: &str,
        socket: &str,
        asks: bool,
    ) -> Prepared {
        let event = EventName::try_from(format!("{number} {socket}")).expect("a short name");
        let ack_id = asks.then(|| AckId::new(number).expect("a small number"));
        let args = match self.rng.below(12) {
            0 => too_deep(),
            1..=2 => self.filled(400),
            _ => self.filled(60),
        };
        Prepared::event(&name(namespace), ack_id, &event, &args)
    }

    fn filled(&mut self, up_to: usize) -> Payload {
        let length = self.rng.index(up_to);
        Args((length as u64, "x".repeat(length)))
            .into_args()
            .expect("plain args")
    }

    fn ask(
        &mut self,
        end: End,
        session: usize,
        namespace: &'static str,
        number: u64,
    ) -> Result<bool, String> {
        let Some(half) = self.half(end, session).filter(|half| !half.ended) else {
            return Ok(false);
        };
        let ack_id = AckId::new(number).expect("a small number");
        if half.acks.insert(ack_id, name(namespace), number).is_err() {
            return Ok(false);
        }
        self.ledger.ask(session, end, number, namespace);
        self.counts.acks += 1;
        Ok(true)
    }

    /// An event has arrived at `end`. It is counted, whatever its args are.
    pub(crate) fn event_arrives(
        &mut self,
        end: End,
        session: usize,
        frame: &Sequenced<'_>,
        connected: bool,
    ) -> Checked {
        let Sequenced::Event {
            namespace,
            ack_id,
            event,
            args,
        } = frame
        else {
            return Ok(());
        };
        let namespace = known(namespace)?;
        let number = number_in(event);
        self.note(|| format!("{end:?} gets {number} in session {session} {namespace}"));
        self.ledger.arrive(session, end.peer(), number)?;
        let Some(ack_id) = *ack_id else { return Ok(()) };
        if !connected {
            return self.fail_ack(end, session, namespace, ack_id, Code::NOT_CONNECTED);
        }
        if is_bad(args) {
            return self.fail_ack(end, session, namespace, ack_id, Code::BAD_ARGS);
        }
        let fails = self.rng.chance(1, 5);
        let delay = self.random_ms(700);
        self.open_work += 1;
        self.after(
            delay,
            Timer::Answer {
                end,
                session,
                namespace,
                number: ack_id.number(),
                fails,
            },
        );
        Ok(())
    }

    pub(crate) fn answer(
        &mut self,
        end: End,
        session: usize,
        namespace: &'static str,
        number: u64,
        fails: bool,
    ) -> Checked {
        let ack_id = AckId::new(number).expect("a small number");
        if fails {
            return self.fail_ack(end, session, namespace, ack_id, Code::INTERNAL);
        }
        let args = self.filled(40);
        let namespace = name(namespace);
        let (half, lines) = self.half_and_lines(end, session);
        if half.is_some_and(|half| half.session.push_ack(lines, &namespace, ack_id, &args)) {
            return Ok(());
        }
        self.push(end, session, Prepared::ack(&namespace, ack_id, &args))
            .map(drop)
    }

    fn fail_ack(
        &mut self,
        end: End,
        session: usize,
        namespace: &str,
        ack_id: AckId,
        code: Code,
    ) -> Checked {
        let failed = Prepared::failed(&name(namespace), ack_id, code, "", &Value::nil());
        self.push(end, session, failed).map(drop)
    }

    /// An ACK or FAILED has arrived at `end`.
    pub(crate) fn answer_arrives(
        &mut self,
        end: End,
        session: usize,
        namespace: &str,
        ack_id: AckId,
    ) -> Checked {
        let Some(half) = self.half(end, session) else {
            return Ok(());
        };
        match half.acks.answer(ack_id, namespace) {
            Some(number) => self.ledger.settle(end, number, "answered"),
            // A namespace that was left has settled it already.
            None => Ok(()),
        }
    }

    pub(crate) fn leave_acks(&mut self, end: End, session: usize, namespace: &str) -> Checked {
        let waiting = self
            .half(end, session)
            .map(|half| half.acks.leave(namespace))
            .unwrap_or_default();
        waiting
            .into_iter()
            .try_for_each(|number| self.ledger.settle_left(end, number, namespace))
    }

    /// Ends a session from this side, with a CLOSE to its connection.
    pub(crate) fn end_session(
        &mut self,
        end: End,
        session: usize,
        close: Close,
        cause: &str,
    ) -> Checked {
        self.ledger
            .cause(session, format!("{cause} at the {end:?}"));
        let code = close.code;
        self.finish(end, session, code, Some(close))
    }

    /// The session is over at this side: everything that waits learns of it.
    pub(crate) fn finish(
        &mut self,
        end: End,
        session: usize,
        code: Code,
        farewell: Option<Close>,
    ) -> Checked {
        let now = self.now;
        let half = match end {
            End::Client => self
                .client
                .sessions
                .get_mut(&session)
                .map(|found| &mut found.half),
            End::Server => self
                .server
                .sessions
                .get_mut(&session)
                .map(|found| &mut found.half),
        };
        let Some(half) = half.filter(|half| !half.ended) else {
            return Ok(());
        };
        half.ended = true;
        let lost = half.session.end(&mut self.lines, code, farewell, now)?;
        let waiting = half.acks.drain();
        self.note(|| format!("session {session} is over at the {end:?}: {code}"));
        self.ledger.hand_back(session, end, &lost)?;
        for number in waiting {
            self.ledger.settle(end, number, "lost")?;
        }
        match end {
            End::Client => self.client_session_over(session),
            End::Server => self.server_session_over(session, code),
        }
        Ok(())
    }

    /// Receipts that are withheld have not been told.
    pub(crate) fn check_withheld(&mut self) -> Checked {
        let Some(session) = self.client.current else {
            return Ok(());
        };
        for end in [End::Client, End::Server] {
            let withheld_from = self.half(end, session).and_then(|half| half.withheld_from);
            let told = self
                .half(end.peer(), session)
                .map(|half| half.session.confirmed);
            if let (Some(from), Some(told)) = (withheld_from, told)
                && told > from
            {
                return Err(format!(
                    "the {end:?} withholds receipts from {from} on and tells {told}"
                ));
            }
        }
        Ok(())
    }

    /// Withholds receipts, or gives them again.
    pub(crate) fn hold_receipts(&mut self, end: End, session: usize, held: bool) -> Checked {
        let now = self.now;
        if let Some(half) = self.half(end, session) {
            half.withheld_from = held.then(|| half.session.inbound.counted());
            half.session.hold_receipts(held, now);
        }
        self.note(|| format!("{end:?} holds receipts of session {session}: {held}"));
        Ok(())
    }
}

/// Args nested deeper than anyone here takes.
fn too_deep() -> Payload {
    let mut bytes = vec![0x91; 2 * DEPTH as usize];
    bytes.push(0x90);
    Payload::from_message_pack(Bytes::from(bytes)).expect("within the value model's own limit")
}

pub(crate) fn is_bad(args: &Body<'_>) -> bool {
    args.args(DEPTH).is_err()
}
