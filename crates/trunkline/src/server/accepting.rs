//! What becomes of HTTP requests, wherever they came in: the judgement of their origin, and the
//! server behind it.

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::{Bytes, Incoming};
use trunkline_server::{Request as Opening, Server};
use trunkline_transport::Connection;
use trunkline_websocket::{Body, Handler, Handshake};

use super::cors;
use super::origin::{Caller, Origins};

pub(super) type Http = dyn Fn(&Request<()>) -> Response<Bytes> + Send + Sync;

/// A server behind an endpoint.
#[derive(Clone)]
pub(super) struct Accepting {
    pub(super) server: Server,
    pub(super) origins: Origins,
    /// What answers at other paths, where those are ours.
    pub(super) http: Option<Arc<Http>>,
}

impl Handler for Accepting {
    fn admit(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
        match self.origins.judge(&handshake.headers) {
            Ok(Caller::Page) => Ok(()),
            Ok(Caller::Program) => {
                // A browser may be made to send a request without `Origin`, and then with cookies:
                // they say nothing about who meant to connect.
                handshake.headers.remove(header::COOKIE);
                Ok(())
            }
            Err(foreign) => {
                let allow = foreign.remedy();
                tracing::warn!(peer = ?handshake.peer, %foreign, %allow, "connection refused");
                let mut response = Response::new(Body::from(format!("{foreign}\n")));
                *response.status_mut() = StatusCode::FORBIDDEN;
                Err(Box::new(response))
            }
        }
    }

    fn refused(&self, request: &HeaderMap, answer: &mut Response<Body>) {
        cors::allow(&self.origins, request, answer);
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
        let request = request.map(drop);
        let Some(http) = &self.http else {
            let text = format!("Not here. The endpoint is {endpoint}\n");
            let mut response = Response::new(Body::from(text));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        if let Some(answer) = cors::preflight(&self.origins, &request) {
            return answer;
        }
        let mut answer = http(&request).map(Body::from);
        cors::allow(&self.origins, request.headers(), &mut answer);
        answer
    }
}
