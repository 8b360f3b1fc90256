//! Where in the stream of frames a reader stands.

use crate::frame::{CLOSE, MASKED};

/// The longest header: two bytes, a 64-bit length, a masking key.
const HEADER_MAX: usize = 14;

/// Follows the headers in a byte stream, to know when it stands between two messages.
///
/// tungstenite keeps the memory that its largest frame needed. Between messages its state can be
/// replaced by a fresh one, and only from outside can one see when that is.
#[derive(Debug, Default)]
pub(crate) struct Boundary {
    header: [u8; HEADER_MAX],
    header_length: u8,
    payload_left: u64,
    in_fragments: bool,
    /// The first bytes of a Close frame's payload, as far as they have come.
    code: [u8; 2],
    code_length: u8,
}

impl Boundary {
    /// Whether the next byte begins a message (or a control frame outside of one).
    pub(crate) fn between_messages(&self) -> bool {
        self.header_length == 0 && self.payload_left == 0 && !self.in_fragments
    }

    /// The code of the Close frame that was passed last, where it has one.
    ///
    /// tungstenite replaces codes that it does not know.
    pub(crate) fn close_code(&self) -> Option<u16> {
        (usize::from(self.code_length) == self.code.len()).then(|| u16::from_be_bytes(self.code))
    }

    /// Goes past `bytes`.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let skipped = self.payload_left.min(bytes.len() as u64);
                self.payload_left -= skipped;
                // At most bytes.len(), which is a usize.
                let (payload, rest) = bytes.split_at(skipped as usize);
                self.note_code(payload);
                bytes = rest;
                continue;
            }
            self.header[usize::from(self.header_length)] = first;
            self.header_length += 1;
            bytes = rest;
            if usize::from(self.header_length) == self.expected_header() {
                self.end_header();
            }
        }
    }

    /// Takes from a Close frame's payload what is of its code. Its header stands here whole until
    /// the next one begins, the masking key behind the two bytes that a control frame's is long.
    fn note_code(&mut self, payload: &[u8]) {
        if self.header[0] & 0x0f != CLOSE {
            return;
        }
        let missing = self
            .code
            .iter_mut()
            .zip(&self.header[2..])
            .skip(self.code_length.into());
        for ((code, key), byte) in missing.zip(payload) {
            let is_masked = self.header[1] & MASKED != 0;
            *code = if is_masked { byte ^ key } else { *byte };
            self.code_length += 1;
        }
    }

    /// The header's whole length as far as its first two bytes tell; 2 before they are there.
    fn expected_header(&self) -> usize {
        if self.header_length < 2 {
            return 2;
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        2 + extended + key
    }

    fn end_header(&mut self) {
        let [first, second, extended @ ..] = &self.header;
        self.payload_left = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([extended[0], extended[1]])),
            127 => extended[..8]
                .iter()
                .fold(0, |length, &byte| length << 8 | u64::from(byte)),
            short => u64::from(short),
        };
        let is_control = first & 0x08 != 0;
        if !is_control {
            self.in_fragments = first & 0x80 == 0;
        }
        self.header_length = 0;
        self.code_length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a boundary stands after each byte.
    fn stands(frames: &[u8]) -> Vec<bool> {
        let mut boundary = Boundary::default();
        frames
            .iter()
            .map(|&byte| {
                boundary.pass(&[byte]);
                boundary.between_messages()
            })
            .collect()
    }

    #[test]
    fn only_the_last_byte_of_a_message_ends_it() {
        let masked = [0x82, 0x82, 1, 2, 3, 4, 5, 6];
        assert_eq!(
            stands(&masked),
            [false, false, false, false, false, false, false, true]
        );
        assert_eq!(stands(&[0x81, 0x01, 0x61]), [false, false, true]);
        assert_eq!(stands(&[0x81, 0x00]), [false, true]);
    }

    #[test]
    fn fragments_are_one_message_also_around_a_control_frame() {
        let frames = [0x01, 0x01, 0x61, 0x89, 0x00, 0x80, 0x01, 0x62];
        let mut expected = [false; 8];
        expected[7] = true;
        assert_eq!(stands(&frames), expected);
    }

    #[test]
    fn the_code_of_a_close_frame_is_read_in_any_pieces() {
        let masked = [0x88, 0x83, 1, 2, 3, 4, 0x03 ^ 1, 0xf6 ^ 2, b'x' ^ 3];
        let bare = [0x88, 3, 0x03, 0xf6, b'x'];
        for frame in [&masked[..], &bare] {
            for piece in 1..=frame.len() {
                let mut boundary = Boundary::default();
                boundary.pass(&[0x82, 2, 9, 9]);
                assert_eq!(boundary.close_code(), None, "of no Close frame");
                frame.chunks(piece).for_each(|chunk| boundary.pass(chunk));
                assert_eq!(boundary.close_code(), Some(1014), "in pieces of {piece}");
            }
        }
        let mut boundary = Boundary::default();
        boundary.pass(&[0x88, 0]);
        assert_eq!(boundary.close_code(), None);
    }

    #[test]
    fn long_lengths_are_followed_in_any_pieces() {
        for (header, length) in [
            (vec![0x82, 126, 0x01, 0x00], 256),
            (vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 2], 65_538),
        ] {
            let frame = [header, vec![7; length]].concat();
            for piece in [1, 3, 1000, frame.len()] {
                let mut boundary = Boundary::default();
                let (last, rest) = frame.split_last().unwrap();
                rest.chunks(piece).for_each(|chunk| boundary.pass(chunk));
                assert!(!boundary.between_messages());
                boundary.pass(&[*last]);
                assert!(boundary.between_messages());
            }
        }
    }
}
