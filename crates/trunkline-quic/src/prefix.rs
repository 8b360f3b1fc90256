//! The length in front of each message: a variable-length integer of QUIC (RFC 9000, section 16).

use std::ops::Range;

use bytes::{Buf as _, Bytes, BytesMut};
use quinn::VarInt;
use quinn_proto::coding::Codec as _;
use trunkline_transport::ConnectionEnd;

/// The longest prefix, bytes.
pub(crate) const MAX_PREFIX: usize = 8;

/// A message's length as it stands in front of it.
pub(crate) struct Prefix {
    bytes: [u8; MAX_PREFIX],
    length: usize,
}

impl Prefix {
    /// None for a length beyond 2^62 - 1, which no memory holds.
    pub(crate) fn new(length: usize) -> Option<Self> {
        let value = VarInt::from_u64(length as u64).ok()?;
        let mut bytes = [0; MAX_PREFIX];
        let mut rest = &mut bytes[..];
        value.encode(&mut rest);
        let length = MAX_PREFIX - rest.len();
        Some(Self { bytes, length })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Where the first message lies in what has arrived, if it is whole; at most `max` bytes are accepted.
///
/// An empty message is one too: whoever decodes frames says what is wrong with it.
pub(crate) fn find_message(
    arrived: &[u8],
    max: usize,
) -> Result<Option<Range<usize>>, ConnectionEnd> {
    let mut rest = arrived;
    let Ok(length) = VarInt::decode(&mut rest) else {
        return Ok(None);
    };
    let length = length.into_inner();
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= max) else {
        let detail = format!("a message of {length} bytes, the limit is {max}");
        return Err(ConnectionEnd::Violation { code: 1009, detail });
    };
    let start = arrived.len() - rest.len();
    Ok((length <= rest.len()).then(|| start..start + length))
}

/// Takes the message that [`find_message`] finds.
pub(crate) fn take_message(
    arrived: &mut BytesMut,
    max: usize,
) -> Result<Option<Bytes>, ConnectionEnd> {
    let Some(message) = find_message(arrived, max)? else {
        return Ok(None);
    };
    arrived.advance(message.start);
    let message = arrived.split_to(message.len()).freeze();
    if arrived.is_empty() {
        // An empty remainder would keep the memory that it shares with the message.
        *arrived = BytesMut::new();
    }
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(length: usize) -> Vec<u8> {
        Prefix::new(length).unwrap().as_bytes().to_vec()
    }

    /// The examples of RFC 9000, appendix A.1, and the edges of each width.
    #[test]
    fn lengths_are_written_in_as_few_bytes_as_they_need() {
        assert_eq!(prefix(37), [0x25]);
        assert_eq!(prefix(15_293), [0x7b, 0xbd]);
        assert_eq!(prefix(494_878_333), [0x9d, 0x7f, 0x3e, 0x7d]);
        let widths = [63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30].map(|it| prefix(it).len());
        assert_eq!(widths, [1, 2, 2, 4, 4, 8]);
        assert!(Prefix::new(1 << 62).is_none());
    }

    #[test]
    fn a_message_is_taken_when_its_last_byte_has_arrived() {
        let mut whole = prefix(300);
        whole.extend([7; 300]);
        let mut arrived = BytesMut::new();
        for (index, byte) in whole.iter().enumerate() {
            assert_eq!(take_message(&mut arrived, 300).unwrap(), None, "at {index}");
            arrived.extend_from_slice(&[*byte]);
        }
        assert_eq!(
            take_message(&mut arrived, 300).unwrap().unwrap(),
            [7; 300][..]
        );
        assert_eq!(arrived.capacity(), 0);
    }

    /// A length may be written wider than it needs to be (RFC 9000, section 16).
    #[test]
    fn a_wide_prefix_is_read_too() {
        let mut arrived = BytesMut::from(&[0x40, 0x02, b'h', b'i', 0xc0][..]);
        assert_eq!(take_message(&mut arrived, 10).unwrap().unwrap(), "hi");
        assert_eq!(take_message(&mut arrived, 10).unwrap(), None);
        arrived.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, b'!']);
        assert_eq!(take_message(&mut arrived, 10).unwrap().unwrap(), "!");
    }

    #[test]
    fn messages_that_are_too_long_are_violations_before_they_arrive() {
        let code = |bytes: &[u8]| match take_message(&mut BytesMut::from(bytes), 10) {
            Err(ConnectionEnd::Violation { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(&[11]), 1009);
        assert_eq!(code(&[0xff; 8]), 1009);
        let mut empty = BytesMut::from(&[0, 1, b'!'][..]);
        assert_eq!(take_message(&mut empty, 10).unwrap().unwrap(), "");
        assert_eq!(take_message(&mut empty, 10).unwrap().unwrap(), "!");
    }
}
