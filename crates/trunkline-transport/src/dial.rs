//! Dialling: the client's side of a transport's handshake.

use async_trait::async_trait;
use http::HeaderMap;

use crate::{Connection, DialError, TransportKind};

/// What a client asks of a [`Dialer`].
#[derive(Clone, Debug)]
pub struct DialRequest {
    /// Where to, such as `https://example.org/trunkline`. A backend maps the scheme to its own.
    pub url: String,
    /// The application protocols offered, in order of preference.
    pub protocols: Vec<String>,
    /// Headers to send, where the transport can.
    pub headers: HeaderMap,
    /// The largest message accepted from the server, bytes.
    pub max_message: usize,
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
