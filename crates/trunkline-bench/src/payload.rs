//! The 64-byte payload, stamped so that each delivery can be told from every other.

/// Bytes in every payload that is sent.
pub const PAYLOAD_BYTES: usize = 64;

/// What the bytes after the stamp are, so that a changed byte is noticed.
const FILLER: [u8; PAYLOAD_BYTES - STAMP_BYTES] = [0x5a; PAYLOAD_BYTES - STAMP_BYTES];
const STAMP_BYTES: usize = 12;

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
        bytes[0..4].copy_from_slice(&self.run.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.sender.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[STAMP_BYTES..].copy_from_slice(&FILLER);
        bytes
    }

    /// Reads the stamp of a payload, whose every byte is checked.
    pub fn of(payload: &[u8]) -> Result<Self, ForeignPayload> {
        let foreign = ForeignPayload {
            bytes: payload.len(),
        };
        let Ok(bytes) = <&[u8; PAYLOAD_BYTES]>::try_from(payload) else {
            return Err(foreign);
        };
        if bytes[STAMP_BYTES..] != FILLER {
            return Err(foreign);
        }
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Ok(Self {
            run: word(0),
            sender: word(4),
            sequence: word(8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
