//! Rounds over all ways, and their table.

use std::{
    error::Error,
    fmt::{self, Display, Formatter},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use trunkline_testkit::{LinkOptions, TunLinkConfig};

use super::{
    Control, Way,
    players::{Game, Played},
    process::Stage,
};
use crate::{machine::Machine, report::Spread, server_process::option};

/// How it is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct Comparison {
    #[command(flatten)]
    link: LinkOptions,
    #[command(flatten)]
    game: Game,
    /// How positions travel, in the order of each round. Ratios are to the first.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["websocket", "webtransport", "wtransport", "websocket-reliable"])]
    ways: Vec<Way>,
    /// QUIC's congestion controls; each is measured with every way over WebTransport.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["default"])]
    controls: Vec<Control>,
    /// Rounds, in each of which everything is measured once; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

/// Every figure of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lossy {
    /// The machine, and what else it did.
    pub machine: Machine,
    /// Packets lost of 100, each way.
    pub loss_percent: f64,
    /// From one side to the other.
    pub delay_ms: f64,
    /// Megabits a second each way, where there is a limit.
    pub bandwidth_mbit: Option<f64>,
    /// The congestion control of TCP, on both sides.
    pub tcp: String,
    /// What was played.
    pub game: Game,
    /// One for each way and congestion control.
    pub series: Vec<Series>,
}

/// The figures of one way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Series {
    /// How positions travelled.
    pub way: Way,
    /// QUIC's congestion control.
    pub control: Control,
    /// One for each round.
    pub outcomes: Vec<Outcome>,
}

/// What one way did in one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// What players saw.
    #[serde(flatten)]
    pub played: Played,
    /// Processor time of the server over the measured time.
    pub server_load: f64,
    /// Packets of IP to the server, in the whole run.
    pub packets_to_server: u64,
    /// Packets of IP to the players.
    pub packets_to_players: u64,
}

impl Comparison {
    /// Measures every way in every round. Progress goes to standard error.
    ///
    /// # Errors
    /// There can be no link here, a server does not start, or the players do not get through.
    pub fn run(&self) -> Result<Lossy, Box<dyn Error>> {
        let link = self.link.config()?;
        let mut lossy = Lossy {
            machine: Machine::describe()?,
            loss_percent: self.link.loss,
            delay_ms: self.link.delay,
            bandwidth_mbit: self.link.bandwidth,
            tcp: trunkline_testkit::TunLink::start(&link)?.tcp_congestion_control()?,
            game: self.game.clone(),
            series: self.series(),
        };
        for round in 1..=self.rounds {
            // Every way meets the same luck in a round, as far as it sends the same packets.
            let link = TunLinkConfig {
                seed: link.seed.part(u64::from(round)),
                ..link.clone()
            };
            for series in &mut lossy.series {
                let outcome = self.measure(&link, series.way, series.control)?;
                let Outcome { played, .. } = &outcome;
                let (name, control) = (series.way.name(), series.control.name());
                let (median, p99) = (played.ages.median_ms, played.ages.p99_ms);
                eprintln!("round {round}: {name}, {control}: {median:.1} ms, p99 {p99:.1} ms");
                series.outcomes.push(outcome);
            }
        }
        Ok(lossy)
    }

    /// Every way with every congestion control that makes a difference to it.
    fn series(&self) -> Vec<Series> {
        let controls = |way: Way| match way.is_quic() {
            true => self.controls.as_slice(),
            false => &[Control::Default],
        };
        let ways = self.ways.iter();
        ways.flat_map(|&way| controls(way).iter().map(move |&control| (way, control)))
            .map(|(way, control)| Series {
                way,
                control,
                outcomes: Vec::new(),
            })
            .collect()
    }

    fn measure(
        &self,
        link: &TunLinkConfig,
        way: Way,
        control: Control,
    ) -> Result<Outcome, Box<dyn Error>> {
        let stage = Stage::new(link, way.carrier(), control)?;
        let Game {
            players,
            rate,
            seconds,
        } = self.game;
        let arguments = [
            ("--way", option(way)),
            ("--players", players.to_string()),
            ("--rate", rate.to_string()),
            ("--seconds", seconds.to_string()),
        ];
        let arguments = arguments.map(|(name, value)| [name.to_owned(), value]);
        let limit = Duration::from_secs(seconds) + PATIENCE;
        let found = stage.run::<Played>("lossy-play", &arguments.concat(), limit)?;
        let counters = stage.link.counters();
        Ok(Outcome {
            played: found.result,
            server_load: found.server_load,
            packets_to_server: counters.to_far.sent,
            packets_to_players: counters.to_near.sent,
        })
    }
}

impl Series {
    pub(super) fn spread(&self, figure: impl Fn(&Outcome) -> f64) -> Option<Spread> {
        Spread::of(self.outcomes.iter().map(figure).collect())
    }
}

impl Display for Lossy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Machine {
            kernel,
            load_average,
            ..
        } = &self.machine;
        let (game, limit) = (&self.game, self.bandwidth_mbit);
        let limit = limit.map_or_else(String::new, |limit| format!(", {limit} Mbit/s"));
        writeln!(
            f,
            "{} players, {} positions a second each; {} % loss and {} ms each way{limit}; TCP: {}; Linux {kernel}, load average {load_average}\n",
            game.players, game.rate, self.loss_percent, self.delay_ms, self.tcp
        )?;
        writeln!(
            f,
            "| way | QUIC's congestion control | median age | p99 | ratio | on arrival: median | p99 | ratio | arrived | cores: server, players |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for series in &self.series {
            self.row(f, series)?;
        }
        Ok(())
    }
}

impl Lossy {
    fn row(&self, f: &mut Formatter<'_>, series: &Series) -> fmt::Result {
        let base = self.series.first().map(|first| &*first.outcomes);
        let ratio = |figure: fn(&Outcome) -> f64| {
            let pairs = series.outcomes.iter().zip(base.unwrap_or_default());
            Spread::of(
                pairs
                    .map(|(own, base)| figure(own) / figure(base))
                    .collect(),
            )
        };
        let p99 = |outcome: &Outcome| outcome.played.ages.p99_ms;
        let p99_on_arrival = |outcome: &Outcome| outcome.played.on_arrival.p99_ms;
        let shown = |spread: Option<Spread>, digits: usize| {
            spread.map_or_else(
                || "-".to_owned(),
                |spread| spread.show(|value| format!("{value:.digits$}")),
            )
        };
        let median = |figure: fn(&Outcome) -> f64| {
            series
                .spread(figure)
                .map_or(f64::NAN, |spread| spread.median)
        };
        let control = match series.way.is_quic() {
            true => series.control.name(),
            false => "-",
        };
        writeln!(
            f,
            "| {} | {control} | {} ms | {} ms | {} | {} ms | {} ms | {} | {:.1} % | {:.2}, {:.2} |",
            series.way.name(),
            shown(series.spread(|it| it.played.ages.median_ms), 1),
            shown(series.spread(p99), 1),
            shown(ratio(p99), 2),
            shown(series.spread(|it| it.played.on_arrival.median_ms), 1),
            shown(series.spread(p99_on_arrival), 1),
            shown(ratio(p99_on_arrival), 2),
            median(|it| it.played.arrived * 100.0),
            median(|it| it.server_load),
            median(|it| it.played.load),
        )
    }
}

/// What joining and warming up may take beyond the measured time.
const PATIENCE: Duration = Duration::from_secs(90);
