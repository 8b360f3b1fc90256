//! Server and clients as programs on the two sides of a link.

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::sys::{prctl, signal::Signal};
use serde::{Serialize, de::DeserializeOwned};
use trunkline_testkit::{TunLink, TunLinkConfig, TunSide};

use super::{Carrier, Control};
use crate::{
    identity::Identity,
    machine::CpuClock,
    peer_room::RuntimeKind,
    server_process::{ServerProcess, option},
};

/// Makes this process end with the thread that started it, however that ends.
pub(super) fn end_with_parent() -> nix::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)
}

/// Works as what [`Stage::run`] has started: prints what comes of it, in a line of JSON.
pub(super) fn answer<T: Serialize>(
    work: impl Future<Output = Result<T, Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    end_with_parent()?;
    let found = RuntimeKind::MultiThread.build()?.block_on(work)?;
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

/// A link with a server on its far side.
pub(super) struct Stage {
    /// Ended ahead of the link.
    server: ServerProcess,
    pub(super) link: TunLink,
    identity: Identity,
    control: Control,
}

/// What a program on the near side found out.
pub(super) struct Found<T> {
    pub(super) result: T,
    /// Processor time of the server over the measured time.
    pub(super) server_load: f64,
}

impl Stage {
    pub(super) fn new(
        link: &TunLinkConfig,
        carrier: Carrier,
        control: Control,
    ) -> Result<Self, Box<dyn Error>> {
        let identity = Identity::of(TunSide::Far.address().into())?;
        let link = TunLink::start(link)?;
        let mut command = Command::new(env::current_exe()?);
        command
            .args(["lossy-serve", "--address"])
            .arg(format!("{}:{PORT}", TunSide::Far.address()))
            .args(["--carrier", &option(carrier), "--control", &option(control)])
            .arg("--certificate")
            .arg(identity.certificate())
            .arg("--key")
            .arg(identity.key())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let server = link.spawn(TunSide::Far, command)?;
        Ok(Self {
            server: ServerProcess::started(server, "lossy-serve".to_owned())?,
            link,
            identity,
            control,
        })
    }

    /// Runs this program with a subcommand on the near side. It prints `measuring` when it begins to
    /// measure, and at the end of that its result as JSON, within `limit`.
    pub(super) fn run<T: DeserializeOwned>(
        &self,
        subcommand: &str,
        arguments: &[String],
        limit: Duration,
    ) -> Result<Found<T>, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        command
            .arg(subcommand)
            .arg("--url")
            .arg(format!("https://{}:{PORT}", TunSide::Far.address()))
            .arg("--certificate")
            .arg(self.identity.certificate())
            .args(["--control", &option(self.control)])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut program = Program(self.link.spawn(TunSide::Near, command)?);
        let lines = lines(&mut program.0);
        let silent = || format!("{subcommand} did not say what it found within {limit:?}");
        let clock = CpuClock::of(self.server.pid())?;
        let mut before = None;
        loop {
            let line = lines.recv_timeout(limit).map_err(|_| silent())?;
            if line == "measuring" {
                before = Some((clock.read()?, std::time::Instant::now()));
                continue;
            }
            let (cpu, since) = before.ok_or_else(silent)?;
            let server_load = (clock.read()? - cpu).as_secs_f64() / since.elapsed().as_secs_f64();
            return Ok(Found {
                result: serde_json::from_str(&line)?,
                server_load,
            });
        }
    }
}

/// Ended with this handle.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only when the process is over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a program prints, read on a thread of its own, so that it can be waited for with a limit.
fn lines(program: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(LINES);
    if let Some(output) = program.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

/// Any port will do: the far side has an address of its own.
const PORT: u16 = 4433;

/// Lines that may wait to be read.
const LINES: usize = 16;
