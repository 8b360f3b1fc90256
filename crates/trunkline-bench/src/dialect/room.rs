//! The hand-written room's dialect, as the load generator speaks it.

use super::{DialectError, Incoming, reader::Reader};
use crate::{outgoing::Outgoing, websocket::Opcode};

/// Sends `[id | nil, event, payload]`.
pub(super) fn event(id: Option<u64>, event: &str, payload: &[u8], outgoing: &mut Outgoing) {
    let frame = rmp_serde::to_vec(&(id, event, serde_bytes::Bytes::new(payload)))
        .expect("numbers, strings and bytes always encode");
    outgoing.frame(Opcode::Binary, &frame);
}

/// Reads `[id, payload]` and `[event, payload]`.
pub(super) fn receive(message: &[u8]) -> Result<Incoming<'_>, DialectError> {
    let mut reader = Reader::new(message);
    if reader.array()? != 2 {
        return Err(DialectError::Malformed("not an array of two"));
    }
    let incoming = if reader.next_is_string() {
        if reader.string()? != "msg" {
            return Err(DialectError::Malformed("unknown event"));
        }
        Incoming::Message(reader.bytes()?)
    } else {
        Incoming::Acknowledged {
            id: reader.integer()?,
            payload: reader.bytes()?,
        }
    };
    reader.end()?;
    Ok(incoming)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_and_messages_are_told_apart() {
        let bytes = serde_bytes::Bytes::new(b"abc");
        let message = rmp_serde::to_vec(&("msg", bytes)).unwrap();
        let ack = rmp_serde::to_vec(&(300_u64, bytes)).unwrap();
        assert_eq!(receive(&message), Ok(Incoming::Message(b"abc")));
        assert_eq!(
            receive(&ack),
            Ok(Incoming::Acknowledged {
                id: 300,
                payload: b"abc"
            })
        );
    }

    #[test]
    fn other_shapes_are_malformed() {
        for message in [
            &[][..],
            &[0x92, 0xa3],
            &[0x91, 0xc0],
            &[0x92, 0x01, 0xc4, 5, 1],
        ] {
            assert!(matches!(receive(message), Err(DialectError::Malformed(_))));
        }
    }
}
