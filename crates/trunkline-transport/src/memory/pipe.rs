//! One direction of a pair.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

use super::DATAGRAMS_MAX;

/// Bytes under way in one direction, at most `capacity`, and how they end.
#[derive(Debug)]
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    datagrams: VecDeque<Bytes>,
    /// Set once, behind the last byte.
    pub(super) finish: Option<Finish>,
    /// Whether the receiving half is gone: writes are lost from then on.
    pub(super) reader_gone: bool,
    /// The waker of a sender that found the pipe full, of bytes or of datagrams.
    pub(super) writer: Option<Waker>,
}

/// What stands behind the last byte of a pipe.
#[derive(Clone, Debug)]
pub(super) enum Finish {
    /// A close with its code and reason.
    Closed(u16, String),
    /// The sending half was dropped without one.
    Dropped,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity,
            datagrams: VecDeque::new(),
            finish: None,
            reader_gone: false,
            writer: None,
        }
    }

    /// Takes as many of `bytes` as there is room for.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.capacity - self.bytes.len());
        self.bytes.extend(&bytes[..count]);
        count
    }

    /// Moves everything there is behind `into`.
    pub(super) fn read(&mut self, into: &mut Vec<u8>) -> usize {
        let count = self.bytes.len();
        into.extend(self.bytes.drain(..));
        count
    }

    /// Whether one more datagram has room.
    pub(super) fn has_datagram_room(&self) -> bool {
        self.datagrams.len() < DATAGRAMS_MAX
    }

    /// Puts a datagram behind the others, or loses it where they are too many.
    pub(super) fn send_datagram(&mut self, datagram: Bytes) {
        if self.has_datagram_room() {
            self.datagrams.push_back(datagram);
        }
    }

    pub(super) fn take_datagram(&mut self) -> Option<Bytes> {
        self.datagrams.pop_front()
    }
}
