//! Times and latencies of one measured run.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    load_error::LoadError,
    machine::{CpuClock, MachineError},
};

/// What a throughput workload measured.
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
    /// Processor time of the load generator per counted message in microseconds.
    pub load_cpu_us: f64,
    /// Share of the run in which the load generator's core was busy, 0 to 1.
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

/// Reads the clocks at the beginning of a run.
#[derive(Debug)]
pub(super) struct Meter {
    server: Option<CpuClock>,
    server_before: Duration,
    load_before: Duration,
    began: Instant,
}

impl Meter {
    pub(super) fn begin(server: Option<CpuClock>) -> Result<Self, MachineError> {
        Ok(Self {
            server,
            server_before: read(server)?,
            load_before: CpuClock::own().read()?,
            began: Instant::now(),
        })
    }

    /// Reads the clocks again; `ended` is when the last message came.
    pub(super) fn end(
        self,
        ended: Instant,
        latencies: &Latencies,
    ) -> Result<Throughput, MachineError> {
        let server_cpu = read(self.server)?.saturating_sub(self.server_before);
        let load_cpu = CpuClock::own().read()?.saturating_sub(self.load_before);
        let wall_seconds = ended.saturating_duration_since(self.began).as_secs_f64();
        let count = latencies.count();
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        Ok(Throughput {
            count,
            wall_seconds,
            server_cpu_us: self.server.map(|_| each_us(server_cpu)),
            server_busy: self.server.map(|_| server_cpu.as_secs_f64() / wall_seconds),
            load_cpu_us: each_us(load_cpu),
            load_busy: load_cpu.as_secs_f64() / wall_seconds,
            per_second: count as f64 / wall_seconds,
            p50_us: latencies.quantile_us(0.50),
            p99_us: latencies.quantile_us(0.99),
        })
    }
}

fn read(server: Option<CpuClock>) -> Result<Duration, MachineError> {
    server.map_or(Ok(Duration::ZERO), CpuClock::read)
}

/// The latencies of a run, in nanoseconds to two digits.
#[derive(Debug)]
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
