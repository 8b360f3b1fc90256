//! One connection's way through the relay: a stream of segments each way.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use trunkline_netem::{PacketCounters, PacketLink, Seed, Time};

use super::{TcpRelayCounters, Wanted};
use crate::counted::Counted;

/// Both directions of a connection.
pub(super) struct Passage {
    wanted: watch::Receiver<Wanted>,
    seed: Seed,
    window: usize,
    counters: Counted<TcpRelayCounters>,
}

impl Passage {
    pub(super) const fn new(
        wanted: watch::Receiver<Wanted>,
        seed: Seed,
        window: usize,
        counters: Counted<TcpRelayCounters>,
    ) -> Self {
        Self {
            wanted,
            seed,
            window,
            counters,
        }
    }

    /// Relays until both directions have ended, one has failed, or a cut. Both ends are closed then.
    pub(super) async fn run<C, S>(self, client: C, server: S)
    where
        C: AsyncRead + AsyncWrite,
        S: AsyncRead + AsyncWrite,
    {
        let (from_client, to_client) = split(client);
        let (from_server, to_server) = split(server);
        let upwards = self.direction(0, |total| &mut total.to_server);
        let downwards = self.direction(1, |total| &mut total.to_client);
        // How one failed is seen by the ends.
        let _ = tokio::try_join!(
            upwards.run(from_client, to_server),
            downwards.run(from_server, to_client),
        );
    }

    fn direction(&self, part: u64, counted: CountedWhere) -> Direction {
        let wanted = self.wanted.clone();
        let now = *wanted.borrow();
        Direction {
            link: PacketLink::new(self.seed.part(part), now.profile),
            cuts: now.cuts,
            wanted,
            window: self.window,
            under_way: 0,
            segments: 0,
            arrived: Vec::new(),
            reading: Reading::Open,
            started: Instant::now(),
            counters: self.counters.clone(),
            counted,
            reported: PacketCounters::default(),
        }
    }
}

type CountedWhere = fn(&mut TcpRelayCounters) -> &mut PacketCounters;

struct Direction {
    link: PacketLink,
    wanted: watch::Receiver<Wanted>,
    /// How many there had been when it began.
    cuts: u64,
    window: usize,
    /// Bytes that were read and not written.
    under_way: usize,
    /// Segments of the link.
    segments: usize,
    /// What came out of the link and is not written.
    arrived: Vec<u8>,
    reading: Reading,
    started: Instant,
    counters: Counted<TcpRelayCounters>,
    counted: CountedWhere,
    /// What of the link has been added to the counters.
    reported: PacketCounters,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// The end is on its way, as a segment without bytes.
    Ending,
    /// It has arrived.
    Ended,
}

impl Direction {
    async fn run(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut buffer = vec![0; SEGMENT];
        loop {
            let is_held = self.follow()?;
            self.take_arrived(is_held);
            if self.reading == Reading::Ended && self.arrived.is_empty() {
                return to.shutdown().await;
            }
            let has_room = self.under_way < self.window && self.segments < SEGMENTS_MAX;
            let reads = self.reading == Reading::Open && has_room && !is_held;
            let due = self.next_due().filter(|_| !is_held);
            tokio::select! {
                // What was wanted before a segment came holds for it.
                biased;
                changed = self.wanted.changed() => if changed.is_err() {
                    return Err(io::ErrorKind::ConnectionReset.into());
                },
                read = from.read(&mut buffer), if reads => self.push(&buffer[..read?]),
                written = to.write(&self.arrived), if !self.arrived.is_empty() && !is_held => {
                    let count = written?;
                    self.arrived.drain(..count);
                    self.under_way -= count;
                }
                // tidy: allow sleep: what passes real sockets is delayed by the real clock.
                () = sleep_until(due.unwrap_or(self.started)), if due.is_some() => {}
            }
        }
    }

    /// Sets the link as wanted; whether all is held. An error if the connection was cut.
    fn follow(&mut self) -> io::Result<bool> {
        let wanted = *self.wanted.borrow_and_update();
        if wanted.cuts != self.cuts {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.link.set_profile(wanted.profile);
        Ok(wanted.black_hole)
    }

    fn push(&mut self, segment: &[u8]) {
        if segment.is_empty() {
            self.reading = Reading::Ending;
        }
        self.under_way += segment.len();
        self.segments += 1;
        self.link.push(self.now(), segment.to_vec());
        self.report();
    }

    fn take_arrived(&mut self, is_held: bool) {
        if is_held {
            return;
        }
        let now = self.now();
        while let Some(segment) = self.link.pop(now) {
            self.segments -= 1;
            if segment.is_empty() {
                self.reading = Reading::Ended;
            }
            self.arrived.extend(segment);
        }
        self.report();
    }

    fn report(&mut self) {
        let (shown, counted) = (self.link.counters(), self.counted);
        let news = shown.since(self.reported);
        if news != PacketCounters::default() {
            self.counters.add(|total| *counted(total) += news);
            self.reported = shown;
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    fn next_due(&self) -> Option<Instant> {
        let due = self.link.next_due()?;
        Some(self.started + (due - Time::ZERO))
    }
}

/// What is under way when a connection ends is lost.
impl Drop for Direction {
    fn drop(&mut self) {
        self.link.cut();
        self.report();
    }
}

/// Bytes of a segment at most: what Ethernet carries in one packet of TCP.
const SEGMENT: usize = 1_448;

/// Segments on their way in one direction at most, however short they are.
const SEGMENTS_MAX: usize = 8_192;

#[cfg(test)]
mod tests;
