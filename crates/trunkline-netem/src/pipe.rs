//! One direction of a link.

use std::collections::VecDeque;

use crate::random::Rng;
use crate::{Profile, Time};

/// Bytes on their way that arrive at one moment.
#[derive(Debug)]
struct Segment {
    arrives: Time,
    bytes: Vec<u8>,
}

/// One direction: an ordered stream of bytes, each with the moment at which it arrives.
#[derive(Debug)]
pub(crate) struct Pipe {
    rng: Rng,
    segments: VecDeque<Segment>,
    /// Nothing arrives before this moment: keeps the stream in order, and is how it is stalled.
    not_before: Time,
    /// What is sent is accepted and lost.
    swallows: bool,
    /// The receiving end learns at this moment that nothing more comes.
    ends: Option<Time>,
    sent: u64,
    delivered: u64,
    /// The link is cut when this many bytes have been delivered.
    cut_at_byte: Option<u64>,
}

impl Pipe {
    pub(crate) const fn new(rng: Rng) -> Self {
        Self {
            rng,
            segments: VecDeque::new(),
            not_before: Time::ZERO,
            swallows: false,
            ends: None,
            sent: 0,
            delivered: 0,
            cut_at_byte: None,
        }
    }

    /// Takes bytes in, split at seeded places, each piece with a seeded delay.
    pub(crate) fn send(&mut self, now: Time, mut bytes: &[u8], profile: &Profile) {
        self.sent += bytes.len() as u64;
        if self.swallows {
            return;
        }
        while !bytes.is_empty() {
            let length = self.piece_length(bytes.len(), profile);
            let (piece, rest) = bytes.split_at(length);
            let arrives = self.arrival(now, profile);
            self.segments.push_back(Segment {
                arrives,
                bytes: piece.to_vec(),
            });
            bytes = rest;
        }
    }

    fn piece_length(&mut self, length: usize, profile: &Profile) -> usize {
        if self.rng.chance(u64::from(profile.split_percent), 100) {
            1 + self.rng.index(length)
        } else {
            length
        }
    }

    /// When something that is sent now arrives: never before what was sent earlier.
    fn arrival(&mut self, now: Time, profile: &Profile) -> Time {
        let jitter_micros = u64::try_from(profile.jitter.as_micros()).unwrap_or(u64::MAX);
        let jitter = std::time::Duration::from_micros(self.rng.between(0..=jitter_micros));
        self.not_before = self.not_before.max(now + profile.delay + jitter);
        self.not_before
    }

    /// Everything that has arrived by `now`, and whether the byte to cut at was reached.
    pub(crate) fn poll(&mut self, now: Time) -> (Vec<u8>, bool) {
        let mut arrived = Vec::new();
        while let Some(segment) = self.segments.front()
            && segment.arrives <= now
        {
            arrived.extend_from_slice(&segment.bytes);
            self.segments.pop_front();
        }
        let reached = self.keep_until_cut(&mut arrived);
        self.delivered += arrived.len() as u64;
        (arrived, reached)
    }

    fn keep_until_cut(&self, arrived: &mut Vec<u8>) -> bool {
        let Some(cut) = self.cut_at_byte else {
            return false;
        };
        let left = cut.saturating_sub(self.delivered);
        let reached = arrived.len() as u64 >= left;
        if reached {
            arrived.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        reached
    }

    /// The next moment at which bytes arrive or the receiving end learns of the end.
    pub(crate) fn next_event(&self, end_was_seen: bool) -> Option<Time> {
        let arrival = self.segments.front().map(|segment| segment.arrives);
        let end = self.ends.filter(|_| !end_was_seen);
        match (arrival, end) {
            (Some(arrival), Some(end)) => Some(arrival.min(end)),
            (arrival, end) => arrival.or(end),
        }
    }

    /// The receiving end knows by `now` that nothing more comes, and has taken all that did.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.segments.is_empty() && self.ends.is_some_and(|end| end <= now)
    }

    /// What is on its way still arrives, then the receiving end learns of the end; out of a black
    /// hole it learns nothing.
    pub(crate) fn finish(&mut self, now: Time, profile: &Profile) {
        if !self.swallows {
            self.ends = Some(self.arrival(now, profile));
            self.swallows = true;
        }
    }

    /// What is on its way is lost; the receiving end learns of the end at `told`.
    pub(crate) fn cut(&mut self, told: Time) {
        self.segments.clear();
        self.swallows = true;
        self.ends = Some(self.ends.map_or(told, |end| end.min(told)));
    }

    /// Nothing that is sent from now on arrives, nor does its end.
    pub(crate) const fn swallow(&mut self) {
        self.swallows = true;
    }

    /// Nothing arrives before `until`; what is on its way is held back, in order.
    pub(crate) fn stall(&mut self, until: Time) {
        self.not_before = self.not_before.max(until);
        for segment in &mut self.segments {
            segment.arrives = segment.arrives.max(until);
        }
        self.ends = self.ends.map(|end| end.max(until));
    }

    pub(crate) const fn cut_at_byte(&mut self, byte: u64) {
        self.cut_at_byte = Some(byte);
    }

    /// The cut was made: do not make it again.
    pub(crate) const fn disarm(&mut self) {
        self.cut_at_byte = None;
    }

    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| segment.bytes.len())
            .sum()
    }
}
