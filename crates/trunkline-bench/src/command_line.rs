//! Subcommands and their output.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    slice,
};

use clap::{Parser, Subcommand};
use trunkline_bench::{
    compare::Comparison,
    dialect::Dialect,
    identity::Files,
    limits,
    lossy::{self, Lossy},
    machine,
    measure::{Settings, Subject, Workload, measure},
    peer_room::{self, RuntimeKind},
    peer_trunkline::{self, Host},
    plot::Run,
    report::Report,
    target::Target,
    webtransport,
};
use trunkline_testkit::TunLinkError;

/// Load generator for room servers, and the hand-written peer.
#[derive(Parser)]
#[command(name = "trunkline-bench")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure several servers in alternating rounds.
    Compare {
        #[command(flatten)]
        comparison: Comparison,
        /// Write every round's figures to this file.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Point the load generator at a server that runs already.
    Load(Load),
    /// Draw the figures that `compare --json` wrote.
    Plot {
        /// The file of figures.
        figures: PathBuf,
        /// The SVG to write.
        svg: PathBuf,
    },
    /// Serve the hand-written room on loopback.
    PeerRoom {
        /// The port, 0 for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// The tokio runtime.
        #[arg(long, value_enum, default_value_t)]
        runtime: RuntimeKind,
        #[command(flatten)]
        tls: Files,
    },
    /// Serve the same app with Trunkline on loopback, over TLS or in axum.
    PeerTrunkline {
        /// The port, 0 for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// What is under the server.
        #[arg(long, value_enum, default_value_t)]
        host: Host,
        #[command(flatten)]
        tls: Files,
    },
    /// Measure WebTransport beside the bare libraries.
    #[command(name = "webtransport")]
    WebTransport {
        #[command(flatten)]
        comparison: webtransport::Comparison,
        /// Write every round's figures to this file.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Serve echoes over WebTransport on loopback, bare or with Trunkline.
    #[command(name = "peer-webtransport")]
    PeerWebTransport {
        /// The port of UDP, 0 for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Which.
        #[arg(long, value_enum)]
        peer: webtransport::Peer,
        #[command(flatten)]
        tls: Files,
    },
    /// Measure how old positions are over a lossy link, over WebSocket and over WebTransport. Needs
    /// root, for network namespaces.
    Lossy {
        #[command(flatten)]
        comparison: lossy::Comparison,
        /// Write every round's figures to this file.
        #[arg(long)]
        json: Option<PathBuf>,
        /// Draw them.
        #[arg(long)]
        svg: Option<PathBuf>,
    },
    /// Draw the figures that `lossy --json` wrote.
    LossyPlot {
        /// The file of figures.
        figures: PathBuf,
        /// The SVG to write.
        svg: PathBuf,
    },
    /// Measure how fast a reliable stream is over a lossy link. Needs root.
    LossyUploads(lossy::Uploads),
    /// Measure the time to a client's first acknowledged event over a long link. Needs root.
    FirstEvent(lossy::FirstEvents),
    /// What `lossy` starts on the far side.
    #[command(hide = true)]
    LossyServe(lossy::Serve),
    /// What it starts on the near side.
    #[command(hide = true)]
    LossyPlay(lossy::Play),
    /// What `lossy-uploads` starts there.
    #[command(hide = true)]
    LossyUpload(lossy::Upload),
    /// What `first-event` starts there.
    #[command(hide = true)]
    LossyDial(lossy::Dial),
    /// Print what the tables and guests of a server cost in memory, at the most that limits allow.
    Limits,
    /// Print how many bytes an event, an ack and a ping are on the wire.
    #[cfg(feature = "socketioxide")]
    Bytes,
    /// Serve the same app with socketioxide on loopback.
    #[cfg(feature = "socketioxide")]
    PeerSocketioxide {
        /// The port, 0 for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

#[derive(clap::Args)]
struct Load {
    /// Where the server is, as ws://host:port/path.
    #[arg(long)]
    url: String,
    /// What it speaks.
    #[arg(long, value_enum)]
    dialect: Dialect,
    /// The workloads, in this order. Idle needs --pid, and comes first or alone: memory that a
    /// server has freed is not seen to grow.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["fan-out", "acknowledged"])]
    workloads: Vec<Workload>,
    /// The server's process on this machine, whose processor time and memory are read.
    #[arg(long)]
    pid: Option<u32>,
    /// Bind the load generator to this core.
    #[arg(long)]
    load_core: Option<usize>,
    /// Write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Compare { comparison, json } => {
            warn_of_debug_build();
            comparison
                .run()
                .map_err(Into::into)
                .and_then(|report| print(&report, json))
        }
        Command::Load(load) => {
            warn_of_debug_build();
            load.run()
        }
        Command::Plot { figures, svg } => plot(&figures, &svg),
        Command::PeerRoom { port, runtime, tls } => {
            peer_room::run(port, runtime, tls).map_err(Into::into)
        }
        Command::PeerTrunkline { port, host, tls } => peer_trunkline::run(port, host, tls),
        Command::WebTransport { comparison, json } => {
            warn_of_debug_build();
            comparison.run().and_then(|measured| {
                print!("{}", webtransport::table(&measured));
                json.map_or(Ok(()), |path| write_json(&path, &measured))
            })
        }
        Command::PeerWebTransport { port, peer, tls } => webtransport::run(port, peer, tls),
        Command::Lossy {
            comparison,
            json,
            svg,
        } => {
            warn_of_debug_build();
            comparison.run().and_then(|measured| {
                print!("{measured}");
                svg.map_or(Ok(()), |path| fs::write(path, measured.to_svg()))?;
                // In one line: a curve has a hundred points.
                let figures = serde_json::to_string(&measured)?;
                Ok(json.map_or(Ok(()), |path| fs::write(path, figures + "\n"))?)
            })
        }
        Command::LossyPlot { figures, svg } => lossy_plot(&figures, &svg),
        Command::LossyUploads(uploads) => uploads.run().map(|table| print!("{table}")),
        Command::FirstEvent(events) => events.run().map(|table| print!("{table}")),
        Command::LossyServe(server) => server.run(),
        Command::LossyPlay(players) => players.run(),
        Command::LossyUpload(upload) => upload.run(),
        Command::LossyDial(dial) => dial.run(),
        Command::Limits => limits::Costs::measure().map(|costs| print!("{costs}")),
        #[cfg(feature = "socketioxide")]
        Command::Bytes => {
            trunkline_bench::wire_bytes::WireBytes::measure().map(|bytes| print!("{bytes}"))
        }
        #[cfg(feature = "socketioxide")]
        Command::PeerSocketioxide { port } => {
            trunkline_bench::peer_socketioxide::run(port).map_err(Into::into)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trunkline-bench: {error}");
            TunLinkError::exit_code(&*error)
        }
    }
}

impl Load {
    fn run(self) -> Result<(), Box<dyn Error>> {
        const SPARE_FILES: u64 = 256;
        if self.workloads.contains(&Workload::Idle) && self.pid.is_none() {
            return Err("the idle workload reads the server's memory: give --pid".into());
        }
        let connections = self.settings.most_connections(&self.workloads, 1);
        machine::raise_open_files(u64::from(connections) + SPARE_FILES)?;
        let target = Target::parse(&self.url, self.dialect)?;
        let subject = Subject {
            target,
            pid: self.pid,
        };
        let mut report = Report::new(&self.settings, 1, None, self.load_core)?;
        if let Some(core) = self.load_core {
            machine::pin_current_thread(core)?;
        }
        for &workload in &self.workloads {
            for (_, figure, outcome) in
                measure(workload, slice::from_ref(&subject), &self.settings)?
            {
                report.add("server", "server", figure, outcome);
            }
        }
        print(&report, self.json)
    }
}

fn print(report: &Report, json: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("{report}");
    json.map_or(Ok(()), |path| write_json(&path, report))
}

fn write_json(path: &Path, figures: &impl serde::Serialize) -> Result<(), Box<dyn Error>> {
    Ok(fs::write(path, serde_json::to_string_pretty(figures)?)?)
}

fn plot(figures: &Path, svg: &Path) -> Result<(), Box<dyn Error>> {
    let run: Run = serde_json::from_str(&fs::read_to_string(figures)?)?;
    Ok(fs::write(svg, run.to_svg())?)
}

fn lossy_plot(figures: &Path, svg: &Path) -> Result<(), Box<dyn Error>> {
    let run: Lossy = serde_json::from_str(&fs::read_to_string(figures)?)?;
    Ok(fs::write(svg, run.to_svg())?)
}

fn warn_of_debug_build() {
    if cfg!(debug_assertions) {
        eprintln!("trunkline-bench: this is a debug build; its figures mean nothing");
    }
}
