//! The server: its configuration, its namespaces and its sessions.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use dashmap::DashMap;
use tokio::runtime::Handle;
use trunkline_driver::sync::{Arc, AtomicU64, Ordering};
use trunkline_driver::{Flow, Tap, TappedFrame};
use trunkline_protocol::{Code, Limits, Lost, NamespaceName};
use trunkline_transport::Connection;

use crate::accept;
use crate::activity::Activity;
use crate::auth::Request;
use crate::credentials::{AUTHENTICATION_LIMIT, Authenticate, Credentials};
use crate::door::{Door, Place};
use crate::holdings::Holdings;
use crate::namespace::{Namespace, NamespaceInner};
use crate::namespaces::{Match, Namespaces, Patterns};
use crate::presence::{Guest, Presence, farewell};
use crate::refresh::REFRESH_LEAD;
use crate::registry::Registry;
use crate::upgrade::{BeforeUpgrade, HttpRefusal, UpgradeRequest};
use crate::{Admission, Failure, FloodLimits, sweep};

/// A server: namespaces with their handlers, and the sessions of its clients.
///
/// A cheap handle; all clones are the same server. It listens to nothing by itself: every connection
/// comes in through [`accept`](Self::accept), which the `trunkline` crate's `bind` does for you.
///
/// When the last handle and the last session are gone, so is its one background task.
#[derive(Clone)]
pub struct Server {
    inner: Arc<ServerInner>,
}

pub(crate) struct ServerInner {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) presence: Presence,
    pub(crate) door: Arc<Door>,
    pub(crate) authenticate: Option<Authenticate>,
    before_upgrade: Option<BeforeUpgrade>,
    pub(crate) tap: Option<Tap>,
    namespaces: DashMap<NamespaceName, Arc<NamespaceInner>>,
    patterns: Patterns,
    state: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// The runtime that connections live in, once there was one.
    runtime: OnceLock<Handle>,
    counters: Counters,
    pub(crate) activity: Activity,
}

/// Where a CONNECT leads.
pub(crate) enum Found {
    Fixed(Arc<NamespaceInner>),
    OfPattern(Match),
}

#[derive(Debug, Default)]
struct Counters {
    lost_unconfirmed: AtomicU64,
    lost_queued: AtomicU64,
    discarded_events: AtomicU64,
    dropped_best_effort: AtomicU64,
    dropped_volatile: AtomicU64,
    aborted_handlers: AtomicU64,
    upgrades_refused: AtomicU64,
    authentications_refused: AtomicU64,
    authentications_failed: AtomicU64,
    credentials_expired: AtomicU64,
    closed_too_fast: AtomicU64,
    refused_connects: AtomicU64,
    refused_joins: AtomicU64,
}

/// What a server is built with. See [`Builder`] for the meaning of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) limits: Limits,
    pub(crate) ping_interval: Duration,
    pub(crate) ignorable_frames: bool,
    pub(crate) ping_timeout: Duration,
    pub(crate) resume_window: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) authentication_timeout: Duration,
    pub(crate) refresh_lead: Duration,
    pub(crate) namespace_timeout: Duration,
    pub(crate) replay_budget: usize,
    pub(crate) flood: FloodLimits,
}

/// What a server holds at the moment, and what it has counted since it was built.
///
/// [`figures`](Self::figures) gives it as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections, those in their handshake included, of HTTP and of a session.
    pub connections: usize,
    /// Sessions, attached or waiting to be resumed.
    pub sessions: usize,
    /// Namespaces: those made by name, and those of patterns that exist.
    pub namespaces: usize,
    /// CONNECTs refused since as many namespaces of a pattern existed as its limit allows.
    pub refused_namespaces: u64,
    /// Sessions with a connection; the others wait to be resumed.
    pub sessions_attached: usize,
    /// Sockets: sessions in a namespace, once for each.
    pub sockets: usize,
    /// Rooms that anybody is in.
    pub rooms: usize,
    /// Bytes that wait to be sent to clients, with 64 more for each frame.
    pub queued_bytes: usize,
    /// Bytes kept for clients in all: what waits, and what was sent and is not confirmed. The server's
    /// [`replay_budget`](Builder::replay_budget) is about these.
    pub kept_bytes: usize,
    /// Acks that clients owe.
    pub pending_acks: usize,
    /// Connections that came in. Those that are neither refused nor closed are there now.
    pub connections_opened: u64,
    /// Connections refused in their handshake, by the code they were told. Of 128 different codes on,
    /// others are counted as 0.
    pub connections_refused: Vec<(Code, u64)>,
    /// Connections that ended, by code, counted likewise: 1006 where the link broke, or no HELLO came
    /// before it did.
    pub connections_closed: Vec<(Code, u64)>,
    /// Sessions that began.
    pub sessions_begun: u64,
    /// Times that a session was resumed.
    pub resumes: u64,
    /// Offers to resume that were answered with a fresh session, or none, by reason. Those refused by
    /// CLOSE are among `connections_refused`.
    pub resumes_refused: Vec<(&'static str, u64)>,
    /// What came from clients.
    pub received: Flow,
    /// What was sent to clients: handed to a connection. What waits is counted when it leaves, and what
    /// is dropped before that is counted as that.
    pub sent: Flow,
    /// Handlers and hooks that failed without meaning to: with an error that was no
    /// [`Failure`](crate::Failure) made on purpose.
    pub handlers_failed: u64,
    /// Handlers and hooks that panicked.
    pub handlers_panicked: u64,
    /// Frames that sessions had sent without receipt when they ended: whether they arrived is
    /// unknown.
    pub lost_unconfirmed: u64,
    /// Frames that had not been sent when their session ended.
    pub lost_queued: u64,
    /// Events that had not been sent when their client left the namespace, was refused there, or was
    /// locked out at a resume.
    pub discarded_events: u64,
    /// Best-effort frames of clients that were dropped: for a namespace that they were not in or not
    /// connected to yet, or with content that does not decode.
    pub dropped_best_effort: u64,
    /// Events to clients that were dropped while they waited, since more waited than may: of
    /// namespaces whose [`Overflow`](crate::Overflow) says so.
    pub dropped_events: u64,
    /// Volatile events to clients that were dropped: their connection was busy, or there was none, or it
    /// ended before they were written.
    pub dropped_volatile: u64,
    /// LATEST frames of clients that were dropped, since their connection had brought the same version
    /// or a higher one. Specification: best-effort.md, BEF-007.
    pub stale_best_effort: u64,
    /// Handlers and hooks that were ended because they outlived their socket by
    /// [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT), or that what decides about a CONNECT or a room took
    /// longer than [`Builder::authentication_timeout`].
    pub aborted_handlers: u64,
    /// Requests that [`Builder::before_upgrade`] refused.
    pub upgrades_refused: u64,
    /// Credentials that [`Builder::authenticate`] refused, in a HELLO or in a refresh; those of
    /// another principal than the session's are among the latter.
    pub authentications_refused: u64,
    /// Credentials that it did not judge: it failed, panicked, or took too long.
    pub authentications_failed: u64,
    /// Sessions that ended since no fresh credentials came in time.
    pub credentials_expired: u64,
    /// Connections refused since there were as many as [`FloodLimits::connections`].
    pub refused_full: u64,
    /// Connections refused since their address had [`FloodLimits::connections_per_address`].
    pub refused_full_of_address: u64,
    /// Attempts refused by the rate [`FloodLimits::attempts`].
    pub refused_attempts: u64,
    /// Offers to resume refused by the rate [`FloodLimits::failed_resumes`].
    pub refused_resumes: u64,
    /// Connections closed by the rate [`FloodLimits::frames`] or [`FloodLimits::bytes`].
    pub closed_too_fast: u64,
    /// CONNECTs refused by the rate [`FloodLimits::connects`].
    pub refused_connects: u64,
    /// Joins refused by the rate [`FloodLimits::joins`].
    pub refused_joins: u64,
}

impl Server {
    /// A server with the defaults of [`Builder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Builds a server with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The namespace of this name, made if it is not there yet.
    ///
    /// Register its handlers before clients connect.
    ///
    /// # Panics
    /// If the name is no namespace's: 1 to 255 bytes that start with "/".
    #[must_use]
    pub fn namespace(&self, name: &str) -> Namespace {
        let name = match NamespaceName::try_from(name) {
            Ok(name) => name,
            Err(invalid) => panic!("namespace {name:?}: {invalid}"),
        };
        let entry = self.inner.namespaces.entry(name.clone());
        let namespace = entry.or_insert_with(|| NamespaceInner::new(name));
        Namespace::new(Arc::clone(&namespace))
    }

    /// The namespaces whose names fit a pattern: they come and go with their sockets.
    ///
    /// A part in braces stands for any text up to the next "/", and `{*rest}` at the end for all that
    /// is left; `{{` is a brace. A namespace that was made by [`namespace`](Self::namespace) goes
    /// first, and of several patterns the one that says most. The same pattern gives the same
    /// namespaces.
    ///
    /// ```
    /// # use trunkline_server::{Data, Failure, Params, Server, Socket};
    /// # let server = Server::new();
    /// let orgs = server.namespaces("/org/{id}");
    /// orgs.on_connect(|Params(id): Params<u32>, Data(token): Data<String>| async move {
    ///     if token != format!("member of {id}") {
    ///         return Err(Failure::unauthorized("not a member"));
    ///     }
    ///     Ok(())
    /// });
    /// orgs.on("say", |socket: Socket, Data(line): Data<String>| async move {
    ///     socket.broadcast().emit("said", &line)?; // everyone else in this organisation
    ///     Ok(())
    /// });
    /// ```
    ///
    /// # Panics
    /// If the pattern is malformed, or some name would fit it and another one equally.
    #[must_use]
    pub fn namespaces(&self, pattern: &str) -> Namespaces {
        match self.inner.patterns.register(pattern) {
            Ok(namespaces) => namespaces,
            Err(problem) => panic!("namespaces of pattern {pattern:?}: {problem}"),
        }
    }

    /// Judges a request before it becomes a connection, by [`Builder::before_upgrade`]: for whoever
    /// turns requests into connections, right before the upgrade is granted.
    ///
    /// # Errors
    /// The answer instead of the upgrade.
    pub fn judge_upgrade(&self, request: &UpgradeRequest<'_>) -> Result<(), HttpRefusal> {
        let Some(hook) = &self.inner.before_upgrade else {
            return Ok(());
        };
        let verdict = hook.judge(request);
        if verdict.is_err() {
            count(&self.inner.counters.upgrades_refused);
        }
        verdict
    }

    /// Counts an attempt to connect from this address against [`FloodLimits::attempts`]: for whoever
    /// accepts connections, as early as the client's address is known.
    ///
    /// # Errors
    /// There were too many: the answer instead, 429 with the figures and `Retry-After`.
    pub fn knock(&self, address: IpAddr) -> Result<(), HttpRefusal> {
        self.inner.door.knock(address)
    }

    /// Takes a place for a connection from this address, if it is known: for whoever turns requests
    /// into connections, before the upgrade is granted, to be passed on in [`Request::place`]. From here
    /// on the connection counts as there: [`closed`](Self::closed) waits for it, or for its place to be
    /// dropped.
    ///
    /// # Errors
    /// None is free: the answer instead, with the figures and `Retry-After`. 429 by
    /// [`FloodLimits::connections_per_address`], 503 by [`FloodLimits::connections`].
    pub fn enter(&self, address: Option<IpAddr>) -> Result<Place, HttpRefusal> {
        let taken = self.inner.door.enter(address)?;
        Ok(Place::of(Guest::of(&self.inner, Some(taken))))
    }

    /// The limits against floods.
    #[must_use]
    pub fn flood_limits(&self) -> &FloodLimits {
        &self.inner.config.flood
    }

    /// Serves one connection: handshake, authentication, then a task of its own until it ends.
    ///
    /// Returns once the connection is attached to a session or refused. `request` is what the
    /// connection began with. Specification: session.md, "Handshake".
    ///
    /// # Cancel safety
    /// Dropping the future before it is done cuts the connection; no session comes of it.
    pub async fn accept(&self, connection: Connection, request: Request) {
        self.start_sweeping();
        accept::accept(&self.inner, connection, request).await;
    }

    /// Shuts the server down: ends every session with 1012, so that clients come back later, or
    /// elsewhere. What they have not confirmed is lost, and counted. Connections that come from now
    /// on are told the same.
    ///
    /// A listener is not stopped by it, and neither is a web framework; stopping those ends no
    /// connection in turn. Await [`closed`](Self::closed) before the program ends, or the last words
    /// may not leave. Calling it again does nothing.
    pub fn shut_down(&self) {
        // First, so that a session that is missed below sees it when it begins.
        self.inner.presence.shut_down();
        let mut sessions = Vec::new();
        self.inner.registry.all(&mut sessions);
        for context in sessions {
            context.end(farewell());
        }
    }

    /// Whether sessions can begin here, for the readiness check of a balancer. False from
    /// [`drain`](Self::drain) or [`shut_down`](Self::shut_down) on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.presence.is_ready()
    }

    /// Waits until the server is [shut down](Self::shut_down), its last connection has ended, wherever
    /// it came in, and so has the last socket's `on_disconnect`. That takes as long as an upgrade that
    /// was granted and an authentication hook that is under way, and as those hooks do, which is at most
    /// twice [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT); a client that does not go is left after a second.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn closed(&self) {
        self.inner.presence.until(Presence::is_closed).await;
    }

    /// The limits every session is told of.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.config.limits
    }

    /// What the server holds at the moment, and what it has counted since it was built.
    ///
    /// Nothing is counted twice or forgotten, but the figures are not of one instant. It looks at
    /// every session, in about a microsecond each: for every few seconds, not for every event.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.inner.counters;
        let turned = &self.inner.door.turned;
        let mut sessions = Vec::new();
        self.inner.registry.all(&mut sessions);
        let (of_patterns, refused_namespaces) = self.inner.patterns.counts();
        let holdings = Holdings::of(&sessions);
        let activity = &self.inner.activity;
        let traffic = self.inner.registry.traffic();
        Stats {
            connections: self.inner.presence.connections(),
            sessions: sessions.len(),
            namespaces: self.inner.namespaces.len() + of_patterns,
            refused_namespaces,
            sessions_attached: holdings.attached,
            sockets: holdings.sockets,
            rooms: holdings.rooms,
            queued_bytes: holdings.queued_bytes,
            kept_bytes: holdings.kept_bytes,
            connections_opened: activity.connections_opened.value(),
            connections_refused: activity.connections_refused.counts(),
            connections_closed: activity.connections_closed.counts(),
            sessions_begun: activity.sessions_begun.value(),
            resumes: activity.resumes.value(),
            resumes_refused: activity.refusals(),
            received: traffic.received,
            sent: traffic.sent,
            handlers_failed: activity.handlers_failed.value(),
            handlers_panicked: activity.handlers_panicked.value(),
            pending_acks: sessions
                .iter()
                .map(|context| context.acks.lock().len())
                .sum(),
            lost_unconfirmed: counters.lost_unconfirmed.load(Ordering::Relaxed),
            lost_queued: counters.lost_queued.load(Ordering::Relaxed),
            discarded_events: counters.discarded_events.load(Ordering::Relaxed),
            dropped_best_effort: counters.dropped_best_effort.load(Ordering::Relaxed),
            dropped_events: traffic.dropped_events,
            dropped_volatile: counters.dropped_volatile.load(Ordering::Relaxed)
                + traffic.lost_best_effort,
            stale_best_effort: traffic.stale_best_effort,
            aborted_handlers: counters.aborted_handlers.load(Ordering::Relaxed),
            upgrades_refused: counters.upgrades_refused.load(Ordering::Relaxed),
            authentications_refused: counters.authentications_refused.load(Ordering::Relaxed),
            authentications_failed: counters.authentications_failed.load(Ordering::Relaxed),
            credentials_expired: counters.credentials_expired.load(Ordering::Relaxed),
            refused_full: turned.full.load(Ordering::Relaxed),
            refused_full_of_address: turned.full_of_address.load(Ordering::Relaxed),
            refused_attempts: turned.attempts.load(Ordering::Relaxed),
            refused_resumes: turned.resumes.load(Ordering::Relaxed),
            closed_too_fast: counters.closed_too_fast.load(Ordering::Relaxed),
            refused_connects: counters.refused_connects.load(Ordering::Relaxed),
            refused_joins: counters.refused_joins.load(Ordering::Relaxed),
        }
    }

    pub(crate) const fn inner(&self) -> &Arc<ServerInner> {
        &self.inner
    }

    fn start_sweeping(&self) {
        self.inner.runtime.get_or_init(|| {
            let period = sweep::period(&self.inner.config);
            tokio::spawn(sweep::sweep(Arc::downgrade(&self.inner), period));
            Handle::current()
        });
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl ServerInner {
    /// Where a CONNECT to this name leads.
    pub(crate) fn find_namespace(&self, name: &str) -> Option<Found> {
        if let Some(namespace) = self.namespaces.get(name) {
            return Some(Found::Fixed(Arc::clone(&namespace)));
        }
        self.patterns.find(name).map(Found::OfPattern)
    }

    /// Runs a task among the connections, from any thread. None runs before the first connection.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = self.runtime.get() {
            runtime.spawn(task);
        }
    }

    /// The program's state of type `T`.
    pub(crate) fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let state = Arc::clone(self.state.get(&TypeId::of::<T>())?);
        state.downcast().ok()
    }

    pub(crate) fn count_dropped_best_effort(&self) {
        count(&self.counters.dropped_best_effort);
    }

    pub(crate) fn count_authentication_refused(&self) {
        count(&self.counters.authentications_refused);
    }

    pub(crate) fn count_authentication_failed(&self) {
        count(&self.counters.authentications_failed);
    }

    pub(crate) fn count_closed_too_fast(&self) {
        count(&self.counters.closed_too_fast);
    }

    pub(crate) fn count_refused_connect(&self) {
        count(&self.counters.refused_connects);
    }

    pub(crate) fn count_refused_join(&self) {
        count(&self.counters.refused_joins);
    }

    pub(crate) fn count_credentials_expired(&self) {
        count(&self.counters.credentials_expired);
    }

    pub(crate) fn count_dropped_volatile(&self) {
        let dropped = &self.counters.dropped_volatile;
        dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_aborted_handler(&self) {
        let aborted = &self.counters.aborted_handlers;
        aborted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_discarded_events(&self, events: usize) {
        if events > 0 {
            let discarded = &self.counters.discarded_events;
            discarded.fetch_add(events as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_lost(&self, lost: &Lost) {
        let counters = &self.counters;
        let unconfirmed = lost.unconfirmed.len() + lost.unconfirmed_answers;
        counters
            .lost_unconfirmed
            .fetch_add(unconfirmed as u64, Ordering::Relaxed);
        counters
            .lost_queued
            .fetch_add(lost.queued.len() as u64, Ordering::Relaxed);
    }
}

/// Settings of a [`Server`].
#[must_use]
pub struct Builder {
    config: Config,
    authenticate: Option<Authenticate>,
    before_upgrade: Option<BeforeUpgrade>,
    tap: Option<Tap>,
    state: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config {
                limits: Limits::default(),
                ping_interval: Duration::from_secs(25),
                ignorable_frames: true,
                ping_timeout: Duration::from_secs(20),
                resume_window: Duration::from_secs(120),
                handshake_timeout: Duration::from_secs(5),
                authentication_timeout: AUTHENTICATION_LIMIT,
                refresh_lead: REFRESH_LEAD,
                namespace_timeout: Duration::from_secs(10),
                replay_budget: 256 << 20,
                flood: FloodLimits::default(),
            },
            authenticate: None,
            before_upgrade: None,
            tap: None,
            state: HashMap::new(),
        }
    }
}

impl Builder {
    /// What this side takes and keeps per session; announced in WELCOME.
    ///
    /// The worst case of a session is [`Limits::session_bytes_max`]: 10 MiB with the defaults, 5 MiB while
    /// it is detached and nothing waits for handlers; and about 64 bytes for each frame.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// How often clients are asked for a sign of life. Default 25 s. A client may wish for another
    /// between 1 s and 120 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// Whether frames without a meaning go along with one PING in four, at random. Default: yes. They
    /// cost 30 bytes, and keep clients of other hands able to take what a later version sends.
    pub fn ignorable_frames(mut self, sent: bool) -> Self {
        self.config.ignorable_frames = sent;
        self
    }

    /// How long a client may leave a PING unanswered. Default 20 s. Too short a time cuts clients on
    /// slow links.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.ping_timeout = timeout;
        self
    }

    /// How long a session waits to be resumed after a cut. Default 120 s. Until then it keeps its
    /// memory, within [`replay_budget`](Self::replay_budget).
    pub fn resume_window(mut self, window: Duration) -> Self {
        self.config.resume_window = window;
        self
    }

    /// How long a connection may take to send its HELLO. Default 5 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.config.handshake_timeout = timeout;
        self
    }

    /// How long a session may be attached to no namespace. Default 10 s.
    pub fn namespace_timeout(mut self, timeout: Duration) -> Self {
        self.config.namespace_timeout = timeout;
        self
    }

    /// Bytes that all sessions may keep for their clients together. Default 256 MiB. Past it the
    /// detached ones end with `overflow`, in the order in which they were detached.
    pub fn replay_budget(mut self, bytes: usize) -> Self {
        self.config.replay_budget = bytes;
        self
    }

    /// How many connections the server takes, and how often clients may do what costs it something.
    /// Default [`FloodLimits::default`]. Memory: 200 bytes for each of
    /// [`addresses`](FloodLimits::addresses), and 100 for each connection.
    pub fn flood_limits(mut self, limits: FloodLimits) -> Self {
        self.config.flood = limits;
        self
    }

    /// Judges an HTTP request before it becomes a connection: by its method, headers, query and peer
    /// address. Default: none is refused.
    ///
    /// Hooks run in this order: the check of `Origin`; this one; then, on the connection,
    /// [`authenticate`](Self::authenticate) with HELLO; and in a namespace
    /// [`authorize`](crate::Routes::authorize) and
    /// [`on_connect`](crate::Routes::on_connect).
    ///
    /// It runs on the thread that accepts connections, holds up others while it does, and must not
    /// wait for anything: it is for what can be told at a glance, such as a header that is missing.
    /// One that panics has refused, with 500.
    pub fn before_upgrade<F>(mut self, hook: F) -> Self
    where
        F: Fn(&UpgradeRequest<'_>) -> Result<(), HttpRefusal> + Send + Sync + 'static,
    {
        self.before_upgrade = Some(BeforeUpgrade::new(hook));
        self
    }

    /// Judges the credentials of every HELLO, also of one that resumes, and of every refresh: who is
    /// let in and for how long, or a refusal. Default: anybody may come in, as the same principal.
    ///
    /// It returns an [`Admission`], a [`Principal`](crate::Principal) or an `Option` of one. A
    /// [`Failure`] that was made on purpose closes the connection with `unauthorized`, or with the
    /// application's code, and its text and data. A foreign error, a panic, and more time than
    /// [`authentication_timeout`](Self::authentication_timeout) close it with 1011; a refresh is then
    /// asked for again. A resume by another principal than the session's is refused as unknown, a
    /// refresh by another one ends the session with `unauthorized`.
    ///
    /// It must be ready to run for many clients at once. Specification: session.md, "Handshake" and
    /// "Refreshing credentials".
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use trunkline_server::{Admission, Credentials, Failure, Principal, Server};
    /// let server = Server::builder()
    ///     .authenticate(|credentials: Credentials| async move {
    ///         let token: String = credentials.decode()?;
    ///         let name = token.strip_prefix("token of ");
    ///         let name = name.ok_or_else(|| Failure::unauthorized("no such token"))?;
    ///         Ok(Admission::of(Principal::new(name)).valid_for(Duration::from_secs(3600)))
    ///     })
    ///     .build();
    /// ```
    pub fn authenticate<F, Fut, A>(mut self, hook: F) -> Self
    where
        F: Fn(Credentials) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Into<Admission>,
    {
        self.authenticate = Some(Authenticate::new(hook));
        self
    }

    /// How long the hooks that judge may take: [`authenticate`](Self::authenticate), and in a
    /// namespace [`authorize`](crate::Routes::authorize), `on_connect` and `on_join`. Default
    /// [`AUTHENTICATION_LIMIT`], 10 s. A connection that is judged costs up to 8 KiB for as long.
    pub fn authentication_timeout(mut self, limit: Duration) -> Self {
        self.config.authentication_timeout = limit;
        self
    }

    /// How far ahead of the end of a session's credentials the client is asked for fresh ones, if they
    /// hold for twice that time; else after half of it. Default [`REFRESH_LEAD`], 30 s. It has to last
    /// for the client to fetch them.
    pub fn refresh_lead(mut self, lead: Duration) -> Self {
        self.config.refresh_lead = lead;
        self
    }

    /// Shows every frame of every connection, those of the handshake and of refused connections too.
    /// Default: none, which costs nothing.
    ///
    /// Credentials and the sessions' secrets are masked, the content of events is not. It is for
    /// looking for mistakes: each frame is decoded once more and written as JSON, and up to
    /// [`TAP_QUEUE_BYTES`](crate::TAP_QUEUE_BYTES) of a connection may wait for it. It runs in the
    /// connection's task and must not block.
    ///
    /// ```
    /// # use trunkline_server::Server;
    /// let server = Server::builder().tap(|frame| eprintln!("{frame}")).build();
    /// ```
    pub fn tap(mut self, show: impl Fn(&TappedFrame<'_>) + Send + Sync + 'static) -> Self {
        self.tap = Some(Tap::new(show));
        self
    }

    /// State of the program that handlers get with `State<T>`; one value per type, a later one
    /// replaces an earlier.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.state.insert(TypeId::of::<T>(), Arc::new(state));
        self
    }

    /// The server.
    pub fn build(self) -> Server {
        Server {
            inner: Arc::new(ServerInner {
                config: self.config,
                registry: Registry::default(),
                presence: Presence::default(),
                door: Door::new(self.config.flood),
                authenticate: self.authenticate,
                before_upgrade: self.before_upgrade,
                tap: self.tap,
                namespaces: DashMap::new(),
                patterns: Patterns::default(),
                state: self.state,
                runtime: OnceLock::new(),
                counters: Counters::default(),
                activity: Activity::default(),
            }),
        }
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_case_that_is_documented_is_that_of_the_defaults() {
        let limits = Limits::default();
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        let all = mib(limits.session_bytes_max());
        let away = mib(limits.outgoing_bytes_max());
        let told = format!("{all} with the defaults, {away} while");
        assert!(include_str!("server.rs").contains(&told), "{told}");
    }
}
