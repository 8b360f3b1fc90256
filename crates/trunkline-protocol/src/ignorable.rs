//! Frames of no meaning, sent now and then so that every peer learns to tolerate them.

use crate::message_pack::write;
use crate::{Class, Encoding, Kind};

/// Appends an unnumbered frame of no meaning. The numbered ones are
/// [`Prepared::ignorable`](crate::Prepared::ignorable).
///
/// Returns whether `kind` is one of the unnumbered ignorable ones (0x40 to 0x5f); if not, nothing is
/// appended.
///
/// Specification: frames.md, FRM-003.
pub fn encode_ignorable(encoding: Encoding, kind: Kind, out: &mut Vec<u8>) -> bool {
    if kind.class() != Class::Ignorable {
        return false;
    }
    match encoding {
        Encoding::MessagePack => {
            write::array(out, 2);
            write::unsigned(out, kind.number().into());
            write::text(out, FILLER);
        }
        Encoding::Json => {
            out.extend_from_slice(format!("[{},\"{FILLER}\"]", kind.number()).as_bytes());
        }
    }
    true
}

/// What ignorable frames carry, so that whoever looks at one knows what to do with it.
pub(crate) const FILLER: &str = "ignore";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Prepared, Sequenced};

    #[test]
    fn ignorable_frames_decode_as_such() {
        for encoding in Encoding::ALL {
            let (unnumbered, numbered) = (Kind::new(0x41), Kind::new(0x7f));
            let mut message = Vec::new();
            assert!(encode_ignorable(encoding, unnumbered, &mut message));
            let ignorable = Frame::Ignorable { kind: unnumbered };
            assert_eq!(Frame::decode(encoding, &message), Ok(ignorable));
            let message = Prepared::ignorable(numbered)
                .unwrap()
                .to_message(encoding, 9);
            let frame = Sequenced::Ignorable { kind: numbered };
            assert_eq!(
                Frame::decode(encoding, &message),
                Ok(Frame::Sequenced { seq: 9, frame })
            );
        }
    }

    #[test]
    fn other_kinds_are_not_ignorable() {
        let mut out = Vec::new();
        for kind in [
            Kind::EVENT,
            Kind::PING,
            Kind::new(0x3f),
            Kind::new(0x60),
            Kind::new(0x80),
        ] {
            assert!(!encode_ignorable(Encoding::MessagePack, kind, &mut out));
        }
        assert!(out.is_empty());
        for kind in [Kind::EVENT, Kind::new(0x5f), Kind::new(0x80)] {
            assert!(Prepared::ignorable(kind).is_none());
        }
    }
}
