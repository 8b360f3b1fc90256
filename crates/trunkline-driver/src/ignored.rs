//! What became of best-effort frames that came and were not handled.

use std::ops::AddAssign;

/// How many best-effort frames were dropped by their receiver, by cause: each counts once. What their
/// sender drops is among its [`Drops`](trunkline_protocol::Drops).
///
/// Specification: best-effort.md, BEF-002.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// Their socket was not connected: not yet, or no more.
    pub not_connected: u64,
    /// They came too late: the connection had brought the same version of a LATEST or a higher one, or a
    /// newer connection had taken the session over (BEF-007).
    pub stale: u64,
    /// Datagrams that were no best-effort frame, and frames whose args do not decode.
    pub malformed: u64,
    /// Nobody handles an event of that name.
    pub unknown_event: u64,
    /// They would have had to wait, and might not, or too much waited already.
    pub busy: u64,
    /// They waited for a handler, and a newer value of the same key took their place.
    pub conflated: u64,
}

impl Ignored {
    /// All causes together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.not_connected
            + self.stale
            + self.malformed
            + self.unknown_event
            + self.busy
            + self.conflated
    }
}

impl AddAssign for Ignored {
    fn add_assign(&mut self, other: Self) {
        self.not_connected += other.not_connected;
        self.stale += other.stale;
        self.malformed += other.malformed;
        self.unknown_event += other.unknown_event;
        self.busy += other.busy;
        self.conflated += other.conflated;
    }
}
