//! What a handler may take.

use std::fmt;

use serde::de::DeserializeOwned;
use trunkline_driver::handler::{HasContent, OnEvent};
use trunkline_protocol::{Args, EventName, Payload};

use crate::{Data, Failure, Socket};

/// One event on its way to its handler.
#[derive(Clone)]
pub struct Invocation {
    pub(crate) socket: Socket,
    pub(crate) event: EventName,
    pub(crate) args: Payload,
}

impl Invocation {
    /// The socket the event came to.
    #[must_use]
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The event's name.
    #[must_use]
    pub const fn event(&self) -> &EventName {
        &self.event
    }

    /// The event's args.
    #[must_use]
    pub const fn args(&self) -> &Payload {
        &self.args
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invocation({}, {:?})", self.event, self.args)
    }
}

/// A parameter of a handler.
///
/// `S` is what the handler is for: events registered by name alone, or as a typed
/// [`Event`](crate::Event), which has only its own content. Implement it for a type of your own for
/// every `S`.
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}`",
    label = "not taken from an event",
    note = "a handler takes `Data<T>`, `Args<(A, B)>`, `Payload`, `EventName`, `Socket` and \
            `Invocation`"
)]
pub trait FromEvent<S = OnEvent>: Sized + Send + 'static {
    /// Takes the parameter from the event.
    ///
    /// # Errors
    /// The event does not have it: the failure is the answer, and the handler does not run.
    fn from_event(event: &Invocation) -> Result<Self, Failure>;
}

/// Handlers that can take a `P`: [`FromEvent`] seen from the other side, for bounds.
#[diagnostic::on_unimplemented(message = "a handler of `{Self}` cannot take `{P}`")]
pub trait Offers<P> {
    /// As [`FromEvent::from_event`].
    ///
    /// # Errors
    /// As there.
    fn offer(event: &Invocation) -> Result<P, Failure>;
}

impl<S, P: FromEvent<S>> Offers<P> for S {
    fn offer(event: &Invocation) -> Result<P, Failure> {
        P::from_event(event)
    }
}

impl<S: HasContent<T>, T: DeserializeOwned + Send + 'static> FromEvent<S> for Data<T> {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        let decoded = event.args.first();
        decoded
            .map(Self)
            .map_err(|problem| Failure::misfit(&problem))
    }
}

impl<S: HasContent<Self>, T: DeserializeOwned + Send + 'static> FromEvent<S> for Args<T> {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        let decoded = event.args.decode();
        decoded
            .map(Self)
            .map_err(|problem| Failure::misfit(&problem))
    }
}

impl<S> FromEvent<S> for Payload {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(event.args.clone())
    }
}

impl<S> FromEvent<S> for EventName {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(event.event.clone())
    }
}

impl<S> FromEvent<S> for Invocation {
    fn from_event(event: &Self) -> Result<Self, Failure> {
        Ok(event.clone())
    }
}

impl<S> FromEvent<S> for Socket {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(event.socket.clone())
    }
}
