//! The figures of servers side by side: all of them are up, and short stretches alternate between
//! them, so that whatever else the machine does meets them alike.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{
    crowd::Crowd,
    load_error::LoadError,
    machine::CpuClock,
    target::Target,
    workload::{
        Idle, Pattern, Slice, Throughput, measure_acknowledged, measure_fan_out, measure_idle,
    },
};

/// Stretches into which the time for each throughput figure is divided.
const SLICES: u32 = 8;

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

/// One line of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Seconds for which each throughput figure is measured, in eight stretches.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub seconds: u64,
}

impl Settings {
    /// The largest number of connections that are open at a time, with this many servers.
    pub fn most_connections(&self, workloads: &[Workload], servers: u32) -> u32 {
        let connections = |workload: &Workload| match workload {
            Workload::FanOut => self.members.saturating_mul(servers),
            Workload::Acknowledged => self.clients.saturating_mul(servers),
            Workload::Idle => self.idle,
        };
        workloads.iter().map(connections).max().unwrap_or(0)
    }

    fn slice(&self) -> Duration {
        Duration::from_secs(self.seconds) / SLICES
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

/// A server that is measured.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Where it is.
    pub target: Target,
    /// Its process, if it is on this machine. Without it no processor time is known, and idle
    /// memory gives no figure.
    pub pid: Option<u32>,
}

/// A measurement failed.
#[derive(Debug, thiserror::Error)]
#[error("{workload:?}: {source}")]
pub struct MeasureError {
    /// The place of the server in the list.
    pub subject: usize,
    /// What was measured.
    pub workload: Workload,
    /// Why it failed.
    pub source: LoadError,
}

/// One figure of the server at a place in the list.
pub type Measured = (usize, Figure, Outcome);

/// Measures the figures of one workload for all servers.
pub fn measure(
    workload: Workload,
    subjects: &[Subject],
    settings: &Settings,
) -> Result<Vec<Measured>, MeasureError> {
    let measured = match workload {
        Workload::FanOut => fan_out(subjects, settings),
        Workload::Acknowledged => acknowledged(subjects, settings),
        Workload::Idle => idle(subjects, settings),
    };
    measured.map_err(|Failed { subject, source }| MeasureError {
        subject,
        workload,
        source,
    })
}

fn fan_out(subjects: &[Subject], settings: &Settings) -> Result<Vec<Measured>, Failed> {
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
    let mut stages = Stages::set_up(subjects, settings.members)?;
    let mut measured = Vec::new();
    for (figure, pattern) in patterns {
        measured.extend(stages.alternate(figure, |stage| {
            measure_fan_out(&mut stage.crowd, pattern, settings.slice(), stage.clock)
        })?);
    }
    stages.clear();
    Ok(measured)
}

fn acknowledged(subjects: &[Subject], settings: &Settings) -> Result<Vec<Measured>, Failed> {
    let mut stages = Stages::set_up(subjects, settings.clients)?;
    let measured = stages.alternate(Figure::Acknowledged, |stage| {
        measure_acknowledged(&mut stage.crowd, settings.slice(), stage.clock)
    })?;
    stages.clear();
    Ok(measured)
}

/// Memory does not depend on what else the machine does: one server after the other.
fn idle(subjects: &[Subject], settings: &Settings) -> Result<Vec<Measured>, Failed> {
    let mut measured = Vec::new();
    for (subject, Subject { target, pid }) in subjects.iter().enumerate() {
        if let Some(pid) = *pid {
            let idle = measure_idle(target, settings.idle as usize, pid)
                .map_err(|source| Failed { subject, source })?;
            measured.push((subject, Figure::Idle, Outcome::Idle(idle)));
        }
    }
    Ok(measured)
}

/// Which of the servers failed, and how.
struct Failed {
    subject: usize,
    source: LoadError,
}

/// A server with its crowd.
struct Stage {
    crowd: Crowd,
    clock: Option<CpuClock>,
}

struct Stages(Vec<Stage>);

impl Stages {
    fn set_up(subjects: &[Subject], members: u32) -> Result<Self, Failed> {
        let stages = subjects
            .iter()
            .enumerate()
            .map(|(subject, Subject { target, pid })| {
                let failed = |source: LoadError| Failed { subject, source };
                let clock = pid.map(CpuClock::of).transpose();
                Ok(Stage {
                    clock: clock.map_err(|error| failed(error.into()))?,
                    crowd: Crowd::gather(target, members as usize).map_err(failed)?,
                })
            });
        stages.collect::<Result<_, _>>().map(Self)
    }

    /// Measures every stage in short stretches by turns, in the order A B B A A B B A.
    fn alternate(
        &mut self,
        figure: Figure,
        mut measure: impl FnMut(&mut Stage) -> Result<Slice, LoadError>,
    ) -> Result<Vec<Measured>, Failed> {
        let mut sums: Vec<Option<Slice>> = vec![None; self.0.len()];
        for turn in 0..SLICES {
            for place in 0..self.0.len() {
                let subject = if turn % 2 == 0 {
                    place
                } else {
                    self.0.len() - 1 - place
                };
                let slice =
                    measure(&mut self.0[subject]).map_err(|source| Failed { subject, source })?;
                match &mut sums[subject] {
                    Some(sum) => sum.add(&slice),
                    none => *none = Some(slice),
                }
            }
        }
        let outcome = |slice: Slice| Outcome::Throughput(slice.throughput());
        let sums = sums.into_iter().enumerate();
        Ok(sums
            .filter_map(|(at, sum)| Some((at, figure, outcome(sum?))))
            .collect())
    }

    fn clear(self) {
        self.0.into_iter().for_each(|stage| stage.crowd.disperse());
    }
}
