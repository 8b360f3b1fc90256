//! How connections end and dials fail.

use std::io;
use std::sync::Arc;

/// How a connection ended, as the transport saw it.
///
/// A frame of the protocol above may have said more before: this is only the transport's own word.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// The peer closed with a code, or none.
    #[error("closed by the peer with code {}: {reason}", code.map_or_else(|| "none".into(), |c| c.to_string()))]
    Closed {
        /// The transport's close code, where it carried one.
        code: Option<u16>,
        /// The reason that came with it; may be empty.
        reason: String,
    },
    /// This side closed with [`poll_close`](crate::MessageSender::poll_close).
    #[error("closed by this side")]
    ClosedHere,
    /// The link broke without a close.
    #[error("the connection was cut: {0}")]
    Cut(Arc<io::Error>),
    /// The peer broke the transport's own rules; `code` is the transport's close code for it
    /// (RFC 6455: 1002, 1007, 1009).
    #[error("the peer broke the transport's rules ({code}): {detail}")]
    Violation {
        /// The close code that names the violation. The backend has sent it already.
        code: u16,
        /// What the peer did, with the figures.
        detail: String,
    },
}

impl ConnectionEnd {
    /// A cut with the given cause.
    #[must_use]
    pub fn cut(cause: impl Into<io::Error>) -> Self {
        Self::Cut(Arc::new(cause.into()))
    }
}

/// Why a dial failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The URL cannot be dialled by this transport.
    #[error("cannot dial {url}: {reason}")]
    Url {
        /// The URL as given, without its query.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection came about.
    #[error("could not connect: {0}")]
    Io(Arc<io::Error>),
    /// The server could not be believed to be who it should, or speaks no TLS.
    #[error("no TLS with {host}: {reason}")]
    Tls {
        /// The host that was dialled, with its port unless that is the scheme's own.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The server answered the handshake with an HTTP status instead of a connection.
    #[error("the server answered {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the answer's body, at most 1 KiB.
        body: String,
        /// Seconds that a `Retry-After` header asks to wait, in either of its forms. Not bounded.
        retry_after_s: Option<u64>,
    },
    /// The proxy could not be reached, or made no way to the server.
    #[error("the proxy {proxy} {problem}")]
    Proxy {
        /// Which: host and port.
        proxy: String,
        /// What it did.
        problem: String,
        /// The HTTP status it answered, if it did.
        status: Option<u16>,
        /// Seconds that a `Retry-After` header of its asks to wait. Not bounded.
        retry_after_s: Option<u64>,
    },
    /// The server, or something in between, sent the client elsewhere. Redirects are not followed:
    /// what is sent to the server goes to nobody else.
    #[error("the server answered {status}, which redirects to {location}; that is not followed")]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to, as `Location` says, without query and credentials; at most 256 characters.
        location: String,
        /// Seconds that a `Retry-After` header asks to wait. Not bounded.
        retry_after_s: Option<u64>,
    },
    /// The server's handshake broke the transport's rules.
    #[error("the server's handshake is wrong: {0}")]
    Handshake(String),
}

impl From<io::Error> for DialError {
    fn from(cause: io::Error) -> Self {
        Self::Io(Arc::new(cause))
    }
}
