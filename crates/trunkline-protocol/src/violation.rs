//! What a peer can do wrong, each with the close code that names it.

use crate::{Close, Code, HeaderError, Kind};

/// What a peer did that ends its session.
///
/// Specification: session.md. None of these comes from application content: that is answered with
/// FAILED and closes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame's header does not decode.
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// A sequenced frame left a gap.
    #[error("sequence number {found} where {expected} was due")]
    SequenceGap {
        /// The number that would have been next.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A receipt for frames that were never sent.
    #[error("a receipt for {received} where {sent} is the last number sent")]
    ReceiptBeyondSent {
        /// The number in the receipt.
        received: u64,
        /// The highest number handed to any connection of the session.
        sent: u64,
    },
    /// The peer sent on while its window was closed.
    #[error("{unconfirmed} unconfirmed bytes where {limit} are allowed")]
    WindowExceeded {
        /// Bytes of sequenced frames since the last receipt.
        unconfirmed: usize,
        /// Twice the announced `limits.inbound` and one frame.
        limit: usize,
    },
    /// A frame that this side never receives, or not in this state.
    #[error("{kind} is not allowed {when}")]
    Unexpected {
        /// The frame's kind.
        kind: Kind,
        /// Where or when it is not.
        when: &'static str,
    },
    /// A message of the wrong type for the session's encoding.
    #[error("a {found} message in a session whose encoding takes {expected}")]
    WrongMessageKind {
        /// What the encoding takes.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// A frame larger than the limit.
    #[error("a frame of {size} bytes where {limit} are allowed")]
    TooLarge {
        /// The frame's size; for one cut off by the transport the least it must have.
        size: usize,
        /// The limit it broke.
        limit: usize,
    },
    /// HELLO names a version that this side does not speak.
    #[error("version {found} where 1 is spoken")]
    Version {
        /// The version in HELLO or WELCOME.
        found: u64,
    },
}

impl Violation {
    /// The registry's code for it.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::FRAME_TOO_LARGE,
            Self::Version { .. } => Code::UNSUPPORTED_VERSION,
            _ => Code::PROTOCOL_ERROR,
        }
    }

    /// The CLOSE frame that tells the peer.
    #[must_use]
    pub fn to_close(&self) -> Close {
        Close::new(self.code(), self.to_string())
    }
}
