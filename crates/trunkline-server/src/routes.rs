//! What a program does about the events and the sockets of a namespace.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use trunkline_driver::sync::{Arc, AtomicU64, AtomicUsize, Ordering, RwLock};
use trunkline_protocol::{EventName, IntoEventName, Overflow};

use crate::extract::Offers;
use crate::handler::stage::{
    AroundConnect, AroundEvent, OnAny, OnConnect, OnDisconnect, OnEvent, OnJoin, OnLife,
};
use crate::handler::{ErasedHandler, Handled, Handler};
use crate::middleware::Layers;
use crate::stream::Take;
use crate::{EventStream, Failure, Socket};

/// The handlers and hooks of a namespace, or of all namespaces of a pattern.
///
/// [`Namespace`](crate::Namespace) and [`Namespaces`](crate::Namespaces) lead here, so that one
/// writes `chat.on(…)`. Register everything before clients connect.
///
/// Events of one socket are handled in order, one at a time; events of different sockets, and the
/// acks of events sent from here, wait for none of them. A handler that awaits an answer from its
/// own peer holds up that peer's further events, and if the peer's handler does the same, both wait
/// for their time-outs: such events are what [`Registration::concurrent`] is for.
///
/// What an event meets, in this order; each only if there is any:
///
/// 1. its [`middleware`](Self::middleware), in the order of registration: the first is the outermost;
/// 2. [`on_any`](Self::on_any);
/// 3. the handler of its name, or else [`on_fallback`](Self::on_fallback), or else `unknown-event`.
///
/// A CONNECT meets [`authorize`](Self::authorize), then its
/// [`connect_middleware`](Self::connect_middleware), then [`on_connect`](Self::on_connect).
pub struct Routes {
    /// The namespace's name, or the pattern: for what is said about mistakes.
    label: Box<str>,
    /// The program alone chooses what is in it, so that its hash needs no secret.
    named: RwLock<FxHashMap<EventName, Arc<Route>>>,
    fallback: OnceLock<Arc<Route>>,
    /// For events that nobody handles, where something sees them all the same.
    unhandled: Arc<Route>,
    any: OnceLock<ErasedHandler>,
    event_layers: Layers,
    connect_layers: Layers,
    hooks: Hooks,
    overflow: OnceLock<Overflow>,
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
    /// The event's name; that of a fallback says nothing.
    event: EventName,
    handler: ErasedHandler,
    /// How many may run at once per socket; 0 means in order with all others.
    concurrency: AtomicUsize,
}

impl Routes {
    pub(crate) fn new(label: &str) -> Arc<Self> {
        Arc::new(Self {
            label: label.into(),
            named: RwLock::default(),
            fallback: OnceLock::new(),
            unhandled: Arc::new(Route::unnamed(ErasedHandler::new::<OnEvent, _>(unhandled))),
            any: OnceLock::new(),
            event_layers: Layers::default(),
            connect_layers: Layers::default(),
            hooks: Hooks::default(),
            overflow: OnceLock::new(),
            unknown_events: AtomicU64::new(0),
            dropped_best_effort: AtomicU64::new(0),
        })
    }

    /// Handles an event: see [`Handler`] for what a handler looks like. That of an
    /// [`Event<T, R>`](crate::Event) takes a `Data<T>`, if it takes content, and returns an `R`.
    ///
    /// If the client asked for an ack, it gets what the handler returns. An event without a handler
    /// is failed with `unknown-event`, unless there is a [fallback](Self::on_fallback); a handler
    /// that panics is failed with `internal`, and ends neither connection nor server. One that is still
    /// under way [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT) after its socket's end is ended: its future
    /// is dropped where it waits.
    ///
    /// # Panics
    /// If the event has a handler already, or its name is none.
    pub fn on<E: Handled, A>(&self, event: E, handler: impl Handler<E::Stage, A>) -> Registration {
        self.handle(event, ErasedHandler::new(handler))
    }

    /// The events of one name, of all sockets, as a stream in place of a handler. Its items are what
    /// is asked for: an extractor, or a tuple of up to eight.
    ///
    /// It holds up to `capacity` items. While it is full, events wait for their turn as they do for a
    /// handler that takes its time: in order with all others of their socket, which past
    /// `limits.inbound` wait at the client. None is lost, unless its socket is over and the stream stays
    /// full for [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT) more. An event is acked, without args, when it is
    /// in the stream; if a [`Responder`](crate::Responder) is asked for, that answers.
    ///
    /// ```
    /// # use trunkline_server::{Data, Namespace, Socket};
    /// # async fn read(chat: &Namespace) {
    /// let mut lines = chat.stream::<(Socket, Data<String>)>("say", 64);
    /// while let Some((socket, Data(line))) = lines.next().await {
    ///     println!("{}: {line}", socket.id());
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the event has a handler already, its name is none, or `capacity` is 0.
    pub fn stream<T: Send + 'static>(
        &self,
        event: impl Handled<Stage: Offers<T>>,
        capacity: usize,
    ) -> EventStream<T> {
        let (stream, handler) = EventStream::new(capacity, take_of(&event));
        self.handle(event, handler);
        stream
    }

    /// Handles the events that have no handler of their own, in place of `unknown-event`. It is a
    /// handler like others; [`EventName`] tells it which event it is.
    ///
    /// The names are the peer's choice: whatever is kept by name here needs a bound.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_fallback<A>(&self, handler: impl Handler<OnEvent, A>) -> Registration {
        let route = Arc::new(Route::unnamed(ErasedHandler::new(handler)));
        self.set_once("on_fallback", &self.fallback, Arc::clone(&route));
        Registration { route }
    }

    /// Sees every event, also those that nobody handles, beside their handlers: the handler begins
    /// when this is done. What it returns is nobody's answer; if it fails, that is logged.
    ///
    /// For what may refuse an event or wants to see its answer, there is
    /// [`middleware`](Self::middleware).
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_any<A>(&self, handler: impl Handler<OnAny, A>) -> &Self {
        self.set_hook("on_any", &self.any, ErasedHandler::new(handler))
    }

    /// Runs around the handler of every event, also around the fallback and `unknown-event`.
    ///
    /// It is a handler that asks for [`Next`](crate::Next) too, and runs the rest with it, or answers
    /// by itself. It sees of the event what it asks for, and nothing is decoded that it does not.
    ///
    /// ```
    /// # use trunkline_server::{EventName, Failure, Namespace, Next, SocketState};
    /// # struct Muted;
    /// # fn routes(chat: &Namespace) {
    /// chat.middleware(|event: EventName, muted: Option<SocketState<Muted>>, next: Next| async move {
    ///     if muted.is_some() {
    ///         return Err(Failure::new(4003, format!("{event} is not for the muted")));
    ///     }
    ///     let begun = std::time::Instant::now();
    ///     let answer = next.run().await;
    ///     println!("{event}: {:?}", begun.elapsed());
    ///     answer
    /// });
    /// # }
    /// ```
    pub fn middleware<A>(&self, layer: impl Handler<AroundEvent, A>) -> &Self {
        self.event_layers.push(ErasedHandler::new(layer));
        self
    }

    /// Runs around [`on_connect`](Self::on_connect), whether or not there is one, for every CONNECT:
    /// as [`middleware`](Self::middleware) does around events.
    ///
    /// Together with `authorize` and `on_connect` it has
    /// [`authentication_timeout`](crate::Builder::authentication_timeout). `next.run()` gives the data
    /// for the client. At a resume it does not run again; what must is for
    /// [`authorize`](Self::authorize).
    pub fn connect_middleware<A>(&self, layer: impl Handler<AroundConnect, A>) -> &Self {
        self.connect_layers.push(ErasedHandler::new(layer));
        self
    }

    /// The namespace's own authentication: decides who may enter, ahead of `on_connect`, and again at
    /// each resume, with the auth of the same CONNECT, which is kept for that. `Data<T>` is that auth.
    ///
    /// A [`Failure`](crate::Failure) refuses with its code, text and data; at a resume it disconnects
    /// the socket with `unauthorized`, ahead of anything that it sent since, and without what waits for
    /// it, which is counted in [`Stats::discarded_events`](crate::Stats::discarded_events); the rest of
    /// the session goes on. It judges and does nothing else, since it may run many times for one socket;
    /// more than [`authentication_timeout`](crate::Builder::authentication_timeout) and a panic are
    /// refusals too. Specification: SES-043.
    ///
    /// # Panics
    /// If it is set already.
    pub fn authorize<A>(&self, hook: impl Handler<OnConnect, A>) -> &Self {
        self.set_hook("authorize", &self.hooks.authorize, ErasedHandler::new(hook))
    }

    /// Decides whether a client may have the room that it names, for
    /// [`Socket::join_if_allowed`](crate::Socket::join_if_allowed). It asks for the
    /// [`Room`](crate::Room); a [`Failure`](crate::Failure) refuses. Default: nobody may.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_join<A>(&self, hook: impl Handler<OnJoin, A>) -> &Self {
        self.set_hook("on_join", &self.hooks.join, ErasedHandler::new(hook))
    }

    /// Decides who may enter, before any event of theirs runs. `Data<T>` is the CONNECT's auth.
    ///
    /// What it returns is the `data` that the client is told; a [`Failure`](crate::Failure) refuses with its code,
    /// text and data. What it sends to the socket arrives once it is connected; an ack can therefore
    /// not be awaited in it. One that takes longer than
    /// [`authentication_timeout`](crate::Builder::authentication_timeout) has failed.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_connect<A>(&self, hook: impl Handler<OnConnect, A>) -> &Self {
        self.set_hook("on_connect", &self.hooks.connect, ErasedHandler::new(hook))
    }

    /// Told, in order with the events, that a socket's session lost its connection. It may be
    /// resumed; what is sent meanwhile waits for it.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_detach<A>(&self, hook: impl Handler<OnLife, A>) -> &Self {
        self.set_hook("on_detach", &self.hooks.detach, ErasedHandler::new(hook))
    }

    /// Told, in order with the events, that a socket's session is attached to a connection again:
    /// after the events of before, ahead of those the client sends again or anew.
    ///
    /// # Panics
    /// If it is set already.
    pub fn on_resume<A>(&self, hook: impl Handler<OnLife, A>) -> &Self {
        self.set_hook("on_resume", &self.hooks.resume, ErasedHandler::new(hook))
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
            &self.hooks.disconnect,
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
        self.set_once("the overflow policy", &self.overflow, overflow);
        self
    }

    /// Events that came in vain so far, since they have no handler.
    #[must_use]
    pub fn unknown_events(&self) -> u64 {
        self.unknown_events.load(Ordering::Relaxed)
    }

    /// Best-effort events that were dropped so far, since too many waited for handlers.
    #[must_use]
    pub fn dropped_best_effort(&self) -> u64 {
        self.dropped_best_effort.load(Ordering::Relaxed)
    }

    pub(crate) const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    pub(crate) fn overflow_policy(&self) -> Overflow {
        self.overflow.get().copied().unwrap_or_default()
    }

    pub(crate) const fn event_layers(&self) -> &Layers {
        &self.event_layers
    }

    pub(crate) const fn connect_layers(&self) -> &Layers {
        &self.connect_layers
    }

    pub(crate) fn any(&self) -> Option<&ErasedHandler> {
        self.any.get()
    }

    /// Whether events go straight to their handlers.
    pub(crate) fn is_direct(&self) -> bool {
        self.event_layers.is_empty() && self.any.get().is_none()
    }

    /// What is done about an event, with its name if the route does not tell it; none if nobody
    /// handles or sees it.
    pub(crate) fn find(&self, event: &str) -> Option<(Arc<Route>, Option<EventName>)> {
        if let Some(route) = self.named.read().get(event) {
            return Some((Arc::clone(route), None));
        }
        let unhandled = (!self.is_direct()).then_some(&self.unhandled);
        let route = self.fallback.get().or(unhandled)?;
        // The decoder has checked the name.
        let name = EventName::try_from(event).ok()?;
        Some((Arc::clone(route), Some(name)))
    }

    pub(crate) fn count_unknown_event(&self) {
        self.unknown_events.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dropped_best_effort(&self) {
        self.dropped_best_effort.fetch_add(1, Ordering::Relaxed);
    }

    fn handle(&self, event: impl IntoEventName, handler: ErasedHandler) -> Registration {
        let label = &self.label;
        let event = match event.into_event_name() {
            Ok(event) => event,
            Err(invalid) => panic!("an event of namespace {label:?}: {invalid}"),
        };
        let route = Arc::new(Route::new(event.clone(), handler));
        let old = {
            let mut routes = self.named.write();
            let is_new = !routes.contains_key(&event);
            is_new.then(|| routes.insert(event.clone(), Arc::clone(&route)))
        };
        assert!(
            old.is_some(),
            "event {event:?} of namespace {label:?} has a handler already"
        );
        Registration { route }
    }

    fn set_hook(&self, what: &str, slot: &OnceLock<ErasedHandler>, hook: ErasedHandler) -> &Self {
        self.set_once(what, slot, hook);
        self
    }

    fn set_once<T>(&self, what: &str, slot: &OnceLock<T>, value: T) {
        let label = &self.label;
        assert!(
            slot.set(value).is_ok(),
            "{what} of namespace {label:?} is set already"
        );
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("of", &self.label)
            .field("events", &self.named.read().len())
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

impl Route {
    fn new(event: EventName, handler: ErasedHandler) -> Self {
        Self {
            event,
            handler,
            concurrency: AtomicUsize::new(0),
        }
    }

    /// A route for events of any name.
    fn unnamed(handler: ErasedHandler) -> Self {
        let event = EventName::try_from(ANY_NAME).expect("one byte is a name");
        Self::new(event, handler)
    }

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

/// How an item of a stream is made of this event.
fn take_of<T, E: Handled<Stage: Offers<T>>>(_event: &E) -> Take<T> {
    <E::Stage as Offers<T>>::offer
}

/// What an event meets that nobody handles.
async fn unhandled(socket: Socket) -> Result<(), Failure> {
    socket.namespace_inner().routes().count_unknown_event();
    Err(Failure::unknown_event(UNKNOWN_EVENT))
}

/// What is told for an event without a handler: the code's name.
pub(crate) const UNKNOWN_EVENT: &str = "unknown-event";

/// What the route of events of any name is shown as.
const ANY_NAME: &str = "*";

#[cfg(test)]
impl Route {
    /// A route that does nothing.
    pub(crate) fn idle(event: &str, concurrency: usize) -> Self {
        let event = EventName::try_from(event).expect("a test's name is good");
        let route = Self::new(event, ErasedHandler::new::<OnEvent, _>(|| async {}));
        route.set_concurrency(concurrency);
        route
    }
}
