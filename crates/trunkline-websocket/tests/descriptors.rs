//! A listener in a process that has no file descriptors left.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Server, dial, request};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use trunkline_testkit::drive;
use trunkline_transport::MessageKind;
use trunkline_websocket::{Config, Counters, ListenerConfig};

/// The limit is the whole process's, so the test has one of its own.
#[test]
fn a_listener_without_descriptors_neither_spins_nor_ends_and_serves_again() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_a_process_of_its_own"])
        .args(["--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "it was not run: {said}");
}

#[tokio::test]
#[ignore = "the test above runs it, in a process of its own"]
async fn in_a_process_of_its_own() {
    let counters = Arc::<Counters>::default();
    let config = ListenerConfig {
        websocket: Config {
            counters: Arc::clone(&counters),
            ..Config::default()
        },
        ..ListenerConfig::default()
    };
    let mut server = Server::start(config).await;
    let mut early = dial(&request(server.address, 1000)).await.unwrap();
    let (mut early_here, _) = server.next().await;

    let began = Instant::now();
    let (late, taken) = connect_with_the_last_descriptor(server.address);
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while counters.accept_errors() < ERRORS {
        ticks.tick().await;
    }
    // Not a matter of speed: no sleep ends early.
    assert!(began.elapsed() >= PAUSES, "it spins: {:?}", began.elapsed());
    drive::send(&mut *early.sender, MessageKind::Binary, b"on")
        .await
        .unwrap();
    let message = drive::content(&mut *early_here.receiver).await;
    assert_eq!(&message[..], b"on", "who is connected is not harmed");

    drop(taken);
    let answer = tokio::task::spawn_blocking(move || shake_hands(late));
    let (_late_here, _) = server.next().await;
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    dial(&request(server.address, 1000)).await.unwrap();
    server.next().await;
    assert!(!server.serving.is_finished());
}

/// A client whose connection the kernel has made and nobody can accept, and what takes all other
/// descriptors.
fn connect_with_the_last_descriptor(server: SocketAddr) -> (TcpStream, Vec<File>) {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, most).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    drop(taken.pop());
    (TcpStream::connect(server).unwrap(), taken)
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

/// Open files that the process may have: more than it has so far.
const DESCRIPTORS: u64 = 64;

/// Failures of accepting that are waited for.
const ERRORS: u64 = 6;

/// The pauses between them: 10, 20, 40, 80 and 160 ms.
const PAUSES: Duration = Duration::from_millis(310);
