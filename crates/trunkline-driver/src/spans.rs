//! The spans that logs stand in, the same on both sides.
//!
//! All have the target `trunkline`, so that one directive of a filter turns them on or off. A span
//! that nobody wants costs a look at a flag.

use std::fmt;
use std::net::SocketAddr;

use tracing::Span;
use tracing::field::{Empty, display};
use trunkline_protocol::{NamespaceName, SessionId, SocketId};
use trunkline_transport::TransportKind;

/// A connection that came in: `connection{peer, transport, session}`, at level INFO, the session from
/// the end of the handshake on. It has no parent: it outlives the request that it came from.
#[must_use]
pub fn accepted(peer: Option<SocketAddr>, transport: TransportKind) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "connection",
        peer = peer.map(display),
        %transport,
        session = Empty,
    )
}

/// A connection that is dialled: `connection{server, transport, session}`, at level INFO, the transport
/// from when one has connected. `server` is the URL without what may be a credential.
#[must_use]
pub fn dialled(server: &dyn fmt::Debug) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "connection",
        ?server,
        transport = Empty,
        session = Empty,
    )
}

/// Names the transport of a span of [`dialled`].
pub fn record_transport(connection: &Span, transport: TransportKind) {
    connection.record("transport", display(transport));
}

/// Names the session of a connection's span.
pub fn record_session(connection: &Span, session: &SessionId) {
    // A server chooses it, and may have put a line break in.
    connection.record("session", display(session.escape_debug()));
}

/// A handler or hook that runs: `handler{namespace, event, socket}`, at level DEBUG, within the
/// connection's span if it begins in its task. For a hook `event` is its name, such as `on_connect`.
#[must_use]
pub fn handler(namespace: &NamespaceName, event: &str, socket: Option<&SocketId>) -> Span {
    tracing::debug_span!(
        target: TARGET,
        "handler",
        %namespace,
        event,
        socket = socket.map(display),
    )
}

const TARGET: &str = "trunkline";
