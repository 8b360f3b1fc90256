//! Events that ask one socket for an answer.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use trunkline_driver::sync::{Arc, AtomicU64, Ordering};
use trunkline_protocol::{
    AckId, BadArgs, Code, DecodeError, EncodeError, EventName, InvalidName, Payload, Prepared,
    Value,
};

use crate::gather::Gathering;
use crate::{EmitError, Socket};

/// How long an answer is waited for unless [`EmitWithAck::timeout`] says otherwise.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an event that asked for an ack got none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// No answer came in time. The event may have been handled, or still be on its way.
    #[error("no answer in time")]
    Timeout,
    /// The peer says that it failed.
    #[error("the peer failed it: {code}: {message}")]
    Failed {
        /// Why.
        code: Code,
        /// Why, for people; empty for internal failures.
        message: String,
        /// More for the program; nil if there is nothing.
        data: Value,
    },
    /// The socket left its namespace first. The event may have been handled.
    #[error("the socket was disconnected before an answer came")]
    Disconnected,
    /// The session ended first. Whether the event arrived is unknown.
    #[error("the session ended before an answer came")]
    SessionLost,
    /// The answer breaks the value model.
    #[error("the answer is no good: {0}")]
    BadArgs(BadArgs),
    /// The answer does not fit the type it is wanted as.
    #[error("the answer does not fit: {0}")]
    Decode(DecodeError),
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Who waits for the answer to one event.
pub(crate) enum AckWaiter {
    /// Whoever sent it to this socket.
    One(oneshot::Sender<Result<Payload, AckError>>),
    /// Whoever sent it to many, of which this is the one at that place.
    OfMany(Arc<Gathering>, usize),
}

impl AckWaiter {
    pub(crate) fn answer(self, args: Payload) {
        self.settle(Ok(args));
    }

    pub(crate) fn failed(self, code: Code, message: String, data: Value) {
        self.settle(Err(AckError::Failed {
            code,
            message,
            data,
        }));
    }

    pub(crate) fn bad_answer(self, bad: BadArgs) {
        self.settle(Err(AckError::BadArgs(bad)));
    }

    pub(crate) fn disconnected(self) {
        self.settle(Err(AckError::Disconnected));
    }

    pub(crate) fn session_lost(self) {
        self.settle(Err(AckError::SessionLost));
    }

    fn settle(self, answer: Result<Payload, AckError>) {
        match self {
            // Nobody waits any more if it was dropped at this very moment.
            Self::One(waiting) => drop(waiting.send(answer)),
            Self::OfMany(gathering, place) => gathering.settle(place, answer),
        }
    }
}

/// An event that asks for an ack, ready to go: awaiting it sends it and waits for the answer.
///
/// The answer's first arg is decoded as the type that the caller wants (`()` for none).
///
/// ```no_run
/// # use std::time::Duration;
/// # use trunkline_server::{AckError, Socket};
/// # async fn ask(socket: &Socket) -> Result<(), AckError> {
/// let agreed: bool = socket.emit_with_ack("agree?", &"lunch").timeout(Duration::from_secs(60)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until this is awaited"]
pub struct EmitWithAck<T> {
    socket: Socket,
    encoded: Result<(EventName, Payload), EmitError>,
    timeout: Duration,
    wanted: PhantomData<fn() -> T>,
}

impl<T> EmitWithAck<T> {
    pub(crate) fn new(
        socket: Socket,
        event: Result<EventName, InvalidName>,
        args: Result<Payload, EncodeError>,
    ) -> Self {
        let encoded = event
            .map_err(EmitError::from)
            .and_then(|event| args.map(|args| (event, args)).map_err(EmitError::from));
        Self {
            socket,
            encoded,
            timeout: ACK_TIMEOUT,
            wanted: PhantomData,
        }
    }

    /// How long the answer may take. Default [`ACK_TIMEOUT`], 10 s, cuts included: a peer that is
    /// away gets the event when it resumes, and answers then.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn send(self) -> Pending {
        match self
            .encoded
            .and_then(|(event, args)| ask(&self.socket, &event, &args))
        {
            Ok((forget, answer)) => {
                let deadline = Instant::now() + self.timeout.min(LONGEST_TIMEOUT);
                Pending::Sent(Sent {
                    answer,
                    deadline,
                    sleep: None,
                    _forget: forget,
                })
            }
            Err(error) => Pending::NotSent(Some(error)),
        }
    }
}

impl EmitWithAck<Payload> {
    /// Sends it and waits for the answer with all its args, not decoded.
    ///
    /// # Errors
    /// See [`AckError`].
    ///
    /// # Cancel safety
    /// Dropping the future forgets the answer; the event is on its way.
    pub async fn payload(self) -> Result<Payload, AckError> {
        let mut pending = self.send();
        poll_fn(|cx| pending.poll(cx)).await
    }
}

impl<T: DeserializeOwned> IntoFuture for EmitWithAck<T> {
    type Output = Result<T, AckError>;
    type IntoFuture = Acked<T>;

    /// Sends the event now.
    fn into_future(self) -> Acked<T> {
        Acked {
            pending: self.send(),
            wanted: PhantomData,
        }
    }
}

impl<T> fmt::Debug for EmitWithAck<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.debug_struct("EmitWithAck");
        show_asking(shown, &self.socket, &self.encoded, self.timeout)
    }
}

/// An event that was sent, and whose answer is waited for.
///
/// # Cancel safety
/// Dropping it forgets the answer; the event is on its way.
#[must_use = "the answer is forgotten unless this is awaited"]
pub struct Acked<T> {
    pending: Pending,
    wanted: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Future for Acked<T> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.pending.poll(cx));
        Poll::Ready(answer.and_then(|args| args.first().map_err(AckError::Decode)))
    }
}

impl<T> fmt::Debug for Acked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acked").finish_non_exhaustive()
    }
}

enum Pending {
    NotSent(Option<EmitError>),
    Sent(Sent),
}

struct Sent {
    answer: oneshot::Receiver<Result<Payload, AckError>>,
    deadline: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    _forget: Forget,
}

impl Pending {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Payload, AckError>> {
        match self {
            Self::NotSent(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error.into())),
                None => Poll::Pending,
            },
            Self::Sent(sent) => sent.poll(cx),
        }
    }
}

impl Sent {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Payload, AckError>> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
            return Poll::Ready(answer.unwrap_or(Err(AckError::SessionLost)));
        }
        let deadline = self.deadline;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(AckError::Timeout))
    }
}

/// Takes the pending ack out of the session's table when nobody waits any longer.
struct Forget {
    socket: Socket,
    ack_id: AckId,
}

impl Drop for Forget {
    fn drop(&mut self) {
        let forgotten = self.socket.context().acks.lock().forget(self.ack_id);
        drop(forgotten);
    }
}

type Answer = oneshot::Receiver<Result<Payload, AckError>>;

/// Registers who waits, then sends: an answer must not come before anybody waits for it.
fn ask(socket: &Socket, event: &EventName, args: &Payload) -> Result<(Forget, Answer), EmitError> {
    let ack_id = next_ack_id();
    let namespace = socket.namespace_name();
    let (waiter, answer) = oneshot::channel();
    let inserted =
        socket
            .context()
            .acks
            .lock()
            .insert(ack_id, namespace.clone(), AckWaiter::One(waiter));
    if let Err((too_many, _waiter)) = inserted {
        return Err(EmitError::TooManyAcks {
            limit: too_many.limit,
        });
    }
    let forget = Forget {
        socket: socket.clone(),
        ack_id,
    };
    socket.deliver(Prepared::event(namespace, Some(ack_id), event, args))?;
    Ok((forget, answer))
}

/// What an event that asks shows for debugging: whom and for how long, and nothing of its args, since
/// content does not belong into logs.
pub(crate) fn show_asking(
    mut shown: fmt::DebugStruct<'_, '_>,
    to: &dyn fmt::Debug,
    encoded: &Result<(EventName, Payload), EmitError>,
    timeout: Duration,
) -> fmt::Result {
    let event = encoded.as_ref().map(|(event, _)| event);
    shown
        .field("to", to)
        .field("event", &event)
        .field("timeout", &timeout)
        .finish_non_exhaustive()
}

/// Ids count through the whole process, so that none is ever reused in a session.
pub(crate) fn next_ack_id() -> AckId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    AckId::new(number).expect("2^53 acks take longer than a process lives")
}

/// Longer time-outs than this (30 years) are cut to it, since clocks overflow.
pub(crate) const LONGEST_TIMEOUT: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
