//! Telling clients of one transport about the other (specification: frames.md, WELCOME's
//! `alternatives`; transports.md, TRN-032).

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Response, header};
use hyper::body::Bytes;
use trunkline_server::Alternative;
use trunkline_tls::Certificate;
use trunkline_transport::TransportKind;
use trunkline_websocket::Body;

/// What WebSocket clients are told of WebTransport.
#[derive(Clone)]
pub(super) struct Announcement {
    /// The UDP port.
    pub(super) port: u16,
    /// The path of the endpoint.
    pub(super) path: String,
    /// The certificate that is shown there.
    pub(super) certificate: Certificate,
}

impl Announcement {
    /// WebTransport, on the host that a request with these headers asked for. Nothing if it named none.
    pub(super) fn for_request(&self, headers: &HeaderMap) -> Option<Alternative> {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let host: Authority = host.parse().ok()?;
        let hashes = match self.certificate.is_self_signed() {
            true => vec![self.certificate.sha256().to_vec()],
            false => Vec::new(),
        };
        Some(Alternative {
            transport: TransportKind::WebTransport.name().to_owned(),
            url: format!("https://{}:{}{}", host.host(), self.port, self.path),
            hashes,
        })
    }

    /// The answer to a plain GET: the same as JSON, for pages that race transports before they have a
    /// session.
    pub(super) fn document(&self, headers: &HeaderMap) -> Response<Body> {
        let alternatives: Vec<_> = self.for_request(headers).into_iter().collect();
        let text = Alternative::document(&alternatives);
        let mut answer = Response::new(Body::from(Bytes::from(text)));
        let headers = answer.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        // A certificate for development changes.
        let no_store = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, no_store);
        answer
    }
}
