//! A session and its one stream as a connection.

use trunkline_transport::{Capabilities, Connection, ConnectionEnd, TransportKind};

use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::sync::{Arc, Mutex};
use crate::{Wire, WireReader, WireStream};

/// A connection over a session and the bidirectional stream on which its messages travel.
///
/// `max_message` is the largest message accepted, bytes. Further streams of the session are the
/// backend's affair.
pub fn connection<S, W, R>(
    session: S,
    sending: W,
    receiving: R,
    protocol: String,
    max_message: usize,
) -> Connection
where
    S: Wire,
    W: WireStream,
    R: WireReader,
{
    let mut capabilities = Capabilities::none().with_partial_messages();
    capabilities.datagrams = session.max_datagram().is_some();
    let over = Arc::new(Over::default());
    Connection {
        transport: TransportKind::WebTransport,
        protocol,
        capabilities,
        sender: Box::new(Sender::new(session.clone(), sending, Arc::clone(&over))),
        receiver: Box::new(Receiver::new(session, receiving, over, max_message)),
        home: None,
    }
}

/// How the connection ended, once one half knows; the first one stands.
#[derive(Debug, Default)]
pub(crate) struct Over(Mutex<Option<ConnectionEnd>>);

impl Over {
    pub(crate) fn get(&self) -> Option<ConnectionEnd> {
        self.0.lock().clone()
    }

    pub(crate) fn is_known(&self) -> bool {
        self.0.lock().is_some()
    }

    pub(crate) fn set(&self, end: ConnectionEnd) -> ConnectionEnd {
        self.0.lock().get_or_insert(end).clone()
    }
}
