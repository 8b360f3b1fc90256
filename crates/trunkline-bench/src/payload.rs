//! The 64-byte payload, stamped so that each delivery can be told from every other.
//!
//! It is plain text, so that dialects that carry text need not encode it.

/// Bytes in every payload that is sent.
pub const PAYLOAD_BYTES: usize = 64;

/// What the bytes after the stamp are, so that a changed byte is noticed.
const FILLER: [u8; PAYLOAD_BYTES - STAMP_BYTES] = [b'z'; PAYLOAD_BYTES - STAMP_BYTES];
/// Three numbers of eight hexadecimal digits.
const STAMP_BYTES: usize = 24;

/// Which message a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The measured run it belongs to, so that a late message of an earlier run is noticed.
    pub run: u32,
    /// The sender's index.
    pub sender: u32,
    /// 1, 2, 3, … for each sender within a run.
    pub sequence: u32,
}

/// A payload came back with other bytes than were sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a payload of {bytes} bytes came back that was never sent")]
pub struct ForeignPayload {
    /// Its length.
    pub bytes: usize,
}

impl Stamp {
    /// The payload that carries this stamp.
    pub fn payload(self) -> [u8; PAYLOAD_BYTES] {
        let mut bytes = [0; PAYLOAD_BYTES];
        bytes[0..8].copy_from_slice(&digits(self.run));
        bytes[8..16].copy_from_slice(&digits(self.sender));
        bytes[16..24].copy_from_slice(&digits(self.sequence));
        bytes[STAMP_BYTES..].copy_from_slice(&FILLER);
        bytes
    }

    /// Reads the stamp of a payload, whose every byte is checked.
    pub fn of(payload: &[u8]) -> Result<Self, ForeignPayload> {
        let foreign = || ForeignPayload {
            bytes: payload.len(),
        };
        let Ok(bytes) = <&[u8; PAYLOAD_BYTES]>::try_from(payload) else {
            return Err(foreign());
        };
        if bytes[STAMP_BYTES..] != FILLER {
            return Err(foreign());
        }
        let word = |at: usize| number(&bytes[at..at + 8]).ok_or_else(foreign);
        Ok(Self {
            run: word(0)?,
            sender: word(8)?,
            sequence: word(16)?,
        })
    }
}

fn digits(number: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        *digit = HEXADECIMAL[(number >> (4 * place)) as usize & 0xf];
    }
    digits
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(value))
    })
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_with_a_digit_that_is_none_is_foreign() {
        let stamp = Stamp {
            run: 1,
            sender: 2,
            sequence: 0xabc_def0,
        };
        let mut payload = stamp.payload();
        assert!(payload.is_ascii());
        payload[3] = b'G';
        assert!(Stamp::of(&payload).is_err());
    }

    #[test]
    fn a_stamp_survives_its_payload() {
        let stamp = Stamp {
            run: 7,
            sender: 63,
            sequence: u32::MAX,
        };
        assert_eq!(Stamp::of(&stamp.payload()), Ok(stamp));
    }

    #[test]
    fn a_changed_filler_byte_is_noticed() {
        let mut payload = Stamp {
            run: 1,
            sender: 2,
            sequence: 3,
        }
        .payload();
        payload[PAYLOAD_BYTES - 1] ^= 1;
        assert_eq!(
            Stamp::of(&payload),
            Err(ForeignPayload {
                bytes: PAYLOAD_BYTES
            })
        );
    }

    #[test]
    fn a_payload_of_another_length_is_foreign() {
        let payload = Stamp {
            run: 1,
            sender: 2,
            sequence: 3,
        }
        .payload();
        assert_eq!(
            Stamp::of(&payload[1..]),
            Err(ForeignPayload {
                bytes: PAYLOAD_BYTES - 1
            })
        );
    }
}
