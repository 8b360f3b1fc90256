//! What becomes of a datagram at its sender.

/// A datagram that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what was dropped is to be counted"]
pub enum DatagramSent {
    /// It is on its way, or waits behind others.
    Queued,
    /// The transport's queue was full: the oldest in it was dropped for this one.
    Displaced,
}

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// It is larger than the link carries now.
    #[error("a datagram of {size} bytes, the link carries {limit}")]
    TooLarge {
        /// Its size, bytes.
        size: usize,
        /// What the link carries now, bytes.
        limit: usize,
    },
    /// The link carries no datagrams.
    #[error("the link carries no datagrams")]
    Unsupported,
}
