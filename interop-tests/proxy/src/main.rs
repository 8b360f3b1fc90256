//! The client through tinyproxy, to the fixture server.
//!
//! Nothing here waits for a process to be ready: the client tries until it is, which is its work.

mod processes;
mod scenarios;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use processes::Place;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(fixture) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: trunkline-proxy-test <path of trunkline-fixture>");
        return ExitCode::FAILURE;
    };
    let place = match Place::new(fixture) {
        Ok(place) => place,
        Err(error) => {
            eprintln!("no place for the proxy's files: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for (name, scenario) in scenarios::all(&place) {
        let outcome = tokio::time::timeout(LIMIT, scenario).await;
        match outcome.unwrap_or_else(|_| Err(format!("not done after {LIMIT:?}"))) {
            Ok(()) => {
                passed += 1;
                println!("ok {name}");
            }
            Err(problem) => {
                failed += 1;
                println!("not ok {name}: {problem}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(30);
