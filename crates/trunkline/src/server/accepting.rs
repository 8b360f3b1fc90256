//! What becomes of HTTP requests, wherever they came in: the judgement of their origin, and the
//! server behind it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::{Bytes, Incoming};
use trunkline_server::{
    Alternative, HttpRefusal, Place, Request as Opening, Server, UpgradeRequest,
};
use trunkline_transport::Connection;
use trunkline_websocket::{Body, Handler, Handshake, Turned};

#[cfg(feature = "webtransport")]
use super::announcing::Announcement;
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
    /// The WebTransport that is served beside it.
    #[cfg(feature = "webtransport")]
    pub(super) webtransport: Option<Announcement>,
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
        let Handshake {
            uri, headers, peer, ..
        } = handshake;
        let place = self.judge(&Method::GET, uri, headers, *peer)?;
        handshake.extensions.insert(place);
        Ok(())
    }

    #[cfg(feature = "webtransport")]
    fn describe(&self, headers: &HeaderMap) -> Option<Response<Body>> {
        let mut answer = self.webtransport.as_ref()?.document(headers);
        cors::allow(&self.origins, headers, &mut answer);
        Some(answer)
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
            alternatives: self.alternatives(&headers),
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
    /// Of a server with the defaults.
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            origins: Origins::default(),
            http: None,
            #[cfg(feature = "webtransport")]
            webtransport: None,
        }
    }

    /// Judges a request to connect, whatever its transport: who may come at all, from which page, and
    /// what the program's own hook says. Takes out of its headers what must not be believed.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub(super) fn judge(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<Place, Box<Response<Body>>> {
        let place = self.server.enter(peer.map(|peer| peer.ip()));
        let place = place.map_err(|refusal| {
            tracing::debug!(?peer, text = refusal.text(), "connection refused");
            Box::new(response_of(&refusal))
        })?;
        self.judge_origin(headers, peer)?;
        self.ask_hook(&UpgradeRequest {
            method,
            uri,
            headers,
            peer,
        })?;
        Ok(place)
    }

    /// What a WebSocket client is told of other transports.
    fn alternatives(&self, headers: &HeaderMap) -> Vec<Alternative> {
        #[cfg(feature = "webtransport")]
        if let Some(webtransport) = &self.webtransport {
            return webtransport.for_request(headers).into_iter().collect();
        }
        let _ = headers;
        Vec::new()
    }

    /// Refuses foreign pages, and takes cookies out of what no page sent.
    fn judge_origin(
        &self,
        headers: &mut HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Result<(), Box<Response<Body>>> {
        match self.origins.judge(headers) {
            Ok(Caller::Page) => Ok(()),
            Ok(Caller::Program) => {
                // A browser may be made to send a request without `Origin`, and then with cookies:
                // they say nothing about who meant to connect.
                headers.remove(header::COOKIE);
                Ok(())
            }
            Err(foreign) => {
                let allow = foreign.remedy();
                tracing::warn!(?peer, %foreign, %allow, "connection refused");
                let mut response = Response::new(Body::from(format!("{foreign}\n")));
                *response.status_mut() = StatusCode::FORBIDDEN;
                Err(Box::new(response))
            }
        }
    }

    /// Asks the program's own hook, which believes what is left.
    fn ask_hook(&self, request: &UpgradeRequest<'_>) -> Result<(), Box<Response<Body>>> {
        self.server.judge_upgrade(request).map_err(|refusal| {
            let status = refusal.status();
            tracing::info!(peer = ?request.peer, %status, "connection refused");
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
