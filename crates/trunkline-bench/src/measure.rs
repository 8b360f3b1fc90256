//! The figures of one server, each from connections of its own.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::{
    crowd::Crowd,
    load_error::LoadError,
    machine::CpuClock,
    target::Target,
    workload::{Idle, Pattern, Throughput, measure_acknowledged, measure_fan_out, measure_idle},
};

/// A group of figures that are measured on the same connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Broadcasts to a room, in three patterns.
    FanOut,
    /// Acknowledged events.
    Acknowledged,
    /// Memory of idle connections.
    Idle,
}

impl Workload {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 3] = [Self::FanOut, Self::Acknowledged, Self::Idle];
}

/// One line of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// One broadcast at a time.
    OneBroadcast,
    /// One sender keeps all broadcasts in flight.
    OneSender,
    /// As many senders as broadcasts in flight, one each.
    ManySenders,
    /// Acknowledged events.
    Acknowledged,
    /// Memory of idle connections.
    Idle,
}

impl Figure {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 5] = [
        Self::OneBroadcast,
        Self::OneSender,
        Self::ManySenders,
        Self::Acknowledged,
        Self::Idle,
    ];
}

/// How much load is made.
#[derive(Debug, Clone, Args, Serialize)]
pub struct Settings {
    /// Members of the room in which broadcasts are delivered.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub members: u32,
    /// Broadcasts in flight in the patterns with more than one; also the number of senders.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=128))]
    pub in_flight: u32,
    /// Clients that keep one acknowledged event in flight each.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub clients: u32,
    /// Idle connections whose memory is measured.
    #[arg(long, default_value_t = 9_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub idle: u32,
    /// Seconds for which each throughput figure is measured, after half a second of warm-up.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub seconds: u64,
}

impl Settings {
    /// The largest number of connections that any of the workloads opens.
    pub fn most_connections(&self, workloads: &[Workload]) -> u32 {
        let connections = |workload: &Workload| match workload {
            Workload::FanOut => self.members,
            Workload::Acknowledged => self.clients,
            Workload::Idle => self.idle,
        };
        workloads.iter().map(connections).max().unwrap_or(0)
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Of a throughput workload.
    Throughput(Throughput),
    /// Of the idle workload.
    Idle(Idle),
}

impl Outcome {
    /// The figure that peers are compared by: server processor time per message in microseconds,
    /// or memory per connection in bytes.
    pub fn cost(&self) -> Option<f64> {
        match self {
            Self::Throughput(throughput) => throughput.server_cpu_us,
            Self::Idle(idle) => Some(idle.bytes_per_connection),
        }
    }
}

/// Measures the figures of one workload. `pid` is the server's process, if it is on this machine;
/// without it no processor time is known, and idle memory gives no figure.
pub fn measure(
    workload: Workload,
    target: &Target,
    settings: &Settings,
    pid: Option<u32>,
) -> Result<Vec<(Figure, Outcome)>, LoadError> {
    let clock = pid.map(CpuClock::of).transpose()?;
    match workload {
        Workload::FanOut => fan_out(target, settings, clock),
        Workload::Acknowledged => {
            let mut crowd = Crowd::gather(target, settings.clients as usize)?;
            let throughput = measure_acknowledged(&mut crowd, settings.duration(), clock)?;
            crowd.disperse();
            Ok(vec![(
                Figure::Acknowledged,
                Outcome::Throughput(throughput),
            )])
        }
        Workload::Idle => {
            let Some(pid) = pid else {
                return Ok(Vec::new());
            };
            let idle = measure_idle(target, settings.idle as usize, pid)?;
            Ok(vec![(Figure::Idle, Outcome::Idle(idle))])
        }
    }
}

fn fan_out(
    target: &Target,
    settings: &Settings,
    clock: Option<CpuClock>,
) -> Result<Vec<(Figure, Outcome)>, LoadError> {
    let many = settings.in_flight as usize;
    let patterns = [
        (
            Figure::OneBroadcast,
            Pattern {
                senders: 1,
                in_flight_each: 1,
            },
        ),
        (
            Figure::OneSender,
            Pattern {
                senders: 1,
                in_flight_each: many,
            },
        ),
        (
            Figure::ManySenders,
            Pattern {
                senders: many,
                in_flight_each: 1,
            },
        ),
    ];
    let mut crowd = Crowd::gather(target, settings.members as usize)?;
    let mut outcomes = Vec::new();
    // Each measurement takes two run numbers.
    for ((figure, pattern), run) in patterns.into_iter().zip((1..).step_by(2)) {
        let throughput = measure_fan_out(&mut crowd, pattern, settings.duration(), run, clock)?;
        outcomes.push((figure, Outcome::Throughput(throughput)));
    }
    crowd.disperse();
    Ok(outcomes)
}
