//! From an HTTP request to a connection.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use trunkline_transport::Connection;

use crate::config::{Config, count};
use crate::connection;
use crate::frame::Role;
use crate::tcp;

mod negotiate;
mod refusal;
mod request;

pub use negotiate::Negotiated;
pub(crate) use refusal::{last, not_found};

/// The body of every answer given here: short text.
pub type Body = Full<Bytes>;

/// What a WebSocket handshake said, for the layer above to judge.
///
/// Its `Debug` leaves out what may be a credential: the query, and what the headers hold.
#[derive(Clone)]
pub struct Handshake {
    /// Path and query as requested. The query may hold a one-time ticket: do not log it.
    pub uri: Uri,
    /// The request's headers. They may hold credentials: do not log them, and do not keep them for
    /// a connection's life (1 to 2 KiB).
    pub headers: HeaderMap,
    /// The client's address, where it is known: the TCP connection's, unless a trusted proxy named
    /// another.
    pub peer: Option<std::net::SocketAddr>,
    /// The application protocol agreed on.
    pub negotiated: Negotiated,
    /// What the [handler](crate::Handler) puts here when it admits, and wants back with the
    /// connection. Empty before.
    pub extensions: Extensions,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Handshake")
            .field("path", &self.uri.path())
            .field("header_names", &header_names)
            .field("peer", &self.peer)
            .field("negotiated", &self.negotiated)
            .finish_non_exhaustive()
    }
}

/// Checks a WebSocket handshake and answers it.
///
/// `supported` are the application protocols spoken here; the first one that the client offers and
/// that is among them is agreed on. If it offers only unknown ones and among them names of
/// Trunkline's, the first of those is echoed, so that the connection comes about and can be closed
/// with `unsupported-version` in a way that a browser sees (specification, "Encoding").
///
/// Send the response, then await [`Upgrading::complete`] in a task of its own: it is done only once
/// the response has been written.
///
/// # Errors
/// The answer that refuses, as text that says what was wrong: 405 (not GET), 400 (HTTP version,
/// key, no protocol offered), 426 (not a WebSocket request, another WebSocket version), 500 (the
/// HTTP server around this does not support upgrades).
pub fn upgrade<B>(
    request: &mut Request<B>,
    supported: &[String],
    config: &Config,
) -> Result<(Response<Body>, Upgrading), Box<Response<Body>>> {
    let granted = request::check(request, supported);
    let granted = granted.and_then(|granted| match request.extensions().get::<OnUpgrade>() {
        Some(_) => Ok(granted),
        None => Err(refusal::Refusal::no_upgrades()),
    });
    let granted = granted.map_err(|refusal| {
        count(&config.counters.upgrades_refused);
        Box::new(refusal.into_response())
    })?;
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(
        header::UPGRADE,
        header::HeaderValue::from_static("websocket"),
    );
    headers.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("Upgrade"),
    );
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, granted.accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, granted.protocol_header);
    let upgrading = Upgrading {
        upgrade: hyper::upgrade::on(request),
        negotiated: granted.negotiated,
        config: config.clone(),
    };
    Ok((response, upgrading))
}

/// A granted upgrade whose response is yet to be written.
#[derive(Debug)]
pub struct Upgrading {
    upgrade: OnUpgrade,
    negotiated: Negotiated,
    config: Config,
}

impl Upgrading {
    /// The application protocol agreed on.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Waits until the response has been written, and takes the byte stream over.
    ///
    /// Over hyper on a [`TcpStream`] (with the feature `hyper-auto` also through hyper-util's automatic
    /// server, which axum uses) the socket itself is taken and everything of HTTP is freed, and so
    /// is tokio-rustls's stream over one with the feature `tls`; over another stream HTTP's wrapping
    /// stays. Whatever is not plain TCP has halves that take turns. Bytes that arrived with the
    /// request are not lost.
    ///
    /// # Errors
    /// The client went away before.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    pub async fn complete(self) -> Result<Connection, UpgradeError> {
        match self.upgrade.await {
            Ok(upgraded) => Ok(take_over(
                upgraded,
                self.negotiated.into_name(),
                &self.config,
            )),
            Err(cause) => {
                count(&self.config.counters.upgrades_failed);
                Err(UpgradeError {
                    cause: Arc::new(cause),
                })
            }
        }
    }
}

/// A granted upgrade did not come about.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the client went away during the upgrade: {cause}")]
pub struct UpgradeError {
    cause: Arc<hyper::Error>,
}

fn take_over(upgraded: Upgraded, protocol: String, config: &Config) -> Connection {
    let upgraded = match into_socket(upgraded) {
        Ok((tcp, read)) => {
            return connection::over_tcp(tcp, Role::Server, protocol, config, read);
        }
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "tls")]
    let upgraded = match into_stream::<tokio_rustls::server::TlsStream<TcpStream>>(upgraded) {
        Ok((tls, read)) => {
            tune(tls.get_ref().0);
            return connection::over_stream(tls, Role::Server, protocol, config, read);
        }
        Err(upgraded) => upgraded,
    };
    let stream = TokioIo::new(upgraded);
    connection::over_stream(stream, Role::Server, protocol, config, Bytes::new())
}

/// A listener of our own has done so already, a host's may not have.
fn tune(tcp: &TcpStream) {
    // A socket that has just been reset takes no option, and the next read says so.
    let _ = tcp::tune(tcp);
}

/// The socket itself, if that is what is under HTTP, and what hyper had read of it.
fn into_socket(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
    into_stream(upgraded).inspect(|(tcp, _)| tune(tcp))
}

/// The stream under HTTP and what hyper had read of it, if it is one of this type.
fn into_stream<S>(upgraded: Upgraded) -> Result<(S, Bytes), Upgraded>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgraded = match upgraded.downcast::<TokioIo<S>>() {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "hyper-auto")]
    let upgraded = match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<S>>(upgraded) {
        Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    Err(upgraded)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    /// Whether the socket itself can be taken from under this server.
    async fn takes_the_socket<S, Fut>(serve: S) -> bool
    where
        S: FnOnce(TcpStream, tokio::sync::mpsc::Sender<bool>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        use tokio::io::AsyncWriteExt as _;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbehind";
        client.write_all(head).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (told, mut hears) = tokio::sync::mpsc::channel(1);
        tokio::spawn(serve(stream, told));
        hears.recv().await.unwrap()
    }

    /// Upgrades, and tells whether the socket with the bytes behind the request came of it, and writes
    /// without delay.
    fn upgrading(
        mut request: Request<hyper::body::Incoming>,
        told: tokio::sync::mpsc::Sender<bool>,
    ) -> Result<Response<Body>, std::convert::Infallible> {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let taken = into_socket(upgrade.await.unwrap());
            let whole = taken.is_ok_and(|(tcp, read)| read == "behind" && tcp.nodelay().unwrap());
            told.send(whole).await.unwrap();
        });
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Ok(response)
    }

    #[tokio::test]
    async fn the_socket_itself_is_taken_from_under_hyper() {
        let taken = takes_the_socket(|stream, told| async move {
            let service = hyper::service::service_fn(|request| {
                std::future::ready(upgrading(request, told.clone()))
            });
            let server = hyper::server::conn::http1::Builder::new();
            let connection = server.serve_connection(TokioIo::new(stream), service);
            connection.with_upgrades().await.unwrap();
        });
        assert!(taken.await);
    }

    #[cfg(feature = "hyper-auto")]
    #[tokio::test]
    async fn the_socket_itself_is_taken_from_under_hyper_utils_automatic_server() {
        let taken = takes_the_socket(|stream, told| async move {
            let service = hyper::service::service_fn(|request| {
                std::future::ready(upgrading(request, told.clone()))
            });
            let executor = hyper_util::rt::TokioExecutor::new();
            let server = hyper_util::server::conn::auto::Builder::new(executor);
            let io = TokioIo::new(stream);
            let served = server.serve_connection_with_upgrades(io, service).await;
            served.unwrap();
        });
        assert!(taken.await);
    }

    #[test]
    fn a_host_that_cannot_upgrade_is_told_so() {
        let mut request = Request::get("/trunkline")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", "trunkline.v1.json")
            .body(())
            .unwrap();
        let supported = ["trunkline.v1.json".to_owned()];
        let answer = upgrade(&mut request, &supported, &Config::default()).unwrap_err();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn no_credential_shows_for_debugging() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer s3cret"));
        let handshake = Handshake {
            uri: Uri::from_static("/trunkline?ticket=s3cret"),
            headers,
            peer: None,
            negotiated: Negotiated::Known("trunkline.v1.json".to_owned()),
            extensions: Extensions::new(),
        };
        let shown = format!("{handshake:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("/trunkline") && shown.contains("authorization"),
            "{shown}"
        );
    }
}
