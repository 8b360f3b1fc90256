//! HTTP on one TCP connection, up to the upgrade.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{ListenerConfig, proxy_header};
use crate::config::count;
use crate::endpoint::Endpoint;
use crate::handler::{Handler, Turned};
use crate::sync::Arc;
use crate::tcp;
use crate::upgrade::{Body, last};

/// The largest head of a request, bytes; beyond it hyper answers 431.
const MAX_HEAD: usize = 16 * 1024;

/// Headers a request may have; beyond it hyper answers 431.
const MAX_HEADERS: usize = 64;

/// What all TCP connections of a listener share.
pub(super) struct Serving<H> {
    pub(super) config: Arc<ListenerConfig>,
    pub(super) endpoint: Endpoint<H>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<tokio_rustls::TlsAcceptor>,
}

impl<H: Handler> Serving<H> {
    /// Serves one TCP connection until it is over or a WebSocket.
    pub(super) async fn serve(&self, mut stream: TcpStream, mut peer: SocketAddr) {
        // Only fails on a socket that is gone, which the first read reports.
        let _ = tcp::tune(&stream);
        if self.config.proxy_protocol && self.config.proxies.include(peer.ip()) {
            match self.introduce(&mut stream, peer).await {
                Some(client) => peer = client,
                None => return,
            }
        }
        // A proxy's requests are judged one by one, when their header has named the client.
        if !self.config.proxies.include(peer.ip())
            && let Err(turned) = self.endpoint.knock(peer)
        {
            return turn_away(stream, &turned, self.config.speaks_tls());
        }
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.tls {
            if let Some(stream) = self.shake_hands(acceptor, stream, peer).await {
                self.http(stream, peer).await;
            }
            return;
        }
        self.http(stream, peer).await;
    }

    /// What a proxy says of whom it speaks for; none if it says nothing of use.
    async fn introduce(&self, stream: &mut TcpStream, proxy: SocketAddr) -> Option<SocketAddr> {
        let limit = self.config.header_timeout;
        match tokio::time::timeout(limit, proxy_header::read(stream)).await {
            Ok(Ok(client)) => return Some(client.unwrap_or(proxy)),
            Ok(Err(cause)) => tracing::warn!(%proxy, %cause, "a proxy's connection is refused"),
            Err(_elapsed) => tracing::warn!(%proxy, ?limit, "a proxy's header took too long"),
        }
        count(&self.config.websocket.counters.handshake_errors);
        None
    }

    #[cfg(feature = "tls")]
    async fn shake_hands(
        &self,
        acceptor: &tokio_rustls::TlsAcceptor,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
        let limit = self.config.tls_timeout;
        match tokio::time::timeout(limit, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(cause)) => tracing::debug!(%peer, %cause, "TLS handshake failed"),
            Err(_elapsed) => tracing::debug!(%peer, ?limit, "TLS handshake took too long"),
        }
        count(&self.config.websocket.counters.handshake_errors);
        None
    }

    pub(super) async fn http<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = &self.config;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(|request| async move {
                    Ok::<_, Infallible>(self.answer(request, peer).await)
                }),
            )
            .with_upgrades();
        match tokio::time::timeout(config.http_timeout, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => {
                count(&config.websocket.counters.handshake_errors);
                tracing::debug!(%peer, %cause, "HTTP connection failed");
            }
            Err(_) => {
                count(&config.websocket.counters.handshake_errors);
                let limit = config.http_timeout;
                tracing::debug!(%peer, ?limit, "HTTP connection took too long");
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let proxies = &self.config.proxies;
        let client = proxies.client(peer, request.headers());
        if proxies.include(peer.ip())
            && let Err(turned) = self.endpoint.knock(client)
        {
            return last(turned.into_response());
        }
        if request.uri().path() == self.config.path {
            return self.endpoint.answer(request, Some(client));
        }
        let handler = Arc::clone(self.endpoint.handler());
        last(handler.fallback(request, &self.config.path).await)
    }
}

/// Closes a connection, and says why as far as one write goes, where HTTP is spoken at once: reading
/// the request first would give a flood what it wants.
pub(super) fn turn_away(stream: TcpStream, turned: &Turned, speaks_tls: bool) {
    if speaks_tls {
        return;
    }
    // Not every version of tokio attempts anything on a socket that its driver has not looked at yet.
    let Ok(mut stream) = stream.into_std() else {
        return;
    };
    // Whoever does not hear it sees a closed connection.
    let _ = stream.write(&turned.to_bytes());
    // Closing with something unread would be a reset, which may overtake the answer.
    let _ = stream.read(&mut [0; UNREAD_MAX]);
}

/// Of a request that has come already, what is thrown away unread, bytes.
const UNREAD_MAX: usize = 2 * 1024;
