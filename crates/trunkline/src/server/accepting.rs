//! What becomes of HTTP requests, wherever they came in: the judgement of their origin, and the
//! server behind it.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::{Bytes, Incoming};
use trunkline_server::{HttpRefusal, Place, Request as Opening, Server, UpgradeRequest};
use trunkline_transport::Connection;
use trunkline_websocket::{Body, Handler, Handshake, Turned};

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
    fn knock(&self, address: IpAddr) -> Result<(), Turned> {
        let knocked = self.server.knock(address);
        knocked.map_err(|refusal| Turned {
            status: refusal.status(),
            retry_after: retry_after(&refusal),
            text: refusal.text().to_owned(),
        })
    }

    fn admit(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
        let place = self.server.enter(handshake.peer.map(|peer| peer.ip()));
        let place = place.map_err(|refusal| {
            tracing::debug!(peer = ?handshake.peer, text = refusal.text(), "connection refused");
            Box::new(response_of(&refusal))
        })?;
        self.judge_origin(handshake)?;
        self.ask_hook(handshake)?;
        handshake.extensions.insert(place);
        Ok(())
    }

    fn refused(&self, request: &HeaderMap, answer: &mut Response<Body>) {
        cors::allow(&self.origins, request, answer);
    }

    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        let Handshake {
            uri,
            headers,
            peer,
            mut extensions,
            ..
        } = handshake;
        let opening = Opening {
            peer,
            uri,
            headers,
            place: extensions.remove::<Place>(),
        };
        self.server.accept(connection, opening).await;
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

impl Accepting {
    /// Refuses foreign pages, and takes cookies out of what no page sent.
    fn judge_origin(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
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

    /// Asks the program's own hook, which believes what is left.
    fn ask_hook(&self, handshake: &Handshake) -> Result<(), Box<Response<Body>>> {
        let request = UpgradeRequest {
            method: &Method::GET,
            uri: &handshake.uri,
            headers: &handshake.headers,
            peer: handshake.peer,
        };
        self.server.judge_upgrade(&request).map_err(|refusal| {
            let status = refusal.status();
            tracing::info!(peer = ?handshake.peer, %status, "connection refused");
            Box::new(response_of(&refusal))
        })
    }
}

fn retry_after(refusal: &HttpRefusal) -> u64 {
    let seconds = refusal.header().and_then(|(_, value)| value.to_str().ok());
    seconds.and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The answer of a hook that refused a request.
fn response_of(refusal: &HttpRefusal) -> Response<Body> {
    let mut response = Response::new(Body::from(refusal.text().to_owned()));
    *response.status_mut() = refusal.status();
    if let Some((name, value)) = refusal.header() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}
