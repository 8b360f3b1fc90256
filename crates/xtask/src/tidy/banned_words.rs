//! Words that must not stand in the code of a crate.

use crate::problem::Problem;
use crate::repository::Repository;
use crate::rust_source::{code_only, finds_word};

/// What makes code depend on when and where it runs.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "getrandom",
    "rand",
    "sleep",
    "std::fs",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "std::thread",
    "tokio",
];

/// Names of what moves the bytes.
const BACKENDS: &[&str] = &["hyper", "tungstenite"];

/// Locks and atomics that do not go through the crate's `sync.rs`.
const LOCKS: &[&str] = &[
    "parking_lot",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::atomic",
];
const LOCKS_FILE: &str = "/sync.rs";
const LOCKS_WHY: &str = "locks and atomics come from `sync.rs`, for model checkers";

/// Folders, what their code must not name, and why.
const BANNED: [(&str, &[&str], &str); 15] = [
    (
        "crates/trunkline-protocol/src/",
        IMPURE,
        "time and randomness are passed in",
    ),
    (
        "crates/trunkline-netem/src/",
        IMPURE,
        "time and seeds are passed in",
    ),
    (
        "crates/trunkline-transport/src/",
        &["tokio", "tungstenite"],
        "a seam names no backend",
    ),
    (
        "crates/trunkline-driver/src/",
        BACKENDS,
        "the driver names no backend",
    ),
    (
        "crates/trunkline-client/src/",
        BACKENDS,
        "the client names no backend",
    ),
    (
        "crates/trunkline-server/src/",
        BACKENDS,
        "the server names no backend",
    ),
    ("crates/trunkline-tls/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-websocket/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-quic/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-webtransport/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-wtransport/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-driver/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-client/src/", LOCKS, LOCKS_WHY),
    ("crates/trunkline-server/src/", LOCKS, LOCKS_WHY),
];

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repository.files_ending(".rs") {
        for (folder, words, why) in BANNED {
            if path.starts_with(folder) && !(words == LOCKS && path.ends_with(LOCKS_FILE)) {
                problems.extend(in_file(path, text, words, why));
            }
        }
    }
    problems
}

fn in_file(path: &str, text: &str, words: &[&str], why: &str) -> Vec<Problem> {
    let code = code_only(text);
    let mut problems = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for word in words.iter().filter(|word| finds_word(line, word)) {
            problems.push(Problem::at_line(
                path,
                index + 1,
                format!("`{word}`: {why}"),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn the_protocol_reads_no_clock() {
        let path = "crates/trunkline-protocol/src/session.rs";
        assert_eq!(problems(path, "let now = Instant::now();"), 1);
        assert_eq!(
            problems(path, "let now: Instant = clock; // Instant::now"),
            0
        );
        assert_eq!(problems(path, "let operand = \"tokio\";"), 0);
    }

    #[test]
    fn locks_come_from_one_file() {
        let text = "use std::sync::atomic::AtomicBool;";
        assert_eq!(problems("crates/trunkline-driver/src/sync.rs", text), 0);
        assert_eq!(problems("crates/trunkline-driver/src/session.rs", text), 1);
    }

    #[test]
    fn other_crates_may() {
        assert_eq!(
            problems("crates/trunkline-client/src/lib.rs", "tokio::spawn(x)"),
            0
        );
        assert_eq!(
            problems("crates/trunkline-client/src/lib.rs", "use tungstenite::x;"),
            1
        );
    }
}
