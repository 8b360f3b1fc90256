//! Listening: a server on a TCP port, and on the UDP port of the same number.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Bytes;
use tokio::net::{ToSocketAddrs, lookup_host};
use trunkline_server::{Drain, Drained, ListenerCounts, Server};
#[cfg(feature = "webtransport")]
use trunkline_tls::Certificate;
use trunkline_websocket::{Listener, ListenerConfig};

use super::accepting::Accepting;
#[cfg(feature = "webtransport")]
use super::announcing::Announcement;
use super::descriptors;
use super::origin::Origins;
#[cfg(feature = "webtransport")]
use super::webtransport::{self, Datagrams, WebTransportConfig};

/// Listening, for a [`Server`].
pub trait Bind {
    /// Listens for WebSocket connections on a TCP address, at the path `/trunkline` and without TLS;
    /// port 0 takes a free one. Nothing is accepted until [`Bound::serve`].
    ///
    /// With the features `webtransport` and `self-signed` it also opens UDP on the same port for
    /// WebTransport, with a certificate for development that browsers believe by its hash: clients learn
    /// it over WebSocket. Where that port of UDP is taken, WebSocket alone is served, which is logged. For
    /// production give a certificate to [`bind_with`](Self::bind_with): then both are opened or none.
    ///
    /// # Errors
    /// The address is taken or not ours.
    fn bind(
        &self,
        address: impl ToSocketAddrs + Send,
    ) -> impl Future<Output = io::Result<Bound>> + Send;

    /// As [`bind`](Self::bind), with a certificate for TLS, another path, other time-outs or limits. With
    /// the feature `webtransport` and a certificate it opens UDP on the same port too, with that
    /// certificate.
    ///
    /// With the feature `tls`:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use trunkline::server::{Bind, Certificate, ListenerConfig, Server};
    /// # async fn example(server: Server) -> Result<(), Box<dyn std::error::Error>> {
    /// let certificate = Certificate::from_pem_files("chain.pem", "key.pem")?;
    /// // Follows the files; `certificate.reload()` does so at a call.
    /// tokio::spawn(certificate.clone().watch(Duration::from_secs(60)));
    /// let config = ListenerConfig { certificate: Some(certificate), ..ListenerConfig::default() };
    /// server.bind_with("0.0.0.0:443", config).await?.serve().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The address is taken or not ours.
    fn bind_with(
        &self,
        address: impl ToSocketAddrs + Send,
        config: impl Into<BindConfig> + Send,
    ) -> impl Future<Output = io::Result<Bound>> + Send;
}

/// How a server listens on each of its transports. More fields may come: make it from a
/// [`ListenerConfig`], or begin with the default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BindConfig {
    /// WebSocket, on TCP. The path and the certificate are WebTransport's too.
    pub websocket: ListenerConfig,
    /// WebTransport, on UDP with the same port number; `None` opens none. Its path is ignored.
    #[cfg(feature = "webtransport")]
    pub webtransport: Option<WebTransportConfig>,
    /// The UDP port that clients on WebSocket are told of. Default: the one that was opened. For a
    /// server whose clients reach it on another, through a port that is mapped.
    #[cfg(feature = "webtransport")]
    pub announced_port: Option<u16>,
}

impl Default for BindConfig {
    fn default() -> Self {
        Self::from(ListenerConfig::default())
    }
}

impl From<ListenerConfig> for BindConfig {
    fn from(websocket: ListenerConfig) -> Self {
        Self {
            websocket,
            #[cfg(feature = "webtransport")]
            webtransport: Some(WebTransportConfig::default()),
            #[cfg(feature = "webtransport")]
            announced_port: None,
        }
    }
}

impl Bind for Server {
    async fn bind(&self, address: impl ToSocketAddrs + Send) -> io::Result<Bound> {
        self.bind_with(address, BindConfig::default()).await
    }

    async fn bind_with(
        &self,
        address: impl ToSocketAddrs + Send,
        config: impl Into<BindConfig> + Send,
    ) -> io::Result<Bound> {
        let config = config.into();
        let addresses: Vec<SocketAddr> = lookup_host(address).await?.collect();
        let counters = Arc::clone(&config.websocket.websocket.counters);
        #[cfg(feature = "webtransport")]
        let of_quic = config.webtransport.as_ref();
        #[cfg(feature = "webtransport")]
        let of_quic = of_quic.map(|config| Arc::clone(&config.counters));
        let bound = Bound::open(self, &addresses, config).await?;
        self.count_listener(move || ListenerCounts {
            shed: counters.connections_shed(),
            accept_errors: counters.accept_errors(),
            full: counters.handshakes_full(),
            failed: counters.handshake_errors(),
        });
        #[cfg(feature = "webtransport")]
        if let Some(counters) = of_quic {
            self.count_listener(move || ListenerCounts {
                full: counters.handshakes_dropped(),
                failed: counters.handshake_errors(),
                ..ListenerCounts::default()
            });
        }
        descriptors::warn_if_too_few(self.flood_limits().connections);
        Ok(bound)
    }
}

/// A server that has its ports and accepts nothing yet.
#[must_use = "nothing is accepted until `serve`"]
pub struct Bound {
    accepting: Accepting,
    listener: Listener,
    #[cfg(feature = "webtransport")]
    datagrams: Option<Datagrams>,
}

impl Bound {
    #[cfg(not(feature = "webtransport"))]
    async fn open(
        server: &Server,
        addresses: &[SocketAddr],
        config: BindConfig,
    ) -> io::Result<Self> {
        Ok(Self {
            accepting: Accepting::new(server.clone()),
            listener: Listener::bind(addresses, config.websocket).await?,
        })
    }

    /// Opens TCP, and UDP on the same port. Where any port will do and that of TCP is taken on UDP,
    /// another is tried.
    #[cfg(feature = "webtransport")]
    async fn open(
        server: &Server,
        addresses: &[SocketAddr],
        config: BindConfig,
    ) -> io::Result<Self> {
        // What was made up for development is no reason to serve nothing.
        let is_given = config.websocket.certificate.is_some();
        let certificate = webtransport::certificate(&config.websocket)?;
        let plan = config.webtransport.zip(certificate);
        let mut tries = match addresses.iter().all(|address| address.port() == 0) {
            true => PORTS_TRIED,
            false => 1,
        };
        loop {
            tries -= 1;
            let mut bound = Self {
                accepting: Accepting::new(server.clone()),
                listener: Listener::bind(addresses, config.websocket.clone()).await?,
                datagrams: None,
            };
            let Some((webtransport, certificate)) = plan.clone() else {
                return Ok(bound);
            };
            let path = config.websocket.path.clone();
            match bound.open_beside(webtransport, certificate, path) {
                Ok(announced) => {
                    let port = config.announced_port.unwrap_or(announced.port);
                    bound.accepting.webtransport = Some(Announcement { port, ..announced });
                    return Ok(bound);
                }
                Err(error) if tries == 0 && is_given => return Err(error),
                Err(error) if tries == 0 => {
                    tracing::warn!(%error, "WebTransport is left out: WebSocket alone is served");
                    return Ok(bound);
                }
                Err(_taken) => {}
            }
        }
    }

    /// Opens UDP on the port of TCP; gives what WebSocket clients are to be told of it.
    #[cfg(feature = "webtransport")]
    fn open_beside(
        &mut self,
        config: WebTransportConfig,
        certificate: Certificate,
        path: String,
    ) -> io::Result<Announcement> {
        let config = WebTransportConfig {
            path: path.clone(),
            ..config
        };
        let address = self.listener.local_addr();
        self.datagrams = Some(Datagrams::bind(address, &certificate, config)?);
        Ok(Announcement {
            port: address.port(),
            path,
            certificate,
        })
    }

    /// The address listened on: the place to learn the port after binding to port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Whether WebTransport is served, on UDP with the port of [`local_addr`](Self::local_addr).
    #[cfg(feature = "webtransport")]
    #[must_use]
    pub const fn has_webtransport(&self) -> bool {
        self.datagrams.is_some()
    }

    /// A handle that ends [`serve`](Self::serve).
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle {
            websocket: self.listener.stop_handle(),
            #[cfg(feature = "webtransport")]
            webtransport: self.datagrams.as_ref().map(Datagrams::stop_handle),
        }
    }

    /// Which pages may connect, and read what plain requests are answered. Default
    /// [`Origins::same_host`]. A refusal is logged with the code that would allow it.
    pub fn with_origins(mut self, origins: Origins) -> Self {
        self.accepting.origins = origins;
        self
    }

    /// Answers plain HTTP requests to other paths, such as for the page that connects here. The
    /// default is 404. For more than a few pages mount Trunkline in a web framework instead.
    ///
    /// Pages of [other origins](Self::with_origins) that may connect may read the answers, unless
    /// those say who may; their questions ahead of a GET are answered without the handler.
    pub fn with_http<F>(mut self, handler: F) -> Self
    where
        F: Fn(&Request<()>) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.accepting.http = Some(Arc::new(handler));
        self
    }

    /// Accepts connections until stopped; those there are go on then. It also ends when the server
    /// is [shut down](Server::shut_down) and its last connection has ended.
    ///
    /// # Errors
    /// None at present: errors of accepting are logged, and it goes on.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting.
    pub async fn serve(self) -> io::Result<()> {
        let server = self.accepting.server.clone();
        #[cfg(feature = "webtransport")]
        let datagrams = {
            let accepting = self.accepting.clone();
            async move {
                if let Some(datagrams) = self.datagrams {
                    datagrams.serve(accepting).await;
                }
            }
        };
        #[cfg(not(feature = "webtransport"))]
        let datagrams = std::future::ready(());
        let websocket = self.listener.serve(Arc::new(self.accepting));
        tokio::select! {
            _ = async { tokio::join!(websocket, datagrams) } => {}
            () = server.closed() => {}
        }
        Ok(())
    }
}

impl Bound {
    /// Accepts connections until `signal` is ready, [drains](Server::drain) the server, stops accepting,
    /// and waits until it is [closed](Server::closed). [`terminated`](crate::server::terminated) is such
    /// a signal.
    ///
    /// ```no_run
    /// # use trunkline::server::{Bind, Drain, Server, terminated};
    /// # async fn run(server: Server) -> std::io::Result<()> {
    /// let bound = server.bind("0.0.0.0:3000").await?;
    /// bound.serve_until(terminated(), Drain::new()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// That of the signal; nothing was drained then.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting and draining.
    pub async fn serve_until(
        self,
        signal: impl Future<Output = io::Result<()>>,
        drain: Drain,
    ) -> io::Result<Drained> {
        let (server, stop) = (self.accepting.server.clone(), self.stop_handle());
        let drained = async {
            let signalled = signal.await;
            let drained = match signalled {
                Ok(()) => Ok(server.drain(drain).await),
                Err(error) => Err(error),
            };
            stop.stop();
            drained
        };
        let (served, drained) = tokio::join!(self.serve(), drained);
        let drained = served.and(drained)?;
        // The last words leave, and hooks end, before the program may.
        server.closed().await;
        Ok(drained)
    }
}

/// Ends [`Bound::serve`].
#[derive(Clone, Debug)]
pub struct StopHandle {
    websocket: trunkline_websocket::StopHandle,
    #[cfg(feature = "webtransport")]
    webtransport: Option<trunkline_quic::StopHandle>,
}

impl StopHandle {
    /// Stops accepting, on every transport. Connections there are go on. Calling it again does nothing.
    pub fn stop(&self) {
        self.websocket.stop();
        #[cfg(feature = "webtransport")]
        if let Some(webtransport) = &self.webtransport {
            webtransport.stop();
        }
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("local_addr", &self.local_addr())
            .finish_non_exhaustive()
    }
}

/// Ports tried where any will do, until one is free for TCP and for UDP.
#[cfg(feature = "webtransport")]
const PORTS_TRIED: u32 = 16;
