//! Several servers in one run: in each round every workload on fresh processes on the same core.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::{
    dialect::Dialect,
    identity::Identity,
    machine::{self, MachineError},
    measure::{MeasureError, Measured, Settings, Subject, Workload, measure},
    report::Report,
    server_process::{ServerProcess, StartError},
    target::Target,
};

/// Descriptors beyond one for each connection.
const SPARE_FILES: u64 = 256;
/// The package and the program of the Trunkline server.
const FIXTURE: &str = "trunkline-fixture";

/// A server that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// The hand-written room on tokio's multi-threaded runtime with one worker. The others'
    /// ratios are to this one.
    Room,
    /// The same room on tokio's single-threaded runtime.
    RoomCurrentThread,
    /// Trunkline's fixture server.
    Trunkline,
    /// socketioxide, in a build with the feature of that name.
    Socketioxide,
    /// The hand-written room over tokio-rustls.
    RoomTls,
    /// Trunkline's own listener with TLS. Its ratios are to the room over TLS, if that is measured.
    TrunklineTls,
    /// Trunkline's own listener, with the very app of the next one.
    TrunklineListener,
    /// Trunkline mounted in axum. Its ratios are to Trunkline's own listener, if that is measured.
    TrunklineAxum,
}

impl Peer {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::RoomCurrentThread => "room (current-thread)",
            Self::Trunkline => "trunkline",
            Self::Socketioxide => "socketioxide",
            Self::RoomTls => "room over TLS",
            Self::TrunklineTls => "trunkline over TLS",
            Self::TrunklineListener => "trunkline, own listener",
            Self::TrunklineAxum => "trunkline in axum",
        }
    }

    /// The server that its ratios are to, unless it is the first of the run.
    fn counterpart(self) -> Option<Self> {
        match self {
            Self::RoomTls | Self::TrunklineTls => Some(Self::RoomTls),
            Self::TrunklineAxum => Some(Self::TrunklineListener),
            _ => None,
        }
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::RoomTls | Self::TrunklineTls)
    }

    fn dialect(self) -> Dialect {
        match self {
            Self::Room | Self::RoomCurrentThread | Self::RoomTls => Dialect::Room,
            Self::Trunkline
            | Self::TrunklineTls
            | Self::TrunklineListener
            | Self::TrunklineAxum => Dialect::Trunkline,
            Self::Socketioxide => Dialect::SocketIo,
        }
    }
}

/// What is compared, and how.
#[derive(Debug, Clone, Args)]
pub struct Comparison {
    /// The servers, in the order of each round.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["room", "trunkline"])]
    pub peers: Vec<Peer>,
    /// The workloads.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["fan-out", "acknowledged", "idle"])]
    pub workloads: Vec<Workload>,
    /// Rounds, in each of which every server is measured once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// The core the servers run on [default: the first that may be used].
    #[arg(long)]
    pub server_core: Option<usize>,
    /// The core the load generator runs on [default: the second that may be used].
    #[arg(long)]
    pub load_core: Option<usize>,
    /// Program of the Trunkline server [default: the one built beside this program].
    #[arg(long)]
    pub fixture: Option<PathBuf>,
    /// How much load is made.
    #[command(flatten)]
    pub settings: Settings,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The machine does not have what is needed.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// Server and load generator would share a core.
    #[error("server and load generator need a core each; cores that may be used: {allowed:?}")]
    Cores {
        /// The cores of this process.
        allowed: Vec<usize>,
    },
    /// The Trunkline server could not be built.
    #[error("building {FIXTURE} failed; give its program with --fixture")]
    Build,
    /// socketioxide is not in this program.
    #[error("this build has no socketioxide; build it with --features socketioxide")]
    Socketioxide,
    /// This program does not know where it is, or cargo could not be run.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A server did not start.
    #[error("{peer}: {source}")]
    Start {
        /// The server.
        peer: &'static str,
        /// Why.
        source: StartError,
    },
    /// A measurement failed.
    #[error("{peer}, round {round}: {source}")]
    Measure {
        /// The server.
        peer: &'static str,
        /// The round, from 1.
        round: u32,
        /// What failed, and why.
        source: MeasureError,
    },
}

impl Comparison {
    /// Runs all rounds. Progress goes to standard error.
    pub fn run(&self) -> Result<Report, CompareError> {
        if self.peers.contains(&Peer::Socketioxide) && !cfg!(feature = "socketioxide") {
            return Err(CompareError::Socketioxide);
        }
        let servers = u32::try_from(self.peers.len()).unwrap_or(u32::MAX);
        let connections = self.settings.most_connections(&self.workloads, servers);
        machine::raise_open_files(u64::from(connections) + SPARE_FILES)?;
        let programs = Programs {
            fixture: self.fixture_program()?,
            identity: Identity::new()?,
        };
        let (server_core, load_core) = self.cores()?;
        let mut report = Report::new(&self.settings, self.rounds, server_core, load_core)?;
        machine::pin_current_thread(load_core)?;
        for round in 1..=self.rounds {
            for &workload in &self.workloads {
                let servers = self.start_all(&programs, server_core, load_core)?;
                for (at, figure, outcome) in self.measure(workload, &servers, &programs, round)? {
                    let (peer, cost) = (self.peers[at].name(), outcome.cost().unwrap_or_default());
                    eprintln!("round {round}: {figure:?}, {peer}: {cost:.3}");
                    let base = self.base(self.peers[at]);
                    report.add(peer, base, figure, outcome);
                }
            }
        }
        Ok(report)
    }

    /// The name of the server that the ratios of `peer` are to.
    fn base(&self, peer: Peer) -> &'static str {
        let counterpart = peer.counterpart().filter(|it| self.peers.contains(it));
        counterpart
            .or(self.peers.first().copied())
            .map_or("", Peer::name)
    }

    fn start_all(
        &self,
        programs: &Programs,
        server_core: usize,
        load_core: usize,
    ) -> Result<Vec<ServerProcess>, CompareError> {
        let start = |&peer: &Peer| {
            ServerProcess::start(programs.command(peer)?, server_core, load_core).map_err(
                |source| CompareError::Start {
                    peer: peer.name(),
                    source,
                },
            )
        };
        self.peers.iter().map(start).collect()
    }

    fn measure(
        &self,
        workload: Workload,
        servers: &[ServerProcess],
        programs: &Programs,
        round: u32,
    ) -> Result<Vec<Measured>, CompareError> {
        let subject = |(peer, server): (&Peer, &ServerProcess)| {
            let target = Target::at(server.address(), peer.dialect());
            Subject {
                target: match peer.is_tls() {
                    true => target.over_tls(programs.identity.trust()),
                    false => target,
                },
                pid: Some(server.pid()),
            }
        };
        let subjects: Vec<Subject> = self.peers.iter().zip(servers).map(subject).collect();
        measure(workload, &subjects, &self.settings).map_err(|source| {
            let peer = self.peers[source.subject].name();
            CompareError::Measure {
                peer,
                round,
                source,
            }
        })
    }

    fn cores(&self) -> Result<(usize, usize), CompareError> {
        let allowed = machine::allowed_cores()?;
        let server = self.server_core.or_else(|| allowed.first().copied());
        let load = self.load_core.or_else(|| allowed.get(1).copied());
        match (server, load) {
            (Some(server), Some(load)) if server != load => Ok((server, load)),
            _ => Err(CompareError::Cores { allowed }),
        }
    }

    /// The Trunkline server's program, built first if this program was started by cargo.
    fn fixture_program(&self) -> Result<Option<PathBuf>, CompareError> {
        if !self.peers.contains(&Peer::Trunkline) {
            return Ok(None);
        }
        if let Some(given) = &self.fixture {
            return Ok(Some(given.clone()));
        }
        let own = env::current_exe()?;
        let program = own.with_file_name(FIXTURE);
        if let Some(cargo) = env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            build.args(["build", "--release", "--package", FIXTURE]);
            if let Some(target_dir) = own.parent().and_then(Path::parent) {
                build.arg("--target-dir").arg(target_dir);
            }
            if !build.status()?.success() {
                return Err(CompareError::Build);
            }
        }
        if program.exists() {
            Ok(Some(program))
        } else {
            Err(CompareError::Build)
        }
    }
}

/// What servers are started with.
struct Programs {
    fixture: Option<PathBuf>,
    identity: Identity,
}

impl Programs {
    fn command(&self, peer: Peer) -> Result<Command, CompareError> {
        let mut command = match (peer, &self.fixture) {
            (Peer::Trunkline, Some(fixture)) => Command::new(fixture),
            (Peer::Trunkline, None) => return Err(CompareError::Build),
            (Peer::Room | Peer::RoomTls, _) => own(&["peer-room", "--runtime", "multi-thread"])?,
            (Peer::RoomCurrentThread, _) => own(&["peer-room", "--runtime", "current-thread"])?,
            (Peer::Socketioxide, _) => own(&["peer-socketioxide"])?,
            (Peer::TrunklineTls | Peer::TrunklineListener, _) => own(&["peer-trunkline"])?,
            (Peer::TrunklineAxum, _) => own(&["peer-trunkline", "--host", "axum"])?,
        };
        command.args(["--port", "0"]);
        if peer.is_tls() {
            command
                .arg("--certificate")
                .arg(self.identity.certificate());
            command.arg("--key").arg(self.identity.key());
        }
        // What a server logs about connections that come and go is no part of a message's cost.
        command.env("RUST_LOG", "warn");
        Ok(command)
    }
}

/// A server that is a subcommand of this program.
fn own(arguments: &[&str]) -> Result<Command, CompareError> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(command)
}
