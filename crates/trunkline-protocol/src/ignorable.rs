//! Frames of no meaning, sent now and then so that every peer learns to tolerate them.

use crate::{Encoding, Kind};

/// Appends an unnumbered frame of no meaning. The numbered ones are
/// [`Prepared::ignorable`](crate::Prepared::ignorable).
///
/// Returns whether `kind` is one of the unnumbered ignorable ones (0x40 to 0x5f); if not, nothing is
/// appended.
///
/// Specification: "Encoding".
pub fn encode_ignorable(encoding: Encoding, kind: Kind, out: &mut Vec<u8>) -> bool {
    todo!("{encoding:?} {kind} {out:?}")
}
