//! A listener in a process that has no file descriptors left.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Server, dial, request};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use trunkline_testkit::drive;
use trunkline_transport::{Connection, MessageKind};
use trunkline_websocket::{Config, Counters, ListenerConfig};

/// The limit is the whole process's, so each test has one of its own.
fn in_a_process_of_its_own(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .args(["--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "it was not run: {said}");
}

#[test]
fn a_listener_without_descriptors_turns_newcomers_away_and_serves_again() {
    in_a_process_of_its_own("sheds");
}

#[test]
fn a_listener_without_even_its_reserve_neither_spins_nor_ends_and_serves_again() {
    in_a_process_of_its_own("pauses");
}

async fn server() -> (Server, Arc<Counters>) {
    let counters = Arc::<Counters>::default();
    let config = ListenerConfig {
        websocket: Config {
            counters: Arc::clone(&counters),
            ..Config::default()
        },
        ..ListenerConfig::default()
    };
    (Server::start(config).await, counters)
}

/// An event each way, on a connection that was there before.
async fn still_serves(there: &mut Connection, here: &mut Connection) {
    passes(there, here).await;
    passes(here, there).await;
}

async fn passes(from: &mut Connection, to: &mut Connection) {
    drive::send(&mut *from.sender, MessageKind::Binary, b"on")
        .await
        .unwrap();
    let message = drive::content(&mut *to.receiver).await;
    assert_eq!(&message[..], b"on", "who is connected is not harmed");
}

#[tokio::test]
#[ignore = "a test above runs it, in a process of its own"]
async fn sheds() {
    let (mut server, counters) = server().await;
    let mut early = dial(&request(server.address, 1000)).await.unwrap();
    let (mut early_here, _) = server.next().await;

    limit_descriptors(DESCRIPTORS);
    let mut taken = take_all_descriptors();
    for round in 1..=ROUNDS {
        taken.truncate(taken.len() - CLIENTS);
        let mut clients: Vec<_> = (0..CLIENTS)
            .map(|_| TcpStream::connect(server.address).unwrap())
            .collect();
        // None of them gives its descriptor back before all are answered.
        let answered = tokio::task::spawn_blocking(move || {
            let answers: Vec<_> = clients.iter_mut().map(answer).collect();
            (answers, clients)
        });
        let (answers, clients) = answered.await.unwrap();
        for answer in answers {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("retry-after: 10\r\n"), "{answer}");
        }
        drop(clients);
        assert_eq!(counters.connections_shed(), round * CLIENTS as u64);
        taken.extend(take_all_descriptors());
    }
    assert_eq!(counters.accept_errors(), 0);
    still_serves(&mut early, &mut early_here).await;
    nothing_is_left_to_do().await;

    drop(taken);
    dial(&request(server.address, 1000)).await.unwrap();
    server.next().await;
    assert!(!server.serving.is_finished());
}

/// A paused clock goes on by itself only when every task waits: a loop that spins would hold it.
async fn nothing_is_left_to_do() {
    tokio::time::pause();
    let day = Duration::from_secs(24 * 60 * 60);
    let waited = tokio::time::timeout(day, std::future::pending::<()>());
    assert!(waited.await.is_err());
    tokio::time::resume();
}

#[tokio::test]
#[ignore = "a test above runs it, in a process of its own"]
async fn pauses() {
    let (mut server, counters) = server().await;
    let mut early = dial(&request(server.address, 1000)).await.unwrap();
    let (mut early_here, _) = server.next().await;

    let began = Instant::now();
    let late = TcpStream::connect(server.address).unwrap();
    // Lower than the number of any that is open, so that giving one up helps nobody.
    limit_descriptors(3);
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while counters.accept_errors() < ERRORS {
        ticks.tick().await;
    }
    // Not a matter of speed: no sleep ends early.
    assert!(began.elapsed() >= PAUSES, "it spins: {:?}", began.elapsed());
    assert_eq!(counters.connections_shed(), 0);
    still_serves(&mut early, &mut early_here).await;

    limit_descriptors(DESCRIPTORS);
    let answer = tokio::task::spawn_blocking(move || shake_hands(late));
    let (_late_here, _) = server.next().await;
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    dial(&request(server.address, 1000)).await.unwrap();
    server.next().await;
    assert!(!server.serving.is_finished());
}

fn answer(client: &mut TcpStream) -> String {
    client.set_read_timeout(Some(SOON)).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn limit_descriptors(soft: u64) {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft, most).unwrap();
}

fn take_all_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn shake_hands(mut client: TcpStream) -> String {
    let request = "GET /trunkline HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: trunkline.v1.msgpack\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 12];
    client.read_exact(&mut answer).unwrap();
    let mut rest = [0; 1];
    // The head to its end, so that the connection is whole.
    while !answer.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut rest).unwrap();
        answer.extend(rest);
    }
    String::from_utf8(answer).unwrap()
}

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(20);

/// Open files that the process may have: more than it has so far.
const DESCRIPTORS: u64 = 64;

/// Clients that are turned away at once.
const CLIENTS: usize = 3;

/// How often that happens: the reserve is good for more than once.
const ROUNDS: u64 = 3;

/// Failures of accepting that are waited for.
const ERRORS: u64 = 6;

/// The pauses between them: 10, 20, 40, 80 and 160 ms.
const PAUSES: Duration = Duration::from_millis(310);
