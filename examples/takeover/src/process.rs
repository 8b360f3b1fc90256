//! A server in a process of its own.

use std::error::Error;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::ledger::Ledger;

/// A server process; it is killed when this is dropped.
pub(crate) struct ServerProcess {
    pub(crate) port: u16,
    child: Child,
    /// What it printed last.
    lines: JoinHandle<String>,
}

impl ServerProcess {
    /// Starts this program again as a server, whose losses are entered into the ledger. `deadline` is
    /// its [drain](trunkline::server::Drain)'s, in seconds.
    pub(crate) async fn start(ledger: &Ledger, deadline: u64) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--deadline", &deadline.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("a server without output")?;
        let mut lines = BufReader::new(output).lines();
        let first = lines.next_line().await?.ok_or("the server ended at once")?;
        let port = first.strip_prefix("port ").ok_or("no port")?.parse()?;
        let lines = tokio::spawn(enter(lines, ledger.clone()));
        Ok(Self { port, child, lines })
    }

    /// Sends it SIGTERM, and waits for its end; gives its last line.
    pub(crate) async fn end(mut self) -> Result<String, Box<dyn Error>> {
        let id = self.child.id().ok_or("the server has ended already")?;
        kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
        let status = self.child.wait().await?;
        if !status.success() {
            return Err(format!("the server ended with {status}").into());
        }
        Ok(self.lines.await?)
    }
}

async fn enter(mut lines: Lines<BufReader<ChildStdout>>, ledger: Ledger) -> String {
    let mut last = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        ledger.read(&line);
        last = line;
    }
    last
}
