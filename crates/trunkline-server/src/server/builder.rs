//! What a server is built with.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use dashmap::DashMap;
use trunkline_driver::sync::Arc;
use trunkline_driver::{Tap, TappedFrame};
use trunkline_protocol::Limits;

use super::stats::Counters;
use super::{Server, ServerInner};
use crate::activity::Activity;
use crate::credentials::{AUTHENTICATION_LIMIT, Authenticate, Credentials};
use crate::door::Door;
use crate::listeners::Listeners;
use crate::namespaces::Patterns;
use crate::presence::Presence;
use crate::refresh::REFRESH_LEAD;
use crate::registry::Registry;
use crate::upgrade::{BeforeUpgrade, HttpRefusal, UpgradeRequest};
use crate::{Admission, Failure, FloodLimits};

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
    /// it is detached and nothing waits for handlers; and about 64 bytes for each frame, or
    /// about 200 for an event that waits for a handler.
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

    /// How long a connection may take to send its HELLO. Default 5 s. Until then it costs its place among
    /// [`FloodLimits::connections`], a descriptor, and up to 8 KiB of a HELLO that is not whole.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.config.handshake_timeout = timeout;
        self
    }

    /// How long a session may be attached to no namespace. Default 10 s. Until then it costs what an idle
    /// one does, about 5 KiB, and its place among the connections.
    pub fn namespace_timeout(mut self, timeout: Duration) -> Self {
        self.config.namespace_timeout = timeout;
        self
    }

    /// Bytes that all sessions may keep for their clients together. Default 256 MiB. Past it the
    /// detached ones end with `overflow`, in the order in which they were detached; attached ones have
    /// limits of their own. A detached session counts [`DETACHED_BYTES`](crate::DETACHED_BYTES) beside
    /// what it keeps, so that with the default no more than 65,536 wait to be resumed. Looked at once a
    /// second.
    pub fn replay_budget(mut self, bytes: usize) -> Self {
        self.config.replay_budget = bytes;
        self
    }

    /// How many connections the server takes, and how often clients may do what costs it something.
    /// Default [`FloodLimits::default`]. Memory: 126 bytes for each of
    /// [`addresses`](FloodLimits::addresses), twice, and 101 for each connection.
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
                listeners: Listeners::default(),
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
        assert!(include_str!("builder.rs").contains(&told), "{told}");
    }
}
