//! A client's settings.

use std::fmt;
use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use trunkline_driver::sync::Arc;
use trunkline_driver::{Tap, TappedFrame};
use trunkline_protocol::{EncodeError, Encoding, Limits};
use trunkline_transport::{Dialer, Proxy, TransportKind};

use crate::address::Address;
use crate::back_off::{Jitter, RandomJitter};
use crate::credentials::Source;
use crate::{
    BuildError, CREDENTIALS_TIMEOUT, Client, Credentials, CredentialsError, Occasion, Transports,
};

/// A client in the making.
#[must_use = "nothing is built before `build`"]
pub struct Builder {
    url: String,
    dialers: Vec<Arc<dyn Dialer>>,
    credentials: Result<Source, EncodeError>,
    settings: Settings,
}

/// What holds for a client's whole life.
pub(crate) struct Config {
    pub(crate) address: Address,
    pub(crate) dialers: Vec<Arc<dyn Dialer>>,
    pub(crate) credentials: Source,
    pub(crate) settings: Settings,
}

pub(crate) struct Settings {
    pub(crate) headers: HeaderMap,
    pub(crate) agent: String,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) transports: Transports,
    pub(crate) encoding: Encoding,
    pub(crate) limits: Limits,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) ignorable_frames: bool,
    pub(crate) credentials_timeout: Duration,
    pub(crate) dial_timeout: Duration,
    pub(crate) welcome_timeout: Duration,
    pub(crate) ack_timeout: Duration,
    pub(crate) back_off_base: Duration,
    pub(crate) back_off_cap: Duration,
    pub(crate) attempts_max: Option<u32>,
    pub(crate) give_up_after: Option<Duration>,
    pub(crate) resend_lost: bool,
    pub(crate) queue_events: u32,
    pub(crate) queue_offline: bool,
    pub(crate) jitter: Arc<dyn Jitter>,
    pub(crate) tap: Option<Tap>,
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            dialers: Vec::new(),
            credentials: Ok(Source::Fixed(Credentials::new())),
            settings: Settings {
                headers: HeaderMap::new(),
                agent: AGENT.to_owned(),
                proxy: None,
                transports: Transports::Auto,
                encoding: Encoding::MessagePack,
                limits: Limits {
                    queue: QUEUE_BYTES,
                    ..Limits::default()
                },
                ping_interval: None,
                ignorable_frames: true,
                credentials_timeout: CREDENTIALS_TIMEOUT,
                dial_timeout: DIAL_TIMEOUT,
                welcome_timeout: WELCOME_TIMEOUT,
                ack_timeout: ACK_TIMEOUT,
                back_off_base: BACK_OFF_BASE,
                back_off_cap: BACK_OFF_CAP,
                attempts_max: None,
                give_up_after: None,
                resend_lost: false,
                queue_events: QUEUE_EVENTS,
                queue_offline: true,
                jitter: Arc::new(RandomJitter),
                tap: None,
            },
        }
    }

    /// What opens connections over one transport, besides the dialers of other transports, and instead
    /// of an earlier one of the same. There is no default here: the crate `trunkline` brings them.
    pub fn dialer(mut self, dialer: Arc<dyn Dialer>) -> Self {
        let kind = dialer.transport();
        self.dialers.retain(|other| other.transport() != kind);
        self.dialers.push(dialer);
        self
    }

    /// Which of the transports are dialled. Default [`Transports::Auto`], all of them in a race.
    ///
    /// The URL may be `https` for both; WebSocket takes `http` too, and WebTransport is then dialled
    /// where the server says over WebSocket that it is. With the JSON encoding there is WebSocket only.
    pub fn transports(mut self, transports: Transports) -> Self {
        self.settings.transports = transports;
        self
    }

    /// Credentials that are always the same, sent with every HELLO, and whenever the server asks for
    /// fresh ones; instead of an earlier call of this or [`credentials`](Self::credentials). Default:
    /// none.
    ///
    /// They are encoded here; an error shows at [`build`](Self::build).
    pub fn auth<T: Serialize + ?Sized>(mut self, auth: &T) -> Self {
        self.credentials = Credentials::new().auth(auth).map(Source::Fixed);
        self
    }

    /// Credentials that are fetched for each attempt, and whenever the server asks for fresh ones:
    /// such as a token that expires, or a ticket that is good once. Instead of an earlier call of this
    /// or [`auth`](Self::auth).
    ///
    /// It is asked ahead of every dial, of a reconnect too, and has
    /// [`credentials_timeout`](Self::credentials_timeout). An error is a failed attempt, which is
    /// tried again after the back-off, unless it says to
    /// [`give up`](CredentialsError::give_up). What it returns is not kept.
    ///
    /// ```
    /// # use trunkline_client::{Client, Credentials, Occasion};
    /// # async fn fetch_ticket() -> std::io::Result<String> { Ok("t".into()) }
    /// let builder = Client::builder("https://localhost:3000").credentials(|_: Occasion| async {
    ///     let ticket = fetch_ticket().await?;
    ///     Ok(Credentials::new().query("ticket", &ticket))
    /// });
    /// ```
    pub fn credentials<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Occasion) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Credentials, CredentialsError>> + Send + 'static,
    {
        self.credentials = Ok(Source::fetched(callback));
        self
    }

    /// How long the callback for credentials may take. Default [`CREDENTIALS_TIMEOUT`], 10 s.
    pub fn credentials_timeout(mut self, limit: Duration) -> Self {
        self.settings.credentials_timeout = limit;
        self
    }

    /// A header for the transport's handshake, where the transport can send one; besides those it has
    /// already, also of the same name.
    ///
    /// Those that the handshake itself is made of cannot be set (`Host`, `Upgrade`,
    /// `Sec-WebSocket-…` and their like), and a `Proxy-Authorization` would tell the server what is
    /// the proxy's: [`build`](Self::build) says so.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.settings.headers.append(name, value);
        self
    }

    /// Dials through an HTTP proxy, wherever the server sends the client later too. Default: straight.
    /// [`Proxy::from_environment`] asks the environment; nothing else does.
    ///
    /// ```no_run
    /// # use trunkline_client::{Client, Proxy};
    /// # fn example(builder: trunkline_client::Builder) -> Result<(), Box<dyn std::error::Error>> {
    /// let proxy = Proxy::new("http://proxy.example:3128")?.credentials("ada", "s3cret")?;
    /// let client = builder.proxy(proxy.except("localhost")).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Connecting to the proxy and its answer count towards [`dial_timeout`](Self::dial_timeout). A
    /// proxy that refuses with a status that says "never" ends the client as the server's would
    /// (407, 403); one that cannot be reached is tried again.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.proxy = Some(proxy);
        self
    }

    /// Names the program that uses this client, such as `shop/2.1`: ahead of the client's own name in
    /// the agent that HELLO tells, and in `User-Agent`, unless that was set as a
    /// [`header`](Self::header). Both are for the server's logs. At most [`AGENT_BYTES`].
    pub fn agent(mut self, program: &str) -> Self {
        self.settings.agent = format!("{program} {AGENT}");
        self
    }

    /// The encoding to speak. Default MessagePack; JSON is for people and tools.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.settings.encoding = encoding;
        self
    }

    /// Every limit this side announces and holds to. See [`Limits`] for the defaults.
    ///
    /// A session may hold `inbound` bytes of events that wait for handlers, `replay` bytes of events
    /// that the server has not confirmed, and `queue` bytes behind them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Bytes of events that may wait for the server in all, of unconnected sockets and of a session
    /// without a connection alike, with 64 more for each, which is what holding it takes. Default
    /// [`QUEUE_BYTES`], 1 MiB. More are refused with
    /// [`EmitError::QueueFull`](crate::EmitError::QueueFull).
    pub fn queue_bytes(mut self, bytes: u32) -> Self {
        self.settings.limits.queue = bytes;
        self
    }

    /// Whether frames without a meaning go along with one PONG in four, at random. Default: yes. They
    /// cost 30 bytes, and keep servers of other hands able to take what a later version sends.
    pub fn ignorable_frames(mut self, sent: bool) -> Self {
        self.settings.ignorable_frames = sent;
        self
    }

    /// How many events may wait for the server in all, beside [`queue_bytes`](Self::queue_bytes).
    /// Default [`QUEUE_EVENTS`], 10,000. More are refused with
    /// [`EmitError::QueueLong`](crate::EmitError::QueueLong).
    pub fn queue_events(mut self, events: u32) -> Self {
        self.settings.queue_events = events;
        self
    }

    /// Whether events are taken that no connection can have yet: before the first connect, while the
    /// client reconnects, and after a session was lost until the socket is attached again. Default:
    /// yes, up to [`queue_bytes`](Self::queue_bytes) and [`queue_events`](Self::queue_events).
    ///
    /// If not, they are refused with [`EmitError::Offline`](crate::EmitError::Offline). What was taken
    /// before the connection was lost is kept either way, as the session promises.
    pub fn queue_offline(mut self, queue: bool) -> Self {
        self.settings.queue_offline = queue;
        self
    }

    /// The heartbeat wished for; the server decides. Default: the server's own, 25 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.settings.ping_interval = Some(interval);
        self
    }

    /// How long a dial may take in all: finding the host, connecting, the proxy, TLS, and the
    /// transport's handshake. Default [`DIAL_TIMEOUT`], 10 s.
    pub fn dial_timeout(mut self, limit: Duration) -> Self {
        self.settings.dial_timeout = limit;
        self
    }

    /// How long the server may take to answer HELLO. Default [`WELCOME_TIMEOUT`], 20 s.
    pub fn welcome_timeout(mut self, limit: Duration) -> Self {
        self.settings.welcome_timeout = limit;
        self
    }

    /// How long an ack is awaited unless an emit says otherwise. Default [`ACK_TIMEOUT`], 10 s.
    pub fn ack_timeout(mut self, limit: Duration) -> Self {
        self.settings.ack_timeout = limit;
        self
    }

    /// The waits between attempts: the n-th is drawn from zero to `base` times 2^n, at most `cap`.
    /// Default [`BACK_OFF_BASE`] and [`BACK_OFF_CAP`], 500 ms and 30 s.
    ///
    /// A lost connection is resumed at once first. Attempts are counted until a connection has
    /// stood for [`STANDING`].
    pub fn back_off(mut self, base: Duration, cap: Duration) -> Self {
        self.settings.back_off_base = base;
        self.settings.back_off_cap = cap;
        self
    }

    /// Gives up after this many attempts in a row. Default: never.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.settings.attempts_max = Some(attempts);
        self
    }

    /// Gives up when no connection came about for this long, and ends an attempt that is under way
    /// then. Default: never.
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.settings.give_up_after = Some(limit);
        self
    }

    /// Whether events that were under way when a session was lost are sent again in the fresh one:
    /// then they arrive at least once, instead of at most once. Default: no.
    pub fn resend_lost(mut self, resend: bool) -> Self {
        self.settings.resend_lost = resend;
        self
    }

    /// The randomness of the waits. Default [`RandomJitter`].
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.settings.jitter = jitter;
        self
    }

    /// Shows every frame of every connection, those of the handshake too. Default: none, which costs
    /// nothing.
    ///
    /// Credentials and the session's secret are masked, the content of events is not. It is for
    /// looking for mistakes: each frame is decoded once more and written as JSON, and up to
    /// [`TAP_QUEUE_BYTES`](crate::TAP_QUEUE_BYTES) of a connection may wait for it. It runs in the
    /// connection's task and must not block.
    ///
    /// ```
    /// # use trunkline_client::Client;
    /// let builder = Client::builder("https://localhost:3000").tap(|frame| eprintln!("{frame}"));
    /// ```
    pub fn tap(mut self, show: impl Fn(&TappedFrame<'_>) + Send + Sync + 'static) -> Self {
        self.settings.tap = Some(Tap::new(show));
        self
    }

    /// The client. Nothing is dialled before a socket connects.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(mut self) -> Result<Client, BuildError> {
        complete_headers(&mut self.settings)?;
        let settings = &self.settings;
        // WebTransport speaks MessagePack only (specification: TRN-019).
        let is_binary = settings.encoding == Encoding::MessagePack;
        self.dialers.retain(|dialer| {
            let kind = dialer.transport();
            (is_binary || kind != TransportKind::WebTransport) && settings.transports.includes(kind)
        });
        if self.dialers.is_empty() {
            return Err(BuildError::NoDialer);
        }
        Ok(Client::start(Config {
            address: Address::parse(&self.url).map_err(BuildError::Url)?,
            dialers: self.dialers,
            credentials: self.credentials?,
            settings: self.settings,
        }))
    }
}

impl fmt::Debug for Builder {
    /// Without the URL's query and the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.settings.limits)
            .finish_non_exhaustive()
    }
}

/// Checks the headers that were asked for, and names the client in them.
fn complete_headers(settings: &mut Settings) -> Result<(), BuildError> {
    if let Some(name) = settings.headers.keys().find(|name| is_reserved(name)) {
        return Err(BuildError::Header(name.clone()));
    }
    let agent = &settings.agent;
    let bytes = agent.len();
    let value = HeaderValue::from_str(agent).ok();
    // A header's value may hold bytes that are no text for people.
    let value = value.filter(|value| value.to_str().is_ok() && bytes <= AGENT_BYTES);
    let value = value.ok_or(BuildError::Agent { bytes })?;
    settings.headers.entry(USER_AGENT).or_insert(value);
    Ok(())
}

/// Whether a header is the handshake's own, or somebody else's than the server's.
fn is_reserved(name: &HeaderName) -> bool {
    [
        CONNECTION,
        CONTENT_LENGTH,
        HOST,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
        || ["keep-alive", "proxy-connection"].contains(&name.as_str())
        || name.as_str().starts_with("sec-websocket-")
}

/// How the client's software names itself.
const AGENT: &str = concat!("trunkline-rust/", env!("CARGO_PKG_VERSION"));

/// The longest name of a client in all, with [`Builder::agent`]'s part.
pub const AGENT_BYTES: usize = 256;

/// The default limit of [`Builder::queue_bytes`].
pub const QUEUE_BYTES: u32 = 1 << 20;

/// The default limit of [`Builder::queue_events`].
pub const QUEUE_EVENTS: u32 = 10_000;

/// The default of [`Builder::dial_timeout`].
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The default of [`Builder::welcome_timeout`].
pub const WELCOME_TIMEOUT: Duration = Duration::from_secs(20);

/// The default of [`Builder::ack_timeout`].
pub const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// The default base of [`Builder::back_off`].
pub const BACK_OFF_BASE: Duration = Duration::from_millis(500);

/// The default cap of [`Builder::back_off`].
pub const BACK_OFF_CAP: Duration = Duration::from_secs(30);

/// How long a connection must stand for the next trouble to count as a new one.
pub const STANDING: Duration = Duration::from_secs(10);
