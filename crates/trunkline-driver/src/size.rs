//! Whether a frame is within what the peer takes.

use trunkline_protocol::{Encoding, Prepared};

/// A frame is larger than may be.
///
/// Specification: limits.md, LIM-003.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {size} bytes where {limit} may be")]
pub struct TooLarge {
    /// The frame's length in bytes, at the most.
    pub size: usize,
    /// The peer's `limits.frame`; for a datagram what the peer or the connection takes in one.
    pub limit: usize,
}

/// The length of a frame's message in bytes, counted with the longest number that it may get.
///
/// # Errors
/// It is above `limit`. Sent all the same, it would end the session (SES-056).
pub fn message_len(frame: &Prepared, encoding: Encoding, limit: usize) -> Result<usize, TooLarge> {
    let size = frame.len(encoding) + PREFIX_BYTES_MAX;
    if size > limit {
        return Err(TooLarge { size, limit });
    }
    Ok(size)
}

/// `[kind, seq` at its longest: 21 bytes in JSON.
const PREFIX_BYTES_MAX: usize = 21;
