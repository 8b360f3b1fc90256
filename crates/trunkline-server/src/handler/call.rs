//! What extractors read.

use trunkline_protocol::{EventName, Payload, Room};

use crate::middleware::Next;
use crate::responder::Deferral;
use crate::{DisconnectReason, Socket};

/// One call of a handler, as extractors see it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    socket: &'a Socket,
    args: &'a Payload,
    event: Option<&'a EventName>,
    about: About<'a>,
}

/// What a call has in its own stage alone.
#[derive(Clone, Copy, Debug)]
enum About<'a> {
    Nothing,
    /// Where a handler says that it answers later.
    Answer(&'a Deferral),
    Next(&'a Next),
    Room(&'a Room),
    Reason(&'a DisconnectReason),
}

impl<'a> Call<'a> {
    /// Of an event's handler.
    pub(crate) const fn event_arrived(
        socket: &'a Socket,
        event: &'a EventName,
        args: &'a Payload,
        deferral: &'a Deferral,
    ) -> Self {
        Self {
            socket,
            args,
            event: Some(event),
            about: About::Answer(deferral),
        }
    }

    /// Of whoever sees an event beside its handler.
    pub(crate) const fn event_seen(
        socket: &'a Socket,
        event: &'a EventName,
        args: &'a Payload,
    ) -> Self {
        Self {
            socket,
            args,
            event: Some(event),
            about: About::Nothing,
        }
    }

    /// Of middleware, around an event or a CONNECT.
    pub(crate) const fn around(
        socket: &'a Socket,
        event: Option<&'a EventName>,
        args: &'a Payload,
        next: &'a Next,
    ) -> Self {
        Self {
            socket,
            args,
            event,
            about: About::Next(next),
        }
    }

    pub(crate) const fn hook(socket: &'a Socket, args: &'a Payload) -> Self {
        Self {
            socket,
            args,
            event: None,
            about: About::Nothing,
        }
    }

    pub(crate) const fn join(socket: &'a Socket, args: &'a Payload, room: &'a Room) -> Self {
        Self {
            about: About::Room(room),
            ..Self::hook(socket, args)
        }
    }

    pub(crate) const fn disconnected(
        socket: &'a Socket,
        args: &'a Payload,
        reason: &'a DisconnectReason,
    ) -> Self {
        Self {
            socket,
            args,
            event: None,
            about: About::Reason(reason),
        }
    }

    /// The socket it is about.
    #[must_use]
    pub const fn socket(&self) -> &'a Socket {
        self.socket
    }

    /// The event's args; in `on_connect` the CONNECT's auth as the one arg; else none.
    #[must_use]
    pub const fn args(&self) -> &'a Payload {
        self.args
    }

    /// The event's name; none in a hook.
    #[must_use]
    pub const fn event(&self) -> Option<&'a EventName> {
        self.event
    }

    /// The room asked for; none but in `on_join`.
    #[must_use]
    pub const fn room(&self) -> Option<&'a Room> {
        match self.about {
            About::Room(room) => Some(room),
            _ => None,
        }
    }

    /// Why the socket is over; none before `on_disconnect`.
    #[must_use]
    pub const fn reason(&self) -> Option<&'a DisconnectReason> {
        match self.about {
            About::Reason(reason) => Some(reason),
            _ => None,
        }
    }

    pub(crate) const fn deferral(&self) -> Option<&'a Deferral> {
        match self.about {
            About::Answer(deferral) => Some(deferral),
            _ => None,
        }
    }

    pub(crate) const fn next(&self) -> Option<&'a Next> {
        match self.about {
            About::Next(next) => Some(next),
            _ => None,
        }
    }
}
