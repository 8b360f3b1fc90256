//! Moving a session that goes on to another transport.

use std::io;
use std::time::Duration;

use crate::racing::both;
use crate::support::*;
use tokio::time::{Instant, sleep};
use trunkline_client::{Client, Data, Datagrams, SwitchError, TransportKind, UPGRADE_BASE};
use trunkline_protocol::{Close, Code, Welcome};

use TransportKind::{WebSocket, WebTransport};

/// Asks for a switch, in a task of its own.
fn switching(
    client: &Client,
    transport: TransportKind,
) -> tokio::task::JoinHandle<Result<(), SwitchError>> {
    let client = client.clone();
    tokio::spawn(async move { client.switch_to(transport).await })
}

fn present(client: &Client) -> TransportKind {
    client.transport().current().unwrap().kind
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_a_strict_resume_while_the_old_connection_goes_on() {
    let (mut server, _quic, client) = both();
    let (socket, mut old) = connect(&client, &mut server).await;
    assert_eq!(present(&client), WebTransport);
    old.received(1).await;
    let mut heard = socket.stream::<Data<u32>>("tick");
    let switch = switching(&client, WebSocket);
    let mut new = server.accept().await;
    assert_eq!(new.connection.transport, WebSocket);
    let resume = new.hello().await.resume.unwrap();
    assert!(resume.strict);
    // Both ways on the old one.
    old.push(&event("tick", None, &1_u32)).await;
    assert_eq!(heard.next().await.unwrap().0, 1);
    socket.emit("between", ()).unwrap();
    assert_eq!(old.next_event().await.1, "between");
    // What the server has not counted comes again on the new one.
    let received = old.next_seq - 1;
    new.next_seq = received + 1;
    new.welcome(resumed("session-1", 1)).await;
    assert_eq!(new.next_event().await.1, "between");
    switch.await.unwrap().unwrap();
    assert_eq!(present(&client), WebSocket);
    let Got::Close(close) = old.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::SUPERSEDED);
    new.push(&event("tick", None, &2_u32)).await;
    assert_eq!(heard.next().await.unwrap().0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_fails_leaves_the_session_where_it_was_and_says_why() {
    let (mut server, quic, client) = both();
    let (socket, mut old) = connect(&client, &mut server).await;
    // The dial.
    let no_way = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody there");
    server.plan([Dial::Fail(no_way.into())]);
    let failed = client.switch_to(WebSocket).await.unwrap_err();
    let expected = "no switch to websocket: could not connect: nobody there";
    assert_eq!(failed.to_string(), expected);
    // The server's answer.
    for code in [Code::SESSION_UNKNOWN, Code::STALE_ATTACH, Code::new(1011)] {
        let switch = switching(&client, WebSocket);
        let mut new = server.accept().await;
        assert!(new.hello().await.resume.unwrap().strict);
        let mut close = Close::new(code, "no");
        close.attach = (code == Code::STALE_ATTACH).then_some(40);
        new.close(close).await;
        let failed = switch.await.unwrap().unwrap_err();
        assert!(matches!(
            failed,
            SwitchError::Failed {
                transport: WebSocket,
                ..
            }
        ));
    }
    // A cut.
    let switch = switching(&client, WebSocket);
    let mut new = server.accept().await;
    let attach = new.hello().await.resume.unwrap().attach;
    assert!(attach > 41, "above the one that the server told: {attach}");
    new.link.cut();
    assert!(switch.await.unwrap().is_err());
    assert_eq!(present(&client), WebTransport);
    socket.emit("here", ()).unwrap();
    assert_eq!(old.next_event().await.1, "here");
    assert_eq!(quic.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_session_in_answer_to_a_strict_resume_breaks_the_protocol_on_both_connections() {
    let (mut server, _quic, client) = both();
    let (_socket, mut old) = connect(&client, &mut server).await;
    let switch = switching(&client, WebSocket);
    let mut new = server.accept().await;
    new.hello().await;
    new.welcome(fresh("session-2")).await;
    for peer in [&mut new, &mut old] {
        let Got::Close(close) = peer.next().await else {
            panic!("CLOSE")
        };
        assert_eq!(close.code, Code::PROTOCOL_ERROR);
    }
    assert!(switch.await.unwrap().is_err());
    old.close_transport(1002).await;
    server.accept_fresh().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_switched_says_so_at_once() {
    let (mut server, _quic, client) = both();
    let error = client.switch_to(WebSocket).await;
    assert_eq!(error, Err(SwitchError::NotConnected));
    let (_socket, _peer) = connect(&client, &mut server).await;
    assert_eq!(client.switch_to(WebTransport).await, Ok(()), "it is there");
    let transport = TransportKind::Memory;
    let error = client.switch_to(transport).await;
    assert_eq!(error, Err(SwitchError::Unavailable { transport }));
    assert!(!server.was_dialled());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_during_the_dial_of_a_switch_is_resumed_at_once() {
    let (mut server, _quic, client) = both();
    let (_socket, old) = connect(&client, &mut server).await;
    server.plan([Dial::Hang]);
    let switch = switching(&client, WebSocket);
    settle().await;
    let start = Instant::now();
    old.link.cut();
    let peer = server.accept_resume(1).await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(switch.await.unwrap(), Err(SwitchError::NotConnected));
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_client_on_websocket_tries_webtransport_in_the_background_and_moves_there() {
    let (mut server, quic, client) = both();
    quic.plan([Dial::Hang, Dial::Hang, Dial::Hang]);
    let start = Instant::now();
    let (socket, mut old) = connect(&client, &mut server).await;
    assert_eq!(present(&client), WebSocket);
    let mut transports = client.transport();
    let upgraded = async {
        let wanted = |transport: &Option<_>| {
            let transport: Option<&trunkline_client::CurrentTransport> = transport.as_ref();
            transport.is_some_and(|transport| transport.kind == WebTransport)
        };
        transports.wait_for(wanted).await.flatten().unwrap()
    };
    let script = async {
        let new = server.accept();
        let mut new = tokio::select! {
            new = new => new,
            () = async { loop { sleep(Duration::from_secs(20)).await; old.ping(1).await; } } => unreachable!(),
        };
        assert!(new.hello().await.resume.unwrap().strict);
        new.next_seq = old.next_seq;
        let datagrams = Datagrams::Native;
        new.welcome(Welcome {
            datagrams,
            ..resumed("session-1", 1)
        })
        .await;
        new
    };
    let (transport, mut new) = tokio::join!(upgraded, script);
    assert_eq!(
        (transport.datagrams, transport.datagram_bytes),
        (Datagrams::Native, DATAGRAM)
    );
    // The race, then after 1 s, and each after its 10 s and twice the wait.
    let dials = quic.dials_ms(start);
    let base = UPGRADE_BASE.as_millis();
    let first = 300 + base;
    let second = first + 10_000 + 2 * base;
    assert_eq!(dials, [0, first, second, second + 10_000 + 4 * base]);
    socket.emit("there", ()).unwrap();
    assert_eq!(new.next_event().await.1, "there");
    assert_eq!(server.dialer.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_the_application_chose_is_not_left_by_itself() {
    let (mut server, quic, client) = both();
    let (_socket, _old) = connect(&client, &mut server).await;
    let switch = switching(&client, WebSocket);
    let mut new = server.accept_resume(1).await;
    switch.await.unwrap().unwrap();
    for t in 1..30 {
        sleep(Duration::from_secs(20)).await;
        new.ping(t).await;
    }
    assert_eq!((present(&client), quic.dials()), (WebSocket, 1));
}

#[tokio::test(start_paused = true)]
async fn a_switch_under_way_ends_with_the_client() {
    for abort in [false, true] {
        let (mut server, _quic, client) = both();
        let (_socket, mut old) = connect(&client, &mut server).await;
        server.plan([Dial::Hang]);
        let switch = switching(&client, WebSocket);
        settle().await;
        if abort {
            client.abort();
        } else {
            let closing = client.clone();
            tokio::spawn(async move { closing.close().await });
            assert!(matches!(old.next().await, Got::Close(_)));
            old.close_transport(1000).await;
        }
        assert!(switch.await.unwrap().is_err());
        assert_eq!(
            client.transport().wait_for(Option::is_none).await,
            Some(None)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_welcome_over_webtransport_websocket_is_dialled_first() {
    let (mut server, _quic, client) = both();
    let socket = client.socket("/");
    let script = async {
        let mut silent = server.accept().await;
        silent.hello().await;
        assert_eq!(silent.connection.transport, WebTransport);
        let peer = server.accept_fresh().await;
        assert_eq!(peer.connection.transport, WebSocket);
        (silent, peer)
    };
    let (connected, _peers) = tokio::join!(socket.connect(), script);
    connected.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_chosen_transport_is_left_again_once_its_connection_has_ended() {
    let (mut server, _quic, client) = both();
    let (_socket, _old) = connect(&client, &mut server).await;
    let switch = switching(&client, WebSocket);
    let chosen = server.accept_resume(1).await;
    switch.await.unwrap().unwrap();
    chosen.link.cut();
    let peer = server.accept_resume(1).await;
    assert_eq!(peer.connection.transport, WebSocket, "the last winner");
    let upgraded = server.accept_resume(1).await;
    assert_eq!(upgraded.connection.transport, WebTransport);
}

#[tokio::test(start_paused = true)]
async fn when_udp_dies_websocket_is_dialled_first() {
    let (mut server, quic, client) = both();
    let (socket, old) = connect(&client, &mut server).await;
    assert_eq!(present(&client), WebTransport);
    quic.plan(std::iter::repeat_n(Dial::Hang, 100));
    // Nothing arrives any more: the watchdog notices.
    let mut transports = client.transport();
    transports.wait_for(Option::is_none).await.unwrap();
    let noticed = Instant::now();
    let mut new = server.accept_resume(1).await;
    assert_eq!(new.connection.transport, WebSocket);
    assert_eq!(noticed.elapsed(), Duration::ZERO);
    settle().await;
    let why = client.transport().current().unwrap().passed_over.unwrap();
    assert!(why.starts_with("webtransport: "), "{why}");
    socket.emit("alive", ()).unwrap();
    assert_eq!(new.next_event().await.1, "alive");
    drop(old);
}

#[tokio::test(start_paused = true)]
async fn round_trips_can_be_watched() {
    let (mut server, _quic, client) = both();
    let mut round_trips = client.watch_round_trip();
    assert_eq!(round_trips.current(), None);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    settle().await;
    assert!(matches!(
        peer.next_of_any().await,
        Got::Ping { .. } | Got::Received(_)
    ));
    let probe = async {
        client.probe();
        loop {
            if let Got::Ping { t } = peer.next_of_any().await {
                sleep(Duration::from_millis(40)).await;
                peer.pong(t).await;
                return peer;
            }
        }
    };
    let (measured, _peer) = tokio::join!(round_trips.changed(), probe);
    assert_eq!(measured.flatten(), client.round_trip());
    assert!(client.round_trip().is_some());
}
