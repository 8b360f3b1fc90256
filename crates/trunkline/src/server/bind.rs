//! Listening: a server on a TCP port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Bytes;
use tokio::net::ToSocketAddrs;
use trunkline_server::{Drain, Drained, Server};
use trunkline_websocket::{Listener, ListenerConfig, StopHandle};

use super::accepting::Accepting;
use super::descriptors;
use super::origin::Origins;

/// Listening, for a [`Server`].
pub trait Bind {
    /// Listens for WebSocket connections on a TCP address, at the path `/trunkline` and without TLS;
    /// port 0 takes a free one. Nothing is accepted until [`Bound::serve`].
    ///
    /// # Errors
    /// The address is taken or not ours.
    fn bind(
        &self,
        address: impl ToSocketAddrs + Send,
    ) -> impl Future<Output = io::Result<Bound>> + Send;

    /// As [`bind`](Self::bind), with a certificate for TLS, another path, other time-outs or limits.
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
        config: ListenerConfig,
    ) -> impl Future<Output = io::Result<Bound>> + Send;
}

impl Bind for Server {
    async fn bind(&self, address: impl ToSocketAddrs + Send) -> io::Result<Bound> {
        self.bind_with(address, ListenerConfig::default()).await
    }

    async fn bind_with(
        &self,
        address: impl ToSocketAddrs + Send,
        config: ListenerConfig,
    ) -> io::Result<Bound> {
        let listener = Listener::bind(address, config).await?;
        descriptors::warn_if_too_few(self.flood_limits().connections);
        Ok(Bound {
            accepting: Accepting {
                server: self.clone(),
                origins: Origins::default(),
                http: None,
            },
            listener,
        })
    }
}

/// A server that has its port and accepts nothing yet.
#[must_use = "nothing is accepted until `serve`"]
pub struct Bound {
    accepting: Accepting,
    listener: Listener,
}

impl Bound {
    /// The address listened on: the place to learn the port after binding to port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// A handle that ends [`serve`](Self::serve).
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.listener.stop_handle()
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
        tokio::select! {
            () = self.listener.serve(Arc::new(self.accepting)) => {}
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

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("local_addr", &self.local_addr())
            .finish_non_exhaustive()
    }
}
