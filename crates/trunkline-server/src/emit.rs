//! Emitting to many sockets at once.

use std::collections::HashSet;

use smallvec::SmallVec;
use trunkline_driver::sync::Arc;
use trunkline_driver::{TooLarge, Turn};
use trunkline_protocol::{
    Code, EncodeError, EventName, IntoArgs, InvalidName, MAX_NAME_BYTES, Prepared, PushError,
};

use crate::Socket;
use crate::namespace::NamespaceInner;

/// Why an event was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event's or a room's name is none.
    #[error("invalid name: {0}")]
    InvalidName(#[from] InvalidName),
    /// The args do not encode.
    #[error("args do not encode: {0}")]
    Encode(#[from] EncodeError),
    /// The frame is larger than the peer takes.
    #[error("a frame of {bytes} bytes where the peer takes {limit}")]
    TooLarge {
        /// The frame's length in bytes.
        bytes: usize,
        /// The peer's `limits.frame`.
        limit: usize,
    },
    /// As many acks of this session are pending as `limits.pending_acks` allows.
    #[error("{limit} acks are pending, which is the limit")]
    TooManyAcks {
        /// `limits.pending_acks`.
        limit: usize,
    },
    /// More waits for the peer than the session may hold; the session ends for it.
    #[error("{queued} bytes wait for the peer where {limit} may")]
    Overflow {
        /// Bytes that wait.
        queued: usize,
        /// How many may.
        limit: usize,
    },
    /// The socket has left its namespace.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The session is over.
    #[error("the session ended with code {0}")]
    SessionEnded(Code),
}

impl From<PushError> for EmitError {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Overflow { queued, limit } => Self::Overflow { queued, limit },
            PushError::Ended(code) => Self::SessionEnded(code),
            // Whatever a later version adds, the frame was not taken.
            _ => Self::Disconnected,
        }
    }
}

impl From<TooLarge> for EmitError {
    fn from(TooLarge { bytes, limit }: TooLarge) -> Self {
        Self::TooLarge { bytes, limit }
    }
}

/// What names an event: `&str`, `String`, or an [`EventName`] that was checked before.
pub trait IntoEventName {
    /// The name.
    ///
    /// # Errors
    /// It is not 1 to 255 bytes long.
    fn into_event_name(self) -> Result<EventName, InvalidName>;
}

impl IntoEventName for EventName {
    fn into_event_name(self) -> Result<EventName, InvalidName> {
        Ok(self)
    }
}

impl IntoEventName for &EventName {
    fn into_event_name(self) -> Result<EventName, InvalidName> {
        Ok(self.clone())
    }
}

impl IntoEventName for &str {
    fn into_event_name(self) -> Result<EventName, InvalidName> {
        EventName::try_from(self)
    }
}

impl IntoEventName for &String {
    fn into_event_name(self) -> Result<EventName, InvalidName> {
        EventName::try_from(self.as_str())
    }
}

impl IntoEventName for String {
    fn into_event_name(self) -> Result<EventName, InvalidName> {
        EventName::try_from(self)
    }
}

/// Addresses an event to some sockets of a namespace; each gets it once, in however many of the
/// rooms it is.
///
/// | made by | reaches |
/// |---|---|
/// | `socket.to(room)` | everyone else in the room |
/// | `socket.within(room)` | everyone in the room, the socket too |
/// | `socket.except(room)` | everyone else in the namespace who is not in the room |
/// | `socket.broadcast()` | everyone else in the namespace |
/// | `namespace.to(room)` | everyone in the room |
/// | `namespace.except(room)` | everyone in the namespace who is not in the room |
#[derive(Clone)]
#[must_use = "an emitter addresses; `emit` sends"]
pub struct Emitter<'a> {
    namespace: &'a Arc<NamespaceInner>,
    /// Left out.
    me: Option<&'a Socket>,
    rooms: SmallVec<[&'a str; 2]>,
    except: SmallVec<[&'a str; 1]>,
    is_volatile: bool,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(namespace: &'a Arc<NamespaceInner>, me: Option<&'a Socket>) -> Self {
        Self {
            namespace,
            me,
            rooms: SmallVec::new(),
            except: SmallVec::new(),
            is_volatile: false,
        }
    }

    /// Addresses a room too. Without one, the whole namespace is addressed.
    pub fn to(mut self, room: &'a str) -> Self {
        self.rooms.push(room);
        self
    }

    /// Leaves out everyone in a room.
    pub fn except(mut self, room: &'a str) -> Self {
        self.except.push(room);
        self
    }

    /// Sends volatile events: whoever's connection is busy, or has none, does not get them. Drops are
    /// counted in [`Stats::dropped_volatile`](crate::Stats::dropped_volatile). See [`Volatile`].
    pub fn volatile(mut self) -> Self {
        self.is_volatile = true;
        self
    }

    /// Sends an event to all that are addressed. The args are encoded once, and each socket is
    /// written to once, at the end of the turn.
    ///
    /// A member that cannot be reached is no error here: one that is cut gets the event when it
    /// resumes, one whose queue overflows loses its own session, and nobody else is slowed.
    ///
    /// # Errors
    /// The event or a room has no valid name, or the args do not encode. Nothing was sent then.
    pub fn emit(self, event: impl IntoEventName, args: impl IntoArgs) -> Result<(), EmitError> {
        self.check_names()?;
        let event = event.into_event_name()?;
        let args = args.into_args()?;
        let frame = if self.is_volatile {
            Prepared::datagram(self.namespace.name(), &event, &args)
        } else {
            self.namespace.event(&event, &args)
        };
        let deliver = if self.is_volatile {
            Socket::deliver_best_effort
        } else {
            Socket::deliver
        };
        let _turn = Turn::enter();
        self.for_each(|socket| {
            if let Err(error) = deliver(socket, frame.clone()) {
                tracing::debug!(socket = %socket.id(), %event, %error, "a member was not reached");
            }
        });
        Ok(())
    }

    /// The sockets that are addressed at the moment.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.for_each(|socket| sockets.push(socket.clone()));
        sockets
    }

    fn check_names(&self) -> Result<(), InvalidName> {
        let bad = |name: &&&str| name.is_empty() || name.len() > MAX_NAME_BYTES;
        match self.rooms.iter().chain(&self.except).find(bad) {
            None => Ok(()),
            Some(&"") => Err(InvalidName::Empty),
            Some(name) => Err(InvalidName::TooLong { bytes: name.len() }),
        }
    }

    #[expect(clippy::mutable_key_type, reason = "a socket's hash is its identity")]
    fn for_each(&self, mut each: impl FnMut(&Socket)) {
        let mut left_out = HashSet::new();
        for room in self
            .except
            .iter()
            .filter_map(|name| self.namespace.rooms().get(name))
        {
            left_out.extend(room.snapshot().iter().cloned());
        }
        let is_addressed = |socket: &Socket| {
            self.me != Some(socket) && (left_out.is_empty() || !left_out.contains(socket))
        };
        match &*self.rooms {
            [] => {
                let everyone = self.namespace.everyone().snapshot();
                everyone
                    .iter()
                    .filter(|socket| is_addressed(socket))
                    .for_each(each);
            }
            [name] => {
                let Some(room) = self.namespace.rooms().get(name) else {
                    return;
                };
                room.snapshot()
                    .iter()
                    .filter(|socket| is_addressed(socket))
                    .for_each(each);
            }
            names => {
                let mut reached = HashSet::new();
                for room in names
                    .iter()
                    .filter_map(|name| self.namespace.rooms().get(name))
                {
                    for socket in room.snapshot().iter().filter(|socket| is_addressed(socket)) {
                        if reached.insert(socket.clone()) {
                            each(socket);
                        }
                    }
                }
            }
        }
    }
}

/// Sends volatile events to one socket.
///
/// One is handed to the connection at once, or dropped: when something else still waits for it, when
/// the transport takes no more, and while there is no connection. Nothing keeps or repeats it. For what
/// the next event makes worthless: a typing sign, a progress, a frame of a picture.
///
/// Specification: best-effort.md, BEF-012.
#[derive(Clone, Copy, Debug)]
#[must_use = "`emit` sends"]
pub struct Volatile<'a>(pub(crate) &'a Socket);

impl Volatile<'_> {
    /// Sends an event, or drops and counts it.
    ///
    /// # Errors
    /// The event has no valid name, or the args do not encode or are more than the peer takes. That
    /// it was dropped is no error.
    pub fn emit(self, event: impl IntoEventName, args: impl IntoArgs) -> Result<(), EmitError> {
        let event = event.into_event_name()?;
        let args = args.into_args()?;
        self.0
            .deliver_best_effort(Prepared::datagram(self.0.namespace_name(), &event, &args))
    }
}

impl std::fmt::Debug for Emitter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter")
            .field("namespace", self.namespace.name())
            .field("me", &self.me)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish()
    }
}
