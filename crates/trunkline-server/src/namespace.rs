//! Namespaces: who is in them, and in which rooms.

use std::fmt;
use std::ops::Deref;

use dashmap::DashMap;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{
    EventName, EventWith, IntoArgs, NamespaceName, Payload, Prepared, Room, SocketId,
};

use crate::namespaces::Concrete;
use crate::room::{Membership, Rooms};
use crate::routes::{Hooks, Routes};
use crate::{EmitError, Emitter, Socket};

/// A namespace of a server: its sockets, its rooms, and the [`Routes`] of its events.
///
/// A cheap handle; all clones are the same namespace. One that came of a pattern shares its routes
/// with all others of the pattern, and is empty for good once its last socket has left: see
/// [`Namespaces`](crate::Namespaces).
#[derive(Clone)]
pub struct Namespace(Arc<NamespaceInner>);

pub(crate) struct NamespaceInner {
    name: NamespaceName,
    routes: Arc<Routes>,
    /// What it is to its pattern, if it came of one.
    concrete: Option<Concrete>,
    rooms: Rooms,
    /// The sockets that act on somebody's behalf, by the id of their principal.
    principals: Rooms<Arc<str>>,
    everyone: Membership,
    sockets: DashMap<SocketId, Socket>,
}

impl Namespace {
    pub(crate) const fn new(inner: Arc<NamespaceInner>) -> Self {
        Self(inner)
    }

    /// The namespace's name.
    #[must_use]
    pub fn name(&self) -> &NamespaceName {
        &self.0.name
    }

    /// Sends an event to every socket of the namespace. See [`Emitter::emit`].
    ///
    /// # Errors
    /// The event has no valid name, or the args do not encode. Nothing was sent then.
    pub fn emit<A: IntoArgs>(&self, event: impl EventWith<A>, args: A) -> Result<(), EmitError> {
        self.everyone().emit(event, args)
    }

    /// Sends volatile events to every socket of the namespace. See [`Emitter::volatile`].
    pub fn volatile(&self) -> Emitter<'_> {
        self.everyone().volatile()
    }

    /// Sends datagrams to every socket of the namespace. See [`Emitter::datagram`].
    pub fn datagram(&self) -> Emitter<'_> {
        self.everyone().datagram()
    }

    /// Sends the latest value of what `key` names to every socket of the namespace. See
    /// [`Emitter::latest`].
    pub fn latest<'a>(&'a self, key: &'a str) -> Emitter<'a> {
        self.everyone().latest(key)
    }

    /// Addresses every socket of the namespace.
    pub fn everyone(&self) -> Emitter<'_> {
        Emitter::new(&self.0, None)
    }

    /// Addresses a room.
    pub fn to<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        self.everyone().to(room)
    }

    /// Addresses everyone who is not in a room.
    pub fn except<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        self.everyone().except(room)
    }

    /// Addresses every socket that acts on behalf of the principal with this id, such as a user on all
    /// their devices.
    pub fn to_principal<'a>(&'a self, id: &'a str) -> Emitter<'a> {
        self.everyone().to_principal(id)
    }

    /// The connected socket with this id.
    #[must_use]
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.0.sockets.get(id).map(|socket| socket.clone())
    }

    /// All connected sockets.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.0.everyone.snapshot().to_vec()
    }

    /// How many sockets are connected.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.0.everyone.len()
    }

    /// The rooms that anybody is in.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        self.0.rooms.names()
    }

    /// How many rooms anybody is in.
    #[must_use]
    pub fn room_count(&self) -> usize {
        self.0.rooms.len()
    }

    /// How many sockets are in a room.
    #[must_use]
    pub fn count_in(&self, room: &str) -> usize {
        self.0.rooms.get(room).map_or(0, |room| room.len())
    }
}

impl Deref for Namespace {
    type Target = Routes;

    fn deref(&self) -> &Routes {
        &self.0.routes
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", self.name())
            .field("sockets", &self.socket_count())
            .field("rooms", &self.room_count())
            .field("principals", &self.0.principals.len())
            .finish_non_exhaustive()
    }
}

impl NamespaceInner {
    /// A namespace that is there from the start.
    pub(crate) fn new(name: NamespaceName) -> Arc<Self> {
        Arc::new(Self {
            routes: Routes::new(&name),
            name,
            concrete: None,
            rooms: Rooms::new(),
            principals: Rooms::new(),
            everyone: Membership::unnamed(),
            sockets: DashMap::new(),
        })
    }

    /// A namespace of a pattern.
    pub(crate) fn of_pattern(
        name: NamespaceName,
        routes: Arc<Routes>,
        concrete: Concrete,
    ) -> Arc<Self> {
        Arc::new(Self {
            routes,
            name,
            concrete: Some(concrete),
            rooms: Rooms::with_shards(SHARDS),
            principals: Rooms::with_shards(SHARDS),
            everyone: Membership::unnamed(),
            sockets: DashMap::with_shard_amount(SHARDS),
        })
    }

    pub(crate) const fn name(&self) -> &NamespaceName {
        &self.name
    }

    /// An event as this namespace sends it.
    pub(crate) fn event(&self, event: &EventName, args: &Payload) -> Prepared {
        Prepared::event_with_overflow(&self.name, event, args, self.routes.overflow_policy())
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        self.routes.hooks()
    }

    pub(crate) const fn concrete(&self) -> Option<&Concrete> {
        self.concrete.as_ref()
    }

    pub(crate) const fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub(crate) const fn principals(&self) -> &Rooms<Arc<str>> {
        &self.principals
    }

    pub(crate) const fn everyone(&self) -> &Membership {
        &self.everyone
    }

    /// Makes a socket reachable by its id, by its principal, and by what is sent to everyone.
    pub(crate) fn add(&self, socket: &Socket) {
        self.everyone.insert(socket);
        if let Some(principal) = socket.principal() {
            let _ = self.principals.join(principal.key(), socket);
        }
        self.sockets.insert(socket.id().clone(), socket.clone());
    }

    pub(crate) fn remove(&self, socket: &Socket) {
        self.everyone.remove(socket);
        let key = socket.principal().map(|principal| principal.key());
        if let Some(group) = key.and_then(|key| self.principals.get(&key)) {
            self.principals.leave(&group, socket);
        }
        let removed = self.sockets.remove(socket.id().as_str());
        drop(removed);
    }
}

/// Into how many parts the maps of a pattern's namespace are split. The usual number grows with the
/// machine, and would make ten thousand small namespaces cost a gigabyte on a large one.
const SHARDS: usize = 2;
