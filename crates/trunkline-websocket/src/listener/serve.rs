//! HTTP on one TCP connection, up to the upgrade.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::ListenerConfig;
use crate::config::count;
use crate::endpoint::Endpoint;
use crate::handler::Handler;
use crate::sync::Arc;
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
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // Only fails on a socket that is gone, which the first read reports.
        let _ = stream.set_nodelay(true);
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.tls {
            if let Some(stream) = self.shake_hands(acceptor, stream, peer).await {
                self.http(stream, peer).await;
            }
            return;
        }
        self.http(stream, peer).await;
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
        if request.uri().path() == self.config.path {
            return self.endpoint.answer(request, Some(peer));
        }
        let handler = Arc::clone(self.endpoint.handler());
        last(handler.fallback(request, &self.config.path).await)
    }
}
