//! A server that asks to be left.

use std::time::Duration;

use crate::support::*;
use tokio::sync::Notify;
use tokio::time::Instant;
use trunkline_protocol::{Close, Code, GoAway, ResumeRefusal};

fn go_away(slot: u64, deadline: u64, url: Option<&str>) -> GoAway {
    GoAway {
        reason: "restart".into(),
        slot,
        deadline,
        url: url.map(Into::into),
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_from_go_away_on_and_leave_on_the_next_connection_after_the_slot() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    let start = Instant::now();
    old.go_away(go_away(5_000, 30_000, None)).await;
    settle().await;
    socket.emit("held", ()).unwrap();
    let mut peer = server.accept().await;
    assert_eq!(
        start.elapsed(),
        Duration::from_secs(5),
        "the slot is not anticipated"
    );
    let resume = peer.hello().await.resume.unwrap();
    assert!(!resume.strict);
    // Both live until WELCOME; nothing was sent on the older one.
    peer.next_seq = resume.received + 1;
    peer.welcome(resumed("session-1", 1)).await;
    assert_eq!(peer.next_event().await.1, "held");
    let Got::Close(close) = old.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::SUPERSEDED);
    assert_eq!(client.state().current(), connected(true));
    socket.emit("free", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "free");
}

#[tokio::test(start_paused = true)]
async fn running_handlers_and_unconfirmed_events_delay_leaving_until_the_deadline() {
    let mut server = Server::new();
    let client = server.client();
    let gate = std::sync::Arc::new(Notify::new());
    let waits = gate.clone();
    client
        .socket("/")
        .on("work", move || async move { waits.notified().await });
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.push(&event("work", Some(1), ())).await;
    settle().await;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!server.was_dialled());
    gate.notify_one();
    let Got::Ack { seq, .. } = old.next().await else {
        panic!("the answer goes on the old one")
    };
    old.received(seq).await;
    let peer = server.accept_resume(seq).await;
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    drop(peer);

    let mut old = server.accept_resume(2).await;
    old.push(&event("work", Some(2), ())).await;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    server.accept_resume(2).await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_sent_elsewhere_ends_the_old_session_if_it_gets_a_fresh_one() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, Some("https://other.example/x")))
        .await;
    let mut peer = server.accept().await;
    assert_eq!(peer.request.url, "https://other.example/x");
    assert!(peer.hello().await.resume.is_some());
    socket.emit("held", ()).unwrap();
    peer.welcome(not_resumed("session-2", ResumeRefusal::Unknown))
        .await;
    assert!(matches!(old.next().await, Got::Close(close) if close.code == Code::NORMAL));
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "held");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_led_from_https_to_http() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, Some("http://other.example/")))
        .await;
    let peer = server.accept().await;
    assert_eq!(
        peer.request.url,
        "https://server.example/trunkline?ticket=7"
    );
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_does_not_come_about_leaves_the_old_connection_in_use() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    socket.on("tick", || async {});
    old.received(1).await;
    server.plan([Dial::Hang]);
    old.go_away(go_away(0, 60_000, None)).await;
    settle().await;
    old.push(&event("tick", Some(1), ())).await;
    assert!(matches!(old.next().await, Got::Ack { ack: 1, .. }));
    // The hanging dial is given up after its limit, and another one tried.
    server.accept_resume(2).await;
}

#[tokio::test(start_paused = true)]
async fn being_superseded_by_the_own_successor_before_its_welcome_does_no_harm() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, None)).await;
    let mut peer = server.accept().await;
    let resume = peer.hello().await.resume.unwrap();
    let superseded = Close::new(Code::SUPERSEDED, "");
    let attach = Some(resume.attach);
    old.close(Close {
        attach,
        ..superseded
    })
    .await;
    old.close_transport(3400).await;
    settle().await;
    peer.next_seq = resume.received + 1;
    peer.welcome(resumed("session-1", 1)).await;
    let socket = client.socket("/");
    socket.emit("on", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "on");
    assert!(!server.was_dialled());
}

#[tokio::test(start_paused = true)]
async fn closing_in_a_switch_closes_both_connections() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, None)).await;
    let mut peer = server.accept().await;
    peer.hello().await;
    let script = async {
        for connection in [&mut old, &mut peer] {
            let Got::Close(close) = connection.next().await else {
                panic!("CLOSE")
            };
            assert_eq!(close.code, Code::NORMAL);
        }
    };
    tokio::join!(client.close(), script);
}
