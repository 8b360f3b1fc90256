//! Signals that ask a process to end. Alone in its program: they are the whole process's.

#![cfg(unix)]

use std::error::Error;
use std::future::{Future, ready};
use std::io;
use std::pin::{Pin, pin};
use std::process::Command;

use trunkline::server::terminated;

#[tokio::test]
async fn a_process_that_has_waited_to_be_terminated_is_ended_by_no_signal()
-> Result<(), Box<dyn Error>> {
    let mut told = pin!(terminated());
    begin(told.as_mut()).await;
    signal("-TERM")?;
    told.await?;
    // Nobody waits any more, and neither of them ends the process: else this would not return.
    signal("-TERM")?;
    signal("-INT")?;
    // Who waits again is told again.
    let mut told = pin!(terminated());
    begin(told.as_mut()).await;
    signal("-INT")?;
    Ok(told.await?)
}

/// Waits for the first time, which finds that nobody has asked yet.
async fn begin(told: Pin<&mut impl Future<Output = io::Result<()>>>) {
    tokio::select! {
        biased;
        told = told => panic!("asked to end too early: {told:?}"),
        () = ready(()) => {}
    }
}

fn signal(name: &str) -> Result<(), Box<dyn Error>> {
    let process = std::process::id().to_string();
    let status = Command::new("kill").args([name, &process]).status()?;
    if !status.success() {
        return Err(format!("kill {name} ended with {status}").into());
    }
    Ok(())
}
