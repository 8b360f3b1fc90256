//! Times and latencies of one measured run.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    crowd::Crowd,
    load_error::LoadError,
    machine::{CpuClock, MachineError},
};

/// The figures of a throughput workload.
#[derive(Debug, Clone, Serialize)]
pub struct Throughput {
    /// Delivered messages, or acknowledged events.
    pub count: u64,
    /// Wall-clock time of the run in seconds.
    pub wall_seconds: f64,
    /// Server processor time per counted message in microseconds, if the server's process is known.
    pub server_cpu_us: Option<f64>,
    /// Share of the run in which the server's core was busy with it, 0 to 1.
    pub server_busy: Option<f64>,
    /// Processor time of the load generator per counted message in microseconds, without what it
    /// spends on waiting.
    pub load_cpu_us: f64,
    /// Share of the run in which the load generator had something to do, 0 to 1.
    pub load_busy: f64,
    /// Counted messages per second of wall-clock time.
    pub per_second: f64,
    /// Median latency in microseconds.
    pub p50_us: f64,
    /// 99th percentile of latency in microseconds.
    pub p99_us: f64,
}

/// What the idle workload measured.
#[derive(Debug, Clone, Serialize)]
pub struct Idle {
    /// Connections that were open.
    pub connections: usize,
    /// Resident memory of the server before the first of them, in bytes.
    pub before_bytes: u64,
    /// Resident memory with all of them, in bytes.
    pub after_bytes: u64,
    /// The difference for each connection, in bytes.
    pub bytes_per_connection: f64,
}

/// What was counted in one measured stretch, or in several together.
#[derive(Debug, Clone)]
pub struct Slice {
    wall: Duration,
    server_cpu: Option<Duration>,
    load_cpu: Duration,
    latencies: Latencies,
}

impl Slice {
    /// Adds what was counted in another stretch.
    pub fn add(&mut self, other: &Self) {
        self.wall += other.wall;
        self.server_cpu = self
            .server_cpu
            .zip(other.server_cpu)
            .map(|(one, two)| one + two);
        self.load_cpu += other.load_cpu;
        self.latencies.add(&other.latencies);
    }

    /// The figures per message.
    pub fn throughput(&self) -> Throughput {
        let count = self.latencies.count();
        let wall_seconds = self.wall.as_secs_f64();
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        Throughput {
            count,
            wall_seconds,
            server_cpu_us: self.server_cpu.map(each_us),
            server_busy: self.server_cpu.map(|cpu| cpu.as_secs_f64() / wall_seconds),
            load_cpu_us: each_us(self.load_cpu),
            load_busy: self.load_cpu.as_secs_f64() / wall_seconds,
            per_second: count as f64 / wall_seconds,
            p50_us: self.latencies.quantile_us(0.50),
            p99_us: self.latencies.quantile_us(0.99),
        }
    }
}

/// Reads the clocks at the beginning of a stretch.
#[derive(Debug)]
pub(super) struct Meter {
    server: Option<CpuClock>,
    server_before: Option<Duration>,
    load_before: Duration,
    idle_before: Duration,
    began: Instant,
}

impl Meter {
    pub(super) fn begin(server: Option<CpuClock>, crowd: &Crowd) -> Result<Self, MachineError> {
        Ok(Self {
            server,
            server_before: server.map(CpuClock::read).transpose()?,
            load_before: CpuClock::own().read()?,
            idle_before: crowd.idle(),
            began: Instant::now(),
        })
    }

    /// Reads the clocks again; `ended` is when the last message came.
    pub(super) fn end(
        self,
        ended: Instant,
        crowd: &Crowd,
        latencies: Latencies,
    ) -> Result<Slice, MachineError> {
        let idle = crowd.idle().saturating_sub(self.idle_before);
        let load_cpu = CpuClock::own().read()?.saturating_sub(self.load_before);
        let server_after = self.server.map(CpuClock::read).transpose()?;
        Ok(Slice {
            wall: ended.saturating_duration_since(self.began),
            server_cpu: server_after
                .zip(self.server_before)
                .map(|(after, before)| after.saturating_sub(before)),
            load_cpu: load_cpu.saturating_sub(idle),
            latencies,
        })
    }
}

/// The latencies of a run, in nanoseconds to two digits.
#[derive(Debug, Clone)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Self {
        const LONGEST_NS: u64 = 60_000_000_000;
        Self(Histogram::new_with_bounds(1, LONGEST_NS, 2).expect("the bounds are in order"))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add(&mut self, other: &Self) {
        // All of them have the same bounds.
        self.0.add(&other.0).expect("the bounds are the same");
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    fn quantile_us(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// Notices that nothing comes any more.
#[derive(Debug)]
pub(super) struct Watchdog {
    seen: u64,
    since: Instant,
}

impl Watchdog {
    pub(super) fn new() -> Self {
        Self {
            seen: 0,
            since: Instant::now(),
        }
    }

    /// Fails when `count` has been the same for as long as a run may stall.
    pub(super) fn check(&mut self, count: u64, waiting: u64) -> Result<(), LoadError> {
        let now = Instant::now();
        if count != self.seen {
            *self = Self {
                seen: count,
                since: now,
            };
        } else if now.duration_since(self.since) >= super::STALL {
            return Err(LoadError::Stalled {
                waiting,
                after: super::STALL,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(latency_us: u64, server_cpu: Option<Duration>) -> Slice {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_micros(latency_us));
        let (wall, load_cpu) = (Duration::from_secs(8), Duration::from_secs(2));
        Slice {
            wall,
            server_cpu,
            load_cpu,
            latencies,
        }
    }

    #[test]
    fn slices_add_up_before_they_are_divided() {
        let mut sum = slice(1, Some(Duration::from_secs(2)));
        sum.add(&slice(3, Some(Duration::from_secs(6))));
        let throughput = sum.throughput();
        assert_eq!((throughput.count, throughput.server_cpu_us), (2, Some(4e6)));
        assert_eq!(
            (throughput.server_busy, throughput.load_busy),
            (Some(0.5), 0.25)
        );
        assert!(throughput.p50_us < 1.1 && throughput.p99_us > 2.9);
    }

    #[test]
    fn without_the_servers_clock_there_is_no_server_time() {
        let throughput = slice(1, None).throughput();
        assert_eq!(
            (throughput.server_cpu_us, throughput.server_busy),
            (None, None)
        );
    }
}
