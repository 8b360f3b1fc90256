//! Frames as they are sent: each message is one final frame (RFC 6455 section 5.2).

use std::io;

use trunkline_transport::{MessageKind, WriteBuffer};

use crate::mask;

/// The longest reason a Close frame carries: a control frame holds 125 bytes, the code takes two.
pub(crate) const REASON_MAX: usize = 123;

/// Sent for a code that must not travel: CLOSE has told the true one.
const NORMAL: u16 = 1000;

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PONG: u8 = 0xa;

pub(crate) const FINAL: u8 = 0x80;
pub(crate) const MASKED: u8 = 0x80;
pub(crate) const LENGTH_16: u8 = 126;
pub(crate) const LENGTH_64: u8 = 127;

/// Which end of a connection this is: a client masks, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    #[cfg_attr(
        not(feature = "client"),
        allow(dead_code, reason = "made by the dialer")
    )]
    Client,
    #[cfg_attr(
        not(feature = "server"),
        allow(dead_code, reason = "made by the upgrade")
    )]
    Server,
}

pub(crate) const fn opcode(kind: MessageKind) -> u8 {
    match kind {
        MessageKind::Text => TEXT,
        MessageKind::Binary => BINARY,
    }
}

/// Appends one whole frame.
///
/// # Errors
/// A client has no randomness for its key; nothing was appended.
pub(crate) fn append(
    buffer: &mut WriteBuffer,
    role: Role,
    opcode: u8,
    parts: &[&[u8]],
) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut header = [0; 10];
    let header_length = write_header(&mut header, opcode, length as u64);
    let header = &mut header[..header_length];
    match role {
        Role::Server => {
            buffer.reserve(header_length + length);
            buffer.push(header);
            buffer.push_parts(parts);
        }
        Role::Client => {
            let key = mask::random_key()?;
            header[1] |= MASKED;
            buffer.reserve(header_length + key.len() + length);
            buffer.push(header);
            buffer.push(&key);
            mask::apply(buffer.push_parts(parts), key);
        }
    }
    Ok(())
}

/// Appends a Close frame. Instead of a code that must not travel (RFC 6455 section 7.4.1) goes 1000;
/// a reason that is too long is cut at a character boundary.
///
/// Specification: TRN-015.
///
/// # Errors
/// As [`append`].
pub(crate) fn append_close(
    buffer: &mut WriteBuffer,
    role: Role,
    code: u16,
    reason: &str,
) -> io::Result<()> {
    let code = if may_travel(code) { code } else { NORMAL };
    let reason = &reason[..reason.floor_char_boundary(REASON_MAX)];
    append(
        buffer,
        role,
        CLOSE,
        &[&code.to_be_bytes(), reason.as_bytes()],
    )
}

const fn may_travel(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Writes the header without a masking key; returns its length.
fn write_header(header: &mut [u8; 10], opcode: u8, length: u64) -> usize {
    header[0] = FINAL | opcode;
    match length {
        0..=125 => {
            header[1] = length as u8;
            2
        }
        126..=0xffff => {
            header[1] = LENGTH_16;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = LENGTH_64;
            header[2..].copy_from_slice(&length.to_be_bytes());
            10
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(opcode: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut buffer = WriteBuffer::new();
        append(&mut buffer, Role::Server, opcode, parts).unwrap();
        buffer.unwritten().to_vec()
    }

    #[test]
    fn server_frames_are_the_bytes_of_rfc_6455() {
        // Section 5.7: an unmasked text message, and 256 and 65,536 bytes of binary.
        assert_eq!(
            server_frame(TEXT, &[b"Hel", b"lo"]),
            [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]
        );
        assert_eq!(
            server_frame(BINARY, &[&[0; 256]])[..4],
            [0x82, 0x7e, 0x01, 0x00]
        );
        assert_eq!(
            server_frame(BINARY, &[&vec![0; 65_536]])[..10],
            [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn length_takes_the_shortest_form_at_each_boundary() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = server_frame(BINARY, &[&vec![1; length]]);
            assert_eq!(frame.len() - length, header, "at length {length}");
        }
    }

    #[test]
    fn client_frame_is_masked_with_the_key_in_it() {
        let mut buffer = WriteBuffer::new();
        append(&mut buffer, Role::Client, TEXT, &[b"Hello"]).unwrap();
        let frame = buffer.unwritten();
        assert_eq!(frame[..2], [0x81, 0x85]);
        let mut payload = frame[6..].to_vec();
        mask::apply(&mut payload, [frame[2], frame[3], frame[4], frame[5]]);
        assert_eq!(payload, b"Hello");
    }

    #[test]
    fn long_close_reason_is_cut_at_a_character_boundary() {
        let mut buffer = WriteBuffer::new();
        // 122 bytes and a character of two: the second would end at byte 124.
        let reason = format!("{}é", "x".repeat(122));
        append_close(&mut buffer, Role::Server, 1000, &reason).unwrap();
        assert_eq!(buffer.unwritten()[..4], [0x88, 124, 0x03, 0xe8]);
        assert_eq!(buffer.len(), 2 + 124);
    }

    #[test]
    fn a_code_that_must_not_travel_goes_as_1000() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            let mut buffer = WriteBuffer::new();
            append_close(&mut buffer, Role::Server, code, "why").unwrap();
            let expected = [0x88, 5, 0x03, 0xe8, b'w', b'h', b'y'];
            assert_eq!(buffer.unwritten(), expected, "for code {code}");
        }
    }
}
