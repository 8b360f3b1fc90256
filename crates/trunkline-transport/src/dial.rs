//! Dialling: the client's side of a transport's handshake.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;

use crate::{Connection, DialError, Proxy, TransportKind};

/// What a client asks of a [`Dialer`].
///
/// Its `Debug` leaves out what may be a credential: the URL's user and query, and what the headers
/// hold.
#[derive(Clone)]
pub struct DialRequest {
    /// Where to, such as `https://example.org/trunkline`. A backend maps the scheme to its own.
    pub url: String,
    /// The application protocols offered, in order of preference.
    pub protocols: Vec<String>,
    /// Headers to send, where the transport can.
    pub headers: HeaderMap,
    /// The largest message accepted from the server, bytes.
    pub max_message: usize,
    /// What the connection goes through, if it is [for](Proxy::is_for) the URL's host. A backend that
    /// cannot go through it fails.
    pub proxy: Option<Proxy>,
    /// SHA-256 hashes of certificates: if there are any, the server is believed for showing one of
    /// these, whatever its name and whoever signed it, and for nothing else. A backend that cannot
    /// judge a server so fails.
    pub certificate_hashes: Vec<[u8; 32]>,
}

impl fmt::Debug for DialRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("DialRequest")
            .field("url", &without_credentials(&self.url))
            .field("protocols", &self.protocols)
            .field("header_names", &header_names)
            .field("max_message", &self.max_message)
            .field("proxy", &self.proxy)
            .field("certificate_hashes", &self.certificate_hashes.len())
            .finish()
    }
}

/// The URL, or what was meant as one, without its user, query and fragment: what may be shown of it.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match url.find("://") {
        Some(position) => url.split_at(position + "://".len()),
        None => ("", url),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    [scheme, host, path].concat()
}

/// Opens connections over one transport.
#[async_trait]
pub trait Dialer: Send + Sync + 'static {
    /// Which transport this is.
    fn transport(&self) -> TransportKind;

    /// Connects and completes the transport's handshake.
    ///
    /// # Errors
    /// See [`DialError`]. There is no time limit inside: the caller sets one.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt and closes what was open.
    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError>;
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn no_credential_shows_for_debugging() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer s3cret"));
        let request = DialRequest {
            url: "https://ada:s3cret@example.org:8443/trunkline?ticket=s3cret#s3cret".to_owned(),
            protocols: vec!["trunkline.v1.json".to_owned()],
            headers,
            max_message: 1024,
            proxy: Some(Proxy::new("http://ada:s3cret@proxy.example:3128").unwrap()),
            certificate_hashes: Vec::new(),
        };
        let shown = format!("{request:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("\"https://example.org:8443/trunkline\"")
                && shown.contains("authorization")
                && shown.contains("proxy.example:3128"),
            "{shown}"
        );
    }

    #[test]
    fn a_url_that_is_none_shows_no_credential_either() {
        assert_eq!(without_credentials("example.org?s3cret"), "example.org");
        assert_eq!(without_credentials("ada:s3cret@example.org"), "example.org");
        assert_eq!(without_credentials(""), "");
    }
}
