//! A server in a process that may not open enough file descriptors.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::process::Command;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use trunkline::server::{Bind as _, FloodLimits, Mount as _, Server};

/// The limit is the whole process's, so that what binds has one of its own: what it logs.
fn log_of(what: &str, descriptors: u64, connections: usize) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", what, "--ignored", "--nocapture"])
        .env(DESCRIPTORS, descriptors.to_string())
        .env(CONNECTIONS, connections.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "it was not run: {said}");
    said
}

#[test]
fn a_limit_of_descriptors_that_is_too_low_is_said_when_the_server_binds_or_is_mounted() {
    for what in ["binds", "mounts"] {
        let said = log_of(what, 200, 1_000);
        let line = said.lines().find(|line| line.contains("WARN"));
        let line = line.unwrap_or_else(|| panic!("no warning: {said}"));
        for part in ["200 file descriptors", "1000 connections", "ulimit -n 1100"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let said = log_of(what, 200, 100);
        assert!(!said.contains("WARN"), "{said}");
    }
}

#[tokio::test]
#[ignore = "the test above runs it, in a process of its own"]
async fn binds() {
    let _bound = narrow_server().bind("127.0.0.1:0").await.unwrap();
}

#[tokio::test]
#[ignore = "the test above runs it, in a process of its own"]
async fn mounts() {
    let _mounted = narrow_server().mount();
}

fn narrow_server() -> Server {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, number(DESCRIPTORS), most).unwrap();
    tracing_subscriber::fmt().with_ansi(false).init();
    let limits = FloodLimits {
        connections: usize::try_from(number(CONNECTIONS)).unwrap(),
        ..FloodLimits::default()
    };
    Server::builder().flood_limits(limits).build()
}

fn number(variable: &str) -> u64 {
    std::env::var(variable).unwrap().parse().unwrap()
}

const DESCRIPTORS: &str = "TRUNKLINE_TEST_DESCRIPTORS";
const CONNECTIONS: &str = "TRUNKLINE_TEST_CONNECTIONS";
