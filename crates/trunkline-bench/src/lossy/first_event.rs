//! The time to the first event: from a client that has just been made to its first ack.

use std::{
    error::Error,
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use trunkline_netem::{PacketProfile, Seed};
use trunkline_testkit::TunLinkConfig;

use super::{
    Carrier, Control, Reach,
    process::{self, Stage},
    server::TAKE,
};
use crate::{report::Spread, server_process::option};

/// Clients that connect, one after the other.
#[derive(Debug, clap::Args)]
pub struct Dial {
    #[command(flatten)]
    reach: Reach,
    /// What they connect over.
    #[arg(long, value_enum)]
    carrier: Carrier,
    /// How many.
    #[arg(long)]
    times: u32,
}

/// How long one client took, milliseconds since it was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FirstEvent {
    /// Until its socket was connected.
    pub connected_ms: f64,
    /// Until its first event, emitted then, was acknowledged.
    pub acknowledged_ms: f64,
    /// Until the ack, where the event was emitted at once instead, ahead of the connection.
    pub emitted_at_once_ms: f64,
    /// What it was connected over.
    pub transport: String,
}

impl Dial {
    /// Connects, and prints a line of JSON at the end.
    ///
    /// # Errors
    /// A client cannot connect, or its event fails.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        process::answer(self.dial())
    }

    async fn dial(self) -> Result<Vec<FirstEvent>, Box<dyn Error>> {
        println!("measuring");
        let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
        let mut found = Vec::new();
        for _ in 0..self.times {
            let began = Instant::now();
            let client = self.reach.client(self.carrier)?;
            let socket = client.socket("/");
            socket.connect().await?;
            let connected_ms = milliseconds(began);
            socket.emit_with_ack::<(), _>(TAKE, &1).await?;
            let acknowledged_ms = milliseconds(began);
            let transport = client.transport().current();
            let transport = transport.map_or("none", |transport| transport.kind.name());
            client.close().await;

            let began = Instant::now();
            let client = self.reach.client(self.carrier)?;
            let socket = client.socket("/");
            let first = socket.emit_with_ack::<(), _>(TAKE, &1);
            let (connected, acknowledged) = tokio::join!(socket.connect(), first);
            connected?;
            acknowledged?;
            found.push(FirstEvent {
                connected_ms,
                acknowledged_ms,
                emitted_at_once_ms: milliseconds(began),
                transport: transport.to_owned(),
            });
            client.close().await;
        }
        Ok(found)
    }
}

/// How first events are compared.
#[derive(Debug, Clone, clap::Args)]
pub struct FirstEvents {
    /// Milliseconds there and back.
    #[arg(long, value_delimiter = ',', default_values = ["50", "100"])]
    round_trips: Vec<u64>,
    /// What clients connect over.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["websocket", "webtransport", "wtransport", "race"])]
    carriers: Vec<Carrier>,
    /// Clients that connect over each of them.
    #[arg(long, default_value_t = 20)]
    times: u32,
}

impl FirstEvents {
    /// Measures all of them and returns the table.
    ///
    /// # Errors
    /// There can be no link here, a server does not start, or a client does not get through.
    pub fn run(&self) -> Result<String, Box<dyn Error>> {
        let mut table = String::from(
            "| round trip | over | connected | first ack | first ack, emitted at once | connected over |\n|---|---|---|---|---|---|\n",
        );
        for &round_trip in &self.round_trips {
            for &carrier in &self.carriers {
                let found = self.measure(round_trip, carrier)?;
                let shown = |figure: fn(&FirstEvent) -> f64| {
                    let spread = Spread::of(found.iter().map(figure).collect());
                    let shown = spread.map(|it| it.show(|value| format!("{value:.0}")));
                    shown.unwrap_or_default()
                };
                let mut transports: Vec<_> = found.iter().map(|it| &*it.transport).collect();
                transports.sort_unstable();
                transports.dedup();
                writeln!(
                    table,
                    "| {round_trip} ms | {} | {} ms | {} ms | {} ms | {} |",
                    carrier.name(),
                    shown(|it| it.connected_ms),
                    shown(|it| it.acknowledged_ms),
                    shown(|it| it.emitted_at_once_ms),
                    transports.join(", ")
                )?;
            }
        }
        Ok(table)
    }

    fn measure(
        &self,
        round_trip: u64,
        carrier: Carrier,
    ) -> Result<Vec<FirstEvent>, Box<dyn Error>> {
        let link = TunLinkConfig {
            profile: PacketProfile {
                delay: Duration::from_millis(round_trip) / 2,
                ..PacketProfile::INSTANT
            },
            seed: Seed::new(1),
            ..TunLinkConfig::default()
        };
        let stage = Stage::new(&link, carrier, Control::Default)?;
        let arguments = [
            "--carrier",
            &option(carrier),
            "--times",
            &self.times.to_string(),
        ]
        .map(str::to_owned);
        Ok(stage.run("lossy-dial", &arguments, PATIENCE)?.result)
    }
}

/// How long all clients may take together.
const PATIENCE: Duration = Duration::from_secs(120);
