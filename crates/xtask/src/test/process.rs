//! Child processes with a deadline, each in a process group of its own.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::report::Outcome;
use crate::Result;

/// How long a group has between the request to end and the kill.
const GRACE: Duration = Duration::from_secs(2);

/// The process group that runs now; 0 when none does.
static RUNNING_GROUP: AtomicI32 = AtomicI32::new(0);

/// A command, its arguments and what is set in its environment.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: Option<String>,
}

impl Invocation {
    pub(super) fn new(program: &str, arguments: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            environment: Vec::new(),
            folder: None,
        }
    }

    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn in_folder(mut self, folder: &str) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::null())
            .process_group(0);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

/// Makes an interrupt of this tool end what it started, which is in another process group.
pub(super) fn end_children_with_this_one() -> Result<()> {
    ctrlc::set_handler(|| {
        signal(RUNNING_GROUP.load(Ordering::SeqCst), Signal::SIGKILL);
        std::process::exit(130);
    })?;
    Ok(())
}

/// Runs the commands one after the other, until one fails.
pub(super) fn run_all(invocations: &[Invocation], deadline: Instant) -> Outcome {
    for invocation in invocations {
        let outcome = start(invocation.command()).finish(deadline);
        if outcome != Outcome::Passed {
            return outcome;
        }
    }
    Outcome::Passed
}

/// Runs a command whose output ends with the line `N passed, N failed`; copies the output. One that
/// exits with [`SKIPPED`] cannot run on this machine, and says why in a line `SKIPPED: …`.
pub(super) fn run_counted(invocation: &Invocation, deadline: Instant) -> Outcome {
    let mut command = invocation.command();
    command.stdout(Stdio::piped());
    let mut running = start(command);
    let output = running
        .take_output()
        .map(|output| thread::spawn(move || copy(output)));
    let outcome = running.finish(deadline);
    let said = output.and_then(|copier| copier.join().ok());
    let Said { counts, skipped } = said.unwrap_or_default();
    match (outcome, counts) {
        (Outcome::Skipped(_), _) => skipped.map_or_else(
            || Outcome::Failed("skipped without a line `SKIPPED: …`".to_owned()),
            Outcome::Skipped,
        ),
        (Outcome::Passed, None) => Outcome::Failed("no line `N passed, N failed`".to_owned()),
        (Outcome::Passed, Some((0, 0))) => Outcome::Failed("nothing was run".to_owned()),
        (Outcome::Passed, Some((_, failed @ 1..))) => Outcome::Failed(format!("{failed} failed")),
        (outcome, _) => outcome,
    }
}

/// What a command told of itself: the last of each.
#[derive(Default)]
struct Said {
    counts: Option<(u32, u32)>,
    skipped: Option<String>,
}

/// Copies lines to the standard output, set in so that no count is taken for that of the whole run.
fn copy(output: impl Read) -> Said {
    let mut said = Said::default();
    for line in BufReader::new(output).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        println!("    {line}");
        said.counts = counts(&line).or(said.counts);
        if let Some(why) = line.strip_prefix("SKIPPED: ") {
            said.skipped = Some(why.trim().to_owned());
        }
    }
    said
}

/// Reads `N passed, N failed`.
fn counts(line: &str) -> Option<(u32, u32)> {
    let (passed, failed) = line.trim().split_once(" passed, ")?;
    Some((
        passed.parse().ok()?,
        failed.strip_suffix(" failed")?.parse().ok()?,
    ))
}

/// A child that runs, or why it does not.
struct Running {
    child: std::io::Result<Child>,
}

fn start(mut command: Command) -> Running {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.spawn().map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("{program} could not be started: {error}"),
        )
    });
    Running { child }
}

impl Running {
    fn take_output(&mut self) -> Option<impl Read + use<>> {
        self.child.as_mut().ok()?.stdout.take()
    }

    /// Waits for the child, and ends its group at the deadline or when it is done.
    fn finish(self, deadline: Instant) -> Outcome {
        let mut child = match self.child {
            Ok(child) => child,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        let group = i32::try_from(child.id()).unwrap_or(0);
        RUNNING_GROUP.store(group, Ordering::SeqCst);
        let (sender, exit) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait()));
        let outcome = wait(&exit, group, deadline);
        // What the step left behind would hold the output, a port or a lock.
        signal(group, Signal::SIGKILL);
        RUNNING_GROUP.store(0, Ordering::SeqCst);
        outcome
    }
}

fn wait(exit: &Receiver<std::io::Result<ExitStatus>>, group: i32, deadline: Instant) -> Outcome {
    let left = deadline.saturating_duration_since(Instant::now());
    match exit.recv_timeout(left) {
        Ok(Ok(status)) if status.success() => Outcome::Passed,
        Ok(Ok(status)) if status.code() == Some(SKIPPED) => Outcome::Skipped(status.to_string()),
        Ok(Ok(status)) => Outcome::Failed(status.to_string()),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => {
            signal(group, Signal::SIGTERM);
            if exit.recv_timeout(GRACE).is_err() {
                signal(group, Signal::SIGKILL);
                let _ = exit.recv();
            }
            Outcome::OverBudget
        }
    }
}

/// What a step exits with that cannot run on this machine, as automake's tests do.
const SKIPPED: i32 = 77;

/// Sends a signal to a group; one that is gone is no error.
fn signal(group: i32, signal: Signal) {
    if group > 0 {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Invocation {
        Invocation::new("bash", &["-c", script])
    }

    fn counted(script: &str) -> Outcome {
        run_counted(&bash(script), Instant::now() + Duration::from_secs(60))
    }

    #[test]
    fn counts_are_read_alone_on_a_line() {
        assert_eq!(counts("12 passed, 3 failed"), Some((12, 3)));
        assert_eq!(counts("all 12 passed, 3 failed"), None);
        assert_eq!(counts("12 passed; 3 failed"), None);
    }

    #[test]
    fn a_counted_command_must_count_something_and_fail_nothing() {
        assert_eq!(counted("echo 2 passed, 0 failed"), Outcome::Passed);
        assert!(matches!(counted("echo done"), Outcome::Failed(why) if why.contains("no line")));
        assert!(matches!(
            counted("echo 0 passed, 0 failed"),
            Outcome::Failed(_)
        ));
        assert_eq!(
            counted("echo 2 passed, 1 failed"),
            Outcome::Failed("1 failed".to_owned())
        );
        assert!(matches!(
            counted("echo 2 passed, 0 failed; exit 3"),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn a_command_that_cannot_run_here_is_skipped_and_says_why() {
        assert_eq!(
            counted("echo SKIPPED: no namespaces; exit 77"),
            Outcome::Skipped("no namespaces".to_owned())
        );
        assert!(matches!(counted("exit 77"), Outcome::Failed(_)));
        assert!(matches!(
            counted("echo SKIPPED: no namespaces"),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn the_first_failing_command_ends_a_step() {
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(
            run_all(&[bash("true"), bash("true")], deadline),
            Outcome::Passed
        );
        let outcome = run_all(&[bash("exit 4"), bash("true")], deadline);
        assert_eq!(outcome, Outcome::Failed("exit status: 4".to_owned()));
    }

    #[test]
    fn a_program_that_is_not_there_fails_by_name() {
        let missing = Invocation::new("no-such-program", &[]);
        let outcome = run_all(&[missing], Instant::now() + Duration::from_secs(60));
        assert!(matches!(outcome, Outcome::Failed(why) if why.contains("no-such-program")));
    }

    #[test]
    fn a_process_left_behind_holds_nothing_up() {
        // Without the kill of its group, the sleeping child would keep the pipe open.
        assert_eq!(
            counted("sleep 600 & echo 1 passed, 0 failed"),
            Outcome::Passed
        );
    }

    #[test]
    fn a_group_that_ignores_the_request_to_end_is_killed() {
        let stubborn = bash("trap '' TERM; while true; do sleep 1; done");
        let outcome = run_all(&[stubborn], Instant::now() + Duration::from_millis(100));
        assert_eq!(outcome, Outcome::OverBudget);
    }
}
