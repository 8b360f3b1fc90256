//! Namespaces: what a program does about their events, and who is in them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use dashmap::DashMap;
use rustc_hash::FxHashMap;
use trunkline_driver::sync::{Arc, AtomicU64, AtomicUsize, Ordering, RwLock};
use trunkline_protocol::{
    EventName, IntoArgs, NamespaceName, Overflow, Payload, Prepared, Room, SocketId,
};

use crate::handler::stage::{OnConnect, OnDisconnect, OnEvent, OnJoin, OnLife};
use crate::handler::{ErasedHandler, Handler};
use crate::room::{Membership, Rooms};
use crate::{EmitError, Emitter, IntoEventName, Socket};

/// A namespace of a server: its handlers, its sockets and its rooms.
///
/// A cheap handle; all clones are the same namespace. Handlers are registered here, once for all
/// sockets, before clients connect.
///
/// Events of one socket are handled in order, one at a time; events of different sockets, and the
/// acks of events sent from here, wait for none of them. A handler that awaits an answer from its
/// own peer holds up that peer's further events, and if the peer's handler does the same, both wait
/// for their time-outs: such events are what [`Registration::concurrent`] is for.
#[derive(Clone)]
pub struct Namespace(Arc<NamespaceInner>);

pub(crate) struct NamespaceInner {
    name: NamespaceName,
    /// The program alone chooses what is in it, so that its hash needs no secret.
    routes: RwLock<FxHashMap<EventName, Arc<Route>>>,
    overflow: OnceLock<Overflow>,
    hooks: Hooks,
    rooms: Rooms,
    everyone: Membership,
    sockets: DashMap<SocketId, Socket>,
    unknown_events: AtomicU64,
    dropped_best_effort: AtomicU64,
}

/// The hooks of a namespace's sockets; each is set at most once.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) authorize: OnceLock<ErasedHandler>,
    pub(crate) connect: OnceLock<ErasedHandler>,
    pub(crate) join: OnceLock<ErasedHandler>,
    pub(crate) detach: OnceLock<ErasedHandler>,
    pub(crate) resume: OnceLock<ErasedHandler>,
    pub(crate) disconnect: OnceLock<ErasedHandler>,
}

/// What is done about an event.
pub(crate) struct Route {
    event: EventName,
    handler: ErasedHandler,
    /// How many may run at once per socket; 0 means in order with all others.
    concurrency: AtomicUsize,
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

    /// Handles an event: see [`Handler`] for what a handler looks like.
    ///
    /// If the client asked for an ack, it gets what the handler returns. An event without a handler
    /// is failed with `unknown-event`; a handler that panics is failed with `internal`, and ends
    /// neither connection nor server. One that is still under way
    /// [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT) after its socket's end is ended: its future is
    /// dropped where it waits.
    ///
    /// # Panics
    /// If the event has a handler already, or its name is none.
    pub fn on<A>(
        &self,
        event: impl IntoEventName,
        handler: impl Handler<OnEvent, A>,
    ) -> Registration {
        let namespace = self.name();
        let event = match event.into_event_name() {
            Ok(event) => event,
            Err(invalid) => panic!("an event of namespace {namespace:?}: {invalid}"),
        };
        let route = Arc::new(Route {
            event: event.clone(),
            handler: ErasedHandler::new(handler),
            concurrency: AtomicUsize::new(0),
        });
        let old = {
            let mut routes = self.0.routes.write();
            let is_new = !routes.contains_key(&event);
            is_new.then(|| routes.insert(event.clone(), Arc::clone(&route)))
        };
        assert!(
            old.is_some(),
            "event {event:?} of namespace {namespace:?} has a handler already"
        );
        Registration { route }
    }

    /// The namespace's own authentication: decides who may enter, ahead of `on_connect`, and again at
    /// each resume, with the auth of the same CONNECT, which is kept for that. `Data<T>` is that auth.
    ///
    /// A [`Failure`](crate::Failure) refuses with its code, text and data; at a resume it disconnects
    /// the socket with `unauthorized`, ahead of anything that it sent since, and the rest of the
    /// session goes on. It judges and does nothing else, since it may run many times for one socket;
    /// more than [`authentication_timeout`](crate::Builder::authentication_timeout) and a panic are
    /// refusals too. Specification: SES-043.
    ///
    /// # Panics
    /// If it is set already.
    pub fn authorize<A>(&self, hook: impl Handler<OnConnect, A>) -> &Self {
        self.set_hook(
            "authorize",
            &self.0.hooks.authorize,
            ErasedHandler::new(hook),
        )
    }

    /// Decides whether a client may have the room that it names, for
    /// [`Socket::join_if_allowed`](crate::Socket::join_if_allowed). It asks for the
    /// [`Room`](crate::Room); a [`Failure`](crate::Failure) refuses. Default: nobody may.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_join<A>(&self, hook: impl Handler<OnJoin, A>) -> &Self {
        self.set_hook("on_join", &self.0.hooks.join, ErasedHandler::new(hook))
    }

    /// Decides who may enter, before any event of theirs runs. `Data<T>` is the CONNECT's auth.
    ///
    /// What it returns is the `data` that the client is told; a [`Failure`](crate::Failure) refuses
    /// with its code, text and data. What it sends to the socket arrives once it is connected; an
    /// ack can therefore not be awaited in it. One that takes longer than
    /// [`authentication_timeout`](crate::Builder::authentication_timeout) has failed.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_connect<A>(&self, hook: impl Handler<OnConnect, A>) -> &Self {
        self.set_hook(
            "on_connect",
            &self.0.hooks.connect,
            ErasedHandler::new(hook),
        )
    }

    /// Told, in order with the events, that a socket's session lost its connection. It may be
    /// resumed; what is sent meanwhile waits for it.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_detach<A>(&self, hook: impl Handler<OnLife, A>) -> &Self {
        self.set_hook("on_detach", &self.0.hooks.detach, ErasedHandler::new(hook))
    }

    /// Told, in order with the events, that a socket's session is attached to a connection again:
    /// after the events of before, ahead of those the client sends again or anew.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_resume<A>(&self, hook: impl Handler<OnLife, A>) -> &Self {
        self.set_hook("on_resume", &self.0.hooks.resume, ErasedHandler::new(hook))
    }

    /// Told exactly once that a socket is over, after the events that came before (it does not wait
    /// for concurrent ones); never for one that `on_connect` refused. The socket still lists its
    /// rooms, and leaves them afterwards.
    ///
    /// A handler that is under way for longer than [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT) after
    /// its socket's end is ended, and events that wait behind it are dropped. This hook has the same
    /// time; what must take longer is spawned.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_disconnect<A>(&self, hook: impl Handler<OnDisconnect, A>) -> &Self {
        self.set_hook(
            "on_disconnect",
            &self.0.hooks.disconnect,
            ErasedHandler::new(hook),
        )
    }

    /// What becomes of the namespace's events that a slow client does not take: see [`Overflow`].
    /// Default [`Overflow::Disconnect`].
    ///
    /// With any other, the namespace's events to clients are **not exactly-once**: some are dropped,
    /// and counted in [`Stats::dropped_events`](crate::Stats::dropped_events). Events that ask for an
    /// ack, and answers, are never dropped.
    ///
    /// # Panics
    /// If it is set already.
    pub fn overflow(&self, overflow: Overflow) -> &Self {
        let namespace = self.name();
        assert!(
            self.0.overflow.set(overflow).is_ok(),
            "the overflow policy of namespace {namespace:?} is set already"
        );
        self
    }

    /// Sends an event to every socket of the namespace. See [`Emitter::emit`].
    ///
    /// # Errors
    /// The event has no valid name, or the args do not encode. Nothing was sent then.
    pub fn emit(&self, event: impl IntoEventName, args: impl IntoArgs) -> Result<(), EmitError> {
        Emitter::new(&self.0, None).emit(event, args)
    }

    /// Sends volatile events to every socket of the namespace. See [`Emitter::volatile`].
    pub fn volatile(&self) -> Emitter<'_> {
        Emitter::new(&self.0, None).volatile()
    }

    /// Addresses a room.
    pub fn to<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        Emitter::new(&self.0, None).to(room)
    }

    /// Addresses everyone who is not in a room.
    pub fn except<'a>(&'a self, room: &'a str) -> Emitter<'a> {
        Emitter::new(&self.0, None).except(room)
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

    /// Events that came in vain so far, since they have no handler.
    #[must_use]
    pub fn unknown_events(&self) -> u64 {
        self.0.unknown_events.load(Ordering::Relaxed)
    }

    /// Best-effort events that were dropped so far, since too many waited for handlers.
    #[must_use]
    pub fn dropped_best_effort(&self) -> u64 {
        self.0.dropped_best_effort.load(Ordering::Relaxed)
    }

    fn set_hook(&self, what: &str, slot: &OnceLock<ErasedHandler>, hook: ErasedHandler) -> &Self {
        let namespace = self.name();
        assert!(
            slot.set(hook).is_ok(),
            "{what} of namespace {namespace:?} is set already"
        );
        self
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", self.name())
            .field("sockets", &self.socket_count())
            .finish_non_exhaustive()
    }
}

/// An event that has its handler.
#[derive(Clone)]
pub struct Registration {
    route: Arc<Route>,
}

impl Registration {
    /// Handles the event outside the order: up to `limit` at once per socket, beside whatever else
    /// runs. Further ones wait, in their order, for one of these to end.
    ///
    /// Default: in order, one at a time with all events of the socket. Worst case per socket:
    /// `limit` handlers under way, each with its args.
    ///
    /// # Panics
    /// If `limit` is 0.
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn concurrent(self, limit: usize) -> Self {
        let event = self.route.event();
        assert!(
            limit > 0,
            "event {event:?}: at least one handler must be able to run"
        );
        self.route.set_concurrency(limit);
        self
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("event", self.route.event())
            .field("concurrency", &self.route.concurrency())
            .finish()
    }
}

impl NamespaceInner {
    pub(crate) fn new(name: NamespaceName) -> Arc<Self> {
        Arc::new(Self {
            name,
            routes: RwLock::default(),
            overflow: OnceLock::new(),
            hooks: Hooks::default(),
            rooms: Rooms::default(),
            everyone: Membership::default(),
            sockets: DashMap::new(),
            unknown_events: AtomicU64::new(0),
            dropped_best_effort: AtomicU64::new(0),
        })
    }

    pub(crate) const fn name(&self) -> &NamespaceName {
        &self.name
    }

    /// An event as this namespace sends it.
    pub(crate) fn event(&self, event: &EventName, args: &Payload) -> Prepared {
        let overflow = self.overflow.get().copied().unwrap_or_default();
        Prepared::event_with_overflow(&self.name, event, args, overflow)
    }

    pub(crate) const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    pub(crate) const fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub(crate) const fn everyone(&self) -> &Membership {
        &self.everyone
    }

    pub(crate) fn route(&self, event: &str) -> Option<Arc<Route>> {
        self.routes.read().get(event).map(Arc::clone)
    }

    /// Makes a socket reachable by its id and by what is sent to everyone.
    pub(crate) fn add(&self, socket: &Socket) {
        self.everyone.insert(socket);
        self.sockets.insert(socket.id().clone(), socket.clone());
    }

    pub(crate) fn remove(&self, socket: &Socket) {
        self.everyone.remove(socket);
        let removed = self.sockets.remove(socket.id().as_str());
        drop(removed);
    }

    pub(crate) fn count_unknown_event(&self) {
        self.unknown_events.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dropped_best_effort(&self) {
        self.dropped_best_effort.fetch_add(1, Ordering::Relaxed);
    }
}

impl Route {
    pub(crate) const fn event(&self) -> &EventName {
        &self.event
    }

    pub(crate) const fn handler(&self) -> &ErasedHandler {
        &self.handler
    }

    pub(crate) fn set_concurrency(&self, limit: usize) {
        self.concurrency.store(limit, Ordering::Relaxed);
    }

    /// How many may run at once per socket; none if in order with all others.
    pub(crate) fn concurrency(&self) -> Option<usize> {
        NonZeroUsize::new(self.concurrency.load(Ordering::Relaxed)).map(NonZeroUsize::get)
    }
}

#[cfg(test)]
impl Route {
    /// A route that does nothing.
    pub(crate) fn idle(event: &str, concurrency: usize) -> Self {
        Self {
            event: EventName::try_from(event).expect("a test's name is good"),
            handler: ErasedHandler::new::<OnEvent, _>(|| async {}),
            concurrency: AtomicUsize::new(concurrency),
        }
    }
}
