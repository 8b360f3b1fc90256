//! The protocol, compiled for a target without an operating system.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::needs::answers;
use super::process::{self, Invocation};
use super::report::Outcome;

/// The wasm32 step: whether to add the target if it is not there.
#[derive(Debug)]
pub(super) struct Wasm32 {
    pub(super) install: bool,
}

/// The target that shows that the protocol needs no operating system.
const TARGET: &str = "wasm32-unknown-unknown";

/// How long adding the target may take: without a network it may hang.
const ADD_LIMIT: Duration = Duration::from_secs(60);

/// Compiles the protocol; skipped where the target is not there and cannot be had.
pub(super) fn run(step: &Wasm32, deadline: Instant) -> Outcome {
    if !is_installed() {
        if !step.install || !answers("rustup", &["--version"]) {
            return Outcome::Skipped(format!("the target {TARGET} is not installed"));
        }
        let add = Invocation::new("rustup", &["target", "add", TARGET]);
        let added = process::run_all(&[add], deadline.min(Instant::now() + ADD_LIMIT));
        if added != Outcome::Passed || !is_installed() {
            return Outcome::Skipped(format!("the target {TARGET} could not be installed"));
        }
    }
    let check = [
        "check",
        "--locked",
        "-p",
        "trunkline-protocol",
        "--target",
        TARGET,
    ];
    process::run_all(&[Invocation::new("cargo", &check)], deadline)
}

fn is_installed() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    sysroot.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout);
        Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(TARGET)
            .is_dir()
    })
}
