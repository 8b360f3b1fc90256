//! What the user of an endpoint or a listener supplies.

use std::future::Future;

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use trunkline_transport::Connection;

use crate::sync::Arc;
use crate::upgrade::{Body, Handshake, not_found};

/// What an [`Endpoint`](crate::Endpoint), and a [`Listener`](crate::Listener) around it, does with
/// what arrives.
pub trait Handler: Send + Sync + 'static {
    /// Judges a good handshake before it is answered, and may take out of it what must not be
    /// believed. The default admits all.
    ///
    /// # Errors
    /// The HTTP answer that refuses instead, for floods and foreign origins: everything else is
    /// better said in band, since browsers show neither status nor body.
    fn admit(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
        let _ = handshake;
        Ok(())
    }

    /// Has a last word on an answer that refuses a request with these headers. The default leaves
    /// it as it is.
    fn refused(&self, headers: &HeaderMap, answer: &mut Response<Body>) {
        let _ = (headers, answer);
    }

    /// Runs a connection. The future is the connection's task, from here to its end.
    fn connected(
        self: Arc<Self>,
        connection: Connection,
        handshake: Handshake,
    ) -> impl Future<Output = ()> + Send;

    /// Answers a request to a listener for another path than the endpoint's. The default is 404. The
    /// answer is the last on its TCP connection.
    fn fallback(
        self: Arc<Self>,
        request: Request<Incoming>,
        endpoint: &str,
    ) -> impl Future<Output = Response<Body>> + Send {
        drop(request);
        std::future::ready(not_found(endpoint))
    }
}
