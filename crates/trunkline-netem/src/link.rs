//! The link: two pipes, and what can go wrong with them.

use std::time::Duration;

use crate::pipe::Pipe;
use crate::{Rng, Seed, Time};

/// One of the link's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The end that dialled.
    Client,
    /// The end that accepted.
    Server,
}

impl End {
    /// The end at the other side.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How a link treats what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// The least time from one end to the other. Default: 10 ms.
    pub delay: Duration,
    /// What is added to it at most, drawn for every piece. Default: 5 ms.
    pub jitter: Duration,
    /// How often, in 100 times, a piece is split once more, at any of its bytes. Default: 50.
    /// At 100 a long send becomes many pieces, the last of them of single bytes.
    pub split_percent: u8,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(10),
            jitter: Duration::from_millis(5),
            split_percent: 50,
        }
    }
}

impl Profile {
    /// A link without delay that keeps what is sent in one piece.
    pub const INSTANT: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        split_percent: 0,
    };

    /// A profile drawn at random: from a local link to a slow, uneven one.
    pub fn random(rng: &mut Rng) -> Self {
        Self {
            delay: Duration::from_micros(rng.between(0..=200_000)),
            jitter: Duration::from_micros(rng.between(0..=100_000)),
            split_percent: *rng.pick(&[0, 20, 50, 80]),
        }
    }
}

/// An ordered byte stream in each direction between two [`End`]s, in virtual time.
///
/// Bytes arrive in the order they were sent, none of them twice, but at seeded times and in pieces
/// that have nothing to do with the sends: a delivery may end at any byte, and [`poll`] joins what
/// has arrived since the last one. `now` must never go back.
///
/// A test runs as: [`send`], then until [`next_event`] is `None`: go to that time and [`poll`] both
/// ends. After an end's [`is_over`] nothing more comes there, and what it sends is lost.
///
/// [`send`]: Self::send
/// [`poll`]: Self::poll
/// [`next_event`]: Self::next_event
/// [`is_over`]: Self::is_over
#[derive(Debug)]
pub struct Link {
    profile: Profile,
    rng: Rng,
    to_client: Pipe,
    to_server: Pipe,
    client_saw_end: bool,
    server_saw_end: bool,
}

impl Link {
    /// A link that behaves as `profile` says, in the way that follows from `seed`.
    pub const fn new(seed: Seed, profile: Profile) -> Self {
        Self {
            profile,
            rng: seed.part(0).rng(),
            to_client: Pipe::new(seed.part(1).rng()),
            to_server: Pipe::new(seed.part(2).rng()),
            client_saw_end: false,
            server_saw_end: false,
        }
    }

    /// Sends bytes from the end `from`. What is sent over a link that is cut, or into a black hole,
    /// is lost without a word.
    pub fn send(&mut self, from: End, now: Time, bytes: &[u8]) {
        let profile = self.profile;
        self.pipe_from(from).send(now, bytes, &profile);
    }

    /// Takes all bytes that have arrived at the end `at` by `now`; empty when there are none.
    ///
    /// When the byte of [`cut_at_byte`](Self::cut_at_byte) is among them, it is the last one, and
    /// the link is cut.
    pub fn poll(&mut self, at: End, now: Time) -> Vec<u8> {
        let (arrived, reached_cut) = self.pipe_to(at).poll(now);
        if reached_cut {
            self.cut(now);
        }
        self.note_end(at, now);
        arrived
    }

    /// The end `at` knows by `now` that the link is gone, and has taken all that arrived before.
    ///
    /// Seeing it counts as the event that [`next_event`](Self::next_event) announced.
    pub fn is_over(&mut self, at: End, now: Time) -> bool {
        self.note_end(at, now);
        self.pipe_to(at).is_over(now)
    }

    /// The next moment at which an end can take bytes or learns that the link is gone; `None` when
    /// nothing will happen until something is sent.
    pub fn next_event(&self) -> Option<Time> {
        let to_client = self.to_client.next_event(self.client_saw_end);
        let to_server = self.to_server.next_event(self.server_saw_end);
        match (to_client, to_server) {
            (Some(first), Some(second)) => Some(first.min(second)),
            (first, second) => first.or(second),
        }
    }

    /// Cuts the link now: what is on its way is lost in both directions, and each end learns of it
    /// after a seeded time of up to the profile's delay and jitter, perhaps at once.
    pub fn cut(&mut self, now: Time) {
        let longest = self.profile.delay + self.profile.jitter;
        let longest_micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        for end in [End::Client, End::Server] {
            let later = Duration::from_micros(self.rng.between(0..=longest_micros));
            let pipe = self.pipe_to(end);
            pipe.disarm();
            pipe.cut(now + later);
        }
    }

    /// Cuts the link when `byte` bytes sent by `from` (counted from the link's start) have been
    /// delivered: exactly that many arrive. With 0, or a count that has passed, it is cut at the
    /// next poll of the receiving end.
    pub const fn cut_at_byte(&mut self, from: End, byte: u64) {
        self.pipe_from(from).cut_at_byte(byte);
    }

    /// From now on nothing that either end sends arrives, and no end is told. What is already on
    /// its way arrives.
    pub const fn black_hole(&mut self) {
        self.to_client.swallow();
        self.to_server.swallow();
    }

    /// As [`black_hole`](Self::black_hole), for what `from` sends only.
    pub const fn black_hole_from(&mut self, from: End) {
        self.pipe_from(from).swallow();
    }

    /// Holds back what `from` sent and sends until the moment `until`; then it arrives, in order.
    ///
    /// With [`abandon`](Self::abandon) this is the delivery that comes late, after the sender has
    /// given the link up and perhaps resumed over another.
    pub fn stall(&mut self, from: End, until: Time) {
        self.pipe_from(from).stall(until);
    }

    /// The end `by` gives the link up: it takes nothing more and sends nothing more. What it sent
    /// before still arrives, and then the other end learns that the link is gone.
    pub fn abandon(&mut self, by: End, now: Time) {
        let profile = self.profile;
        self.pipe_from(by).finish(now, &profile);
        self.pipe_to(by).cut(now);
        self.note_end(by, now);
    }

    /// How many bytes the end `from` has sent, lost ones included.
    pub const fn sent(&self, from: End) -> u64 {
        match from {
            End::Client => self.to_server.sent(),
            End::Server => self.to_client.sent(),
        }
    }

    /// How many bytes have been taken at the end `at`.
    pub const fn delivered(&self, at: End) -> u64 {
        match at {
            End::Client => self.to_client.delivered(),
            End::Server => self.to_server.delivered(),
        }
    }

    /// How many bytes sent by `from` are on their way: for a test that wants a full socket.
    pub fn in_flight(&self, from: End) -> usize {
        match from {
            End::Client => self.to_server.in_flight(),
            End::Server => self.to_client.in_flight(),
        }
    }

    const fn pipe_from(&mut self, from: End) -> &mut Pipe {
        self.pipe_to(from.peer())
    }

    const fn pipe_to(&mut self, to: End) -> &mut Pipe {
        match to {
            End::Client => &mut self.to_client,
            End::Server => &mut self.to_server,
        }
    }

    fn note_end(&mut self, at: End, now: Time) {
        let over = self.pipe_to(at).is_over(now);
        match at {
            End::Client => self.client_saw_end |= over,
            End::Server => self.server_saw_end |= over,
        }
    }
}

#[cfg(test)]
mod tests;
