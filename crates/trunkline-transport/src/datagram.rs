//! Why a datagram is not taken.

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
