//! What the user of an endpoint or a listener supplies.

use std::future::Future;
use std::net::IpAddr;

use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use trunkline_transport::Connection;

use crate::sync::Arc;
use crate::upgrade::{Body, Handshake, not_found};

/// What an [`Endpoint`](crate::Endpoint), and a [`Listener`](crate::Listener) around it, does with
/// what arrives.
pub trait Handler: Send + Sync + 'static {
    /// Counts an attempt to connect from this address, and says whether it goes on: asked once per
    /// TCP connection, as early as its client's address is known, which without a proxy is before a
    /// byte is read. The default lets all go on.
    ///
    /// # Errors
    /// The answer that turns it away.
    fn knock(&self, address: IpAddr) -> Result<(), Turned> {
        let _ = address;
        Ok(())
    }

    /// Judges a good handshake before it is answered, may take out of it what must not be believed,
    /// and may put into its extensions what [`connected`](Self::connected) is to have. The default
    /// admits all.
    ///
    /// # Errors
    /// The HTTP answer that refuses instead, for floods and foreign origins: everything else is
    /// better said in band, since browsers show neither status nor body.
    fn admit(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
        let _ = handshake;
        Ok(())
    }

    /// Answers a GET of the endpoint that asks for no upgrade. The default has no answer: then it is
    /// 426.
    fn describe(&self, headers: &HeaderMap) -> Option<Response<Body>> {
        let _ = headers;
        None
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

/// The answer to an attempt that came too soon: short text.
#[derive(Clone, Debug)]
pub struct Turned {
    /// 429 or 503.
    pub status: StatusCode,
    /// When to come back, seconds.
    pub retry_after: u64,
    /// What was too much, with the figures.
    pub text: String,
}

impl Turned {
    /// The answer in HTTP.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, self.retry_after.into());
        response
    }

    /// The answer as bytes, for a connection that HTTP never comes to.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self {
            status,
            retry_after,
            text,
        } = self;
        let length = text.len();
        format!(
            "HTTP/1.1 {status}\r\nretry-after: {retry_after}\r\ncontent-length: {length}\r\n\
             content-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n{text}"
        )
        .into_bytes()
    }
}
