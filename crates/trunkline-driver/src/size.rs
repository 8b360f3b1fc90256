//! Whether a frame is within what the peer takes.

use trunkline_protocol::{Encoding, Prepared};

/// A frame is larger than the peer takes. One that was sent all the same would end the session.
///
/// Specification: SES-056.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {bytes} bytes where the peer takes {limit}")]
pub struct TooLarge {
    /// The frame's length in bytes, at the most.
    pub bytes: usize,
    /// The peer's `limits.frame`.
    pub limit: usize,
}

/// The length of a frame's message in bytes, counted with the longest number that it may get.
///
/// # Errors
/// It is above `limit`.
pub fn message_len(frame: &Prepared, encoding: Encoding, limit: usize) -> Result<usize, TooLarge> {
    let bytes = frame.len(encoding) + PREFIX_BYTES_MAX;
    if bytes > limit {
        return Err(TooLarge { bytes, limit });
    }
    Ok(bytes)
}

/// `[kind, seq` at its longest: 21 bytes in JSON.
const PREFIX_BYTES_MAX: usize = 21;
