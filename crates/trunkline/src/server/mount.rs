//! Mounting: a server at a path of somebody else's HTTP server.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tower_service::Service;
use trunkline_server::Server;
use trunkline_websocket::{Body, Config, Endpoint, ListenerConfig, Proxies};

use super::accepting::Accepting;
use super::descriptors;
use super::origin::Origins;

/// Mounting a [`Server`] in a web framework, or in any HTTP server on hyper.
pub trait Mount {
    /// The server as a [`Mounted`] service.
    fn mount(&self) -> Mounted;
}

impl Mount for Server {
    fn mount(&self) -> Mounted {
        descriptors::warn_if_too_few(self.flood_limits().connections);
        let accepting = Accepting::new(self.clone());
        Mounted::new(accepting, Config::default(), Arc::new(plain_address))
    }
}

/// A [`Server`] as a tower service: it takes the requests to one path and turns those that open a
/// WebSocket into connections.
///
/// Give it a route of its own; it does not look at the path. What the host's layers do to requests
/// before they come here holds. The host must speak HTTP/1.1, support upgrades and pass the request
/// on with the extensions that hyper put into it, as axum does. A bad handshake is answered with
/// 400, 405 or 426 and the reason, a page that may not connect with 403.
///
/// The host's own shutdown does not end connections: [drain](Server::drain) the server or
/// [shut it down](Server::shut_down), and let the host go when it is [closed](Server::closed), so
/// that clients can come back for what they have not finished until then.
///
/// With axum (its feature `ws` is not needed):
///
/// ```no_run
/// # use std::net::SocketAddr;
/// use axum::extract::ConnectInfo;
/// use trunkline::server::{Mount, Server};
///
/// # async fn example() -> std::io::Result<()> {
/// let server = Server::new();
/// let endpoint = server.mount().with_peer(|extensions| {
///     let info = extensions.get::<ConnectInfo<SocketAddr>>()?;
///     Some(info.0)
/// });
/// let app = axum::Router::new().route_service("/trunkline", endpoint);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// let service = app.into_make_service_with_connect_info::<SocketAddr>();
/// axum::serve(listener, service)
///     .with_graceful_shutdown(async move { server.closed().await })
///     .await
/// # }
/// ```
///
/// A cheap handle; clones are the same endpoint.
#[derive(Clone)]
pub struct Mounted {
    endpoint: Endpoint<Accepting>,
    websocket: Config,
    peer: Arc<PeerOf>,
    warned: Arc<Once>,
    proxies: Proxies,
}

type PeerOf = dyn Fn(&Extensions) -> Option<SocketAddr> + Send + Sync;

impl Mounted {
    fn new(accepting: Accepting, websocket: Config, peer: Arc<PeerOf>) -> Self {
        let protocols = ListenerConfig::default().protocols;
        Self {
            endpoint: Endpoint::new(Arc::new(accepting), &protocols, websocket.clone()),
            websocket,
            peer,
            warned: Arc::new(Once::new()),
            proxies: Proxies::default(),
        }
    }

    /// Which pages may connect, and read why a plain request is refused. Default
    /// [`Origins::same_host`]. A refusal is logged with the code that would allow it.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        let accepting = Accepting {
            origins,
            ..Accepting::clone(self.endpoint.handler())
        };
        Self {
            proxies: self.proxies,
            ..Self::new(accepting, self.websocket, self.peer)
        }
    }

    /// What each connection is configured with.
    #[must_use]
    pub fn with_websocket(self, websocket: Config) -> Self {
        let accepting = Accepting::clone(self.endpoint.handler());
        Self {
            proxies: self.proxies,
            ..Self::new(accepting, websocket, self.peer)
        }
    }

    /// Where a request's extensions say which address it came from. Default: a [`SocketAddr`] that
    /// the host put there as it is. Without an address nothing can be told or limited by it, which
    /// is logged once.
    #[must_use]
    pub fn with_peer<F>(self, peer: F) -> Self
    where
        F: Fn(&Extensions) -> Option<SocketAddr> + Send + Sync + 'static,
    {
        let accepting = Accepting::clone(self.endpoint.handler());
        Self {
            proxies: self.proxies,
            ..Self::new(accepting, self.websocket, Arc::new(peer))
        }
    }

    /// The proxies whose `X-Forwarded-For` is believed, by the address that
    /// [`with_peer`](Self::with_peer) finds. Default: none. Leave it so where the host has made that
    /// address the client's already.
    #[must_use]
    pub fn with_proxies(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Answers one request, whatever its path: for HTTP servers that know nothing of tower, such as
    /// hyper's own. The connection of a good handshake runs in a task of its own, as soon as the
    /// answer has been written.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn answer<B>(&self, request: Request<B>) -> Response<AnswerBody> {
        let peer = (self.peer)(request.extensions());
        if peer.is_none() {
            self.warned.call_once(|| {
                tracing::warn!(
                    "a mounted endpoint does not learn its peers' addresses: say where they are \
                     with `Mounted::with_peer`"
                );
            });
        }
        let client = peer.map(|peer| self.proxies.client(peer, request.headers()));
        if let Some(client) = client
            && let Err(turned) = self.endpoint.knock(client)
        {
            return turned.into_response().map(AnswerBody);
        }
        self.endpoint.answer(request, client).map(AnswerBody)
    }
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let accepting = self.endpoint.handler();
        f.debug_struct("Mounted")
            .field("server", &accepting.server)
            .field("origins", &accepting.origins)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Mounted {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request)))
    }
}

/// The body of an answer: short text, or nothing.
#[derive(Debug, Default)]
pub struct AnswerBody(Body);

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

fn plain_address(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get().copied()
}
