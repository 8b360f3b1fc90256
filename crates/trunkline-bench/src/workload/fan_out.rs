//! Broadcasts to a room in which everyone receives, the sender too.

use std::time::{Duration, Instant};

use super::{
    AFTERMATH, TURN, WARM_UP,
    meter::{Latencies, Meter, Slice, Watchdog},
};
use crate::{
    crowd::Crowd, dialect::Incoming, load_error::LoadError, machine::CpuClock, payload::Stamp,
    tally::Tally,
};

/// How broadcasts are kept in flight. A broadcast is in flight until every member has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// The members that send, the first ones.
    pub senders: usize,
    /// Broadcasts that each of them keeps in flight.
    pub in_flight_each: usize,
}

/// Broadcasts for `duration` after a warm-up and returns what was counted.
///
/// Fails when a message is lost, doubled, changed or out of its sender's order.
pub fn measure_fan_out(
    crowd: &mut Crowd,
    pattern: Pattern,
    duration: Duration,
    server: Option<CpuClock>,
) -> Result<Slice, LoadError> {
    let Pattern {
        senders,
        in_flight_each,
    } = pattern;
    if senders == 0 || in_flight_each == 0 || senders > crowd.len() {
        return Err(LoadError::Shape {
            senders,
            members: crowd.len(),
        });
    }
    Broadcasts::new(crowd, pattern).drive(crowd, WARM_UP)?;
    crowd.rest(AFTERMATH)?;
    let mut broadcasts = Broadcasts::new(crowd, pattern);
    let meter = Meter::begin(server, crowd)?;
    let ended = broadcasts.drive(crowd, duration)?;
    crowd.rest(AFTERMATH)?;
    Ok(meter.end(ended, crowd, broadcasts.latencies)?)
}

/// One broadcast in flight.
#[derive(Debug, Clone, Copy)]
struct Flight {
    sent_at: Instant,
    missing: usize,
}

#[derive(Debug)]
struct Broadcasts {
    pattern: Pattern,
    members: usize,
    tally: Tally,
    /// For each sender, its flights by sequence number modulo their number.
    flights: Vec<Flight>,
    /// Broadcasts that not every member has.
    live: usize,
    latencies: Latencies,
}

impl Broadcasts {
    fn new(crowd: &mut Crowd, pattern: Pattern) -> Self {
        let (members, run) = (crowd.len(), crowd.next_run());
        let tally = Tally::new(run, members, pattern.senders);
        let tally = if crowd.keeps_order() {
            tally
        } else {
            tally.in_any_order()
        };
        let landed = Flight {
            sent_at: Instant::now(),
            missing: 0,
        };
        Self {
            pattern,
            members,
            tally,
            flights: vec![landed; pattern.senders * pattern.in_flight_each],
            live: 0,
            latencies: Latencies::new(),
        }
    }

    /// Keeps the flights up for `duration`, then lets them land. Returns when the last one did.
    fn drive(&mut self, crowd: &mut Crowd, duration: Duration) -> Result<Instant, LoadError> {
        let deadline = Instant::now() + duration;
        let mut watchdog = Watchdog::new();
        let mut last = Instant::now();
        let mut free = Vec::new();
        for sender in 0..self.pattern.senders {
            free.extend(std::iter::repeat_n(sender, self.pattern.in_flight_each));
        }
        loop {
            if last < deadline {
                let now = Instant::now();
                free.retain(|&sender| !self.send(crowd, sender, now));
            }
            if self.live == 0 {
                break;
            }
            crowd.turn(TURN, |member, _, incoming, now| {
                last = now;
                if let Some(sender) = self.land(member, &incoming, now)? {
                    free.push(sender);
                }
                Ok(())
            })?;
            let due = self.tally.sent() * self.members as u64;
            watchdog.check(self.tally.delivered(), due - self.tally.delivered())?;
        }
        self.tally.finish()?;
        Ok(last)
    }

    /// Returns false, and sends nothing, while the broadcast so many places back has not landed:
    /// later ones may have landed before it where order is not kept.
    fn send(&mut self, crowd: &mut Crowd, sender: usize, now: Instant) -> bool {
        let next = self.tally.next(sender);
        if self.flight(sender, next).missing > 0 {
            return false;
        }
        let stamp = self.tally.send(sender);
        let members = self.members;
        *self.flight(sender, stamp.sequence) = Flight {
            sent_at: now,
            missing: members,
        };
        self.live += 1;
        crowd.broadcast(sender, &stamp.payload());
        true
    }

    /// Counts a delivery. Returns the sender if this was the broadcast's last one.
    fn land(
        &mut self,
        member: usize,
        incoming: &Incoming<'_>,
        now: Instant,
    ) -> Result<Option<usize>, LoadError> {
        let &Incoming::Message(payload) = incoming else {
            return Err(LoadError::Unexpected { member });
        };
        let stamp = Stamp::of(payload).map_err(|source| LoadError::Payload { member, source })?;
        let sender = self.tally.deliver(member, stamp)?;
        let flight = self.flight(sender, stamp.sequence);
        // The tally takes each message once for each member, so that this never goes below zero.
        flight.missing -= 1;
        let Flight { sent_at, missing } = *flight;
        self.latencies
            .record(now.saturating_duration_since(sent_at));
        if missing > 0 {
            return Ok(None);
        }
        self.live -= 1;
        Ok(Some(sender))
    }

    fn flight(&mut self, sender: usize, sequence: u32) -> &mut Flight {
        let each = self.pattern.in_flight_each;
        &mut self.flights[sender * each + sequence as usize % each]
    }
}
