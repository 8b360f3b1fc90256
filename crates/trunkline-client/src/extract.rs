//! What a handler may take.

use std::fmt;

use serde::de::DeserializeOwned;
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
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}`",
    label = "not taken from an event",
    note = "a handler takes `Data<T>`, `Args<(A, B)>`, `Payload`, `EventName`, `Socket` and \
            `Invocation`"
)]
pub trait FromEvent: Sized + Send + 'static {
    /// Takes the parameter from the event.
    ///
    /// # Errors
    /// The event does not have it: the failure is the answer, and the handler does not run.
    fn from_event(event: &Invocation) -> Result<Self, Failure>;
}

impl<T: DeserializeOwned + Send + 'static> FromEvent for Data<T> {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        let decoded = event.args.first();
        decoded
            .map(Self)
            .map_err(|problem| Failure::misfit(&problem))
    }
}

impl<T: DeserializeOwned + Send + 'static> FromEvent for Args<T> {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        let decoded = event.args.decode();
        decoded
            .map(Self)
            .map_err(|problem| Failure::misfit(&problem))
    }
}

impl FromEvent for Payload {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(event.args.clone())
    }
}

impl FromEvent for EventName {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(event.event.clone())
    }
}

impl FromEvent for Invocation {
    fn from_event(event: &Self) -> Result<Self, Failure> {
        Ok(event.clone())
    }
}

impl FromEvent for Socket {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(event.socket.clone())
    }
}
