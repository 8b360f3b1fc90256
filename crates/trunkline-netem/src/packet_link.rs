//! The link of packets: one direction of what UDP offers, and what can go wrong with it.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::ops::AddAssign;
use std::time::Duration;

use crate::{Rng, Seed, Time};

/// How a [`PacketLink`] treats what is pushed into it. Default: [`INSTANT`](Self::INSTANT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketProfile {
    /// How many of 1,000,000 packets are lost, each drawn by itself: 25,000 are 2.5 %.
    pub loss_per_million: u32,
    /// A packet that chance would lose arrives so much later instead, since somebody sends it again.
    /// With [`keeps_order`](Self::keeps_order) all that follow wait for it, as they do in a stream of
    /// TCP. `None`: it is lost.
    pub repaired_after: Option<Duration>,
    /// The least time that a packet travels, once it has left the queue.
    pub delay: Duration,
    /// What is added to it at most, drawn for every packet: packets may overtake each other.
    pub jitter: Duration,
    /// No packet arrives before one that was pushed earlier, whatever the jitter.
    pub keeps_order: bool,
    /// How fast packets leave the queue, one after the other; `None`: at once.
    pub bytes_per_second: Option<NonZeroU64>,
    /// How many bytes may wait for the rate, the packet that is leaving included. A packet that
    /// would exceed it is dropped, the ones before it stay.
    pub queue_bytes: usize,
}

impl PacketProfile {
    /// Passes on everything at once and in order.
    pub const INSTANT: Self = Self {
        loss_per_million: 0,
        repaired_after: None,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        keeps_order: true,
        bytes_per_second: None,
        queue_bytes: usize::MAX,
    };

    /// A profile drawn at random: from a local link to a slow, uneven one that loses a fifth.
    pub fn random(rng: &mut Rng) -> Self {
        Self {
            loss_per_million: *rng.pick(&[0, 1_000, 25_000, 200_000]),
            repaired_after: None,
            delay: Duration::from_micros(rng.between(0..=200_000)),
            jitter: Duration::from_micros(rng.between(0..=100_000)),
            keeps_order: rng.chance(1, 2),
            bytes_per_second: *rng.pick(&[None, NonZeroU64::new(20_000), NonZeroU64::new(500_000)]),
            queue_bytes: *rng.pick(&[5_000, 100_000]),
        }
    }
}

impl Default for PacketProfile {
    fn default() -> Self {
        Self::INSTANT
    }
}

/// How many packets met which fate. Each that was sent is in one of the others, or on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacketCounters {
    /// Pushed into the link.
    pub sent: u64,
    /// Popped from it.
    pub delivered: u64,
    /// Lost by chance, in a black hole or by a cut.
    pub lost: u64,
    /// Late, as [`PacketProfile::repaired_after`] says, rather than lost. They are counted again by
    /// what becomes of them then.
    pub repaired: u64,
    /// Dropped since the queue was full, or [`MAX_PACKETS`] were on their way.
    pub dropped: u64,
}

impl PacketCounters {
    /// What was counted after `earlier`, which the same counters showed.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            delivered: self.delivered - earlier.delivered,
            lost: self.lost - earlier.lost,
            repaired: self.repaired - earlier.repaired,
            dropped: self.dropped - earlier.dropped,
        }
    }
}

/// The counters of several links together.
impl AddAssign for PacketCounters {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.repaired += other.repaired;
        self.dropped += other.dropped;
    }
}

/// One direction between two ends that exchange packets, in virtual time.
///
/// A packet arrives whole or not at all, once, and perhaps not in its turn. `now` must never go
/// back.
///
/// ```
/// use std::time::Duration;
/// use trunkline_netem::{PacketLink, PacketProfile, Seed, Time};
///
/// let delay = Duration::from_millis(10);
/// let profile = PacketProfile { delay, ..PacketProfile::INSTANT };
/// let mut link = PacketLink::new(Seed::new(7), profile);
/// link.push(Time::ZERO, b"hello".to_vec());
///
/// assert_eq!(link.pop(Time::ZERO), None);
/// assert_eq!(link.next_due(), Some(Time::from_millis(10)));
/// assert_eq!(link.pop(Time::from_millis(10)), Some(b"hello".to_vec()));
/// ```
#[derive(Debug)]
pub struct PacketLink {
    profile: PacketProfile,
    loss: Rng,
    jitter: Rng,
    /// What is on its way, by arrival; at the same moment in the order of the pushes.
    on_the_way: BTreeMap<(Time, u64), Vec<u8>>,
    queue: Queue,
    /// The latest arrival so far: keeps the order.
    latest: Time,
    black_hole: bool,
    is_cut: bool,
    counters: PacketCounters,
}

impl PacketLink {
    /// A link that behaves as `profile` says, in the way that follows from `seed`.
    pub const fn new(seed: Seed, profile: PacketProfile) -> Self {
        Self {
            profile,
            loss: seed.part(0).rng(),
            jitter: seed.part(1).rng(),
            on_the_way: BTreeMap::new(),
            queue: Queue::new(),
            latest: Time::ZERO,
            black_hole: false,
            is_cut: false,
            counters: PacketCounters {
                sent: 0,
                delivered: 0,
                lost: 0,
                repaired: 0,
                dropped: 0,
            },
        }
    }

    /// Sends a packet. Nobody is told of one that is lost or dropped, but the counters.
    pub fn push(&mut self, now: Time, packet: Vec<u8>) {
        self.counters.sent += 1;
        // Drawn in any case: what a later packet meets does not depend on the switches.
        let unlucky = (self.loss).chance(u64::from(self.profile.loss_per_million), 1_000_000);
        let jitter = self.draw_jitter();
        let repaired = self.profile.repaired_after.filter(|_| unlucky);
        let is_lost = unlucky && repaired.is_none();
        if is_lost || self.black_hole || self.is_cut {
            self.counters.lost += 1;
            return;
        }
        if self.on_the_way.len() == MAX_PACKETS {
            self.counters.dropped += 1;
            return;
        }
        let Some(left) = self.queue.pass(now, packet.len(), &self.profile) else {
            self.counters.dropped += 1;
            return;
        };
        self.counters.repaired += u64::from(repaired.is_some());
        let late = repaired.unwrap_or_default();
        let mut arrives = left + self.profile.delay + jitter + late;
        if self.profile.keeps_order {
            arrives = arrives.max(self.latest);
        }
        self.latest = self.latest.max(arrives);
        self.on_the_way
            .insert((arrives, self.counters.sent), packet);
    }

    /// When the next packet arrives; `None` when none is on its way.
    pub fn next_due(&self) -> Option<Time> {
        let ((arrives, _), _) = self.on_the_way.first_key_value()?;
        Some(*arrives)
    }

    /// Takes the first packet that has arrived by `now`.
    pub fn pop(&mut self, now: Time) -> Option<Vec<u8>> {
        let first = self.on_the_way.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        self.counters.delivered += 1;
        Some(first.remove())
    }

    /// Treats what is pushed from now on as `profile` says. What is on its way arrives as it would
    /// have, and keeps later packets behind it where the new profile keeps their order.
    pub const fn set_profile(&mut self, profile: PacketProfile) {
        self.profile = profile;
    }

    /// While it is on, all that is pushed is lost. What is already on its way arrives.
    pub const fn black_hole(&mut self, on: bool) {
        self.black_hole = on;
    }

    /// Loses what is on its way, and all that is pushed from now on.
    pub fn cut(&mut self) {
        self.is_cut = true;
        self.counters.lost += self.on_the_way.len() as u64;
        self.on_the_way.clear();
    }

    /// What has become of the packets so far.
    pub const fn counters(&self) -> PacketCounters {
        self.counters
    }

    fn draw_jitter(&mut self) -> Duration {
        let longest = u64::try_from(self.profile.jitter.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.jitter.between(0..=longest))
    }
}

/// What waits for the rate, as lengths: the packets themselves are already on their way.
#[derive(Debug)]
struct Queue {
    /// When each packet has left, and its length, in the order of leaving.
    waiting: VecDeque<(Time, usize)>,
    waiting_bytes: usize,
}

impl Queue {
    const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        }
    }

    /// When a packet that comes now has left; `None` when there is no room for it.
    fn pass(&mut self, now: Time, length: usize, profile: &PacketProfile) -> Option<Time> {
        let Some(rate) = profile.bytes_per_second else {
            return Some(now);
        };
        while let Some((left, length)) = self.waiting.front()
            && *left <= now
        {
            self.waiting_bytes -= length;
            self.waiting.pop_front();
        }
        let bytes = self.waiting_bytes.saturating_add(length);
        if bytes > profile.queue_bytes {
            return None;
        }
        let begins = self.waiting.back().map_or(now, |(left, _)| *left);
        let micros = (length as u64)
            .saturating_mul(1_000_000)
            .div_ceil(rate.get());
        let left = begins + Duration::from_micros(micros);
        self.waiting.push_back((left, length));
        self.waiting_bytes = bytes;
        Some(left)
    }
}

/// How many packets may be on their way over one link, those that wait for its rate included.
pub const MAX_PACKETS: usize = 65_536;

#[cfg(test)]
mod tests;
