//! How fast a reliable stream is: acknowledged events of 16 KiB, as many as the session's window takes.

use std::{
    error::Error,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio::{task::JoinSet, time::sleep};
use trunkline::client::{AckError, Socket};
use trunkline_testkit::{LinkOptions, TunLinkConfig};

use super::{
    Carrier, Control, Reach,
    process::{self, Stage},
    server::TAKE,
};
use crate::{machine::CpuClock, report::Spread, server_process::option};

/// One client that uploads.
#[derive(Debug, clap::Args)]
pub struct Upload {
    #[command(flatten)]
    reach: Reach,
    /// What it is connected over.
    #[arg(long, value_enum)]
    carrier: Carrier,
    /// Seconds that are measured.
    #[arg(long)]
    seconds: u64,
}

/// What it achieved.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Uploaded {
    /// Of events that were acknowledged.
    pub bytes_per_second: f64,
    /// Its processor time over the measured time.
    pub load: f64,
}

impl Upload {
    /// Uploads, prints `measuring` when the measurement begins, and at its end a line of JSON.
    ///
    /// # Errors
    /// The client cannot connect, or an event fails.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        process::answer(self.upload())
    }

    async fn upload(self) -> Result<Uploaded, Box<dyn Error>> {
        let client = self.reach.client(self.carrier)?;
        let socket = client.socket("/");
        socket.connect().await?;
        let taken = Arc::new(AtomicU64::new(0));
        let mut sending = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            sending.spawn(send(socket.clone(), Arc::clone(&taken)));
        }
        sleep(WARM_UP).await;
        println!("measuring");
        let (cpu, began, before) = (
            CpuClock::own(),
            Instant::now(),
            taken.load(Ordering::Relaxed),
        );
        let cpu_before = cpu.read()?;
        tokio::select! {
            Some(failed) = sending.join_next() => failed??,
            () = sleep(Duration::from_secs(self.seconds)) => {}
        }
        let seconds = began.elapsed().as_secs_f64();
        Ok(Uploaded {
            bytes_per_second: (taken.load(Ordering::Relaxed) - before) as f64 / seconds,
            load: (cpu.read()? - cpu_before).as_secs_f64() / seconds,
        })
    }
}

async fn send(socket: Socket, taken: Arc<AtomicU64>) -> Result<(), AckError> {
    let content = ByteBuf::from(vec![7; CHUNK]);
    loop {
        socket
            .emit_with_ack::<(), _>(TAKE, &content)
            .timeout(PATIENCE)
            .await?;
        taken.fetch_add(CHUNK as u64, Ordering::Relaxed);
    }
}

/// How uploads are compared.
#[derive(Debug, Clone, clap::Args)]
pub struct Uploads {
    #[command(flatten)]
    link: LinkOptions,
    /// What they go over.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["websocket", "webtransport"])]
    carriers: Vec<Carrier>,
    /// QUIC's congestion controls; each is measured over WebTransport.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["default"])]
    controls: Vec<Control>,
    /// Seconds that each figure is measured for.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

impl Uploads {
    /// Measures all of them and returns the table.
    ///
    /// # Errors
    /// There can be no link here, a server does not start, or a client does not get through.
    pub fn run(&self) -> Result<String, Box<dyn Error>> {
        let mut table = String::from(
            "| stream | QUIC's congestion control | Mbit/s | cores: server, client |\n|---|---|---|---|\n",
        );
        for &carrier in &self.carriers {
            let controls = match carrier {
                Carrier::WebSocket => &[Control::Default],
                _ => self.controls.as_slice(),
            };
            for &control in controls {
                let rounds = (1..=self.rounds).map(|round| self.measure(carrier, control, round));
                let rounds = rounds.collect::<Result<Vec<_>, _>>()?;
                let spread = |figure: fn(&(Uploaded, f64)) -> f64, digits: usize| {
                    let spread = Spread::of(rounds.iter().map(figure).collect());
                    spread.map(|it| it.show(|value| format!("{value:.digits$}")))
                };
                let rate = spread(|(it, _)| it.bytes_per_second * 8.0 / 1e6, 1);
                let (server, client) = (spread(|it| it.1, 2), spread(|it| it.0.load, 2));
                let columns = [rate, server, client].map(Option::unwrap_or_default);
                let [rate, server, client] = columns;
                let control = match carrier {
                    Carrier::WebSocket => "-",
                    _ => control.name(),
                };
                let name = carrier.name();
                writeln!(
                    table,
                    "| {name} | {control} | {rate} | {server}, {client} |"
                )?;
            }
        }
        Ok(table)
    }

    fn measure(
        &self,
        carrier: Carrier,
        control: Control,
        round: u32,
    ) -> Result<(Uploaded, f64), Box<dyn Error>> {
        let link = self.link.config()?;
        let link = TunLinkConfig {
            seed: link.seed.part(u64::from(round)),
            ..link
        };
        let stage = Stage::new(&link, carrier, control)?;
        let arguments = [
            "--carrier".to_owned(),
            option(carrier),
            "--seconds".to_owned(),
            self.seconds.to_string(),
        ];
        let limit = Duration::from_secs(self.seconds) + PATIENCE;
        let found = stage.run::<Uploaded>("lossy-upload", &arguments, limit)?;
        Ok((found.result, found.server_load))
    }
}

/// Bytes of one event.
const CHUNK: usize = 16 * 1024;

/// Events that wait for their ack: together they are the session's window.
const IN_FLIGHT: usize = 64;

/// Until congestion control has found its pace.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long one event may take on a link that is slow.
const PATIENCE: Duration = Duration::from_secs(60);
