//! A frame encoded once for all its recipients.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::{AckId, Code, Encoding, EventName, Key, Kind, NamespaceName, Payload, SocketId, Value};

/// Everything of a frame but `[kind, seq` (or `[kind` where there is no number), shared by all its
/// recipients and by their replay logs.
///
/// MessagePack is encoded at once, JSON on first use. Cloning is cheap.
///
/// Specification: "Encoding".
#[derive(Clone)]
pub struct Prepared(Arc<Shared>);

struct Shared {
    kind: Kind,
    /// The length of the frame's array.
    length: u8,
    message_pack: Vec<u8>,
    json: OnceLock<Vec<u8>>,
}

impl Prepared {
    /// A CONNECT.
    #[must_use]
    pub fn connect(namespace: &NamespaceName, auth: &Value) -> Self {
        todo!("{namespace} {auth:?}")
    }

    /// A CONNECTED; `connect` is the seq of the CONNECT it answers.
    #[must_use]
    pub fn connected(
        namespace: &NamespaceName,
        connect: u64,
        socket_id: &SocketId,
        data: &Value,
    ) -> Self {
        todo!("{namespace} {connect} {socket_id} {data:?}")
    }

    /// A REFUSED; `connect` is the seq of the CONNECT it answers.
    #[must_use]
    pub fn refused(
        namespace: &NamespaceName,
        connect: u64,
        code: Code,
        message: &str,
        data: &Value,
    ) -> Self {
        todo!("{namespace} {connect} {code} {message} {data:?}")
    }

    /// A DISCONNECT.
    #[must_use]
    pub fn disconnect(namespace: &NamespaceName, code: Code, reason: &str) -> Self {
        todo!("{namespace} {code} {reason}")
    }

    /// An EVENT; with an `ack_id` it asks for an answer.
    #[must_use]
    pub fn event(
        namespace: &NamespaceName,
        ack_id: Option<AckId>,
        event: &EventName,
        args: &Payload,
    ) -> Self {
        todo!("{namespace} {ack_id:?} {event} {args:?}")
    }

    /// An ACK.
    #[must_use]
    pub fn ack(namespace: &NamespaceName, ack_id: AckId, args: &Payload) -> Self {
        todo!("{namespace} {ack_id} {args:?}")
    }

    /// A FAILED.
    #[must_use]
    pub fn failed(
        namespace: &NamespaceName,
        ack_id: AckId,
        code: Code,
        message: &str,
        data: &Value,
    ) -> Self {
        todo!("{namespace} {ack_id} {code} {message} {data:?}")
    }

    /// A DATAGRAM.
    #[must_use]
    pub fn datagram(namespace: &NamespaceName, event: &EventName, args: &Payload) -> Self {
        todo!("{namespace} {event} {args:?}")
    }

    /// A LATEST.
    #[must_use]
    pub fn latest(
        namespace: &NamespaceName,
        event: &EventName,
        key: &Key,
        version: u64,
        args: &Payload,
    ) -> Self {
        todo!("{namespace} {event} {key} {version} {args:?}")
    }

    /// A numbered frame of no meaning, which peers must count and drop.
    ///
    /// Returns `None` unless `kind` is one of the numbered ignorable ones (0x60 to 0x7f).
    #[must_use]
    pub fn ignorable(kind: Kind) -> Option<Self> {
        todo!("{kind}")
    }

    /// The frame's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What follows the prefix, the same for every recipient.
    #[must_use]
    pub fn suffix(&self, encoding: Encoding) -> &[u8] {
        match encoding {
            Encoding::MessagePack => &self.0.message_pack,
            Encoding::Json => self.0.json.get_or_init(|| todo!("{}", self.0.length)),
        }
    }

    /// The suffix's length in bytes. In JSON it is encoded for it if it was not yet.
    #[must_use]
    pub fn len(&self, encoding: Encoding) -> usize {
        self.suffix(encoding).len()
    }

    /// What one recipient's frame begins with. `seq` counts for numbered kinds alone; the others
    /// ignore it.
    #[must_use]
    pub fn prefix(&self, encoding: Encoding, seq: u64) -> Prefix {
        todo!("{encoding:?} {seq}")
    }

    /// The whole frame as a message: for tests and for what is sent once.
    #[must_use]
    pub fn to_message(&self, encoding: Encoding, seq: u64) -> Vec<u8> {
        [&*self.prefix(encoding, seq), self.suffix(encoding)].concat()
    }
}

impl std::fmt::Debug for Prepared {
    /// Kind and length alone: content does not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Prepared({}, {} bytes)",
            self.0.kind,
            self.0.message_pack.len()
        )
    }
}

/// The few bytes of a frame that differ between recipients, inline.
#[derive(Clone, Copy)]
pub struct Prefix {
    bytes: [u8; Self::CAPACITY],
    length: u8,
}

impl Prefix {
    /// `[127,9007199254740991` is the longest there is, at 21 bytes.
    const CAPACITY: usize = 23;
}

impl Deref for Prefix {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}
