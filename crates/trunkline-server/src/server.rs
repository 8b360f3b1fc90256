//! The server: its namespaces and its sessions.

mod builder;
mod stats;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::OnceLock;

use dashmap::DashMap;
use tokio::runtime::Handle;
use trunkline_driver::Tap;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Limits, NamespaceName};
use trunkline_transport::Connection;

pub use self::builder::Builder;
pub(crate) use self::builder::Config;
pub use self::stats::Stats;
use self::stats::{Counters, count};
use crate::accept;
use crate::activity::Activity;
use crate::auth::Request;
use crate::credentials::Authenticate;
use crate::door::{Door, Place};
use crate::listeners::Listeners;
use crate::namespace::{Namespace, NamespaceInner};
use crate::namespaces::{Match, Namespaces, Patterns};
use crate::presence::{Guest, Presence, farewell};
use crate::registry::Registry;
use crate::upgrade::{BeforeUpgrade, HttpRefusal, UpgradeRequest};
use crate::{FloodLimits, sweep};

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
    pub(crate) listeners: Listeners,
    pub(crate) activity: Activity,
}

/// Where a CONNECT leads.
pub(crate) enum Found {
    Fixed(Arc<NamespaceInner>),
    OfPattern(Match),
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

    /// Whether [`knock`](Self::knock) would let an attempt from this address go on. Counts nothing: for
    /// whoever does not know yet whether the address is the client's own, which would else use up
    /// somebody else's attempts.
    #[must_use]
    pub fn is_welcome(&self, address: IpAddr) -> bool {
        self.inner.door.is_welcome(address)
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

    /// Serves one connection: handshake, authentication, then a task until it ends, in the
    /// connection's [home](Connection::home) if there is one.
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
}
