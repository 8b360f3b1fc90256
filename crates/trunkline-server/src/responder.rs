//! Acks that are given later than the handler returns.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::OnceLock;

use trunkline_driver::handler::Outcome;
use trunkline_driver::sync::{Arc, Mutex};
use trunkline_protocol::{AckId, EventName, Payload};

use crate::extract::Extract;
use crate::handler::stage::{OnEvent, OnTypedEvent};
use crate::handler::{AckArgs, Call};
use crate::queue::PLACE_BYTES;
use crate::worker::{log_failure, log_panic, send_failure};
use crate::{Failure, Socket};

/// An event's answer, to be given later and from anywhere.
///
/// A handler that asks for one returns `()`: what it returns is no answer any more. If it fails, or
/// panics, while no answer was given, that is the answer. Dropped without one, it fails the ack with
/// `no-answer`, which is what middleware around the handler sees if it was dropped by then: an answer
/// that it gives in place of that is sent. The socket's next event does not wait for it.
///
/// Each counts 64 bytes towards `limits.inbound` of its session, as events do that wait for a
/// handler: past it receipts are withheld, so that a client that asks and asks waits on its side.
/// Dropping it after its socket is over has no effect.
///
/// ```
/// # use trunkline_server::{Data, Namespace, Responder};
/// # fn routes(chat: &Namespace) {
/// chat.on("roll", |Data(sides): Data<u32>, responder: Responder<u32>| async move {
///     std::thread::spawn(move || responder.send(sides.min(4)));
/// });
/// # }
/// ```
#[must_use = "dropping it fails the ack"]
pub struct Responder<T> {
    due: Option<Arc<Due>>,
    /// Nothing of it is held.
    answer: PhantomData<fn(T)>,
}

impl<T> Responder<T> {
    /// Answers with a value. One that does not encode, or is larger than the peer takes, is failed
    /// as `internal`, and logged. No effect if nobody asked, or nobody is left.
    pub fn send<M>(self, value: T)
    where
        T: AckArgs<M>,
    {
        if self.is_asked() {
            self.settle(value.into_ack_args());
        } else {
            self.settle(Ok(Payload::empty()));
        }
    }

    /// Answers with a failure.
    pub fn fail(self, failure: impl Into<Failure>) {
        self.settle(Err(failure.into()));
    }

    /// Whether the peer asked for an answer: if not, none is sent.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.due.as_ref().is_some_and(|due| due.ack_id.is_some())
    }

    fn settle(mut self, answer: Result<Payload, Failure>) {
        if let Some(due) = self.due.take() {
            due.give(answer);
        }
    }
}

impl<T> Drop for Responder<T> {
    fn drop(&mut self) {
        if let Some(due) = self.due.take() {
            due.dropped();
        }
    }
}

impl<T> fmt::Debug for Responder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("is_asked", &self.is_asked())
            .finish_non_exhaustive()
    }
}

impl<T> Extract<OnEvent> for Responder<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        responder(call)
    }
}

impl<P, T> Extract<OnTypedEvent<P, T>> for Responder<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        responder(call)
    }
}

fn responder<T>(call: &Call<'_>) -> Result<Responder<T>, Failure> {
    let (Some(deferral), Some(event)) = (call.deferral(), call.event()) else {
        // Every call of these stages has both.
        return Err(Failure::internal());
    };
    let due = Due {
        socket: call.socket().clone(),
        event: event.clone(),
        ack_id: deferral.ack_id,
        state: Mutex::new(State::Running),
    };
    let due = Arc::new(due);
    if deferral.taken.set(Arc::clone(&due)).is_err() {
        return Err(Failure::from(TakenTwice));
    }
    due.socket.context().queued(PLACE_BYTES, 0);
    Ok(Responder {
        due: Some(due),
        answer: PhantomData,
    })
}

#[derive(Debug, thiserror::Error)]
#[error("a handler asks for two responders")]
struct TakenTwice;

/// Where a call says that its answer comes later.
#[derive(Debug)]
pub(crate) struct Deferral {
    ack_id: Option<AckId>,
    taken: OnceLock<Arc<Due>>,
}

impl Deferral {
    pub(crate) const fn new(ack_id: Option<AckId>) -> Self {
        Self {
            ack_id,
            taken: OnceLock::new(),
        }
    }

    /// The answer that is due later, if it is.
    pub(crate) fn due(&self) -> Option<&Arc<Due>> {
        self.taken.get()
    }

    pub(crate) fn into_due(self) -> Option<Arc<Due>> {
        self.taken.into_inner()
    }
}

/// An answer that is due.
///
/// ```text
///   running ──the handler returns──> returned ──all around it ended──> handled
///      │                                │                                │
///      └──responder dropped──> dropped  └──dropped──> unanswered         └──dropped──> answered
///
///   dropped, unanswered ──all around it ended──> answered
///   any ──answered by the responder────────────> answered
/// ```
///
/// What is around the handler is the middleware. Without any, both ends are one.
pub(crate) struct Due {
    socket: Socket,
    event: EventName,
    ack_id: Option<AckId>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The handler runs, and its responder is there.
    Running,
    /// The handler returned, and its responder is there; middleware still runs.
    Returned,
    /// The responder is gone, and the handler did not return ahead of that: it failed, or was given
    /// up, or middleware has been told that there is no answer. How that ends is the answer.
    Dropped,
    /// The responder is gone after the handler returned: middleware can know nothing of that, so
    /// only its failure is an answer.
    Unanswered,
    /// All is done, and the responder is there.
    Handled,
    Answered,
}

impl Due {
    /// The responder answers.
    fn give(&self, answer: Result<Payload, Failure>) {
        let before = mem::replace(&mut *self.state.lock(), State::Answered);
        self.uncount();
        if before != State::Answered {
            self.send(answer);
        }
    }

    /// The responder is gone without an answer.
    fn dropped(&self) {
        let before = {
            let state = &mut *self.state.lock();
            let next = match *state {
                State::Running => State::Dropped,
                State::Returned => State::Unanswered,
                _ => State::Answered,
            };
            mem::replace(state, next)
        };
        self.uncount();
        if before == State::Handled {
            self.send(Err(Failure::no_answer()));
        }
    }

    /// The event's name.
    pub(crate) fn event(&self) -> &str {
        &self.event
    }

    /// The handler returned, and what is around it goes on.
    ///
    /// # Errors
    /// `no-answer`, if the responder is gone without one: whoever is around may make something of it.
    pub(crate) fn returned(&self) -> Result<(), Failure> {
        let state = &mut *self.state.lock();
        match *state {
            State::Running => *state = State::Returned,
            State::Dropped => return Err(Failure::no_answer()),
            _ => {}
        }
        Ok(())
    }

    /// The handler ended, with nothing around it.
    pub(crate) fn handler_ended(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Done(args) => match self.returned() {
                Ok(()) => Outcome::Done(args),
                Err(failure) => Outcome::Failed(failure),
            },
            ended => ended,
        };
        self.ended(outcome);
    }

    /// The handler ended, and all that was around it.
    pub(crate) fn ended(&self, outcome: Outcome) {
        let ended = match outcome {
            Outcome::Done(args) => Ok(args),
            Outcome::Failed(failure) => Err(failure),
            Outcome::Panicked(panic) => {
                log_panic(&self.socket, &self.event, &panic);
                Err(Failure::internal())
            }
        };
        let before = {
            let state = &mut *self.state.lock();
            let next = match (*state, &ended) {
                (State::Running | State::Returned, Ok(_)) => State::Handled,
                _ => State::Answered,
            };
            mem::replace(state, next)
        };
        match (before, ended) {
            (State::Answered | State::Handled, Err(failure)) => {
                log_failure(&self.socket, &self.event, &failure);
            }
            (State::Running | State::Returned | State::Unanswered, Err(failure)) => {
                self.send(Err(failure));
            }
            (State::Dropped, answer) => self.send(answer),
            (State::Unanswered, Ok(_)) => self.send(Err(Failure::no_answer())),
            (State::Running | State::Returned | State::Handled | State::Answered, Ok(_)) => {}
        }
    }

    fn send(&self, answer: Result<Payload, Failure>) {
        let sent = answer.and_then(|args| {
            let ack_id = self.ack_id;
            ack_id.map_or(Ok(()), |ack_id| self.socket.deliver_ack(ack_id, &args))
        });
        if let Err(failure) = sent {
            log_failure(&self.socket, &self.event, &failure);
            send_failure(&self.socket, self.ack_id, &failure);
        }
    }

    /// The responder is gone, and counts no more.
    fn uncount(&self) {
        self.socket.context().queued(0, PLACE_BYTES);
    }
}

impl fmt::Debug for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due")
            .field("event", &self.event)
            .field("state", &*self.state.lock())
            .finish_non_exhaustive()
    }
}
