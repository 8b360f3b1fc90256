//! Clients that show a first packet and never hear the answer: what they cost a server, which is a process of
//! its own, since its memory is looked at.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use tokio::net::UdpSocket;
use trunkline::client::{Client, Socket, Trust};
use trunkline::protocol::Payload;
use trunkline::server::{Ack, Bind as _, BindConfig, Certificate, ListenerConfig, Server};
use trunkline_quic::Settings;
use trunkline_webtransport::WebTransportDialer;

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(30);

/// How long the server waits for each: so long that without a limit most of them would be there at once.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How many never finish.
const ATTEMPTS: usize = 10_000;

/// Places that a server has for those whose address is not shown: half of `max_handshakes`.
const PLACES: u64 = 512;

/// What the server may take more for all of them, bytes: 128 KiB for each place. Seen were 38 MB, and 173
/// without a limit on places.
const GROWTH_MAX: u64 = PLACES * 128 * 1024;

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

/// What a server counts, and how much memory it ever had, bytes.
#[derive(Debug)]
struct Figures {
    addresses_asked: u64,
    handshake_errors: u64,
    handshakes_failed: u64,
    connections: u64,
    peak_bytes: u64,
}

/// The server's process; it ends with its input.
struct Serving {
    child: Child,
    questions: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Serving {
    fn start(folder: &Path) -> (Self, SocketAddr) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serves", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut serving = Self {
            questions: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        };
        let address = serving.answer().parse().unwrap();
        (serving, address)
    }

    /// What it says next, among what the test's harness does.
    fn answer(&mut self) -> String {
        loop {
            let line = self.answers.next().unwrap().unwrap();
            if let Some((_, answer)) = line.split_once(SAYS) {
                return answer.to_owned();
            }
        }
    }

    fn figures(&mut self) -> Figures {
        writeln!(self.questions.as_mut().unwrap()).unwrap();
        let answer = self.answer();
        let mut numbers = answer.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Figures {
            addresses_asked: next(),
            handshake_errors: next(),
            handshakes_failed: next(),
            connections: next(),
            peak_bytes: next(),
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "the test below runs it, in a process of its own"]
async fn serves() {
    let server = Server::new();
    let namespace = server.namespace("/");
    namespace.on("echo", |args: Payload| async move { Ack(args) });
    let mut config = BindConfig::from(ListenerConfig {
        certificate: Some(certificate(Path::new(&std::env::var_os(FOLDER).unwrap()))),
        ..ListenerConfig::default()
    });
    let webtransport = config.webtransport.as_mut().unwrap();
    webtransport.handshake_timeout = HANDSHAKE_TIMEOUT;
    let counters = Arc::clone(&webtransport.counters);
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    println!("{SAYS}{}", bound.local_addr());
    tokio::spawn(bound.serve());
    let answering = tokio::task::spawn_blocking(move || {
        for _question in std::io::stdin().lines() {
            let stats = server.stats();
            let figures = [
                counters.addresses_asked(),
                counters.handshake_errors(),
                stats.handshakes_failed,
                stats.connections as u64,
                peak_bytes(),
            ];
            println!(
                "{SAYS}{}",
                figures.map(|figure| figure.to_string()).join(" ")
            );
        }
    });
    answering.await.unwrap();
}

/// The most memory that this process ever had.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Makes a folder with a certificate that both processes read.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("half-open");
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    folder
}

fn certificate(folder: &Path) -> Certificate {
    Certificate::from_pem_files(folder.join("chain.pem"), folder.join("key.pem")).unwrap()
}

async fn connected(address: SocketAddr, trust: &Trust) -> (Client, Socket) {
    let dialer = WebTransportDialer::new(trust.clone(), Settings::default());
    let url = format!("https://{address}");
    let builder = Client::builder(&url).dialer(Arc::new(dialer));
    let client = builder.build().unwrap();
    let socket = client.socket("/");
    soon(socket.connect()).await.unwrap();
    (client, socket)
}

async fn echoes(socket: &Socket) {
    let echoed: u32 = soon(socket.emit_with_ack("echo", &7_u32)).await.unwrap();
    assert_eq!(echoed, 7);
}

/// Where what is sent to `server` may be sent instead, so that no answer comes back.
async fn one_way(server: SocketAddr) -> SocketAddr {
    let way = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let entry = way.local_addr().unwrap();
    tokio::spawn(async move {
        let onward = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut packet = [0; 2048];
        loop {
            let (count, _) = way.recv_from(&mut packet).await.unwrap();
            let _ = onward.send_to(&packet[..count], server).await;
        }
    });
    entry
}

fn endpoint(trust: &Trust) -> Endpoint {
    let tls = trunkline_tls::client_config(trust, &[b"h3"]).unwrap();
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    endpoint.set_default_client_config(config);
    endpoint
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_attempts_cost_a_bounded_number_of_places_and_bytes() {
    let folder = folder();
    let trust = Trust::nobody().with_certificate(&certificate(&folder));
    let (mut serving, server) = Serving::start(&folder);
    let (client, socket) = connected(server, &trust).await;
    echoes(&socket).await;
    let before = serving.figures();
    let entry = one_way(server).await;
    let endpoint = endpoint(&trust);
    let mut attempts = Vec::new();
    for number in 0..ATTEMPTS {
        // One that was dropped would say that it gives up.
        attempts.push(endpoint.connect(entry, "127.0.0.1").unwrap());
        if number % 100 == 99 {
            // The kernel's buffer holds a few hundred: let the server look at them.
            echoes(&socket).await;
        }
    }
    // More than have a place are asked to show their address, and cost nothing.
    let after = serving.figures();
    assert!(after.addresses_asked > 1_000, "{after:?}");
    assert_eq!(after.connections, 1);
    // The others lose their places with the time that a handshake may take.
    let freed = async {
        while serving.figures().handshake_errors < PLACES {
            tokio::time::sleep(Duration::from_millis(50)).await; // tidy: allow sleep: the server's own time-out runs in real time
        }
    };
    soon(freed).await;
    let end = serving.figures();
    assert!(end.handshakes_failed >= PLACES, "{end:?}");
    let grown = end.peak_bytes - before.peak_bytes;
    assert!(
        grown < GROWTH_MAX,
        "{grown} bytes more: {before:?}, {end:?}"
    );
    let (_another, newcomer) = connected(server, &trust).await;
    echoes(&newcomer).await;
    echoes(&socket).await;
    let stats = client.stats();
    assert_eq!((stats.connections, stats.sessions_lost), (1, 0));
}

/// Where the server's process finds its certificate.
const FOLDER: &str = "TRUNKLINE_TEST_FOLDER";

/// What the lines that are meant for the other process begin with.
const SAYS: &str = "says: ";
