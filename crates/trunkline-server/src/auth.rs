//! What a connection brought with it.

use std::fmt;
use std::net::SocketAddr;

use http::{HeaderMap, Uri};
use trunkline_protocol::{Alternative, Encoding, Value};
use trunkline_transport::TransportKind;

use crate::door::Place;

/// What the connection that created a session brought with it, for as long as the session lives.
///
/// Its `Debug` leaves out what may be a credential: the query and `auth`.
#[derive(Clone)]
pub struct Handshake {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) uri: Uri,
    pub(crate) transport: TransportKind,
    pub(crate) encoding: Encoding,
    pub(crate) auth: Value,
    pub(crate) agent: Box<str>,
}

impl Handshake {
    /// The address the connection came from, where the transport knows one.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The request's path and query.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The transport of the session's first connection.
    #[must_use]
    pub const fn transport(&self) -> TransportKind {
        self.transport
    }

    /// How the session's frames are written.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The `auth` of HELLO; nil if it had none.
    #[must_use]
    pub const fn auth(&self) -> &Value {
        &self.auth
    }

    /// What the client calls itself.
    #[must_use]
    pub const fn agent(&self) -> &str {
        &self.agent
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("peer", &self.peer)
            .field("path", &self.uri.path())
            .field("transport", &self.transport)
            .field("encoding", &self.encoding)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

/// The HTTP request that a connection began with.
///
/// Its headers are seen only by the authentication hook: keeping them would cost more memory than
/// the rest of an idle connection. The hook keeps what it needs as the principal.
///
/// Its `Debug` leaves out what may be a credential: the query, and what the headers hold.
#[derive(Clone, Default)]
pub struct Request {
    /// The address the connection came from, where the transport knows one.
    pub peer: Option<SocketAddr>,
    /// The request's path and query.
    pub uri: Uri,
    /// The request's headers. Cookies are in it only if a page sent them that may connect
    /// (specification: security.md, SEC-002): whoever makes this of a request sees to that.
    pub headers: HeaderMap,
    /// The place that the connection takes, from [`Server::enter`](crate::Server::enter) of the server
    /// that it is passed to. With none it does not count against the limits on connections.
    pub place: Option<Place>,
    /// Other transports to this server, told to the client in WELCOME.
    pub alternatives: Vec<Alternative>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header_names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Request")
            .field("peer", &self.peer)
            .field("path", &self.uri.path())
            .field("header_names", &header_names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn no_credential_shows_for_debugging() {
        let mut request = Request {
            uri: Uri::from_static("/trunkline?ticket=s3cret"),
            ..Request::default()
        };
        let bearer = HeaderValue::from_static("Bearer s3cret");
        request.headers.insert(AUTHORIZATION, bearer);
        let handshake = Handshake {
            peer: None,
            uri: request.uri.clone(),
            transport: TransportKind::Memory,
            encoding: Encoding::Json,
            auth: Value::encode("s3cret").unwrap(),
            agent: "test".into(),
        };
        let shown = format!("{request:?} {handshake:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("/trunkline") && shown.contains("authorization"),
            "{shown}"
        );
    }
}
