//! Clients that each keep one event with an ack in flight.

use std::time::{Duration, Instant};

use super::{
    AFTERMATH, TURN, WARM_UP,
    meter::{Latencies, Meter, Throughput, Watchdog},
};
use crate::{
    crowd::Crowd, dialect::Incoming, load_error::LoadError, machine::CpuClock, payload::Stamp,
};

/// Every member sends an event, and the next one as soon as it is acknowledged, for `duration`
/// after a warm-up. Returns the figures per acknowledged event.
///
/// Fails when an ack is not the one that is due, or has another payload than its event.
pub fn measure_acknowledged(
    crowd: &mut Crowd,
    duration: Duration,
    server: Option<CpuClock>,
) -> Result<Throughput, LoadError> {
    if crowd.is_empty() {
        return Err(LoadError::Shape {
            senders: 1,
            members: 0,
        });
    }
    let mut events = Events::new(crowd.len());
    events.drive(crowd, WARM_UP)?;
    crowd.rest(AFTERMATH)?;
    events.latencies = Latencies::new();
    let meter = Meter::begin(server)?;
    let ended = events.drive(crowd, duration)?;
    crowd.rest(AFTERMATH)?;
    Ok(meter.end(ended, &events.latencies)?)
}

#[derive(Debug, Clone, Copy)]
struct Flight {
    sequence: u32,
    sent_at: Instant,
}

impl Flight {
    /// The ack id: 0 has been used up to get ready.
    fn id(self) -> u64 {
        u64::from(self.sequence)
    }

    fn stamp(self, member: usize) -> Stamp {
        Stamp {
            run: 0,
            sender: u32::try_from(member).unwrap_or(u32::MAX),
            sequence: self.sequence,
        }
    }

    fn next(self, now: Instant) -> Self {
        Self {
            sequence: self.sequence + 1,
            sent_at: now,
        }
    }
}

#[derive(Debug)]
struct Events {
    flights: Vec<Flight>,
    /// Members whose event is not acknowledged.
    live: usize,
    latencies: Latencies,
}

impl Events {
    fn new(members: usize) -> Self {
        let none = Flight {
            sequence: 0,
            sent_at: Instant::now(),
        };
        Self {
            flights: vec![none; members],
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
        for member in 0..self.flights.len() {
            let flight = self.flights[member].next(began);
            self.flights[member] = flight;
            crowd.echo(member, flight.id(), &flight.stamp(member).payload());
        }
        self.live = self.flights.len();
        while self.live > 0 {
            crowd.turn(TURN, |member, mut handle, incoming, now| {
                last = now;
                self.land(member, &incoming, now)?;
                if now < deadline {
                    let flight = self.flights[member].next(now);
                    self.flights[member] = flight;
                    handle.echo(flight.id(), &flight.stamp(member).payload());
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
        let flight = self.flights[member];
        if got != flight.id() || payload != flight.stamp(member).payload() {
            return Err(LoadError::Ack {
                member,
                expected: flight.id(),
                got,
            });
        }
        self.latencies
            .record(now.saturating_duration_since(flight.sent_at));
        Ok(())
    }
}
