//! What a listener's user supplies.

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use trunkline_transport::Connection;

use crate::upgrade::{Body, Handshake, not_found};

/// What a [`Listener`](crate::Listener) does with what arrives.
pub trait Handler: Send + Sync + 'static {
    /// Judges a good handshake before it is answered. The default admits all.
    ///
    /// # Errors
    /// The HTTP answer that refuses instead, for floods and foreign origins: everything else is
    /// better said in band, since browsers show neither status nor body.
    fn admit(&self, handshake: &Handshake) -> Result<(), Box<Response<Body>>> {
        let _ = handshake;
        Ok(())
    }

    /// Runs a connection. The future is the connection's task, from here to its end.
    fn connected(
        self: Arc<Self>,
        connection: Connection,
        handshake: Handshake,
    ) -> impl Future<Output = ()> + Send;

    /// Answers a request for another path than the endpoint's. The default is 404. The answer is
    /// the last on its TCP connection.
    fn fallback(
        self: Arc<Self>,
        request: Request<Incoming>,
        endpoint: &str,
    ) -> impl Future<Output = Response<Body>> + Send {
        drop(request);
        std::future::ready(not_found(endpoint))
    }
}
