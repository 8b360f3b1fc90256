//! What became of best-effort frames that were not sent.

use std::ops::AddAssign;

/// How many best-effort frames were dropped by their sender, by cause.
///
/// Specification: best-effort.md, BEF-002.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// There was no connection, or it ended before they were written.
    pub not_connected: u64,
    /// Volatile ones, whose connection had something else to send, or took no more.
    pub busy: u64,
    /// The oldest in a full queue made way for a newer one.
    pub queue_full: u64,
    /// A newer value of the same key took their place.
    pub conflated: u64,
    /// They had waited for longer than their sender wished.
    pub expired: u64,
    /// Members of a fan-out whose connection carries no datagram of that size.
    pub too_large: u64,
}

impl Drops {
    /// All causes together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.not_connected
            + self.busy
            + self.queue_full
            + self.conflated
            + self.expired
            + self.too_large
    }
}

impl AddAssign for Drops {
    fn add_assign(&mut self, other: Self) {
        self.not_connected += other.not_connected;
        self.busy += other.busy;
        self.queue_full += other.queue_full;
        self.conflated += other.conflated;
        self.expired += other.expired;
        self.too_large += other.too_large;
    }
}
