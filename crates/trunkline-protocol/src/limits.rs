//! What a peer takes, as HELLO and WELCOME announce it.

/// The limits one side holds the other to. Bytes or counts, as each field says.
///
/// On the wire a map with these keys; unknown keys are ignored, missing ones mean the default, and
/// figures above `u32::MAX` are read as `u32::MAX`.
///
/// A peer may read figures below the specification's least as the least (LIM-001): smaller ones are for
/// tests, between two sides that both hold to them.
///
/// Specification: limits.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest frame in bytes. Default 1 MiB.
    pub frame: u32,
    /// The largest datagram in bytes, the whole frame counted. Default 1,000.
    pub datagram: u32,
    /// Bytes this side keeps for replay, at most. Default 1 MiB.
    pub replay: u32,
    /// Bytes this side takes before it confirms any. Default 1 MiB.
    pub inbound: u32,
    /// Bytes that wait for a peer that does not read, with [`FRAME_BYTES`](crate::FRAME_BYTES) for
    /// each frame. Default 1 MiB.
    pub queue: u32,
    /// The longest name of a namespace, event, room or key in bytes. Default 255.
    pub name: u32,
    /// The deepest nesting of arrays and maps; the frame's array is 1. Default 64.
    pub depth: u32,
    /// Namespaces a session may be attached to at a time. Default 64.
    pub namespaces: u32,
    /// Rooms a socket may be in. Default 1,024.
    pub rooms: u32,
    /// Acks that may be pending in a session, per direction. Default 1,024.
    pub pending_acks: u32,
    /// Keys a receiver of LATEST remembers; the oldest goes first. Default 1,024.
    pub latest_keys: u32,
}

impl Limits {
    /// The most bytes of frames that a session holds at the side with these limits, whatever its peer
    /// does: what it keeps [for the peer](Self::outgoing_bytes_max) and [of it](Self::incoming_bytes_max).
    ///
    /// Holding a frame takes about [`FRAME_BYTES`](crate::FRAME_BYTES) more, or about 200 bytes where it is an
    /// event that waits for a server's handler.
    #[must_use]
    pub const fn session_bytes_max(&self) -> u64 {
        self.outgoing_bytes_max() + self.incoming_bytes_max()
    }

    /// The most bytes of frames that a session keeps for its peer: twice `replay`, since answers pass a
    /// closed window (SES-024), and the frame that is let in last; and twice `queue` (SES-025). For frames
    /// of up to `frame` bytes, which fit in twice `queue`.
    #[must_use]
    pub const fn outgoing_bytes_max(&self) -> u64 {
        2 * self.replay as u64 + self.frame as u64 + 2 * self.queue as u64
    }

    /// The most bytes of frames that a session holds of its peer: `inbound`, which was confirmed and waits
    /// for handlers; what a peer that ignores its window may send then before it is ended (SES-026), which
    /// is twice that and a frame; and the message that is being received.
    #[must_use]
    pub const fn incoming_bytes_max(&self) -> u64 {
        3 * self.inbound as u64 + 2 * self.frame as u64
    }
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u32 = 1 << 20;
        Self {
            frame: MIB,
            datagram: 1_000,
            replay: MIB,
            inbound: MIB,
            queue: MIB,
            name: 255,
            depth: DEFAULT_DEPTH,
            namespaces: 64,
            rooms: 1_024,
            pending_acks: 1_024,
            latest_keys: 1_024,
        }
    }
}

/// The depth limit where none was announced yet, or none can be.
pub(crate) const DEFAULT_DEPTH: u32 = 64;

/// The least that a peer may announce as [`Limits::datagram`], and so what a best-effort frame to many
/// may have, in bytes of MessagePack. Specification: best-effort.md, BEF-005.
pub const MAX_DATAGRAM_TO_MANY: usize = 1_000;

/// Bytes of a CLOSE's reason that are kept and logged.
pub const MAX_REASON_BYTES: usize = 1_024;

/// The largest HELLO in bytes: nothing is known of its sender yet.
pub const MAX_HELLO_BYTES: usize = 8 * 1024;

/// The largest AUTH of a client in bytes: what can be said in HELLO can be said again.
pub const MAX_AUTH_BYTES: usize = MAX_HELLO_BYTES;
