//! The link between two network namespaces. It needs root, network namespaces and TUN devices:
//! `interop-tests/lossy-link` runs these tests, and is skipped where they say so.
#![cfg(all(feature = "tun", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trunkline_netem::{PacketCounters, PacketLink, PacketProfile, Seed, Time};
use trunkline_testkit::{TunLink, TunLinkConfig, TunLinkError, TunSide};

/// A link; none where there cannot be one, which is said for the step to skip.
fn link(profile: PacketProfile) -> Option<TunLink> {
    link_with(TunLinkConfig {
        profile,
        ..TunLinkConfig::default()
    })
}

fn link_with(config: TunLinkConfig) -> Option<TunLink> {
    match TunLink::start(&config) {
        Ok(link) => Some(link),
        Err(error @ TunLinkError::NotPermitted(_)) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn udp(link: &TunLink, side: TunSide) -> UdpSocket {
    let socket = link.run(side, move || UdpSocket::bind((side.address(), 0)));
    let socket = socket.unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Waits until so many packets have met their fate on the way to the far side.
fn fates(link: &TunLink, count: u64) -> PacketCounters {
    let began = Instant::now();
    loop {
        let counters = link.counters().to_far;
        if counters.delivered + counters.lost + counters.dropped >= count {
            return counters;
        }
        assert!(began.elapsed() < PATIENCE, "{counters:?}");
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_packet_arrives_on_the_other_side_and_not_before_its_delay() {
    let delay = Duration::from_millis(20);
    let Some(link) = link(PacketProfile {
        delay,
        ..PacketProfile::INSTANT
    }) else {
        return;
    };
    let (near, far) = (udp(&link, TunSide::Near), udp(&link, TunSide::Far));
    let sent = Instant::now();
    near.send_to(b"there", far.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 16];
    let (length, from) = far.recv_from(&mut buffer).unwrap();
    assert!(sent.elapsed() >= delay);
    assert_eq!(
        (&buffer[..length], from),
        (&b"there"[..], near.local_addr().unwrap())
    );
    far.send_to(b"back", from).unwrap();
    let length = near.recv(&mut buffer).unwrap();
    assert!(sent.elapsed() >= delay * 2);
    assert_eq!(&buffer[..length], b"back");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn what_is_lost_follows_from_the_seed() {
    const PACKETS: u64 = 200;
    let profile = PacketProfile {
        loss_per_million: 100_000,
        ..PacketProfile::INSTANT
    };
    let seed = Seed::new(7);
    let config = TunLinkConfig {
        profile,
        seed,
        ..TunLinkConfig::default()
    };
    let Some(link) = link_with(config) else {
        return;
    };
    let (near, far) = (udp(&link, TunSide::Near), udp(&link, TunSide::Far));
    for number in 0..PACKETS {
        near.send_to(&number.to_be_bytes(), far.local_addr().unwrap())
            .unwrap();
    }
    let counters = fates(&link, PACKETS);
    let mut expected = PacketLink::new(seed.part(0), profile);
    (0..PACKETS).for_each(|_| expected.push(Time::ZERO, Vec::new()));
    assert_eq!(counters.sent, PACKETS);
    assert_eq!(counters.lost, expected.counters().lost);
    assert!(counters.lost > 0 && counters.dropped == 0, "{counters:?}");
    let mut buffer = [0; 16];
    for _ in 0..counters.delivered {
        far.recv(&mut buffer).unwrap();
    }
}

#[test]
#[ignore = "needs root and network namespaces"]
fn the_kernels_tcp_repairs_what_the_link_loses() {
    const BYTES: usize = 300_000;
    let profile = PacketProfile {
        loss_per_million: 50_000,
        delay: Duration::from_millis(1),
        ..PacketProfile::INSTANT
    };
    let Some(link) = link(profile) else { return };
    let listener = link.run(TunSide::Far, || {
        TcpListener::bind((TunSide::Far.address(), 0))
    });
    let listener = listener.unwrap();
    let address = listener.local_addr().unwrap();
    let near = link.run(TunSide::Near, move || TcpStream::connect(address));
    let mut near = near.unwrap();
    let content: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
    let sent = content.clone();
    let sending = std::thread::spawn(move || near.write_all(&sent));
    let (mut far, _) = listener.accept().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut arrived = Vec::new();
    far.read_to_end(&mut arrived).unwrap();
    sending.join().unwrap().unwrap();
    assert!(arrived == content, "the content has changed");
    assert!(link.counters().to_far.lost > 0);
}

#[test]
#[ignore = "needs root and network namespaces"]
fn sockets_have_the_congestion_control_that_was_asked_for() {
    for tcp in ["reno", "cubic"] {
        let config = TunLinkConfig {
            tcp: Some(tcp.to_owned()),
            ..TunLinkConfig::default()
        };
        let Some(link) = link_with(config) else {
            return;
        };
        assert_eq!(link.tcp_congestion_control().unwrap(), tcp);
    }
    let config = TunLinkConfig {
        tcp: Some("none-such".to_owned()),
        ..TunLinkConfig::default()
    };
    let error = TunLink::start(&config).unwrap_err();
    assert!(matches!(error, TunLinkError::Failed(_)), "{error}");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_black_hole_takes_all_while_it_is_on() {
    let Some(link) = link(PacketProfile::INSTANT) else {
        return;
    };
    let (near, far) = (udp(&link, TunSide::Near), udp(&link, TunSide::Far));
    let send = |text: &[u8]| near.send_to(text, far.local_addr().unwrap()).unwrap();
    link.black_hole(true);
    // The switch and the packet reach the link's thread by different ways: until one is taken.
    let began = Instant::now();
    while link.counters().to_far.lost == 0 {
        assert!(began.elapsed() < PATIENCE);
        send(b"lost");
        std::thread::yield_now();
    }
    link.black_hole(false);
    let sent = fates(&link, 1).delivered;
    let mut buffer = [0; 16];
    while link.counters().to_far.delivered == sent {
        assert!(began.elapsed() < PATIENCE);
        send(b"found");
        std::thread::yield_now();
    }
    while far.recv(&mut buffer).unwrap() != b"found".len() {}
}

#[test]
#[ignore = "needs root and network namespaces"]
fn links_have_namespaces_of_their_own_that_end_with_them() {
    let Some(one) = link(PacketProfile::INSTANT) else {
        return;
    };
    let other = link(PacketProfile::INSTANT).unwrap();
    let (near, far) = (udp(&one, TunSide::Near), udp(&other, TunSide::Far));
    near.send_to(b"astray", far.local_addr().unwrap()).unwrap();
    assert_eq!(fates(&one, 1).delivered, 1);
    assert_eq!(other.counters().to_near, PacketCounters::default());
    let (own, others) = (
        one.namespace_file(TunSide::Far),
        other.namespace_file(TunSide::Far),
    );
    let named = |file| std::fs::read_link(file).unwrap();
    assert_ne!(named(&own), named(&others));
    drop(one);
    assert!(!own.exists());
    assert!(others.exists());
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_program_started_on_a_side_is_in_its_namespace() {
    let Some(link) = link(PacketProfile::INSTANT) else {
        return;
    };
    let mut command = Command::new("ip");
    command.args(["-o", "address"]).stdout(Stdio::piped());
    let output = link
        .spawn(TunSide::Far, command)
        .unwrap()
        .wait_with_output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(
        text.contains("10.99.0.2") && !text.contains("10.99.0.1/"),
        "{text}"
    );
}

#[test]
#[ignore = "needs root and network namespaces"]
fn the_program_says_how_to_enter_and_ends_when_it_is_told_to() {
    if link(PacketProfile::INSTANT).is_none() {
        return;
    }
    let mut program = Command::new(PROGRAM)
        .args(["--delay", "1", "--loss", "0", "--tcp", "cubic"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let (near, far) = (next(), next());
    assert_eq!(
        (next(), next()),
        ("tcp cubic".to_owned(), "ready".to_owned())
    );
    assert!(
        near.starts_with("near 10.99.0.1 nsenter --net=/proc/"),
        "{near}"
    );
    let words: Vec<&str> = far.split(' ').skip(2).collect();
    let mut entered = Command::new(words[0]);
    let output = entered
        .args(&words[1..])
        .args(["ip", "-o", "address"])
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(text.contains("10.99.0.2"), "{text}");
    let id = Pid::from_raw(program.id().cast_signed());
    kill(id, Signal::SIGTERM).unwrap();
    assert!(program.wait().unwrap().success());
    assert!(next().starts_with("to far: "));
}

#[test]
#[ignore = "needs root and network namespaces"]
fn without_privileges_the_program_says_so_with_a_code_of_its_own() {
    if link(PacketProfile::INSTANT).is_none() {
        return;
    }
    // It is run as root, without what root may do.
    let output = Command::new("setpriv")
        .args([
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--reuid=65534",
            "--clear-groups",
        ])
        .arg(PROGRAM)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(said.contains("need root"), "{said}");
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tun-link");

/// How long something may take that always happens.
const PATIENCE: Duration = Duration::from_secs(20);
