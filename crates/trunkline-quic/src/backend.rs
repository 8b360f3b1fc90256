//! What a backend supplies: HTTP/3 and WebTransport on top of QUIC.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use http::{HeaderMap, StatusCode, Uri};
use trunkline_transport::{DialError, DialRequest};

use crate::{Target, Wire, WireReader, WireStream};

/// A WebTransport library, on both sides.
///
/// It stands on quinn, as [`Target::failed`] and [`ended`](crate::ended) do that serve it: the types of quinn
/// and of the library in their signatures are for crates of backends, and go no further
/// (`docs/decisions/0031-the-seam-of-backends-speaks-quinn.md`).
pub trait Backend: Send + Sync + 'static {
    /// A session.
    type Session: Wire;
    /// The sending half of its stream.
    type Sending: WireStream;
    /// The receiving half of its stream.
    type Receiving: WireReader;
    /// What dials from one UDP socket.
    type Client: Send + Sync + 'static;
    /// A request that waits for its answer.
    type Request: Send + 'static;

    /// What dials from this socket.
    ///
    /// # Errors
    /// The socket cannot be used.
    fn client(socket: UdpSocket, config: quinn::ClientConfig) -> io::Result<Self::Client>;

    /// Connects to `peer`, asks for a session there, and opens its stream.
    ///
    /// # Errors
    /// See [`DialError`].
    fn dial(
        client: &Self::Client,
        peer: SocketAddr,
        target: &Target,
        request: &DialRequest,
    ) -> impl Future<Output = Result<Opened<Self>, DialError>> + Send;

    /// Shakes hands and reads the request.
    ///
    /// # Errors
    /// See [`AcceptError`].
    fn accept(
        incoming: quinn::Incoming,
    ) -> impl Future<Output = Result<(Head, Self::Request), AcceptError>> + Send;

    /// Grants a request, and waits for the peer's stream. `protocol` is one that it offered.
    ///
    /// # Errors
    /// See [`AcceptError`].
    fn grant(
        request: Self::Request,
        protocol: Option<&str>,
    ) -> impl Future<Output = Result<Opened<Self>, AcceptError>> + Send;

    /// Refuses a request with this status; ready when the peer has had time to read it. Browsers show a
    /// page neither status nor text.
    fn refuse(request: Self::Request, status: StatusCode) -> impl Future<Output = ()> + Send;
}

/// A session whose stream is open.
#[derive(Debug)]
pub struct Opened<B: Backend + ?Sized> {
    /// The session.
    pub session: B::Session,
    /// The sending half of its stream.
    pub sending: B::Sending,
    /// The receiving half.
    pub receiving: B::Receiving,
    /// The application protocol that was agreed on, where the stack has them.
    pub protocol: Option<String>,
}

/// What a client asked for.
#[derive(Debug)]
pub struct Head {
    /// The host and port it asked, as it named them.
    pub authority: String,
    /// Path and query.
    pub uri: Uri,
    /// The headers, `origin` among them.
    pub headers: HeaderMap,
    /// The application protocols offered; empty where the stack has none.
    pub protocols: Vec<String>,
    /// Where it came from. It may change while the connection lives.
    pub peer: SocketAddr,
}

/// Why a QUIC connection became none of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// QUIC's handshake failed.
    #[error("the QUIC handshake failed: {0}")]
    Quic(Box<dyn Error + Send + Sync>),
    /// The peer does not ask for a WebTransport session as it should.
    #[error("no request for a WebTransport session: {0}")]
    Request(String),
    /// The session ended before its stream was opened.
    #[error("the session ended before its stream was opened: {0}")]
    Ended(String),
}
