//! A server under measurement: started on a core of its own, ended by its own process id.

use std::{
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::machine::{self, MachineError};

/// How long a server may take to say where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// What a server prints before its address.
const READY_PREFIX: &str = "listening on ";

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The core could not be chosen.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The program could not be run.
    #[error("starting {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It did not say where it listens.
    #[error("{program} did not print `listening on ADDRESS` within {START_TIMEOUT:?}")]
    Silent {
        /// The program.
        program: String,
    },
}

/// A running server. Dropping it kills the process and waits for its end.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts a server on one core and waits until it listens. The calling thread ends up on
    /// `own_core`.
    pub fn start(
        mut command: Command,
        server_core: usize,
        own_core: usize,
    ) -> Result<Self, StartError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // The child inherits the core, so that it counts one core when it sizes its runtime.
        machine::pin_current_thread(server_core)?;
        let spawned = command.spawn();
        machine::pin_current_thread(own_core)?;
        let spawn_error = |source| StartError::Spawn {
            program: program.clone(),
            source,
        };
        Self::started(spawned.map_err(spawn_error)?, program)
    }

    /// Waits until a server listens that was started with its standard output piped.
    pub fn started(mut child: Child, program: String) -> Result<Self, StartError> {
        let address = child.stdout.take().and_then(wait_for_address);
        // The guard exists before the address is known to be there, so that no child is left.
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.address = address.ok_or(StartError::Silent { program })?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail only when the process is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A value as it is written on the command line of the program that is started.
pub(crate) fn option(value: impl clap::ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Reads standard output on a thread of its own, to its end, so that the server never blocks on it.
fn wait_for_address(stdout: ChildStdout) -> Option<SocketAddr> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = parse_address(&line) {
                let _ = sender.try_send(address);
            }
        }
    });
    receiver.recv_timeout(START_TIMEOUT).ok()
}

fn parse_address(line: &str) -> Option<SocketAddr> {
    let address = line.strip_prefix(READY_PREFIX)?.trim();
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    address.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_with_and_without_scheme_and_path() {
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 81)));
        assert_eq!(parse_address("listening on 127.0.0.1:81"), expected);
        assert_eq!(
            parse_address("listening on ws://127.0.0.1:81/trunkline"),
            expected
        );
        assert_eq!(parse_address("listening on nothing"), None);
        assert_eq!(parse_address("127.0.0.1:81"), None);
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let core = machine::allowed_cores().unwrap()[0];
        let command = Command::new("/nonexistent/server");
        let error = ServerProcess::start(command, core, core).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("starting /nonexistent/server:")
        );
    }

    #[test]
    fn a_program_that_ends_without_an_address_is_an_error() {
        let core = machine::allowed_cores().unwrap()[0];
        let mut command = Command::new("echo");
        command.arg("hello");
        let error = ServerProcess::start(command, core, core).unwrap_err();
        assert!(matches!(error, StartError::Silent { .. }));
    }
}
