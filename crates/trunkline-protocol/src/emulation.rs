//! Datagrams on a connection that has none: a short queue in front of the message channel.

use std::collections::VecDeque;

use crate::{Encoding, Kind, Prepared};

/// Best-effort frames that wait until the message channel is nearly drained.
///
/// When it is full the oldest DATAGRAM goes; a LATEST takes the place of an older one that
/// waits for the same namespace, event and key. Specification: best-effort.md, BEF-011.
#[derive(Debug, Default)]
pub(crate) struct Emulation {
    waiting: VecDeque<Prepared>,
    /// Bytes of the messages.
    bytes: usize,
}

impl Emulation {
    /// Puts a frame behind the others, or in the place of the one that it replaces. Gives what was
    /// dropped for it.
    pub(crate) fn push(&mut self, frame: Prepared, encoding: Encoding) -> Drops {
        let mut drops = Drops::default();
        if let Some(at) = self.same_key(&frame) {
            drops.conflated += 1;
            // Of two threads the one with the newer value may come first.
            if frame.latest_version() > self.waiting[at].latest_version() {
                self.bytes += frame.message_len(encoding, 0);
                let replaced = std::mem::replace(&mut self.waiting[at], frame);
                self.bytes -= replaced.message_len(encoding, 0);
            }
        } else {
            self.bytes += frame.message_len(encoding, 0);
            self.waiting.push_back(frame);
        }
        while self.bytes > EMULATED_BYTES || self.waiting.len() > EMULATED_FRAMES {
            if !self.drop_oldest(encoding) {
                break;
            }
            drops.queue_full += 1;
        }
        drops
    }

    /// The next frame to send.
    pub(crate) fn take(&mut self, encoding: Encoding) -> Option<Prepared> {
        let frame = self.waiting.pop_front()?;
        self.bytes -= frame.message_len(encoding, 0);
        Some(frame)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Where a value of the same key waits.
    fn same_key(&self, frame: &Prepared) -> Option<usize> {
        if frame.kind() != Kind::LATEST {
            return None;
        }
        let key = frame.latest_key();
        let is_same = |other: &Prepared| other.kind() == Kind::LATEST && other.latest_key() == key;
        self.waiting.iter().position(is_same)
    }

    /// Drops the oldest DATAGRAM, or the oldest frame if there is none but the newest; false if only
    /// the newest is left.
    fn drop_oldest(&mut self, encoding: Encoding) -> bool {
        let older = self.waiting.len().saturating_sub(1);
        if older == 0 {
            return false;
        }
        let is_datagram = |frame: &Prepared| frame.kind() == Kind::DATAGRAM;
        let at = self.waiting.iter().take(older).position(is_datagram);
        if let Some(frame) = self.waiting.remove(at.unwrap_or(0)) {
            self.bytes -= frame.message_len(encoding, 0);
        }
        true
    }
}

/// How many best-effort frames were dropped in front of a message channel, by cause (specification:
/// best-effort.md, BEF-002).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// The oldest, in a full queue.
    pub queue_full: u64,
    /// A newer one for the same key took their place.
    pub conflated: u64,
}

impl Drops {
    pub(crate) fn add(&mut self, other: Self) {
        self.queue_full += other.queue_full;
        self.conflated += other.conflated;
    }

    pub(crate) const fn all(self) -> u64 {
        self.queue_full + self.conflated
    }
}

/// Bytes of messages that wait at most, but for one that is larger by itself: what a slow link
/// carries in about a quarter of a second.
pub const EMULATED_BYTES: usize = 32 * 1024;

/// Frames that wait at most, whatever their size.
pub const EMULATED_FRAMES: usize = 256;
