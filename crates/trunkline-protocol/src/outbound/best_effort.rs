//! What may be lost: volatile frames, and datagrams.

use super::{Outbound, State};
use crate::Prepared;
use crate::emulation::Drops;

/// What became of a frame that was for a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramFate {
    /// The transport has it.
    Sent,
    /// The transport has it, and dropped an older one for it.
    SentForAnother,
    /// There is no connection, or one that takes no more.
    NoConnection,
}

impl Outbound {
    /// Takes a best-effort frame for the present connection, or drops and counts it: when there is
    /// none, when the connection takes no more for now (`is_blocked`), or when something else still
    /// waits, since late it is worth nothing.
    pub fn push_best_effort(&mut self, frame: Prepared, is_blocked: bool) -> bool {
        let taken = self.state == State::Attached
            && !is_blocked
            && !self.control.is_closing()
            && self.log.is_sent()
            && self.lined_up_bytes() < BEST_EFFORT_QUEUE
            && self.loose.len() < BEST_EFFORT_FRAMES;
        if taken {
            self.loose.push(frame);
        } else {
            self.dropped_best_effort += 1;
        }
        taken
    }

    /// Takes a best-effort frame for the message channel of a connection without datagrams; it leaves
    /// with [`transmit_emulated`](Self::transmit_emulated), or is dropped and counted. False if there
    /// is no connection for it. Specification: best-effort.md, BEF-011.
    pub fn emulate(&mut self, frame: Prepared) -> bool {
        let taken = self.state == State::Attached && !self.control.is_closing();
        if taken {
            let emulation = self.emulation.get_or_insert_default();
            let drops = emulation.push(frame, self.encoding);
            self.displaced.add(drops);
            self.dropped_best_effort += drops.all();
        } else {
            self.dropped_best_effort += 1;
        }
        taken
    }

    /// Counts a best-effort frame that was for a datagram of the present connection.
    pub fn count_datagram(&mut self, fate: DatagramFate) {
        match fate {
            DatagramFate::Sent => self.sent.best_effort += 1,
            DatagramFate::SentForAnother => {
                self.sent.best_effort += 1;
                self.dropped_best_effort += 1;
                self.displaced.queue_full += 1;
            }
            DatagramFate::NoConnection => self.dropped_best_effort += 1,
        }
    }

    /// Writes the next emulated datagram, if nothing else waits: for when the connection has taken all
    /// that it was handed. Returns whether there was one.
    pub fn transmit_emulated(&mut self, write: &mut dyn FnMut(&[&[u8]])) -> bool {
        let is_drained = self.state == State::Attached && self.is_idle();
        let Some(emulation) = self.emulation.as_mut().filter(|_| is_drained) else {
            return false;
        };
        let Some(frame) = emulation.take(self.encoding) else {
            return false;
        };
        write(&[&frame.prefix(self.encoding, 0), frame.suffix(self.encoding)]);
        self.sent.best_effort += 1;
        true
    }

    /// Best-effort frames dropped since the session began.
    #[must_use]
    pub const fn dropped_best_effort(&self) -> u64 {
        self.dropped_best_effort
    }

    /// Of the best-effort frames that were dropped, those that [`push_best_effort`](Self::push_best_effort)
    /// had taken: their connection, or the session, ended before they could be written.
    #[must_use]
    pub const fn lost_best_effort(&self) -> u64 {
        self.lost_best_effort
    }

    /// Of the best-effort frames that were dropped, those that were dropped for newer ones while they
    /// waited, for the message channel or in the transport.
    #[must_use]
    pub const fn displaced_best_effort(&self) -> Drops {
        self.displaced
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
        let emulated = self.emulation.take().map_or(0, |emulation| emulation.len());
        let lost = (std::mem::take(&mut self.loose).len() + emulated) as u64;
        self.dropped_best_effort += lost;
        self.lost_best_effort += lost;
    }
}

/// Queued bytes, as [`Outbound::queued_bytes`] counts them, past which best-effort frames are dropped at the sender.
pub const BEST_EFFORT_QUEUE: usize = 16 * 1024;

/// Best-effort frames that one turn may hold for a connection.
pub const BEST_EFFORT_FRAMES: usize = 256;
