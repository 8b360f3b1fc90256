//! A listener of our own: TCP, HTTP/1.1, and the upgrade at one path.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, Counters, count};
use crate::endpoint::Endpoint;
use crate::handler::{Handler, Turned};
use crate::proxies::Proxies;
use crate::sync::Arc;

mod complaint;
pub(crate) mod proxy_header;
mod reserve;
mod serve;

use complaint::Complaint;
use reserve::{Reserve, is_out_of_descriptors};
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

impl ListenerConfig {
    fn speaks_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.certificate.is_some();
        #[cfg(not(feature = "tls"))]
        false
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
    ///
    /// # Cancel safety
    /// Dropping the future opens nothing, or closes what was opened.
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
    /// When the process or the machine has no file descriptors left, whoever comes is answered 503 with
    /// `Retry-After`, or closed at once where TLS is spoken, and counted as
    /// [shed](crate::Counters::connections_shed); one descriptor is held back for that. Another error
    /// of the listening socket is counted, and accepting goes on after a pause of 10 ms to 1 s. Both
    /// are logged, at most once in ten seconds each. Connections outlive the end of this future.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting.
    pub async fn serve<H: Handler>(self, handler: Arc<H>) {
        let handshakes = Arc::new(Semaphore::new(self.config.max_handshakes));
        let serving = Arc::new(self.serving(handler));
        let mut stopped = self.stop.subscribe();
        let mut troubles = Troubles::new();
        let counters = &self.config.websocket.counters;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return,
                accepted = accept(&self.listener, &handshakes, counters) => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    troubles.are_over();
                    let serving = serving.clone();
                    tokio::spawn(async move {
                        serving.serve(stream, peer).await;
                        drop(permit);
                    });
                }
                Err(cause) => self.meet(&mut troubles, &cause).await,
            }
        }
    }
}

impl Listener {
    /// Does what can be done about an error of accepting.
    async fn meet(&self, troubles: &mut Troubles, cause: &io::Error) {
        let counters = &self.config.websocket.counters;
        if is_out_of_descriptors(cause) && self.shed_one(troubles).await {
            return;
        }
        count(&counters.accept_errors);
        let pause = troubles.pause;
        if let Some(times) = troubles.failed.is_due() {
            tracing::warn!(%cause, ?pause, times, "cannot accept a connection");
        }
        tokio::time::sleep(pause).await;
        troubles.pause = (pause * 2).min(LONGEST_PAUSE);
        // Somebody else may have been quicker to take the descriptor.
        troubles.reserve.refill();
    }

    /// Turns one client away with the descriptor held back, or finds that nobody is waiting. False if
    /// there was not even that descriptor.
    async fn shed_one(&self, troubles: &mut Troubles) -> bool {
        let accepted = poll_fn(
            |cx| match troubles.reserve.poll_accept(&self.listener, cx) {
                Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
                Poll::Pending => Poll::Ready(None),
            },
        );
        let accepted = accepted.await;
        let is_shed = match accepted {
            Some(Ok((stream, peer))) => {
                count(&self.config.websocket.counters.connections_shed);
                if let Some(times) = troubles.shed.is_due() {
                    tracing::warn!(
                        %peer, times,
                        "no file descriptors left: connections are turned away"
                    );
                }
                serve::turn_away(stream, &out_of_descriptors(), self.config.speaks_tls());
                true
            }
            Some(Err(_)) => false,
            None => true,
        };
        troubles.reserve.refill();
        is_shed
    }
}

/// What has gone wrong with accepting, and what is kept ready for it.
struct Troubles {
    reserve: Reserve,
    pause: Duration,
    failed: Complaint,
    shed: Complaint,
}

impl Troubles {
    fn new() -> Self {
        Self {
            reserve: Reserve::new(),
            pause: SHORTEST_PAUSE,
            failed: Complaint::default(),
            shed: Complaint::default(),
        }
    }

    fn are_over(&mut self) {
        self.pause = SHORTEST_PAUSE;
        self.reserve.refill();
    }
}

/// What a client is told that no descriptor is left for.
fn out_of_descriptors() -> Turned {
    Turned {
        status: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: COME_BACK_S,
        text: format!("the server can take no more connections. Come back in {COME_BACK_S} s.\n"),
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
    counters: &Counters,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    if handshakes.available_permits() == 0 {
        count(&counters.handshakes_full);
    }
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

/// When to try again where nobody knows when there will be a descriptor, seconds.
const COME_BACK_S: u64 = 10;
