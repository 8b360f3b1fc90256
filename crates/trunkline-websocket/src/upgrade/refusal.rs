//! HTTP answers that refuse, each with a text that says what was wrong.

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::Body;

/// Why a handshake is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// A header that the status asks for.
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            text: text.into(),
            header: None,
        }
    }

    pub(super) fn method_not_allowed(method: &http::Method) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            text: format!("A WebSocket handshake is a GET request; this is {method}."),
            header: Some((header::ALLOW, HeaderValue::from_static("GET"))),
        }
    }

    pub(super) fn upgrade_required(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UPGRADE_REQUIRED,
            text: text.into(),
            header: Some((header::UPGRADE, HeaderValue::from_static("websocket"))),
        }
    }

    /// The host's mistake, not the client's: said loudly here too.
    pub(super) fn no_upgrades() -> Self {
        let text = "The HTTP server that this endpoint is mounted in does not support upgrades: serve \
                    its connections `with_upgrades`.";
        tracing::error!("{text}");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            text: text.to_owned(),
            header: None,
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = text_response(self.status, self.text);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            // RFC 6455 section 4.4 and RFC 9110 section 15.5.22.
            headers.insert(
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            );
            headers.insert(
                header::CONNECTION,
                HeaderValue::from_static("Upgrade, close"),
            );
        }
        response
    }
}

/// The answer for a path where nothing is.
pub(crate) fn not_found(path: &str) -> Response<Body> {
    let text = format!("Nothing is served here; the Trunkline endpoint is at {path}.");
    text_response(StatusCode::NOT_FOUND, text)
}

/// Makes an answer the last of its TCP connection, so that no idle one takes a place.
pub(crate) fn last(mut response: Response<Body>) -> Response<Body> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn text_response(status: StatusCode, mut text: String) -> Response<Body> {
    text.push('\n');
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    // The request's body, if it has one, is not read.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
