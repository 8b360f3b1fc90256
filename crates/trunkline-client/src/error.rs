//! How operations fail, an enum each.

use trunkline_driver::TooLarge;
use trunkline_protocol::{Code, DecodeError, EncodeError, InvalidName, Value};
use trunkline_transport::{DialError, TransportKind};

use crate::CredentialsError;

/// Why a client cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL is none.
    #[error("the URL cannot be dialled: {0}")]
    Url(String),
    /// No dialer was given, or none of those that the settings ask for: see
    /// [`Builder::transports`](crate::Builder::transports).
    #[error("no transport to dial with")]
    NoDialer,
    /// A header that is the handshake's own, or for somebody else than the server.
    #[error("the header `{0}` cannot be set: it is the handshake's or the proxy's own")]
    Header(http::HeaderName),
    /// The client's name is no text of visible ASCII, or too long.
    #[error(
        "the agent's name is {bytes} bytes, or not ASCII, where {} bytes of ASCII may be",
        crate::AGENT_BYTES
    )]
    Agent {
        /// Its length, with the client's own part.
        bytes: usize,
    },
    /// The credentials do not encode.
    #[error("the credentials do not encode: {0}")]
    Auth(#[from] EncodeError),
}

/// Why a socket did not get connected.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server refused the namespace. The session and other sockets are unharmed.
    #[error("refused with {code}: {message}")]
    Refused {
        /// Why.
        code: Code,
        /// Why, for people.
        message: String,
        /// What the server's application says with it.
        data: Value,
    },
    /// The server refused the credentials.
    #[error("unauthorized: {reason}")]
    Unauthorized {
        /// Why, for people.
        reason: String,
        /// What the server's application says with it.
        data: Value,
    },
    /// There are no credentials, and will be none.
    #[error("{0}")]
    Credentials(CredentialsError),
    /// The client was closed, or the server ended the session with a code that forbids another try.
    #[error("closed with {code}: {reason}")]
    Closed {
        /// Why.
        code: Code,
        /// Why, for people.
        reason: String,
        /// What came with it.
        data: Value,
    },
    /// The server's answer to the dial, or the URL, leaves no hope.
    #[error("{0}")]
    Dial(DialError),
    /// The limit of attempts or of time was reached.
    #[error("gave up after {attempts} attempts: {last}")]
    GaveUp {
        /// How many.
        attempts: u32,
        /// What ended the last one.
        last: String,
    },
    /// The socket was disconnected while it waited for the server's answer.
    #[error("disconnected before the server answered")]
    Disconnected,
}

/// Why a session did not move to another transport. It goes on where it was, unless it had no
/// connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// There is no connection to leave, or it ended before there was another.
    #[error("the client has no connection")]
    NotConnected,
    /// The client has no such transport, or cannot dial it for this URL and encoding: WebTransport
    /// needs `https` or a server that tells where it is, MessagePack, and no proxy.
    #[error("there is no {transport} to switch to")]
    Unavailable {
        /// The transport.
        transport: TransportKind,
    },
    /// The server does not let the session be resumed.
    #[error("the session cannot be resumed")]
    NotResumable,
    /// The server asked the client to leave, which it does first.
    #[error("the server is going away")]
    GoingAway,
    /// Another call came before this one began.
    #[error("another switch was asked for")]
    Replaced,
    /// The other transport did not connect, or the server did not take the session there.
    #[error("no switch to {transport}: {cause}")]
    Failed {
        /// The transport.
        transport: TransportKind,
        /// What went wrong, for people.
        cause: String,
    },
}

/// Why an event was not taken. It was not sent, and will not be. Its args are still with whoever
/// emitted it, since an emit borrows them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event's name is none.
    #[error("the event's name: {0}")]
    Name(#[from] InvalidName),
    /// The args do not encode.
    #[error("the args do not encode: {0}")]
    Encode(#[from] EncodeError),
    /// The event does not fit a frame.
    #[error("a frame of {size} bytes where {limit} may be")]
    TooLarge {
        /// The frame's size in bytes, at least.
        size: usize,
        /// The server's `limits.frame`; for a datagram, what the connection or the server takes in one.
        limit: usize,
    },
    /// Too much waits for the server already.
    #[error("{queued} bytes wait where {limit} may")]
    QueueFull {
        /// Bytes that wait, this event not counted.
        queued: usize,
        /// [`Builder::queue_bytes`](crate::Builder::queue_bytes).
        limit: usize,
    },
    /// Too many events wait for the server already.
    #[error("{queued} events wait where {limit} may")]
    QueueLong {
        /// How many wait, this one not counted.
        queued: usize,
        /// [`Builder::queue_events`](crate::Builder::queue_events).
        limit: usize,
    },
    /// The server takes no best-effort events.
    #[error("the server takes no best-effort events")]
    NoDatagrams,
    /// There is no connection to have it, and the client was told not to queue
    /// ([`Builder::queue_offline`](crate::Builder::queue_offline)).
    #[error("the socket has no connection, and the client does not queue")]
    Offline,
    /// Too many events wait for their ack.
    #[error("{limit} acks are pending, which is the limit")]
    TooManyAcks {
        /// `limits.pending_acks`.
        limit: usize,
    },
    /// The socket was refused or disconnected; [`connect`](crate::Socket::connect) it again.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

impl From<TooLarge> for EmitError {
    fn from(TooLarge { size, limit }: TooLarge) -> Self {
        Self::TooLarge { size, limit }
    }
}

/// Why an event's ack did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// No answer in time. The event may have run, or may yet.
    #[error("no ack in time")]
    Timeout,
    /// The other side says that there is no answer.
    #[error("failed with {code}: {message}")]
    Failed {
        /// Why; whether the event has run follows from it (specification: ACK-004).
        code: Code,
        /// Why, for people.
        message: String,
        /// What the other side's application says with it.
        data: Value,
    },
    /// The socket was disconnected, by either side. The event may have run.
    #[error("the socket was disconnected")]
    Disconnected,
    /// The session was lost. The event may have run.
    #[error("the session was lost")]
    SessionLost,
    /// The answer does not fit the type it is awaited as.
    #[error("the ack does not fit its type: {0}")]
    Decode(#[from] DecodeError),
    /// The answer's content breaks the value model.
    #[error("the ack's content is bad: {0}")]
    BadArgs(trunkline_protocol::BadArgs),
    /// The event was not taken.
    #[error("{0}")]
    Emit(#[from] EmitError),
}
