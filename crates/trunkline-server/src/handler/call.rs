//! What extractors read.

use trunkline_protocol::{EventName, Payload, Room};

use crate::{DisconnectReason, Socket};

/// One call of a handler, as extractors see it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    socket: &'a Socket,
    args: &'a Payload,
    event: Option<&'a EventName>,
    room: Option<&'a Room>,
    reason: Option<&'a DisconnectReason>,
}

impl<'a> Call<'a> {
    pub(crate) const fn event_arrived(
        socket: &'a Socket,
        event: &'a EventName,
        args: &'a Payload,
    ) -> Self {
        Self {
            socket,
            args,
            event: Some(event),
            room: None,
            reason: None,
        }
    }

    pub(crate) const fn hook(socket: &'a Socket, args: &'a Payload) -> Self {
        Self {
            socket,
            args,
            event: None,
            room: None,
            reason: None,
        }
    }

    pub(crate) const fn join(socket: &'a Socket, args: &'a Payload, room: &'a Room) -> Self {
        Self {
            room: Some(room),
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
            room: None,
            reason: Some(reason),
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
        self.room
    }

    /// Why the socket is over; none before `on_disconnect`.
    #[must_use]
    pub const fn reason(&self) -> Option<&'a DisconnectReason> {
        self.reason
    }
}
