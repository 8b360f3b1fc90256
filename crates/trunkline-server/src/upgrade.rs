//! A refusal before there is a connection: the hook on the HTTP request.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode, Uri};

/// An HTTP request that wants to become a connection, as the hook for it sees it.
///
/// Its `Debug` leaves out what may be a credential: the query, and what the headers hold.
#[derive(Clone, Copy)]
pub struct UpgradeRequest<'a> {
    /// GET for WebSocket.
    pub method: &'a Method,
    /// The request's path and query.
    pub uri: &'a Uri,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The address the request came from, where it is known.
    pub peer: Option<SocketAddr>,
}

impl fmt::Debug for UpgradeRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradeRequest")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The answer to a request that becomes no connection.
///
/// Browsers show a page neither its status nor its text: what a page is to know is told in band, by
/// the [authentication hook](crate::Builder::authenticate).
#[derive(Clone, Debug)]
pub struct HttpRefusal {
    status: StatusCode,
    text: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl HttpRefusal {
    /// An answer with this status and text.
    ///
    /// # Panics
    /// If the status is none of a refusal: 400 to 599.
    #[must_use]
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        assert!(
            status.is_client_error() || status.is_server_error(),
            "a refusal's status is 400 to 599, not {status}"
        );
        Self {
            status,
            text: text.into(),
            header: None,
        }
    }

    /// 401: the request lacks valid credentials, and may come back with some. The challenge is
    /// `Bearer`, unless [`with_header`](Self::with_header) names another.
    #[must_use]
    pub fn unauthorized(text: impl Into<Cow<'static, str>>) -> Self {
        let challenge = HeaderValue::from_static("Bearer");
        Self::new(StatusCode::UNAUTHORIZED, text).with_header(WWW_AUTHENTICATE, challenge)
    }

    /// 403: no credentials would help.
    #[must_use]
    pub fn forbidden(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    /// Adds the one header that the status asks for, such as `WWW-Authenticate` or `Retry-After`,
    /// instead of an earlier one.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The text, which goes as the answer's body.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The header, if there is one.
    #[must_use]
    pub const fn header(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.header.as_ref()
    }
}

/// The program's hook on requests.
pub(crate) struct BeforeUpgrade(Box<Hook>);

type Hook = dyn Fn(&UpgradeRequest<'_>) -> Result<(), HttpRefusal> + Send + Sync;

impl BeforeUpgrade {
    pub(crate) fn new(
        hook: impl Fn(&UpgradeRequest<'_>) -> Result<(), HttpRefusal> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(hook))
    }

    /// Asks the hook. One that panics has refused: 500, without a word of it.
    pub(crate) fn judge(&self, request: &UpgradeRequest<'_>) -> Result<(), HttpRefusal> {
        // Nothing of ours is borrowed that could be left half changed.
        catch_unwind(AssertUnwindSafe(|| (self.0)(request))).unwrap_or_else(|_panic| {
            tracing::error!(peer = ?request.peer, "the hook before the upgrade panicked");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(HttpRefusal::new(status, "internal"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(hook: BeforeUpgrade) -> Result<(), HttpRefusal> {
        hook.judge(&UpgradeRequest {
            method: &Method::GET,
            uri: &Uri::from_static("/trunkline?ticket=s3cret"),
            headers: &HeaderMap::new(),
            peer: None,
        })
    }

    #[test]
    fn a_hook_that_panics_refuses_and_says_nothing_of_it() {
        let refusal = judge(BeforeUpgrade::new(|_| panic!("s3cret"))).unwrap_err();
        assert_eq!(refusal.status(), 500);
        assert_eq!(refusal.text(), "internal");
    }

    #[test]
    fn a_401_names_its_challenge() {
        let hook = |request: &UpgradeRequest<'_>| {
            assert!(!format!("{request:?}").contains("s3cret"));
            Err(HttpRefusal::unauthorized("who are you?"))
        };
        let refusal = judge(BeforeUpgrade::new(hook)).unwrap_err();
        assert_eq!(
            (refusal.status().as_u16(), refusal.text()),
            (401, "who are you?")
        );
        assert_eq!(refusal.header().unwrap().0, WWW_AUTHENTICATE);
    }

    #[test]
    #[should_panic(expected = "400 to 599, not 200 OK")]
    fn a_success_is_no_refusal() {
        let _ = HttpRefusal::new(StatusCode::OK, "");
    }
}
