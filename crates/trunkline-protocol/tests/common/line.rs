//! A byte link that carries length-prefixed messages, and what each of its ends knows of it.

use trunkline_netem::{End, Link, Time};
use trunkline_protocol::Encoding;

use super::Checked;

/// One connection, from its first byte to the last late one.
pub(crate) struct Line {
    pub(crate) link: Link,
    pub(crate) encoding: Encoding,
    /// Something was done to it: silence on it proves nothing about the machines.
    pub(crate) disturbed: bool,
    client: Side,
    server: Side,
}

#[derive(Default)]
struct Side {
    unread: Vec<u8>,
    received: u64,
    /// The last write was not taken whole.
    stalled: bool,
    /// Bytes written after the line had taken no more.
    progress: u64,
    /// A CLOSE was sent: nothing may follow it.
    closed: bool,
    /// This end neither reads nor writes any more.
    left: bool,
}

impl Line {
    pub(crate) fn new(link: Link, encoding: Encoding) -> Self {
        Self {
            link,
            encoding,
            disturbed: false,
            client: Side::default(),
            server: Side::default(),
        }
    }

    /// Sends one message; fails if a CLOSE went before.
    pub(crate) fn send(&mut self, end: End, now: Time, parts: &[&[u8]]) -> Checked {
        let encoding = self.encoding;
        let side = self.side(end);
        if side.left {
            return Ok(());
        }
        let message = parts.concat();
        if side.closed {
            return Err(format!("{end:?} sends {message:02x?} after its CLOSE"));
        }
        side.closed = is_close(encoding, &message);
        if side.stalled {
            side.progress += message.len() as u64;
        }
        let length = u32::try_from(message.len()).expect("frames are small here");
        self.link
            .send(end, now, &[&length.to_be_bytes()[..], &message].concat());
        Ok(())
    }

    /// Whether this end's socket takes no more for now.
    pub(crate) fn is_blocked(&mut self, end: End) -> bool {
        let blocked = self.link.in_flight(end) >= SOCKET_BUFFER;
        self.side(end).stalled = blocked;
        blocked || self.side(end).left
    }

    /// Takes in what has arrived; true if it was anything.
    pub(crate) fn receive(&mut self, end: End, now: Time) -> bool {
        let bytes = self.link.poll(end, now);
        let side = self.side(end);
        if side.left {
            return false;
        }
        side.received += bytes.len() as u64;
        side.unread.extend_from_slice(&bytes);
        !bytes.is_empty()
    }

    /// The next whole message.
    pub(crate) fn next_message(&mut self, end: End) -> Option<Vec<u8>> {
        let unread = &mut self.side(end).unread;
        let (prefix, rest) = unread.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*prefix) as usize;
        let message = rest.get(..length)?.to_vec();
        unread.drain(..4 + length);
        Some(message)
    }

    /// This end lets go: what it sent still arrives.
    pub(crate) fn leave(&mut self, end: End, now: Time) {
        let side = self.side(end);
        if !std::mem::replace(&mut side.left, true) {
            side.unread.clear();
            self.link.abandon(end, now);
            // The other end may lose bytes of an end that it does not know of yet.
            self.disturbed = true;
        }
    }

    pub(crate) fn has_left(&self, end: End) -> bool {
        match end {
            End::Client => self.client.left,
            End::Server => self.server.left,
        }
    }

    pub(crate) fn received(&mut self, end: End) -> u64 {
        self.side(end).received
    }

    pub(crate) fn progress(&mut self, end: End) -> u64 {
        self.side(end).progress
    }

    fn side(&mut self, end: End) -> &mut Side {
        match end {
            End::Client => &mut self.client,
            End::Server => &mut self.server,
        }
    }
}

fn is_close(encoding: Encoding, message: &[u8]) -> bool {
    match encoding {
        Encoding::MessagePack => message.get(1) == Some(&6),
        Encoding::Json => message.starts_with(b"[6,"),
    }
}

/// Bytes under way at which a socket takes no more.
const SOCKET_BUFFER: usize = 600;
