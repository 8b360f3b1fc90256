//! Listening: a server on a TCP port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::{Bytes, Incoming};
use tokio::net::ToSocketAddrs;
use trunkline_server::{Request as Opening, Server};
use trunkline_transport::Connection;
use trunkline_websocket::{Body, Handler, Handshake, Listener, ListenerConfig, StopHandle};

use super::origin;

/// Listening, for a [`Server`].
pub trait Bind {
    /// Listens for WebSocket connections on a TCP address, at the path `/trunkline`; port 0 takes a
    /// free one. Nothing is accepted until [`Bound::serve`].
    ///
    /// # Errors
    /// The address is taken or not ours.
    fn bind(
        &self,
        address: impl ToSocketAddrs + Send,
    ) -> impl Future<Output = io::Result<Bound>> + Send;

    /// As [`bind`](Self::bind), with another path, other time-outs or limits.
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
        Ok(Bound {
            server: self.clone(),
            listener,
            http: None,
        })
    }
}

type Http = Box<dyn Fn(&Request<()>) -> Response<Bytes> + Send + Sync>;

/// A server that has its port and accepts nothing yet.
#[must_use = "nothing is accepted until `serve`"]
pub struct Bound {
    server: Server,
    listener: Listener,
    http: Option<Http>,
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

    /// Answers plain HTTP requests to other paths, such as for the page that connects here. The
    /// default is 404. For more than a few pages mount Trunkline in a web framework instead.
    pub fn with_http<F>(mut self, handler: F) -> Self
    where
        F: Fn(&Request<()>) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.http = Some(Box::new(handler));
        self
    }

    /// Accepts connections until stopped. Those there are go on.
    ///
    /// # Errors
    /// None at present: errors of accepting are logged, and it goes on.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting.
    pub async fn serve(self) -> io::Result<()> {
        let handler = Arc::new(Accepting {
            server: self.server,
            http: self.http,
        });
        self.listener.serve(handler).await;
        Ok(())
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("local_addr", &self.local_addr())
            .finish_non_exhaustive()
    }
}

struct Accepting {
    server: Server,
    http: Option<Http>,
}

impl Handler for Accepting {
    fn admit(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
        origin::check(handshake).map_err(|foreign| {
            tracing::warn!(peer = ?handshake.peer, %foreign, "connection refused");
            let body = Body::from(foreign.to_string());
            let mut response = Response::new(body);
            *response.status_mut() = http::StatusCode::FORBIDDEN;
            Box::new(response)
        })
    }

    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        let Handshake {
            uri, headers, peer, ..
        } = handshake;
        self.server
            .accept(connection, Opening { peer, uri, headers })
            .await;
    }

    async fn fallback(
        self: Arc<Self>,
        request: Request<Incoming>,
        endpoint: &str,
    ) -> Response<Body> {
        match &self.http {
            Some(http) => http(&request.map(drop)).map(Body::from),
            None => {
                let text = format!("Not here. The endpoint is {endpoint}\n");
                let mut response = Response::new(Body::from(text));
                *response.status_mut() = http::StatusCode::NOT_FOUND;
                response
            }
        }
    }
}
