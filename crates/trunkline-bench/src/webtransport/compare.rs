//! Rounds over all servers, and their table.

use std::{
    env, error::Error, fmt::Write as _, process::Command, sync::atomic::Ordering, time::Duration,
};

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{
    Peer,
    load::{Crowd, Means},
};
use crate::{
    identity::Identity,
    machine::{self, CpuClock},
    report::Spread,
    server_process::{ServerProcess, option},
};

/// How the comparison is made.
#[derive(Debug, Clone, clap::Args)]
pub struct Comparison {
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that each figure of a server is measured for in a round, over all its turns.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Sessions that echo.
    #[arg(long, default_value_t = 20)]
    sessions: usize,
    /// Echoes in flight for each of them.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Idle sessions whose memory is measured.
    #[arg(long, default_value_t = 300)]
    idle: usize,
}

/// The figures of one server in one round.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Figures {
    /// Processor time of an echoed datagram, microseconds.
    pub datagram_us: f64,
    /// Echoed datagrams a second.
    pub datagrams_per_second: f64,
    /// Processor time of an echoed message, microseconds.
    pub message_us: f64,
    /// Echoed messages a second.
    pub messages_per_second: f64,
    /// Resident bytes of an idle session.
    pub idle_bytes: f64,
}

/// The figures of one server.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Which.
    pub peer: String,
    /// In each round.
    pub rounds: Vec<Figures>,
}

impl Comparison {
    /// Measures every server, in rounds.
    ///
    /// In each round all of them run, in processes of their own, and take turns at each figure, forth
    /// and back, so that whatever else the machine does meets them alike.
    ///
    /// # Errors
    /// A server does not start, or a session fails.
    pub fn run(&self) -> Result<Vec<Measured>, Box<dyn Error>> {
        let identity = Identity::new()?;
        let trust = identity.trust();
        let cores = machine::allowed_cores()?;
        // The load generator never sleeps: on a server's core it would be all that runs there.
        let [own, .., servers] = cores[..] else {
            return Err("two cores are needed, one for the servers and one for their load".into());
        };
        let start = |peer| -> Result<_, Box<dyn Error>> {
            let server = ServerProcess::start(command(peer, &identity)?, servers, own)?;
            Ok(Subject { peer, server })
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut all: Vec<_> = Peer::ALL.into_iter().map(Measured::new).collect();
        for round in 0..self.rounds {
            for (peer, measured) in Peer::ALL.into_iter().zip(&mut all) {
                // Alone: memory that was freed is not seen to grow.
                let idle = runtime.block_on(self.idle(&start(peer)?, &trust));
                measured.rounds.push(Figures {
                    idle_bytes: idle.map_err(|error| error.to_string())?,
                    ..Figures::default()
                });
            }
            let subjects = Peer::ALL
                .map(start)
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?;
            for means in [Means::Datagrams, Means::Messages] {
                let echoes = runtime.block_on(self.take_turns(&subjects, &trust, means));
                let echoes = echoes.map_err(|error| error.to_string())?;
                for (measured, echoes) in all.iter_mut().zip(echoes) {
                    measured.rounds[round].set(means, &echoes);
                }
            }
            for measured in &all {
                let figures = measured.rounds[round];
                eprintln!("round {} {}: {figures:?}", round + 1, measured.peer);
            }
        }
        Ok(all)
    }

    async fn idle(
        &self,
        subject: &Subject,
        trust: &rustls::ClientConfig,
    ) -> Result<f64, Box<dyn Error + Send + Sync>> {
        let (address, pid) = (subject.server.address(), subject.server.pid());
        // What the first ones bring is the library's own.
        let first = Crowd::connect(address, trust, subject.peer, WARM).await?;
        sleep(SETTLE).await;
        let before = machine::resident_bytes(pid)?;
        let crowd = Crowd::connect(address, trust, subject.peer, self.idle).await?;
        sleep(SETTLE).await;
        let after = machine::resident_bytes(pid)?;
        crowd.close();
        first.close();
        Ok(after.saturating_sub(before) as f64 / self.idle as f64)
    }

    /// What each of the servers echoed in its turns, in their order.
    async fn take_turns(
        &self,
        subjects: &[Subject],
        trust: &rustls::ClientConfig,
        means: Means,
    ) -> Result<Vec<Vec<Echoes>>, Box<dyn Error + Send + Sync>> {
        let mut all = vec![Vec::new(); subjects.len()];
        for turn in 0..TURNS {
            let mut order: Vec<_> = subjects.iter().zip(&mut all).collect();
            if turn % 2 == 1 {
                order.reverse();
            }
            for (subject, echoes) in order {
                echoes.push(self.turn(subject, trust, means).await?);
            }
        }
        Ok(all)
    }

    async fn turn(
        &self,
        subject: &Subject,
        trust: &rustls::ClientConfig,
        means: Means,
    ) -> Result<Echoes, Box<dyn Error + Send + Sync>> {
        let server = &subject.server;
        let crowd = Crowd::connect(server.address(), trust, subject.peer, self.sessions).await?;
        let clock = CpuClock::of(server.pid())?;
        let measured = crowd.run(means, self.in_flight, async |echoes| {
            sleep(WARM_UP).await;
            let (began, count, cpu) = (
                Instant::now(),
                echoes.load(Ordering::Relaxed),
                clock.read()?,
            );
            sleep(Duration::from_secs(self.seconds) / TURNS).await;
            let count = echoes.load(Ordering::Relaxed) - count;
            if count == 0 {
                return Err("no echo came back".into());
            }
            Ok(Echoes {
                count,
                cpu: clock.read()?.saturating_sub(cpu),
                took: began.elapsed(),
            })
        });
        measured.await?
    }
}

/// A server that runs.
struct Subject {
    peer: Peer,
    server: ServerProcess,
}

/// What was echoed in a turn, the processor time it took the server, and how long it went on.
#[derive(Debug, Clone, Copy)]
struct Echoes {
    count: u64,
    cpu: Duration,
    took: Duration,
}

impl Echoes {
    /// Microseconds of processor time for each.
    fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count as f64
    }

    /// How many a second.
    fn pace(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

impl Measured {
    fn new(peer: Peer) -> Self {
        Self {
            peer: option(peer),
            rounds: Vec::new(),
        }
    }
}

impl Figures {
    /// The medians of the turns: what else the machine did in one of them is left out.
    fn set(&mut self, means: Means, turns: &[Echoes]) {
        let figures = (
            median(turns.iter().map(Echoes::cost)),
            median(turns.iter().map(Echoes::pace)),
        );
        match means {
            Means::Datagrams => (self.datagram_us, self.datagrams_per_second) = figures,
            Means::Messages => (self.message_us, self.messages_per_second) = figures,
        }
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    Spread::of(figures.collect()).map_or(f64::NAN, |spread| spread.median)
}

fn command(peer: Peer, identity: &Identity) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["peer-webtransport", "--peer", &option(peer)]);
    command.arg("--certificate").arg(identity.certificate());
    command.arg("--key").arg(identity.key());
    Ok(command)
}

/// A table in Markdown: medians of the rounds, and within each round the ratio to the bare library, its
/// median, least and greatest.
#[must_use]
pub fn table(all: &[Measured]) -> String {
    let mut text = String::from(
        "| server | datagram, µs | ratio | datagrams/s | message, µs | ratio | messages/s | idle session, KiB | ratio |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (peer, measured) in Peer::ALL.iter().zip(all) {
        let bare = Peer::ALL.iter().position(|other| *other == peer.bare());
        let bare = &all[bare.unwrap_or(0)];
        let figure = |of: fn(&Figures) -> f64| median(measured.rounds.iter().map(of));
        let ratio = |of: fn(&Figures) -> f64| {
            let rounds = measured.rounds.iter().zip(&bare.rounds);
            let spread = Spread::of(rounds.map(|(it, bare)| of(it) / of(bare)).collect());
            let shown = spread.map(|spread| spread.show(|ratio| format!("{ratio:.2}")));
            shown.unwrap_or_default()
        };
        let _ = writeln!(
            text,
            "| {} | {:.2} | {} | {:.0} | {:.2} | {} | {:.0} | {:.0} | {} |",
            measured.peer,
            figure(|it| it.datagram_us),
            ratio(|it| it.datagram_us),
            figure(|it| it.datagrams_per_second),
            figure(|it| it.message_us),
            ratio(|it| it.message_us),
            figure(|it| it.messages_per_second),
            figure(|it| it.idle_bytes) / 1024.0,
            ratio(|it| it.idle_bytes),
        );
    }
    text
}

/// Turns of each server at a figure in a round.
const TURNS: u32 = 8;

/// Sessions ahead of those whose memory is measured.
const WARM: usize = 10;

/// How long a server has to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// Echoes ahead of those that are measured.
const WARM_UP: Duration = Duration::from_millis(200);
