//! How much a session has moved.

use std::ops::AddAssign;

use trunkline_protocol::{Drops, Kind};

use crate::Ignored;

/// How much a session has moved since it began, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What came from the peer.
    pub received: Flow,
    /// What was handed to connections for the peer: not what waits, nor what was dropped before.
    pub sent: Flow,
    /// Events for the peer that were dropped while they waited, since more waited than may.
    pub dropped_events: u64,
    /// Best-effort frames for the peer that were dropped.
    pub drops: Drops,
    /// Best-effort frames of the peer that were dropped.
    pub ignored: Ignored,
}

/// One direction of a session's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Events that are delivered once and in order; repeats are not counted.
    pub events: u64,
    /// Answers to events: ACK and FAILED.
    pub answers: u64,
    /// Events that may be lost: DATAGRAM and LATEST.
    pub best_effort: u64,
    /// Bytes that the transport took or gave, its framing included.
    pub bytes: u64,
}

impl Flow {
    /// Counts a sequenced frame.
    pub(crate) const fn count(&mut self, kind: Kind) {
        match kind {
            Kind::EVENT => self.events += 1,
            Kind::ACK | Kind::FAILED => self.answers += 1,
            _ => {}
        }
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.answers += other.answers;
        self.best_effort += other.best_effort;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.dropped_events += other.dropped_events;
        self.drops += other.drops;
        self.ignored += other.ignored;
    }
}
