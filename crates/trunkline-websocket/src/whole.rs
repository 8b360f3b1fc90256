//! Messages that have arrived whole, taken from where they lie.

use bytes::Bytes;
use trunkline_transport::{Message, MessageKind};

use crate::frame::{BINARY, FINAL, LENGTH_16, LENGTH_64, MASKED, Role, TEXT};
use crate::mask;

/// The message at the start of `bytes`, and the length of its frame: if it is one final data frame,
/// whole, without a flaw, and within `max_message`.
///
/// Nearly every message is. None for whatever else there may be, and for what is wrong: that is
/// tungstenite's, which keeps what is not whole yet and knows every rule; but to do so it copies
/// each message twice and its header is looked at twice.
pub(crate) fn take(bytes: &[u8], role: Role, max_message: usize) -> Option<(Message, usize)> {
    let (&[first, second], mut rest) = bytes.split_first_chunk()?;
    let kind = match first ^ FINAL {
        TEXT => MessageKind::Text,
        BINARY => MessageKind::Binary,
        _ => return None,
    };
    let is_masked = second & MASKED != 0;
    if is_masked != (role == Role::Server) {
        return None;
    }
    let length = match second & !MASKED {
        LENGTH_16 => {
            let (&length, after) = rest.split_first_chunk()?;
            rest = after;
            u16::from_be_bytes(length)
        }
        LENGTH_64 => return None,
        short => u16::from(short),
    };
    let length = usize::from(length);
    if length > max_message {
        return None;
    }
    let mut key = [0; 4];
    if is_masked {
        let (&first, after) = rest.split_first_chunk()?;
        (key, rest) = (first, after);
    }
    let mut content = rest.get(..length)?.to_vec();
    if is_masked {
        mask::apply(&mut content, key);
    }
    if kind == MessageKind::Text && str::from_utf8(&content).is_err() {
        return None;
    }
    let frame = bytes.len() - rest.len() + length;
    let bytes = Bytes::from(content);
    Some((Message { kind, bytes }, frame))
}

#[cfg(test)]
mod tests {
    use trunkline_transport::WriteBuffer;

    use super::*;
    use crate::frame::append;

    const LIMIT: usize = 100_000;

    fn sent(role: Role, opcode: u8, content: &[u8]) -> Vec<u8> {
        let mut buffer = WriteBuffer::new();
        append(&mut buffer, role, opcode, &[content]).unwrap();
        buffer.unwritten().to_vec()
    }

    #[test]
    fn messages_of_both_sides_are_taken_and_what_follows_is_left() {
        for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            for length in [0, 1, 125, 126, 65_535] {
                let content = vec![b'x'; length];
                for (opcode, kind) in [(TEXT, MessageKind::Text), (BINARY, MessageKind::Binary)] {
                    let frame = sent(from, opcode, &content);
                    let stream = [&frame[..], &[0x89]].concat();
                    let (message, taken) = take(&stream, to, LIMIT).unwrap();
                    assert_eq!(taken, frame.len());
                    assert_eq!((message.kind, &message.bytes[..]), (kind, &content[..]));
                }
            }
        }
    }

    #[test]
    fn a_part_is_left() {
        let frame = sent(Role::Client, BINARY, &[7; 300]);
        for length in 0..frame.len() {
            assert_eq!(take(&frame[..length], Role::Server, LIMIT), None);
        }
    }

    #[test]
    fn whatever_else_there_may_be_is_left() {
        let long = sent(Role::Client, BINARY, &[7; 65_536]);
        let rest = [
            (&[0x02, 0x81, 0, 0, 0, 0, 1][..], "a fragment"),
            (&[0x80, 0x81, 0, 0, 0, 0, 1], "the last fragment"),
            (&[0x89, 0x81, 0, 0, 0, 0, 1], "a ping"),
            (&[0x88, 0x80, 0, 0, 0, 0], "a Close"),
            (&[0xc2, 0x81, 0, 0, 0, 0, 1], "a reserved bit"),
            (&[0x83, 0x81, 0, 0, 0, 0, 1], "an unknown opcode"),
            (&[0x82, 0x01, 1], "no mask from a client"),
            (&[0x81, 0x81, 0, 0, 0, 0, 0xff], "a text that is no UTF-8"),
            (&long, "a length of 64 bits"),
        ];
        for (frame, what) in rest {
            assert_eq!(take(frame, Role::Server, LIMIT), None, "{what}");
        }
        let masked = sent(Role::Client, BINARY, &[7]);
        assert_eq!(
            take(&masked, Role::Client, LIMIT),
            None,
            "a mask from a server"
        );
    }

    #[test]
    fn the_limit_is_the_last_length_that_is_taken() {
        let frame = sent(Role::Client, BINARY, &[7; 200]);
        assert!(take(&frame, Role::Server, 200).is_some());
        assert!(take(&frame, Role::Server, 199).is_none());
    }
}
