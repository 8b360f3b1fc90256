//! Emitting to many sockets at once.

use std::collections::HashSet;
use std::time::Duration;

use smallvec::SmallVec;
use trunkline_driver::sync::Arc;
use trunkline_driver::{Delivery, TooLarge, Turn};
use trunkline_protocol::{
    AnsweredWith, Code, EncodeError, EventName, EventWith, IntoArgs, InvalidName, MAX_NAME_BYTES,
    NamespaceName, PushError, Room,
};

use crate::Socket;
use crate::gather::EmitWithAcks;
use crate::laggard::Laggard;
use crate::namespace::NamespaceInner;

/// Why an event was not sent. Its args are still with whoever emitted it, since an emit borrows them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event's name, a room's or a key is none.
    #[error("invalid name: {0}")]
    InvalidName(#[from] InvalidName),
    /// The args do not encode.
    #[error("args do not encode: {0}")]
    Encode(#[from] EncodeError),
    /// The frame is larger than may be.
    #[error("a frame of {size} bytes where {limit} may be")]
    TooLarge {
        /// The frame's length in bytes.
        size: usize,
        /// The client's `limits.frame`. For a datagram, what the client's connection or the client
        /// itself takes in one; for one to many, 1,000.
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
    fn from(TooLarge { size, limit }: TooLarge) -> Self {
        Self::TooLarge { size, limit }
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
/// | `namespace.to_principal(id)` | every socket of that principal |
/// | `namespace.everyone()` | everyone in the namespace |
///
/// Each further `to` and `to_principal` adds sockets, each `except` leaves some out. What is to be
/// done with them goes for the sockets that are there at that moment.
#[derive(Clone)]
#[must_use = "an emitter addresses; `emit` sends"]
pub struct Emitter<'a> {
    namespace: &'a Arc<NamespaceInner>,
    /// Left out.
    me: Option<&'a Socket>,
    rooms: SmallVec<[&'a str; 2]>,
    principals: SmallVec<[&'a str; 1]>,
    except: SmallVec<[&'a str; 1]>,
    /// None for reliably.
    delivery: Option<Delivery<'a>>,
}

impl<'a> Emitter<'a> {
    pub(crate) fn namespace_name(&self) -> &'a NamespaceName {
        self.namespace.name()
    }

    pub(crate) fn new(namespace: &'a Arc<NamespaceInner>, me: Option<&'a Socket>) -> Self {
        Self {
            namespace,
            me,
            rooms: SmallVec::new(),
            principals: SmallVec::new(),
            except: SmallVec::new(),
            delivery: None,
        }
    }

    /// Addresses a room too. Without one, the whole namespace is addressed.
    pub fn to(mut self, room: &'a str) -> Self {
        self.rooms.push(room);
        self
    }

    /// Addresses every socket of the principal with this id too. An id is any text, as
    /// [`Principal`](crate::Principal) takes it: one that nobody has addresses nobody, and is no error.
    pub fn to_principal(mut self, id: &'a str) -> Self {
        self.principals.push(id);
        self
    }

    /// Leaves out everyone in a room.
    pub fn except(mut self, room: &'a str) -> Self {
        self.except.push(room);
        self
    }

    /// Sends volatile events: whoever's connection is busy, or has none, does not get them. See
    /// [`Socket::volatile`].
    pub fn volatile(self) -> Self {
        self.by(Delivery::VOLATILE)
    }

    /// Sends datagrams, of at most 1,000 bytes as MessagePack. See [`Socket::datagram`].
    pub fn datagram(self) -> Self {
        self.by(Delivery::DATAGRAM)
    }

    /// Sends the latest value of what `key` names, in a datagram of at most 1,000 bytes as MessagePack.
    /// See [`Socket::latest`].
    pub fn latest(self, key: &'a str) -> Self {
        self.by(Delivery::latest(key))
    }

    /// How long a datagram or a latest value may wait here before it is dropped. Default: as long as
    /// there is room. No effect on what is sent reliably or volatile.
    pub fn max_age(self, limit: Duration) -> Self {
        let delivery = self.delivery.map(|delivery| delivery.max_age(limit));
        Self { delivery, ..self }
    }

    /// Sends an event to all that are addressed. The args are encoded once, and each socket is
    /// written to once, at the end of the turn.
    ///
    /// A member that cannot be reached is no error here: one that is cut gets the event when it
    /// resumes, one whose queue overflows loses its own session, and nobody else is slowed.
    ///
    /// # Errors
    /// The event, a room or a key has no valid name, the args do not encode, or a datagram is too large.
    /// Nothing was sent then. Ids of principals have no rules.
    pub fn emit<A: IntoArgs>(self, event: impl EventWith<A>, args: A) -> Result<(), EmitError> {
        self.check_names()?;
        let event = event.into_event_name()?;
        let args = args.into_args()?;
        if let Some(delivery) = self.delivery {
            let frame = delivery.frame(self.namespace.name(), &event, &args)?;
            let frame = frame.for_many()?;
            self.deliver(&event, |socket| socket.deliver_best_effort(&frame));
        } else {
            let frame = self.namespace.event(&event, &args);
            self.deliver(&event, |socket| socket.deliver(frame.clone()));
        }
        Ok(())
    }

    fn deliver(&self, event: &EventName, deliver: impl Fn(&Socket) -> Result<(), EmitError>) {
        let _turn = Turn::enter();
        self.for_each(|socket| {
            if let Err(error) = deliver(socket) {
                tracing::debug!(socket = %socket.id(), %event, %error, "a member was not reached");
            }
        });
    }

    fn by(self, delivery: Delivery<'a>) -> Self {
        let delivery = Some(delivery);
        Self { delivery, ..self }
    }

    /// Sends an event to all that are addressed, each of which is asked for an answer: see
    /// [`EmitWithAcks`]. Nothing is sent until that is awaited. It is sent reliably, whatever else the
    /// emitter was told.
    pub fn emit_with_ack<T, A: IntoArgs>(
        self,
        event: impl EventWith<A> + AnsweredWith<T>,
        args: A,
    ) -> EmitWithAcks<'a, T> {
        let encoded = || {
            self.check_names()?;
            Ok((event.into_event_name()?, args.into_args()?))
        };
        let encoded = encoded();
        EmitWithAcks::new(self, encoded)
    }

    /// The sockets that are addressed at the moment.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.for_each(|socket| sockets.push(socket.clone()));
        sockets
    }

    /// How many sockets are addressed at the moment.
    #[must_use]
    pub fn count(&self) -> usize {
        let mut count = 0;
        self.for_each(|_| count += 1);
        count
    }

    /// Lets all that are addressed enter a room, and gives how many did: not those that are in it
    /// already, are in as many rooms as they may be, or are over.
    ///
    /// # Errors
    /// The room has no valid name. Nobody entered then.
    pub fn join(&self, room: &str) -> Result<usize, InvalidName> {
        Room::try_from(room)?;
        let joined = self.sockets().into_iter().filter(|socket| {
            let joined = socket.join(room);
            if let Err(error) = &joined {
                tracing::debug!(socket = %socket.id(), room, %error, "a member did not join");
            }
            joined == Ok(true)
        });
        Ok(joined.count())
    }

    /// Lets all that are addressed leave a room, and gives how many did.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn leave(&self, room: &str) -> usize {
        let left = self.sockets().into_iter().filter(|it| it.leave(room));
        left.count()
    }

    /// [Disconnects](Socket::disconnect) all that are addressed, and gives how many there were.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn disconnect(&self, reason: &str) -> usize {
        let _turn = Turn::enter();
        let sockets = self.sockets();
        for socket in &sockets {
            socket.disconnect(reason);
        }
        sockets.len()
    }

    /// Those of the addressed that are behind, furthest first: see [`Laggard`].
    #[must_use]
    pub fn laggards(&self) -> Vec<Laggard> {
        let mut laggards = Vec::new();
        self.for_each(|socket| laggards.extend(Laggard::look(socket)));
        laggards.sort_by_key(|laggard| std::cmp::Reverse(laggard.bytes));
        laggards
    }

    /// Rooms have names; the ids of principals are any text.
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
        let is_addressed = |socket: &&Socket| {
            self.me != Some(*socket) && (left_out.is_empty() || !left_out.contains(*socket))
        };
        match &*self.groups() {
            [] => {}
            [group] => group.iter().filter(is_addressed).for_each(each),
            groups => {
                let mut reached = HashSet::new();
                for socket in groups.iter().flat_map(|group| group.iter()) {
                    if is_addressed(&socket) && reached.insert(socket.clone()) {
                        each(socket);
                    }
                }
            }
        }
    }

    /// What is addressed: the rooms and principals that are named, or everyone.
    fn groups(&self) -> SmallVec<[Arc<[Socket]>; 2]> {
        let namespace = self.namespace;
        if self.rooms.is_empty() && self.principals.is_empty() {
            return SmallVec::from_iter([namespace.everyone().snapshot()]);
        }
        let rooms = self
            .rooms
            .iter()
            .filter_map(|name| namespace.rooms().get(name));
        let principals = self.principals.iter();
        let principals = principals.filter_map(|id| namespace.principals().get(id));
        rooms
            .map(|room| room.snapshot())
            .chain(principals.map(|group| group.snapshot()))
            .collect()
    }
}

/// Sends events to one socket that may be lost: made by [`Socket::volatile`], [`Socket::datagram`] and
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

    /// Sends an event, or drops it and counts that in [`Stats::unsent_best_effort`](crate::Stats::unsent_best_effort).
    ///
    /// # Errors
    /// The event or the key has no valid name, or the args do not encode or are more than the client or
    /// its connection takes. That it was dropped is no error.
    pub fn emit<A: IntoArgs>(self, event: impl EventWith<A>, args: A) -> Result<(), EmitError> {
        let event = event.into_event_name()?;
        let args = args.into_args()?;
        let namespace = self.socket.namespace_name();
        let frame = self.delivery.frame(namespace, &event, &args)?;
        self.socket.deliver_best_effort(&frame)
    }
}

impl std::fmt::Debug for Emitter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter")
            .field("namespace", self.namespace.name())
            .field("me", &self.me)
            .field("rooms", &self.rooms)
            .field("principals", &self.principals)
            .field("except", &self.except)
            .finish()
    }
}
