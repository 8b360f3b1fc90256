//! The client half of RFC 6455 that a load generator needs, and no more: the upgrade request,
//! masked frames out, unmasked and unfragmented frames in.

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Largest frame that is accepted from a server, payload in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Largest answer to the upgrade that is read, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 8 << 10;

/// The key of every upgrade request. The server proves with it that it speaks WebSocket; a
/// constant one proves the same.
const KEY: &str = "dHJ1bmtsaW5lLWJlbmNoIQ==";

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// The start of the closing handshake.
    Close,
    /// A ping, to be answered with the same payload.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    fn bits(self) -> u8 {
        match self {
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn of(bits: u8) -> Option<Self> {
        [
            Self::Text,
            Self::Binary,
            Self::Close,
            Self::Ping,
            Self::Pong,
        ]
        .into_iter()
        .find(|opcode| opcode.bits() == bits)
    }
}

/// Why a server's bytes are no frame that this client takes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// The message is in several frames.
    #[error("the server sent a fragmented message, which this load generator does not join")]
    Fragmented,
    /// Reserved bits or an unknown opcode.
    #[error("the server sent a frame beginning with byte {0:#04x}")]
    FirstByte(u8),
    /// Servers do not mask.
    #[error("the server sent a masked frame")]
    Masked,
    /// More than [`MAX_PAYLOAD_BYTES`].
    #[error("the server sent a frame of {0} bytes, more than {MAX_PAYLOAD_BYTES}")]
    TooLarge(u64),
}

/// Why an upgrade did not succeed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UpgradeError {
    /// The status is not 101.
    #[error("the server answered the upgrade with: {0}")]
    Status(String),
    /// The answer's proof does not belong to the request's key.
    #[error("the server's Sec-WebSocket-Accept is wrong or missing")]
    Accept,
    /// The server did not select the subprotocol that was asked for.
    #[error("the server selected subprotocol {got:?}, not {asked:?}")]
    Subprotocol {
        /// What was offered.
        asked: Option<&'static str>,
        /// What was selected.
        got: Option<String>,
    },
}

/// The upgrade request for a host (with its port) and a path.
pub fn upgrade_request(host: &str, path: &str, subprotocol: Option<&str>) -> String {
    let subprotocol = subprotocol
        .map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"))
        .unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{subprotocol}\r\n"
    )
}

/// Where the head of an HTTP answer ends, once it is all there.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// Checks the head of the answer to [`upgrade_request`].
pub fn check_upgrade(head: &[u8], subprotocol: Option<&'static str>) -> Result<(), UpgradeError> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(UpgradeError::Status(status.to_owned()));
    }
    let headers: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(n, v)| (n, v.trim()))
        .collect();
    let value = |name: &str| {
        headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    };
    if value("sec-websocket-accept") != Some(&derive_accept_key(KEY.as_bytes())) {
        return Err(UpgradeError::Accept);
    }
    let got = value("sec-websocket-protocol");
    if got != subprotocol {
        return Err(UpgradeError::Subprotocol {
            asked: subprotocol,
            got: got.map(str::to_owned),
        });
    }
    Ok(())
}

/// Appends one masked frame.
pub fn write_frame(opcode: Opcode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    const MASKED: u8 = 0x80;
    out.push(0x80 | opcode.bits());
    let length = payload.len();
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        out.push(MASKED | short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(MASKED | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(MASKED | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    for (index, byte) in out[start..].iter_mut().enumerate() {
        *byte ^= mask[index % 4];
    }
}

/// One frame at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// What it holds.
    pub opcode: Opcode,
    /// Its payload.
    pub payload: &'a [u8],
    /// How many bytes of the buffer it takes.
    pub taken: usize,
}

/// Reads the frame at the start of `bytes`; none when it is not all there yet.
pub fn read_frame(bytes: &[u8]) -> Result<Option<Received<'_>>, FrameError> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let Some(opcode) = Opcode::of(first & 0x0f) else {
        let continued = first & 0x0f == 0;
        return Err(if continued {
            FrameError::Fragmented
        } else {
            FrameError::FirstByte(first)
        });
    };
    if first & 0x70 != 0 {
        return Err(FrameError::FirstByte(first));
    }
    if first & 0x80 == 0 {
        return Err(FrameError::Fragmented);
    }
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let (head, length) = match (second, rest) {
        (126, &[a, b, ..]) => (4, u64::from(u16::from_be_bytes([a, b]))),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, u64::from(short)),
    };
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length <= MAX_PAYLOAD_BYTES)
        .ok_or(FrameError::TooLarge(length))?;
    let taken = head + length;
    Ok(bytes.get(head..taken).map(|payload| Received {
        opcode,
        payload,
        taken,
    }))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

    use super::*;

    fn server_frame(payload: &[u8]) -> Vec<u8> {
        use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
        let header = FrameHeader {
            is_final: true,
            rsv1: false,
            rsv2: false,
            rsv3: false,
            opcode: OpCode::Data(Data::Binary),
            mask: None,
        };
        let mut bytes = Vec::new();
        header.format(payload.len() as u64, &mut bytes).unwrap();
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_of_a_foreign_writer_are_read_at_every_length_form() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let bytes = server_frame(&payload);
            let frame = read_frame(&bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.taken), (Opcode::Binary, bytes.len()));
            assert_eq!(frame.payload, payload);
        }
    }

    #[test]
    fn a_frame_that_is_not_all_there_is_none_at_every_cut() {
        let bytes = server_frame(&[7; 300]);
        for cut in 0..bytes.len() {
            assert_eq!(read_frame(&bytes[..cut]), Ok(None));
        }
    }

    #[test]
    fn a_foreign_reader_reads_the_masked_frames_at_every_length_form() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let mask = [1, 2, 3, 4];
            let mut bytes = Vec::new();
            write_frame(Opcode::Binary, &payload, mask, &mut bytes);
            let mut cursor = std::io::Cursor::new(&bytes[..]);
            let (header, announced) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            assert_eq!((header.mask, announced), (Some(mask), length as u64));
            let start = usize::try_from(cursor.position()).unwrap();
            let mut body = BytesMut::from(&bytes[start..]);
            body.iter_mut()
                .enumerate()
                .for_each(|(index, byte)| *byte ^= mask[index % 4]);
            assert_eq!(&body[..], &payload[..]);
        }
    }

    #[test]
    fn what_this_client_does_not_take_is_named() {
        assert_eq!(read_frame(&[0x02, 0x00]), Err(FrameError::Fragmented));
        assert_eq!(read_frame(&[0x80, 0x00]), Err(FrameError::Fragmented));
        assert_eq!(read_frame(&[0xc2, 0x00]), Err(FrameError::FirstByte(0xc2)));
        assert_eq!(read_frame(&[0x83, 0x00]), Err(FrameError::FirstByte(0x83)));
        assert_eq!(read_frame(&[0x82, 0x80]), Err(FrameError::Masked));
        let large = [0x82, 127, 0, 0, 0, 0, 0, 0x20, 0, 0];
        assert_eq!(read_frame(&large), Err(FrameError::TooLarge(0x20_0000)));
    }

    #[test]
    fn an_upgrade_is_taken_only_with_the_right_proof_and_subprotocol() {
        let accept = derive_accept_key(KEY.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {accept}\r\n\
             Sec-WebSocket-Protocol: one\r\n\r\n"
        );
        assert_eq!(check_upgrade(head.as_bytes(), Some("one")), Ok(()));
        assert_eq!(
            check_upgrade(head.as_bytes(), Some("two")),
            Err(UpgradeError::Subprotocol {
                asked: Some("two"),
                got: Some("one".to_owned())
            })
        );
        let forged = head.replace(&accept, "AAAA");
        assert_eq!(
            check_upgrade(forged.as_bytes(), Some("one")),
            Err(UpgradeError::Accept)
        );
        let refused = "HTTP/1.1 426 Upgrade Required\r\n\r\n";
        assert_eq!(
            check_upgrade(refused.as_bytes(), None),
            Err(UpgradeError::Status(
                "HTTP/1.1 426 Upgrade Required".to_owned()
            ))
        );
    }

    #[test]
    fn the_head_ends_after_its_empty_line() {
        assert_eq!(head_length(b"HTTP/1.1 101 X\r\na: b\r\n"), None);
        assert_eq!(head_length(b"HTTP/1.1 101 X\r\n\r\nrest"), Some(18));
    }
}
