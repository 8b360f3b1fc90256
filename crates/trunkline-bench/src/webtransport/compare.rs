//! Rounds over all servers, and their table.

use std::{
    env, error::Error, fmt::Write as _, process::Command, sync::atomic::Ordering, time::Duration,
};

use clap::ValueEnum as _;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{
    Peer,
    load::{Crowd, Means},
};
use crate::{
    identity::Identity,
    machine::{self, CpuClock},
    server_process::ServerProcess,
};

/// How the comparison is made.
#[derive(Debug, Clone, clap::Args)]
pub struct Comparison {
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that each figure is measured for.
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
#[derive(Debug, Clone, Copy, Serialize)]
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
    /// Measures every server in alternating rounds.
    ///
    /// # Errors
    /// A server does not start, or a session fails.
    pub fn run(&self) -> Result<Vec<Measured>, Box<dyn Error>> {
        let identity = Identity::new()?;
        let cores = machine::allowed_cores()?;
        let (Some(&own), Some(&servers)) = (cores.first(), cores.last()) else {
            return Err("no core to run on".into());
        };
        let mut all: Vec<_> = Peer::ALL
            .iter()
            .map(|&peer| Measured {
                peer: name(peer),
                rounds: Vec::new(),
            })
            .collect();
        for round in 0..self.rounds {
            for (peer, measured) in Peer::ALL.into_iter().zip(&mut all) {
                let figures = self.measure(peer, &identity, servers, own)?;
                eprintln!("round {} {}: {figures:?}", round + 1, name(peer));
                measured.rounds.push(figures);
            }
        }
        Ok(all)
    }

    fn measure(
        &self,
        peer: Peer,
        identity: &Identity,
        core: usize,
        own: usize,
    ) -> Result<Figures, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let start = || -> Result<_, Box<dyn Error>> {
            Ok(ServerProcess::start(command(peer, identity)?, core, own)?)
        };
        let trust = identity.trust();
        // Idle first and alone: memory that was freed is not seen to grow.
        let idle_bytes = {
            let server = start()?;
            runtime
                .block_on(self.idle(&server, &trust, peer))
                .map_err(|error| error.to_string())?
        };
        let server = start()?;
        let echo = |means| {
            runtime
                .block_on(self.echo(&server, &trust, peer, means))
                .map_err(|error| error.to_string())
        };
        let (datagram_us, datagrams_per_second) = echo(Means::Datagrams)?;
        let (message_us, messages_per_second) = echo(Means::Messages)?;
        Ok(Figures {
            datagram_us,
            datagrams_per_second,
            message_us,
            messages_per_second,
            idle_bytes,
        })
    }

    async fn idle(
        &self,
        server: &ServerProcess,
        trust: &rustls::ClientConfig,
        peer: Peer,
    ) -> Result<f64, Box<dyn Error + Send + Sync>> {
        // What the first ones bring is the library's own.
        let first = Crowd::connect(server.address(), trust, peer, WARM).await?;
        sleep(SETTLE).await;
        let before = machine::resident_bytes(server.pid())?;
        let crowd = Crowd::connect(server.address(), trust, peer, self.idle).await?;
        sleep(SETTLE).await;
        let after = machine::resident_bytes(server.pid())?;
        crowd.close();
        first.close();
        Ok(after.saturating_sub(before) as f64 / self.idle as f64)
    }

    /// Processor time of an echo in microseconds, and echoes a second.
    async fn echo(
        &self,
        server: &ServerProcess,
        trust: &rustls::ClientConfig,
        peer: Peer,
        means: Means,
    ) -> Result<(f64, f64), Box<dyn Error + Send + Sync>> {
        let crowd = Crowd::connect(server.address(), trust, peer, self.sessions).await?;
        let clock = CpuClock::of(server.pid())?;
        let measured = crowd.run(means, self.in_flight, async |echoes| {
            sleep(WARM_UP).await;
            let (began, count, cpu) = (
                Instant::now(),
                echoes.load(Ordering::Relaxed),
                clock.read()?,
            );
            sleep(Duration::from_secs(self.seconds)).await;
            let count = echoes.load(Ordering::Relaxed) - count;
            let (took, cpu) = (began.elapsed(), clock.read()?.saturating_sub(cpu));
            if count == 0 {
                return Err("no echo came back".into());
            }
            Ok((
                cpu.as_secs_f64() * 1e6 / count as f64,
                count as f64 / took.as_secs_f64(),
            ))
        });
        measured.await?
    }
}

fn command(peer: Peer, identity: &Identity) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["peer-webtransport", "--peer", &name(peer)]);
    command.arg("--certificate").arg(identity.certificate());
    command.arg("--key").arg(identity.key());
    Ok(command)
}

/// As it is written on the command line.
fn name(peer: Peer) -> String {
    let value = peer.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A table in Markdown: medians, and the ratio to the bare library.
#[must_use]
pub fn table(all: &[Measured]) -> String {
    let mut text = String::from(
        "| server | datagram, µs | ratio | datagrams/s | message, µs | ratio | messages/s | idle session, KiB | ratio |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let figure = |measured: &Measured, of: fn(&Figures) -> f64| {
        let mut values: Vec<_> = measured.rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    for (peer, measured) in Peer::ALL.iter().zip(all) {
        let bare = Peer::ALL.iter().position(|other| *other == peer.bare());
        let bare = &all[bare.unwrap_or(0)];
        let ratio = |of: fn(&Figures) -> f64| figure(measured, of) / figure(bare, of);
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} | {:.0} | {:.0} | {:.2} |",
            measured.peer,
            figure(measured, |it| it.datagram_us),
            ratio(|it| it.datagram_us),
            figure(measured, |it| it.datagrams_per_second),
            figure(measured, |it| it.message_us),
            ratio(|it| it.message_us),
            figure(measured, |it| it.messages_per_second),
            figure(measured, |it| it.idle_bytes) / 1024.0,
            ratio(|it| it.idle_bytes),
        );
    }
    text
}

/// Sessions ahead of those whose memory is measured.
const WARM: usize = 10;

/// How long a server has to come to rest.
const SETTLE: Duration = Duration::from_secs(1);

/// Echoes ahead of those that are measured.
const WARM_UP: Duration = Duration::from_millis(500);
