//! What may be lost: volatile frames, and datagrams.

use super::{Outbound, State};
use crate::{Drops, Prepared, Time};

/// What became of a frame that was for a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramFate {
    /// The transport has it.
    Sent,
    /// It is larger than the connection carries.
    TooLarge,
    /// There is no connection, or one that takes no more.
    NotConnected,
}

impl Outbound {
    /// Takes a best-effort frame for the present connection, or drops and counts it: when there is
    /// none, when the connection takes no more for now (`is_blocked`), or when something else still
    /// waits, since late it is worth nothing.
    pub fn push_best_effort(&mut self, frame: Prepared, is_blocked: bool) -> bool {
        if self.state != State::Attached || self.control.is_closing() {
            self.drops.not_connected += 1;
            return false;
        }
        let taken = !is_blocked
            && !self.log.is_replaying()
            && self.lined_up_bytes() + self.log.fresh().1 < BEST_EFFORT_QUEUE
            && self.loose.len() < BEST_EFFORT_FRAMES;
        if taken {
            self.loose.push(frame);
        } else {
            self.drops.busy += 1;
        }
        taken
    }

    /// Takes a best-effort frame for a datagram of the present connection, or for its message channel
    /// where it has none; it leaves with [`take_datagram`](Self::take_datagram) or
    /// [`transmit_emulated`](Self::transmit_emulated), or is dropped and counted. False if there is no
    /// connection for it. From `until` on it is not sent any more. Specification: best-effort.md,
    /// BEF-011 and BEF-014.
    pub fn queue_datagram(&mut self, frame: Prepared, until: Option<Time>) -> bool {
        let taken = self.state == State::Attached && !self.control.is_closing();
        if taken {
            let waiting = self.datagrams.get_or_insert_default();
            self.drops += waiting.push(frame, until, self.encoding);
        } else {
            self.drops.not_connected += 1;
        }
        taken
    }

    /// The next frame for a datagram: for when the transport takes one. None once a CLOSE was said. What
    /// becomes of it is to be [counted](Self::count_datagram).
    pub fn take_datagram(&mut self, now: Time) -> Option<Prepared> {
        if self.state != State::Attached || self.control.is_closing() {
            return None;
        }
        let (frame, expired) = self.datagrams.as_mut()?.take(now);
        self.drops.expired += expired;
        frame
    }

    /// Counts a best-effort frame that was for a datagram of the present connection.
    pub fn count_datagram(&mut self, fate: DatagramFate) {
        match fate {
            DatagramFate::Sent => self.sent.best_effort += 1,
            DatagramFate::TooLarge => self.drops.too_large += 1,
            DatagramFate::NotConnected => self.drops.not_connected += 1,
        }
    }

    /// Writes the next datagram as a message, if nothing else waits: for when a connection without
    /// datagrams has taken all that it was handed. Returns whether there was one.
    pub fn transmit_emulated(&mut self, now: Time, write: &mut dyn FnMut(&[&[u8]])) -> bool {
        if !self.is_idle() {
            return false;
        }
        let Some(frame) = self.take_datagram(now) else {
            return false;
        };
        write(&[&frame.prefix(self.encoding, 0), frame.suffix(self.encoding)]);
        self.count_datagram(DatagramFate::Sent);
        true
    }

    /// Whether datagrams wait for the present connection.
    #[must_use]
    pub fn has_datagrams_waiting(&self) -> bool {
        let waiting = self.datagrams.as_ref();
        waiting.is_some_and(|waiting| !waiting.is_empty())
    }

    /// Best-effort frames dropped since the session began, by cause.
    #[must_use]
    pub const fn drops(&self) -> Drops {
        self.drops
    }

    pub(super) fn write_loose(&mut self, write: &mut dyn FnMut(&[&[u8]])) -> bool {
        if self.loose.is_empty() {
            return false;
        }
        self.sent.best_effort += self.loose.len() as u64;
        for frame in self.loose.drain(..) {
            write(&[&frame.prefix(self.encoding, 0), frame.suffix(self.encoding)]);
        }
        self.loose = Vec::new();
        true
    }

    /// What was taken for the connection, and did not come to it.
    pub(super) fn lose_loose(&mut self) {
        let datagrams = self.datagrams.take().map_or(0, |waiting| waiting.len());
        let lost = std::mem::take(&mut self.loose).len() + datagrams;
        self.drops.not_connected += lost as u64;
    }
}

/// Queued bytes, as [`Outbound::queued_bytes`] counts them, past which best-effort frames are dropped at the sender.
pub const BEST_EFFORT_QUEUE: usize = 16 * 1024;

/// Best-effort frames that one turn may hold for a connection.
pub const BEST_EFFORT_FRAMES: usize = 256;
