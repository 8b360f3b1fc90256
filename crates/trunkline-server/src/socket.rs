//! Sockets: a session in a namespace, as programs see it.
//!
//! `socket/life.rs` holds what happens to a socket from its CONNECT to its end, `socket/sending.rs` how
//! frames leave it.

mod life;
mod sending;

use std::fmt;
use std::hash::{Hash, Hasher};

use trunkline_driver::Delivery;
use trunkline_driver::sync::{Arc, AtomicBool, Mutex};
use trunkline_protocol::{
    AnsweredWith, Close, Code, EventName, EventWith, FRAME_BYTES, IntoArgs, InvalidName,
    NamespaceName, Payload, Room, SocketId,
};

use crate::ack::EmitWithAck;
use crate::context::SessionContext;
use crate::extract::TypeMap;
use crate::namespace::{Namespace, NamespaceInner};
use crate::room::Membership;
use crate::{BestEffortEmitter, EmitError, Emitter, Handshake, Principal};

pub use life::FAREWELL_LIMIT;
use life::Mailbox;
pub(crate) use life::{Connecting, as_args};

/// A session in a namespace: what events come from and go to.
///
/// A cheap handle; all clones are the same socket, and two are equal if they are. It outlives
/// connections: while its session is cut off, what is sent to it waits. Once it is over, sending to
/// it fails, and it is in no room.
#[derive(Clone)]
pub struct Socket(Arc<SocketInner>);

pub(crate) struct SocketInner {
    id: SocketId,
    namespace: Arc<NamespaceInner>,
    context: Arc<SessionContext>,
    /// The number of its CONNECT.
    connect: u64,
    /// Connected, and nothing sent earlier waits: frames go straight to the session. The mailbox's
    /// gate has the last word; this is its copy for the path that a broadcast takes.
    open: AtomicBool,
    /// It has left its namespace, or its session is over: none of its frames may follow those of
    /// the namespace's next socket.
    over: AtomicBool,
    mailbox: Mutex<Mailbox>,
    rooms: Mutex<Joined>,
    state: Mutex<TypeMap>,
}

#[derive(Default)]
struct Joined {
    rooms: Vec<Arc<Membership>>,
    /// It is over, and joins no more.
    left: bool,
}

/// Why a socket is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The client left the namespace.
    ByPeer {
        /// The code it gave.
        code: Code,
        /// The reason it gave, for people.
        reason: String,
    },
    /// This side ended it, see [`Socket::disconnect`].
    ByServer {
        /// The code the client was told.
        code: Code,
        /// The reason the client was told.
        reason: String,
    },
    /// Its session is over: closed by either side, not resumed in time, or not to be kept.
    SessionEnded {
        /// Why.
        code: Code,
        /// Why, for people.
        reason: String,
        /// The events of this socket that were not confirmed by the client, in the order in which they
        /// were emitted. Only where the namespace has an `on_disconnect`.
        undelivered: Vec<Undelivered>,
    },
}

/// An event that a session had not delivered for certain when it ended.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undelivered {
    /// Its name.
    pub event: EventName,
    /// Its args, ready to be emitted again.
    pub args: Payload,
    /// Whether it had left: then it may have arrived. If not, it certainly has not.
    pub sent: bool,
}

impl fmt::Debug for Undelivered {
    /// Without the args: content does not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undelivered")
            .field("event", &self.event)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

/// Why a socket did not join a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The room's name is none.
    #[error("invalid name of a room: {0}")]
    InvalidName(#[from] InvalidName),
    /// The socket is in as many rooms as `limits.rooms` allows.
    #[error("the socket is in {limit} rooms, which is the limit")]
    TooManyRooms {
        /// `limits.rooms`.
        limit: usize,
    },
    /// The socket is over.
    #[error("the socket is disconnected")]
    Disconnected,
}

impl Socket {
    /// The socket's public id: random, and never used again.
    #[must_use]
    pub fn id(&self) -> &SocketId {
        &self.0.id
    }

    /// The namespace it is in.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        Namespace::new(Arc::clone(&self.0.namespace))
    }

    /// What the connection that created the session brought with it.
    #[must_use]
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.0.context.handshake
    }

    /// On whose behalf the session acts, as the authentication hook said last: a resume and a refresh
    /// keep the identity, and may change what is known of it.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        self.0.context.principal()
    }

    /// Whether the session has a connection at the moment. Without one, what is sent waits.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.0.context.session.is_attached()
    }

    /// Whether the session was ever resumed on another connection than its first.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.0.context.is_resumed()
    }

    /// Sends an event. One arg is `&value`, several are `Args((a, b))`, none is `()`.
    ///
    /// It arrives exactly once and in order, for the life of the session. In `on_connect` it waits
    /// until the client is connected, within `limits.queue` like all that waits.
    ///
    /// # Errors
    /// It was not sent: see [`EmitError`].
    pub fn emit<A: IntoArgs>(&self, event: impl EventWith<A>, args: A) -> Result<(), EmitError> {
        let event = event.into_event_name()?;
        let args = args.into_args()?;
        self.deliver(self.0.namespace.event(&event, &args))
    }

    /// Sends volatile events: one is handed to the connection at once, or dropped: when something else
    /// still waits for it, when the transport takes no more, and while there is no connection. Nothing
    /// keeps or repeats it, and it may be as large as others. For what the next event makes worthless: a
    /// typing sign, a progress, a frame of a picture.
    ///
    /// Specification: best-effort.md, BEF-012.
    pub const fn volatile(&self) -> BestEffortEmitter<'_> {
        BestEffortEmitter::new(self, Delivery::VOLATILE)
    }

    /// Sends events in datagrams, which nothing in front of them holds up: over WebTransport the
    /// network's own, over WebSocket emulated ones, a few of which wait until the connection is nearly
    /// drained while newer ones displace older ones. They may be lost, and overtake each other. One is
    /// at most what the connection takes, 1,000 bytes at least.
    ///
    /// Specification: best-effort.md.
    pub const fn datagram(&self) -> BestEffortEmitter<'_> {
        BestEffortEmitter::new(self, Delivery::DATAGRAM)
    }

    /// Sends the latest value of what the event and `key` name, in a datagram: of values for the same
    /// key only a newer one than those before is ever handed to a handler. The newest may be lost too:
    /// whoever sends values repeats them. For positions, 30 times a second.
    ///
    /// While handlers of the other side's socket are busy, of each key the newest value waits for them, in
    /// the place of those before.
    ///
    /// Specification: best-effort.md, BEF-007 to BEF-011.
    pub const fn latest<'a>(&'a self, key: &'a str) -> BestEffortEmitter<'a> {
        BestEffortEmitter::new(self, Delivery::latest(key))
    }

    /// Bytes of events and answers that wait for the session's connection, in all of its namespaces,
    /// with 64 more for each, which is what holding it takes.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.0.context.session.queued_bytes()
    }

    /// Bytes that may still wait before the session counts as a slow consumer's: what is left of its
    /// `limits.queue`, 1 MiB by default.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let session = &self.0.context.session;
        let limit = session.limits().queue as usize;
        limit.saturating_sub(session.queued_bytes())
    }

    /// Waits until the connection has taken all that was sent, or the session is over. While there is
    /// no connection, it waits for the next one. What is sent before the socket is connected, in
    /// `on_connect`, is not waited for: it cannot leave earlier.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn drained(&self) {
        self.0.context.session.lightened(0).await;
    }

    /// Sends an event once at most half of `limits.queue` waits and it fits beside that: for whoever
    /// makes events faster than a client may take them. One sender at a time then never makes its client
    /// a slow consumer, unless one event alone is more than `limits.queue`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready sends nothing.
    pub async fn emit_when_ready<A: IntoArgs>(
        &self,
        event: impl EventWith<A>,
        args: A,
    ) -> Result<(), EmitError> {
        let event = event.into_event_name()?;
        let frame = self.0.namespace.event(&event, &args.into_args()?);
        let session = &self.0.context.session;
        let limit = session.limits().queue as usize;
        let size = session.message_len(&frame)? + FRAME_BYTES;
        session
            .lightened((limit / 2).min(limit.saturating_sub(size)))
            .await;
        self.deliver(frame)
    }

    /// Sends an event that asks for an answer, when it is awaited: see [`EmitWithAck`].
    pub fn emit_with_ack<T, A: IntoArgs>(
        &self,
        event: impl EventWith<A> + AnsweredWith<T>,
        args: A,
    ) -> EmitWithAck<T> {
        EmitWithAck::new(self.clone(), event.into_event_name(), args.into_args())
    }

    /// Addresses everyone else in a room.
    pub fn to<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        self.broadcast().to(room)
    }

    /// Addresses everyone in a room, this socket too if it is in it.
    pub fn within<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        Emitter::new(&self.0.namespace, None).to(room)
    }

    /// Addresses everyone else in the namespace who is not in a room.
    pub fn except<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        self.broadcast().except(room)
    }

    /// Addresses everyone else in the namespace.
    pub fn broadcast(&self) -> Emitter<'_> {
        Emitter::new(&self.0.namespace, Some(self))
    }

    /// Enters a room, which is made if it is not there; false if the socket is in it already. It
    /// stays in until it [`leave`](Self::leave)s or is over, whatever becomes of its connections.
    ///
    /// # Errors
    /// It is not in the room: see [`JoinError`].
    pub fn join(&self, room: &str) -> Result<bool, JoinError> {
        let name = Room::try_from(room)?;
        let limit = self.0.context.session.limits().rooms as usize;
        let mut joined = self.0.rooms.lock();
        if joined.left {
            return Err(JoinError::Disconnected);
        }
        if joined.rooms.len() >= limit {
            return match joined.position(room) {
                Some(_) => Ok(false),
                None => Err(JoinError::TooManyRooms { limit }),
            };
        }
        let Some(entered) = self.0.namespace.rooms().join(name, self) else {
            return Ok(false);
        };
        joined.rooms.push(entered);
        Ok(true)
    }

    /// Leaves a room; false if the socket is not in it.
    pub fn leave(&self, room: &str) -> bool {
        let mut joined = self.0.rooms.lock();
        let Some(position) = joined.position(room) else {
            return false;
        };
        let left = joined.rooms.swap_remove(position);
        self.0.namespace.rooms().leave(&left, self);
        true
    }

    /// The rooms it is in, in no particular order.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let joined = self.0.rooms.lock();
        joined
            .rooms
            .iter()
            .filter_map(|room| room.name().cloned())
            .collect()
    }

    /// Whether it is in a room.
    #[must_use]
    pub fn is_in(&self, room: &str) -> bool {
        self.0.rooms.lock().position(room).is_some()
    }

    /// Keeps a value of the program's with the socket, in place of the one of its type. Handlers get
    /// it with [`SocketState`](crate::SocketState).
    pub fn set<T: Send + Sync + 'static>(&self, value: T) {
        let old = self.0.state.lock().set(Arc::new(value));
        // Not under the lock: what runs when it goes may ask for state too.
        drop(old);
    }

    /// The value of this type that was [`set`](Self::set).
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.state.lock().get()
    }

    /// Ends the socket, and tells the client, behind what was sent to it before. The session and its
    /// other sockets stay. No effect once it is over.
    pub fn disconnect(&self, reason: &str) {
        self.0.context.disconnect(self, reason);
    }

    /// Closes the session's connection; the code says whether the session survives, see
    /// [`Code::disposition`]. If not, all its sockets end.
    ///
    /// # Panics
    /// If the code is not 1000 to 4999: others are not sent (specification: frames.md, FRM-013). An
    /// application's own are 4000 to 4999.
    pub fn close(&self, code: Code, reason: &str) {
        assert!(
            (1000..=4999).contains(&code.number()),
            "a close code is 1000 to 4999, not {}",
            code.number()
        );
        self.0.context.close(Close::new(code, reason));
    }

    pub(crate) fn namespace_name(&self) -> &NamespaceName {
        self.0.namespace.name()
    }

    pub(crate) fn namespace_inner(&self) -> &Arc<NamespaceInner> {
        &self.0.namespace
    }

    pub(crate) fn context(&self) -> &Arc<SessionContext> {
        &self.0.context
    }

    /// Leaves all rooms for good, and the namespace if that came of a pattern: the socket's last act.
    pub(crate) fn leave_all(&self) {
        let namespace = &self.0.namespace;
        {
            let mut joined = self.0.rooms.lock();
            if std::mem::replace(&mut joined.left, true) {
                return;
            }
            for room in std::mem::take(&mut joined.rooms) {
                namespace.rooms().leave(&room, self);
            }
        }
        if let Some(concrete) = namespace.concrete() {
            concrete.let_go(namespace.name(), self.was_let_in());
        }
    }
}

impl Joined {
    fn position(&self, name: &str) -> Option<usize> {
        self.rooms
            .iter()
            .position(|room| room.name().is_some_and(|own| own == name))
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl Hash for Socket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).addr().hash(state);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("namespace", self.namespace_name())
            .field("id", self.id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_handle<T: Clone + Send + Sync + 'static>() {}

    #[test]
    fn handles_are_shared_between_threads() {
        assert_handle::<Socket>();
        assert_handle::<Namespace>();
    }

    #[test]
    fn an_idle_socket_is_small() {
        // With both counts of its `Arc`; its id lies within, and what is empty allocates nothing.
        let bytes = size_of::<SocketInner>() + 2 * size_of::<usize>();
        assert!(bytes <= IDLE_BYTES_MAX, "{bytes} bytes");
    }

    /// Ten thousand idle sockets take 2.6 MB at most.
    const IDLE_BYTES_MAX: usize = 256;
}
