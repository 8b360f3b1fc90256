//! What only the fuzz targets call. Nothing is promised of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_transport::{Connection, DialError, DialRequest};

use crate::{Config, Handler, ListenerConfig, dial, listener};

/// Serves one connection as a [`Listener`](crate::Listener) does, over any stream.
pub async fn serve_http<S, H>(
    stream: S,
    peer: SocketAddr,
    config: Arc<ListenerConfig>,
    handler: Arc<H>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    listener::serve_over(stream, peer, config, handler).await;
}

/// Dials as a [`WebSocketDialer`](crate::WebSocketDialer) does, over a stream that stands in for the
/// one to the URL's host.
///
/// # Errors
/// As the dialer's, save those of TCP.
pub async fn dial_over<S>(
    stream: S,
    request: &DialRequest,
    config: &Config,
) -> Result<Connection, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    dial::dial_over(stream, request, config).await
}

/// Reads a header of the PROXY protocol as a [`Listener`](crate::Listener) does: whom it names.
///
/// # Errors
/// It is none, or malformed.
pub async fn read_proxy_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<SocketAddr>> {
    listener::proxy_header::read(stream).await
}
