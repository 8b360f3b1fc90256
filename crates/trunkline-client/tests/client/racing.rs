//! Two transports in a race.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::support::*;
use tokio::time::{Instant, sleep};
use trunkline_client::{
    BuildError, Client, ConnectError, Credentials, Datagrams, EmitError, Encoding, HEAD_START,
    Socket, State, TransportKind, Transports, WINNER_REMEMBERED,
};
use trunkline_protocol::{Alternative, GoAway, Welcome};
use trunkline_transport::DialError;

const START: u128 = HEAD_START.as_millis();

/// A server on both transports, with a client that is not connected yet.
pub(crate) fn both() -> (Server, Arc<TestDialer>, Client) {
    both_with(Transports::Auto, "https://server.example")
}

fn both_with(transports: Transports, url: &str) -> (Server, Arc<TestDialer>, Client) {
    let server = Server::over(TransportKind::WebSocket, Encoding::MessagePack);
    let quic = server.beside(TransportKind::WebTransport);
    let builder = Client::builder(url)
        .dialer(server.dialer.clone())
        .dialer(quic.clone())
        .jitter(Arc::new(Longest))
        .ignorable_frames(false)
        .transports(transports);
    (server, quic, builder.build().unwrap())
}

fn unreachable() -> Dial {
    Dial::Fail(io::Error::new(io::ErrorKind::TimedOut, "no answer over UDP").into())
}

fn refused(status: u16) -> Dial {
    Dial::Fail(DialError::Refused {
        status,
        body: String::new(),
        retry_after_s: None,
    })
}

fn told(url: &str, hashes: Vec<Vec<u8>>) -> Welcome {
    Welcome {
        alternatives: vec![Alternative {
            transport: "webtransport".to_owned(),
            url: url.to_owned(),
            hashes,
        }],
        ..fresh("session-1")
    }
}

/// Connects a socket to the root namespace, with this WELCOME.
async fn connected_and_told(
    server: &mut Server,
    client: &Client,
    welcome: Welcome,
) -> (Socket, Peer) {
    let socket = client.socket("/");
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.welcome(welcome).await;
        peer.attach("/").await;
        peer
    };
    let (connected, peer) = tokio::join!(socket.connect(), script);
    connected.unwrap();
    (socket, peer)
}

/// A connection over WebSocket on which the server says where WebTransport is; gives what is dialled
/// there.
async fn dialled_where_told(url: &str, welcome: Welcome) -> Option<(String, usize)> {
    let (mut server, quic, client) = both_with(Transports::Auto, url);
    if url.starts_with("https") {
        quic.plan([unreachable()]);
    }
    let (_socket, mut peer) = connected_and_told(&mut server, &client, welcome).await;
    for t in 1..=3 {
        sleep(Duration::from_secs(1)).await;
        peer.ping(t).await;
    }
    if !server.was_dialled() {
        return None;
    }
    let request = server.accept().await.request;
    Some((request.url, request.certificate_hashes.len()))
}

/// Behind a load balancer that is where the very server is that asks to be left.
#[tokio::test(start_paused = true)]
async fn who_is_asked_to_leave_does_not_go_where_that_server_said_that_webtransport_is() {
    let (mut server, quic, client) = both_with(Transports::Auto, "http://server.example");
    let welcome = told("https://server.example:8443/trunkline", vec![vec![7; 32]]);
    let (_socket, mut old) = connected_and_told(&mut server, &client, welcome).await;
    let mut new = server.accept().await;
    assert_eq!(new.connection.transport, TransportKind::WebTransport);
    new.hello().await;
    new.next_seq = old.next_seq;
    new.welcome(resumed("session-1", 1)).await;
    assert!(matches!(old.next().await, Got::Close(_)));
    new.go_away(GoAway {
        reason: "another takes over".to_owned(),
        slot: 0,
        deadline: 1_000,
        url: None,
    })
    .await;
    let mut next = server.accept().await;
    assert_eq!(next.connection.transport, TransportKind::WebSocket);
    next.hello().await;
    assert_eq!((quic.dials(), server.dialer.dials()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn webtransport_is_dialled_first_and_alone_where_it_connects_within_the_head_start() {
    let (mut server, quic, client) = both();
    quic.plan([Dial::After(HEAD_START - Duration::from_millis(1))]);
    let (socket, _peer) = connect(&client, &mut server).await;
    assert_eq!((quic.dials(), server.dialer.dials()), (1, 0));
    let transport = client.transport().current().unwrap();
    assert_eq!(transport.kind, TransportKind::WebTransport);
    assert_eq!(transport.passed_over, None);
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn behind_a_black_hole_websocket_is_dialled_after_the_head_start_and_says_why_it_is_it() {
    let (mut server, quic, client) = both();
    quic.plan([Dial::Hang]);
    let start = Instant::now();
    let (_socket, _peer) = connect(&client, &mut server).await;
    assert_eq!(server.dials_ms(start), [START]);
    assert_eq!(
        start.elapsed(),
        HEAD_START,
        "and nothing else is waited for"
    );
    let transport = client.transport().current().unwrap();
    assert_eq!(transport.kind, TransportKind::WebSocket);
    let why = transport.passed_over.unwrap();
    assert_eq!(why, "webtransport: no connection within 300 ms");
}

#[tokio::test(start_paused = true)]
async fn websocket_is_dialled_at_once_when_webtransport_fails() {
    let (mut server, quic, client) = both();
    quic.plan([unreachable()]);
    let start = Instant::now();
    let (_socket, _peer) = connect(&client, &mut server).await;
    assert_eq!(server.dials_ms(start), [0]);
    let why = client.transport().current().unwrap().passed_over.unwrap();
    assert_eq!(why, "webtransport: could not connect: no answer over UDP");
}

#[tokio::test(start_paused = true)]
async fn the_loser_says_nothing_and_both_have_the_same_credentials() {
    let mut websocket = Server::over(TransportKind::WebSocket, Encoding::MessagePack);
    let mut quic = Server::over(TransportKind::WebTransport, Encoding::MessagePack);
    let slow = HEAD_START + Duration::from_millis(10);
    quic.plan([Dial::After(slow)]);
    websocket.plan([Dial::After(Duration::from_millis(10))]);
    let tickets = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let issued = tickets.clone();
    let builder = websocket.builder().dialer(quic.dialer.clone());
    let client = builder.credentials(move |_| {
        let number = issued.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move { Ok(Credentials::new().query("ticket", &number.to_string())) }
    });
    let client = client.build().unwrap();
    let socket = client.socket("/");
    let connecting = tokio::spawn(async move { socket.connect().await });
    // Both connect in the same moment: the one that began wins.
    let mut winner = quic.accept().await;
    let hello = winner.hello().await;
    assert!(hello.resume.is_none());
    winner.welcome(fresh("session-1")).await;
    winner.attach("/").await;
    connecting.await.unwrap().unwrap();
    assert_eq!(tickets.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!((quic.dialer.dials(), websocket.dialer.dials()), (1, 1));
    if websocket.was_dialled() {
        let mut loser = websocket.accept().await;
        assert!(loser.request.url.ends_with("ticket=0"), "the same ticket");
        assert!(matches!(loser.next().await, Got::End(_)), "no HELLO");
    }
    assert!(winner.request.url.ends_with("ticket=0"));
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_cause_tells_of_each_and_the_attempt_is_tried_again() {
    let (server, quic, client) = both();
    quic.plan([Dial::Hang]);
    server.plan([refused(503)]);
    let mut state = client.state();
    let socket = client.socket("/");
    let connecting = tokio::spawn(async move { socket.connect().await });
    let failed = state.wait_for(|state| matches!(state, State::Reconnecting { .. }));
    let Some(State::Reconnecting { cause, .. }) = failed.await else {
        panic!("it is tried again")
    };
    let expected = "webtransport: no connection in time; websocket: the server answered 503: ";
    assert_eq!(cause, expected);
    connecting.abort();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_never_ends_the_client_whatever_became_of_the_other() {
    let (server, quic, client) = both();
    quic.plan([unreachable()]);
    server.plan([refused(403)]);
    let error = client.socket("/").connect().await.unwrap_err();
    let ConnectError::Dial(DialError::Refused { status: 403, .. }) = error else {
        panic!("{error:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn the_winner_begins_the_next_race_for_a_while() {
    let (mut server, quic, client) = both();
    // Neither the race nor the background gets through.
    quic.plan(std::iter::repeat_n(Dial::Hang, 100));
    let (_socket, peer) = connect(&client, &mut server).await;
    let cut = Instant::now();
    peer.link.cut();
    let mut peer = server.accept_resume(1).await;
    assert_eq!(
        server.dials_ms(cut).last(),
        Some(&0),
        "no head start for another"
    );
    // Kept alive until nothing is remembered any more.
    let begun = Instant::now();
    while begun.elapsed() < WINNER_REMEMBERED {
        sleep(Duration::from_secs(20)).await;
        peer.ping(1).await;
    }
    let cut = Instant::now();
    peer.link.cut();
    let _peer = server.accept_resume(1).await;
    assert_eq!(server.dials_ms(cut).last(), Some(&START));
}

#[tokio::test(start_paused = true)]
async fn one_of_them_only_means_that_the_other_is_never_dialled() {
    for (transports, kind) in [
        (Transports::WebSocketOnly, TransportKind::WebSocket),
        (Transports::WebTransportOnly, TransportKind::WebTransport),
    ] {
        let (mut server, quic, client) = both_with(transports, "https://server.example");
        let (_socket, mut peer) = connect(&client, &mut server).await;
        assert_eq!(client.transport().current().unwrap().kind, kind);
        for t in 1..30 {
            sleep(Duration::from_secs(20)).await;
            peer.ping(t).await;
        }
        assert_eq!(quic.dials() + server.dialer.dials(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_transport_that_is_asked_for_is_not_built() {
    let server = Server::over(TransportKind::WebSocket, Encoding::MessagePack);
    let builder = server.builder().transports(Transports::WebTransportOnly);
    assert_eq!(builder.build().unwrap_err(), BuildError::NoDialer);
    let server = Server::over(TransportKind::WebTransport, Encoding::Json);
    assert_eq!(
        server.builder().build().unwrap_err(),
        BuildError::NoDialer,
        "WebTransport speaks MessagePack only"
    );
}

#[tokio::test(start_paused = true)]
async fn webtransport_is_dialled_where_the_server_says_that_it_is() {
    let hash = || vec![vec![7; 32]];
    let at = "https://server.example:4433/live";
    for (url, welcome, expected) in [
        // Without TLS there is no WebTransport unless the server says so.
        ("http://server.example", fresh("session-1"), None),
        ("http://server.example", told(at, hash()), Some((at, 1))),
        (
            "https://server.example",
            told(at, Vec::new()),
            Some((at, 0)),
        ),
        // Not another host, nothing insecure, and no hash that is none.
        (
            "http://server.example",
            told("https://other.example/", hash()),
            None,
        ),
        ("http://server.example", told(at, vec![vec![7; 31]]), None),
        (
            "https://server.example/path",
            told("http://server.example/", Vec::new()),
            Some(("https://server.example/path", 0)),
        ),
    ] {
        let dialled = dialled_where_told(url, welcome).await;
        let expected = expected.map(|(url, hashes)| (url.to_owned(), hashes));
        assert_eq!(dialled, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn best_effort_events_fail_where_the_server_takes_none() {
    let (mut server, _quic, client) = both();
    let socket = client.socket("/");
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        let datagrams = Datagrams::None;
        peer.welcome(Welcome {
            datagrams,
            ..fresh("session-1")
        })
        .await;
        peer.attach("/").await;
        peer
    };
    let (connected, _peer) = tokio::join!(socket.connect(), script);
    connected.unwrap();
    let transport = client.transport().current().unwrap();
    assert_eq!(
        (transport.datagrams, transport.datagram_bytes),
        (Datagrams::None, 0)
    );
    for emitter in [socket.datagram(), socket.latest("key"), socket.volatile()] {
        assert_eq!(emitter.emit("at", ()), Err(EmitError::NoDatagrams));
    }
}
