//! Clients that each keep one event with an ack in flight.

use std::time::{Duration, Instant};

use super::{
    AFTERMATH, TURN, WARM_UP,
    meter::{Latencies, Meter, Slice, Watchdog},
};
use crate::{
    crowd::Crowd, dialect::Incoming, load_error::LoadError, machine::CpuClock, payload::Stamp,
};

/// Every member sends an event, and the next one as soon as it is acknowledged, for `duration`
/// after a warm-up. Returns what was counted.
///
/// Fails when an ack is not the one that is due, or has another payload than its event.
pub fn measure_acknowledged(
    crowd: &mut Crowd,
    duration: Duration,
    server: Option<CpuClock>,
) -> Result<Slice, LoadError> {
    if crowd.is_empty() {
        return Err(LoadError::Shape {
            senders: 1,
            members: 0,
        });
    }
    Events::new(crowd).drive(crowd, WARM_UP)?;
    crowd.rest(AFTERMATH)?;
    let mut events = Events::new(crowd);
    let meter = Meter::begin(server, crowd)?;
    let ended = events.drive(crowd, duration)?;
    crowd.rest(AFTERMATH)?;
    Ok(meter.end(ended, crowd, events.latencies)?)
}

/// One event in flight.
#[derive(Debug, Clone, Copy)]
struct Flight {
    ack_id: u64,
    stamp: Stamp,
    sent_at: Instant,
}

#[derive(Debug)]
struct Events {
    flights: Vec<Flight>,
    /// Members whose event is not acknowledged.
    live: usize,
    latencies: Latencies,
}

impl Events {
    fn new(crowd: &mut Crowd) -> Self {
        let (run, now) = (crowd.next_run(), Instant::now());
        let flights = (0..crowd.len()).map(|member| {
            let sender = u32::try_from(member).unwrap_or(u32::MAX);
            Flight {
                ack_id: 0,
                stamp: Stamp {
                    run,
                    sender,
                    sequence: 0,
                },
                sent_at: now,
            }
        });
        Self {
            flights: flights.collect(),
            live: 0,
            latencies: Latencies::new(),
        }
    }

    /// Keeps one event of each member in flight for `duration`, then waits for the last acks.
    fn drive(&mut self, crowd: &mut Crowd, duration: Duration) -> Result<Instant, LoadError> {
        let began = Instant::now();
        let deadline = began + duration;
        let mut watchdog = Watchdog::new();
        let mut last = began;
        for (member, flight) in self.flights.iter_mut().enumerate() {
            flight.depart(began, |payload| crowd.echo(member, payload));
        }
        self.live = self.flights.len();
        while self.live > 0 {
            crowd.turn(TURN, |member, mut handle, incoming, now| {
                last = now;
                self.land(member, &incoming, now)?;
                if now < deadline {
                    self.flights[member].depart(now, |payload| handle.echo(payload));
                } else {
                    self.live -= 1;
                }
                Ok(())
            })?;
            watchdog.check(self.latencies.count(), self.live as u64)?;
        }
        Ok(last)
    }

    fn land(
        &mut self,
        member: usize,
        incoming: &Incoming<'_>,
        now: Instant,
    ) -> Result<(), LoadError> {
        let &Incoming::Acknowledged { id: got, payload } = incoming else {
            return Err(LoadError::Unexpected { member });
        };
        let Flight {
            ack_id: expected,
            stamp,
            sent_at,
        } = self.flights[member];
        if got != expected || payload != stamp.payload() {
            return Err(LoadError::Ack {
                member,
                expected,
                got,
            });
        }
        self.latencies
            .record(now.saturating_duration_since(sent_at));
        Ok(())
    }
}

impl Flight {
    fn depart(&mut self, now: Instant, send: impl FnOnce(&[u8]) -> u64) {
        self.stamp.sequence += 1;
        self.sent_at = now;
        self.ack_id = send(&self.stamp.payload());
    }
}
