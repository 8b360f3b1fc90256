//! The datagrams that wait for a connection: in front of the transport's own, or of the message channel.

use std::collections::VecDeque;

use crate::{Drops, Encoding, Kind, Prepared, Time};

/// Best-effort frames that wait until the transport takes a datagram or, where it has none, until the
/// message channel is nearly drained.
///
/// When it is full the oldest DATAGRAM goes; a LATEST takes the place of an older one that
/// waits for the same namespace, event and key. Specification: best-effort.md, BEF-011 and BEF-014.
#[derive(Debug, Default)]
pub(crate) struct DatagramQueue {
    waiting: VecDeque<Waiting>,
    /// Bytes of the messages, together.
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    frame: Prepared,
    /// The message's length. It is measured once, since in JSON that means to write it.
    bytes: usize,
    /// From here on it is worth nothing.
    until: Option<Time>,
}

impl DatagramQueue {
    /// Puts a frame behind the others, or in the place of the one that it replaces. Gives what was
    /// dropped for it.
    pub(crate) fn push(
        &mut self,
        frame: Prepared,
        until: Option<Time>,
        encoding: Encoding,
    ) -> Drops {
        let mut drops = Drops::default();
        let bytes = frame.message_len(encoding, 0);
        let newest = Waiting {
            frame,
            bytes,
            until,
        };
        if let Some(at) = self.same_key(&newest.frame) {
            drops.conflated += 1;
            // Of two threads the one with the newer value may come first.
            let older = &mut self.waiting[at];
            if newest.frame.latest_version() > older.frame.latest_version() {
                self.bytes += bytes;
                self.bytes -= older.bytes;
                *older = newest;
            }
        } else {
            self.bytes += bytes;
            self.waiting.push_back(newest);
        }
        while self.bytes > DATAGRAM_QUEUE_BYTES || self.waiting.len() > DATAGRAM_QUEUE_FRAMES {
            if !self.drop_oldest() {
                break;
            }
            drops.queue_full += 1;
        }
        drops
    }

    /// The next frame to send, and how many before it had waited too long.
    pub(crate) fn take(&mut self, now: Time) -> (Option<Prepared>, u64) {
        let mut expired = 0;
        while let Some(next) = self.waiting.pop_front() {
            self.bytes -= next.bytes;
            if next.until.is_none_or(|until| now < until) {
                return (Some(next.frame), expired);
            }
            expired += 1;
        }
        (None, expired)
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
        let is_same =
            |other: &Waiting| other.frame.kind() == Kind::LATEST && other.frame.latest_key() == key;
        self.waiting.iter().position(is_same)
    }

    /// Drops the oldest DATAGRAM, or the oldest frame if there is none but the newest; false if only
    /// the newest is left.
    fn drop_oldest(&mut self) -> bool {
        let older = self.waiting.len().saturating_sub(1);
        if older == 0 {
            return false;
        }
        let is_datagram = |waiting: &Waiting| waiting.frame.kind() == Kind::DATAGRAM;
        let at = self.waiting.iter().take(older).position(is_datagram);
        if let Some(dropped) = self.waiting.remove(at.unwrap_or(0)) {
            self.bytes -= dropped.bytes;
        }
        true
    }
}

/// Bytes of messages that wait at most, but for one that is larger by itself: what a slow link
/// carries in about a quarter of a second.
pub const DATAGRAM_QUEUE_BYTES: usize = 32 * 1024;

/// Frames that wait at most, whatever their size.
pub const DATAGRAM_QUEUE_FRAMES: usize = 256;
