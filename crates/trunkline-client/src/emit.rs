//! Events that await their ack, and those that may be lost.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::Sleep;
use trunkline_driver::Delivery;
use trunkline_protocol::{AckId, EventName, EventWith, IntoArgs, Payload};

use crate::{AckError, EmitError, Socket};

/// An event that asks for an ack. It is emitted when it is first polled.
///
/// # Cancel safety
/// Dropping it gives up waiting; the event may have left, and may run.
#[must_use = "nothing is emitted before it is awaited"]
pub struct Acked<T> {
    asked: Asked,
    /// Nothing of `T` is held.
    _answer: PhantomData<fn() -> T>,
}

impl<T> Acked<T> {
    pub(crate) const fn new(asked: Asked) -> Self {
        Self {
            asked,
            _answer: PhantomData,
        }
    }

    /// How long the ack is awaited, from the emitting on. Default
    /// [`Builder::ack_timeout`](crate::Builder::ack_timeout), 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.asked.limit = limit;
        self
    }

    /// Awaits all args of the answer, not decoded.
    ///
    /// # Errors
    /// See [`AckError`].
    ///
    /// # Cancel safety
    /// As this type's.
    pub async fn payload(self) -> Result<Payload, AckError> {
        self.asked.await
    }
}

impl<T: DeserializeOwned> Future for Acked<T> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.asked).poll(cx));
        Poll::Ready(answer.and_then(|args| Ok(args.first()?)))
    }
}

impl<T> fmt::Debug for Acked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acked")
            .field("timeout", &self.asked.limit)
            .finish_non_exhaustive()
    }
}

/// An ack of any type.
pub(crate) struct Asked {
    socket: Socket,
    limit: Duration,
    stage: Stage,
}

enum Stage {
    /// Not emitted yet, or never to be.
    Unsent(Result<(EventName, Payload), EmitError>),
    Waiting {
        ack_id: Option<AckId>,
        answer: oneshot::Receiver<Result<Payload, AckError>>,
        limit: Pin<Box<Sleep>>,
    },
    Done,
}

impl Asked {
    pub(crate) fn new(socket: Socket, event: Result<(EventName, Payload), EmitError>) -> Self {
        Self {
            limit: socket.shared().config.settings.ack_timeout,
            socket,
            stage: Stage::Unsent(event),
        }
    }

    fn emit(&self, event: &EventName, args: &Payload) -> Result<Stage, EmitError> {
        let (waiter, answer) = oneshot::channel();
        let socket = &self.socket;
        let ack_id =
            socket
                .shared()
                .emit(socket.space(), event, args, Some(waiter), socket.ahead())?;
        Ok(Stage::Waiting {
            ack_id,
            answer,
            limit: Box::pin(tokio::time::sleep(self.limit)),
        })
    }
}

impl Future for Asked {
    type Output = Result<Payload, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Stage::Unsent(event) = &this.stage {
            let emitted = event
                .as_ref()
                .map_err(EmitError::clone)
                .and_then(|(event, args)| this.emit(event, args));
            match emitted {
                Ok(waiting) => this.stage = waiting,
                Err(error) => {
                    this.stage = Stage::Done;
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        let Stage::Waiting { answer, limit, .. } = &mut this.stage else {
            // A future must not be polled after its end; whoever does waits in vain.
            return Poll::Pending;
        };
        let outcome = match Pin::new(answer).poll(cx) {
            // The table lets go of a waiter without a word only together with the client.
            Poll::Ready(answer) => answer.unwrap_or(Err(AckError::Disconnected)),
            Poll::Pending => {
                ready!(limit.as_mut().poll(cx));
                Err(AckError::Timeout)
            }
        };
        this.settle();
        Poll::Ready(outcome)
    }
}

impl Asked {
    fn settle(&mut self) {
        if let Stage::Waiting {
            ack_id: Some(ack_id),
            ..
        } = std::mem::replace(&mut self.stage, Stage::Done)
        {
            self.socket.shared().forget_ack(ack_id);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.settle();
    }
}

/// Emits events that may be lost: made by [`Socket::volatile`], [`Socket::datagram`] and
/// [`Socket::latest`].
#[derive(Clone, Copy, Debug)]
#[must_use = "`emit` sends"]
pub struct BestEffortEmitter<'a> {
    socket: &'a Socket,
    delivery: Delivery<'a>,
}

impl<'a> BestEffortEmitter<'a> {
    pub(crate) const fn new(socket: &'a Socket, delivery: Delivery<'a>) -> Self {
        Self { socket, delivery }
    }

    /// How long it may wait here before it is dropped. Default: as long as there is room. Volatile events
    /// never wait.
    pub fn max_age(self, limit: Duration) -> Self {
        let delivery = self.delivery.max_age(limit);
        Self { delivery, ..self }
    }

    /// Emits an event, or drops it and counts that in [`Stats::unsent_best_effort`](crate::Stats::unsent_best_effort).
    ///
    /// # Errors
    /// The event or the key has no valid name, the args do not encode or are more than the server or the
    /// connection takes, or the socket was disconnected or the client closed. That it was dropped is no
    /// error.
    pub fn emit<A: IntoArgs>(self, event: impl EventWith<A>, args: A) -> Result<(), EmitError> {
        let Self { socket, delivery } = self;
        let (event, args) = (event.into_event_name()?, args.into_args()?);
        let shared = socket.shared();
        shared.emit_best_effort(socket.space(), &event, &args, delivery, socket.ahead())
    }
}
