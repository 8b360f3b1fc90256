//! A listener of our own: TCP, HTTP/1.1, and the upgrade at one path.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, count};
use crate::endpoint::Endpoint;
use crate::handler::Handler;
use crate::proxies::Proxies;
use crate::sync::Arc;

mod proxy_header;
mod serve;

use serve::Serving;

/// How a [`Listener`] behaves.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The path of the endpoint. Default `/trunkline`.
    pub path: String,
    /// The application protocols spoken. Default `trunkline.v1.msgpack` and `trunkline.v1.json`.
    pub protocols: Vec<String>,
    /// What each connection is configured with.
    pub websocket: Config,
    /// How long a client may take to send a request's head. Default 5 s.
    pub header_timeout: Duration,
    /// How long a TCP connection may live that does not become a WebSocket, its answer included.
    /// Default 30 s.
    pub http_timeout: Duration,
    /// TCP connections that may be in HTTP at once, or in the TLS handshake before it; further ones
    /// wait in the kernel's queue. Default 1,024. Each costs up to 32 KiB, and as much again under
    /// TLS.
    pub max_handshakes: usize,
    /// The proxies whose `X-Forwarded-For` is believed. Default: none.
    pub proxies: Proxies,
    /// Whether connections of [`proxies`](Self::proxies) begin with a header of the PROXY protocol,
    /// version 1 or 2, ahead of TLS. One that does not is closed. Connections from elsewhere must not:
    /// to them it is a malformed request. Default: no.
    pub proxy_protocol: bool,
    /// The certificate for TLS, followed as it is reloaded. Default none: plain TCP, for
    /// development and behind a proxy that ends TLS.
    #[cfg(feature = "tls")]
    pub certificate: Option<trunkline_tls::Certificate>,
    /// How long a client may take for the TLS handshake. Default 5 s.
    #[cfg(feature = "tls")]
    pub tls_timeout: Duration,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            path: "/trunkline".into(),
            protocols: vec!["trunkline.v1.msgpack".into(), "trunkline.v1.json".into()],
            websocket: Config::default(),
            header_timeout: Duration::from_secs(5),
            http_timeout: Duration::from_secs(30),
            max_handshakes: 1024,
            proxies: Proxies::default(),
            proxy_protocol: false,
            #[cfg(feature = "tls")]
            certificate: None,
            #[cfg(feature = "tls")]
            tls_timeout: Duration::from_secs(5),
        }
    }
}

/// Accepts WebSocket connections on a TCP port, over TLS if it has a certificate.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    local_addr: SocketAddr,
    config: Arc<ListenerConfig>,
    stop: watch::Sender<bool>,
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub async fn bind(
        address: impl tokio::net::ToSocketAddrs,
        config: ListenerConfig,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        let stop = watch::Sender::new(false);
        Ok(Self {
            listener,
            local_addr,
            config: Arc::new(config),
            stop,
        })
    }

    /// The address listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// A handle that stops [`serve`](Self::serve).
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle {
            stop: self.stop.clone(),
        }
    }

    /// Accepts until stopped, handing each connection to `handler` in a task of its own.
    ///
    /// An error of the listening socket (no file descriptors left) is counted and logged, and
    /// accepting goes on after a pause of 10 ms to 1 s. Connections outlive the end of this future.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting.
    pub async fn serve<H: Handler>(self, handler: Arc<H>) {
        let handshakes = Arc::new(Semaphore::new(self.config.max_handshakes));
        let serving = Arc::new(self.serving(handler));
        let mut stopped = self.stop.subscribe();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return,
                accepted = accept(&self.listener, &handshakes) => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    pause = SHORTEST_PAUSE;
                    let serving = serving.clone();
                    tokio::spawn(async move {
                        serving.serve(stream, peer).await;
                        drop(permit);
                    });
                }
                Err(cause) => {
                    count(&self.config.websocket.counters.accept_errors);
                    tracing::warn!(%cause, ?pause, "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

impl Listener {
    fn serving<H: Handler>(&self, handler: Arc<H>) -> Serving<H> {
        let config = self.config.clone();
        #[cfg(feature = "tls")]
        let tls = config
            .certificate
            .as_ref()
            .map(|certificate| trunkline_tls::server_config(certificate, &[b"http/1.1"]).into());
        Serving {
            endpoint: Endpoint::new(handler, &config.protocols, config.websocket.clone()),
            config,
            #[cfg(feature = "tls")]
            tls,
        }
    }
}

/// Serves one connection over a stream that stands in for the one that a listener accepts.
#[cfg(feature = "fuzzing")]
pub(crate) async fn serve_over<S, H>(
    stream: S,
    peer: SocketAddr,
    config: Arc<ListenerConfig>,
    handler: Arc<H>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let serving = Serving {
        endpoint: Endpoint::new(handler, &config.protocols, config.websocket.clone()),
        config,
        #[cfg(feature = "tls")]
        tls: None,
    };
    serving.http(stream, peer).await;
}

/// Takes a place first, so that a full house leaves clients in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    handshakes: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = handshakes
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Stops a [`Listener`] from accepting.
#[derive(Clone, Debug)]
pub struct StopHandle {
    stop: watch::Sender<bool>,
}

impl StopHandle {
    /// Stops accepting and closes the port. Connections there are go on. Calling it again does
    /// nothing.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
