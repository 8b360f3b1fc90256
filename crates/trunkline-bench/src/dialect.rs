//! What is said on a connection once it is a WebSocket: the shape of events, acks and messages.

mod reader;
mod room;
mod socket_io;
mod trunkline;

use std::time::Instant;

use clap::ValueEnum;

use crate::outgoing::Outgoing;

/// The id of the event whose ack tells that a connection is ready and in the room.
const READY_ID: u64 = 0;

/// A dialect the load generator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// The hand-written room: `[id, event, payload]`, `[id, payload]`, `[event, payload]`.
    Room,
    /// Trunkline's wire protocol 1 in MessagePack.
    Trunkline,
    /// Socket.IO 5 on Engine.IO 4 over a WebSocket from the start, with its default parser.
    SocketIo,
}

impl Dialect {
    /// The WebSocket subprotocol to ask for.
    pub fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Room | Self::SocketIo => None,
            Self::Trunkline => Some("trunkline.v1.msgpack"),
        }
    }

    /// Whether messages are text; otherwise they are binary.
    pub(crate) fn is_text(self) -> bool {
        self == Self::SocketIo
    }

    /// Whether a sender's events are handled in the order in which it sent them. Servers of
    /// Socket.IO may run handlers at the same time.
    pub(crate) fn keeps_order(self) -> bool {
        self != Self::SocketIo
    }

    /// A connection's state at its beginning.
    pub fn session(self) -> Session {
        let state = match self {
            Self::Room => State::Room,
            Self::SocketIo => State::SocketIo,
            Self::Trunkline => State::Trunkline(trunkline::Session::default()),
        };
        Session {
            dialect: self,
            state,
            next_ack_id: READY_ID,
        }
    }
}

/// What a message from the server means to the load generator.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The connection is in the room and its events are answered.
    Ready,
    /// A broadcast's payload.
    Message(&'a [u8]),
    /// The answer to an event that asked for one.
    Acknowledged {
        /// The id the event had.
        id: u64,
        /// The payload it came back with.
        payload: &'a [u8],
    },
    /// Something that concerns the dialect alone.
    Nothing,
}

/// A server said something the dialect does not allow, or refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DialectError {
    /// Not the expected shape.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// A message of the other kind than the dialect's.
    #[error("a {0} message came in a dialect that has none")]
    Kind(&'static str),
    /// A numbered frame came twice, late or too early.
    #[error("frame number {got} came where {expected} was due")]
    Sequence {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// The server ended the connection or refused something.
    #[error("{what} with code {code}: {reason}")]
    Refused {
        /// The frame that said so.
        what: &'static str,
        /// Its code.
        code: u64,
        /// Its text.
        reason: String,
    },
}

/// The state of one connection in its dialect.
#[derive(Debug)]
pub struct Session {
    dialect: Dialect,
    state: State,
    /// Ack ids are never used again on a connection.
    next_ack_id: u64,
}

#[derive(Debug)]
enum State {
    /// The hand-written room keeps none.
    Room,
    /// Socket.IO keeps none either.
    SocketIo,
    /// Trunkline's numbers and receipts.
    Trunkline(trunkline::Session),
}

impl Session {
    /// Says what a connection says first; [`Incoming::Ready`] is the answer to its last frame.
    pub fn open(&mut self, outgoing: &mut Outgoing) {
        match &mut self.state {
            State::Room => {}
            // Its server takes no event before it has answered.
            State::SocketIo => return socket_io::greet(outgoing),
            State::Trunkline(session) => session.greet(outgoing),
        }
        self.echo(&[], outgoing);
    }

    /// Sends a payload to everyone in the room.
    pub fn broadcast(&mut self, payload: &[u8], outgoing: &mut Outgoing) {
        self.event(None, "bcast", payload, outgoing);
    }

    /// Sends a payload that is to be acknowledged with itself. Returns the ack's id.
    pub fn echo(&mut self, payload: &[u8], outgoing: &mut Outgoing) -> u64 {
        let id = self.next_ack_id;
        self.next_ack_id += 1;
        self.event(Some(id), "echo", payload, outgoing);
        id
    }

    /// Takes one message; answers that the dialect owes are put into `outgoing`.
    pub fn receive<'a>(
        &mut self,
        message: &'a [u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<Incoming<'a>, DialectError> {
        let incoming = match &mut self.state {
            State::Room => room::receive(message)?,
            State::SocketIo => match socket_io::receive(message, outgoing)? {
                socket_io::Received::Connected => {
                    self.echo(&[], outgoing);
                    Incoming::Nothing
                }
                socket_io::Received::Incoming(incoming) => incoming,
            },
            State::Trunkline(session) => session.receive(message, now, outgoing)?,
        };
        if let Incoming::Acknowledged { id: READY_ID, .. } = incoming {
            if let State::Trunkline(session) = &mut self.state {
                session.confirm(outgoing);
            }
            return Ok(Incoming::Ready);
        }
        Ok(incoming)
    }

    /// Whether a message of this kind belongs to the dialect.
    pub(crate) fn check_kind(&self, is_text: bool) -> Result<(), DialectError> {
        match (is_text, self.dialect.is_text()) {
            (true, false) => Err(DialectError::Kind("text")),
            (false, true) => Err(DialectError::Kind("binary")),
            _ => Ok(()),
        }
    }

    /// Does what is due at this time. To be called about once a second.
    pub fn sweep(&mut self, now: Instant, outgoing: &mut Outgoing) {
        if let State::Trunkline(session) = &mut self.state {
            session.sweep(now, outgoing);
        }
    }

    fn event(&mut self, id: Option<u64>, event: &str, payload: &[u8], outgoing: &mut Outgoing) {
        match &mut self.state {
            State::Room => room::event(id, event, payload, outgoing),
            State::SocketIo => socket_io::event(id, event, payload, outgoing),
            State::Trunkline(session) => session.event(id, event, payload, outgoing),
        }
    }
}
