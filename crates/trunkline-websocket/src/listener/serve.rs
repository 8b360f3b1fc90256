//! HTTP on one TCP connection, up to the upgrade.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::{Handler, ListenerConfig};
use crate::config::count;
use crate::upgrade::{Body, Handshake, Upgrading, upgrade};

/// The largest head of a request, bytes; beyond it hyper answers 431.
const MAX_HEAD: usize = 16 * 1024;

/// Headers a request may have; beyond it hyper answers 431.
const MAX_HEADERS: usize = 64;

pub(super) async fn http<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    config: Arc<ListenerConfig>,
    handler: Arc<H>,
) {
    // Only fails on a socket that is gone, which the first read reports.
    let _ = stream.set_nodelay(true);
    let service = {
        let config = config.clone();
        service_fn(move |request| {
            let (config, handler) = (config.clone(), handler.clone());
            async move { Ok::<_, Infallible>(answer(request, peer, &config, handler).await) }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
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

async fn answer<H: Handler>(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    config: &ListenerConfig,
    handler: Arc<H>,
) -> Response<Body> {
    if request.uri().path() != config.path {
        return last(handler.fallback(request, &config.path).await);
    }
    let (response, upgrading) = match upgrade(&mut request, &config.protocols, &config.websocket) {
        Ok(granted) => granted,
        Err(refusal) => {
            let status = refusal.status();
            tracing::debug!(%peer, %status, "handshake refused");
            return *refusal;
        }
    };
    let (head, _) = request.into_parts();
    let handshake = Handshake {
        uri: head.uri,
        headers: head.headers,
        peer: Some(peer),
        negotiated: upgrading.negotiated().clone(),
    };
    if let Err(refusal) = handler.admit(&handshake) {
        count(&config.websocket.counters.upgrades_refused);
        return last(*refusal);
    }
    tokio::spawn(connected(upgrading, handshake, handler));
    response
}

async fn connected<H: Handler>(upgrading: Upgrading, handshake: Handshake, handler: Arc<H>) {
    match upgrading.complete().await {
        // A task of its own, so that nothing of HTTP and of this future lives on in it: a task is
        // as large as the largest moment of its future.
        Ok(connection) => drop(tokio::spawn(handler.connected(connection, handshake))),
        Err(cause) => {
            let peer = handshake.peer;
            tracing::debug!(?peer, %cause, "upgrade failed");
        }
    }
}

/// Makes an answer the last of its TCP connection, so that no idle one takes a place.
fn last(mut response: Response<Body>) -> Response<Body> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
