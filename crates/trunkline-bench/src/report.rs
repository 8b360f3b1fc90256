//! The figures of a run as a table and as JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::{
    machine::{Machine, MachineError},
    measure::{Figure, Outcome, Settings},
};

/// Every measured figure of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The machine it ran on.
    pub machine: Machine,
    /// How much load was made.
    pub settings: Settings,
    /// Rounds asked for.
    pub rounds: u32,
    /// The core of the servers, if they were started by this program.
    pub server_core: Option<usize>,
    /// The core of the load generator, if it is bound to one.
    pub load_core: Option<usize>,
    /// One entry for each server and figure.
    pub series: Vec<Series>,
}

/// One figure of one server, round by round.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    /// The server.
    pub peer: &'static str,
    /// The server that its ratios are to.
    pub base: &'static str,
    /// The figure.
    pub figure: Figure,
    /// What each round measured.
    pub outcomes: Vec<Outcome>,
}

impl Series {
    /// The compared figure of each round.
    fn costs(&self) -> Vec<f64> {
        self.outcomes.iter().filter_map(Outcome::cost).collect()
    }
}

impl Report {
    /// A report without figures.
    pub fn new(
        settings: &Settings,
        rounds: u32,
        server_core: impl Into<Option<usize>>,
        load_core: impl Into<Option<usize>>,
    ) -> Result<Self, MachineError> {
        Ok(Self {
            machine: Machine::describe()?,
            settings: settings.clone(),
            rounds,
            server_core: server_core.into(),
            load_core: load_core.into(),
            series: Vec::new(),
        })
    }

    /// Adds one round's figure of a server, whose ratios are to the server `base`.
    pub fn add(
        &mut self,
        peer: &'static str,
        base: &'static str,
        figure: Figure,
        outcome: Outcome,
    ) {
        let known = |series: &&mut Series| series.peer == peer && series.figure == figure;
        match self.series.iter_mut().find(known) {
            Some(series) => series.outcomes.push(outcome),
            None => self.series.push(Series {
                peer,
                base,
                figure,
                outcomes: vec![outcome],
            }),
        }
    }

    fn title(&self, figure: Figure) -> String {
        let Settings {
            members,
            in_flight,
            clients,
            idle,
            ..
        } = self.settings;
        match figure {
            Figure::OneBroadcast => {
                format!(
                    "server CPU per delivered message, {members} members, one broadcast at a time"
                )
            }
            Figure::OneSender => format!("same, {in_flight} broadcasts in flight from one sender"),
            Figure::ManySenders => {
                format!("same, {in_flight} broadcasts in flight from {in_flight} senders")
            }
            Figure::Acknowledged => {
                format!("server CPU per acknowledged event, {clients} clients")
            }
            Figure::Idle => format!("resident memory per idle connection, {idle} of them"),
        }
    }

    /// The ratios of a series to those of its base, round by round.
    fn ratios(&self, series: &Series) -> Vec<f64> {
        let is_base = |other: &&Series| other.peer == series.base && other.figure == series.figure;
        let base = self.series.iter().find(is_base);
        let base = base.map(Series::costs).unwrap_or_default();
        series
            .costs()
            .iter()
            .zip(&base)
            .map(|(cost, base)| cost / base)
            .collect()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            cores,
            memory_bytes,
            kernel,
            load_average,
        } = &self.machine;
        let gibibytes = *memory_bytes as f64 / f64::from(1 << 30);
        writeln!(
            f,
            "{processor}, {cores} cores, {gibibytes:.0} GiB, Linux {kernel};"
        )?;
        if let (Some(server), Some(load)) = (self.server_core, self.load_core) {
            writeln!(f, "server on core {server}, load generator on core {load};")?;
        }
        let (rounds, seconds) = (self.rounds, self.settings.seconds);
        writeln!(
            f,
            "{rounds} rounds of {seconds} s; load average at the start {load_average}.\n"
        )?;
        writeln!(
            f,
            "| figure | server | median (spread) | ratio (spread) | to | per second | p50 | p99 | busy: server, load |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for figure in Figure::ALL {
            for series in self.series.iter().filter(|series| series.figure == figure) {
                self.write_row(f, series)?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn write_row(&self, f: &mut Formatter<'_>, series: &Series) -> fmt::Result {
        let unit = if series.figure == Figure::Idle {
            Unit::Kilobytes
        } else {
            Unit::Microseconds
        };
        let cost = Spread::of(series.costs()).map(|spread| spread.show(|value| unit.show(value)));
        let ratio = Spread::of(self.ratios(series))
            .map(|spread| spread.show(|value| format!("{value:.2}")));
        let unknown = || "-".to_owned();
        write!(
            f,
            "| {} | {} | {} | {} | {} |",
            self.title(series.figure),
            series.peer,
            cost.unwrap_or_else(unknown),
            ratio.unwrap_or_else(unknown),
            series.base,
        )?;
        let throughputs = series.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Throughput(throughput) => Some(throughput),
            Outcome::Idle(_) => None,
        });
        let median = |value: fn(&crate::workload::Throughput) -> f64| {
            Spread::of(throughputs.clone().map(value).collect()).map(|spread| spread.median)
        };
        let time = |value| median(value).map_or_else(unknown, |us| Unit::Microseconds.show(us));
        let per_second = median(|throughput| throughput.per_second);
        let busy =
            |value| median(value).map_or_else(unknown, |share| format!("{:.0} %", share * 100.0));
        writeln!(
            f,
            " {} | {} | {} | {}, {} |",
            per_second.map_or_else(unknown, |value| format!("{value:.0}")),
            time(|throughput| throughput.p50_us),
            time(|throughput| throughput.p99_us),
            busy(|throughput| throughput.server_busy.unwrap_or(f64::NAN)),
            busy(|throughput| throughput.load_busy),
        )
    }
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Microseconds,
    Kilobytes,
}

impl Unit {
    /// Three digits or so, with the unit. Kilobytes are 1,000 bytes; the value is in bytes.
    fn show(self, value: f64) -> String {
        match self {
            Self::Microseconds if value >= 1e4 => format!("{:.1} ms", value / 1e3),
            Self::Microseconds if value >= 100.0 => format!("{value:.0} µs"),
            Self::Microseconds if value >= 1.0 => format!("{value:.2} µs"),
            Self::Microseconds => format!("{value:.3} µs"),
            Self::Kilobytes => format!("{:.2} KB", value / 1e3),
        }
    }
}

/// Median, least and greatest of the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&least, &greatest) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self {
            median,
            least,
            greatest,
        })
    }

    pub(crate) fn show(self, show: impl Fn(f64) -> String) -> String {
        format!(
            "{} ({} to {})",
            show(self.median),
            show(self.least),
            show(self.greatest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Idle;

    fn idle(bytes_per_connection: f64) -> Outcome {
        Outcome::Idle(Idle {
            connections: 1,
            before_bytes: 0,
            after_bytes: 0,
            bytes_per_connection,
        })
    }

    fn report() -> Report {
        let settings = Settings {
            members: 1,
            in_flight: 1,
            clients: 1,
            idle: 1,
            seconds: 1,
        };
        Report::new(&settings, 3, 0, 1).unwrap()
    }

    #[test]
    fn a_spread_has_the_middle_of_odd_and_even_counts() {
        let spread = |median, least, greatest| {
            Some(Spread {
                median,
                least,
                greatest,
            })
        };
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), spread(2.0, 1.0, 3.0));
        assert_eq!(Spread::of(vec![4.0, 1.0]), spread(2.5, 1.0, 4.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round_to_the_base() {
        let mut report = report();
        for (room, other) in [(10.0, 5.0), (20.0, 30.0), (40.0, 40.0)] {
            report.add("room", "room", Figure::Idle, idle(room));
            report.add("other", "room", Figure::Idle, idle(other));
        }
        assert_eq!(report.ratios(&report.series[0]), [1.0, 1.0, 1.0]);
        assert_eq!(report.ratios(&report.series[1]), [0.5, 1.5, 1.0]);
    }

    #[test]
    fn the_table_has_a_row_for_each_server_and_figure() {
        let mut report = report();
        report.add("room", "room", Figure::Idle, idle(8_900.0));
        report.add("other", "room", Figure::Idle, idle(4_450.0));
        let table = report.to_string();
        assert!(
            table.contains("| room | 8.90 KB (8.90 KB to 8.90 KB) | 1.00 (1.00 to 1.00) | room |")
        );
        assert!(
            table.contains("| other | 4.45 KB (4.45 KB to 4.45 KB) | 0.50 (0.50 to 0.50) | room |")
        );
    }
}
