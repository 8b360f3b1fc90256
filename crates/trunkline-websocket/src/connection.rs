//! The two halves over a byte stream whose HTTP handshake is done.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use trunkline_transport::{Capabilities, Connection, TransportKind};

use crate::config::Config;
use crate::control::Control;
use crate::frame::Role;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::sync::Arc;

/// A connection over TCP itself: the halves share the socket without a lock.
pub(crate) fn over_tcp(
    stream: TcpStream,
    role: Role,
    protocol: String,
    config: &Config,
    already_read: Bytes,
) -> Connection {
    let (read, write) = stream.into_split();
    over_halves(read, write, role, protocol, config, already_read)
}

/// A connection over any byte stream; its halves take turns under a short lock.
#[cfg(any(feature = "server", feature = "tls"))]
pub(crate) fn over_stream<S>(
    stream: S,
    role: Role,
    protocol: String,
    config: &Config,
    already_read: Bytes,
) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, write) = tokio::io::split(stream);
    over_halves(read, write, role, protocol, config, already_read)
}

fn over_halves<R, W>(
    read: R,
    write: W,
    role: Role,
    protocol: String,
    config: &Config,
    already_read: Bytes,
) -> Connection
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let control = Arc::new(Control::new(config));
    Connection {
        transport: TransportKind::WebSocket,
        protocol,
        capabilities: Capabilities::none().with_text().with_partial_messages(),
        sender: Box::new(Sender::new(write, role, control.clone())),
        receiver: Box::new(Receiver::new(read, role, control, config, already_read)),
        home: None,
    }
}
