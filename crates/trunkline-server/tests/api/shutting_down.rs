//! How a server goes down: what it tells whom, and when it is done.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;
use trunkline_server::{Admission, Credentials, Server, Socket};

use crate::peer::Peer;

const SERVICE_RESTART: u64 = 1012;

fn server() -> Server {
    let server = Server::new();
    let _ = server.namespace("/");
    server
}

fn is_farewell(frame: &Value) -> bool {
    frame[0] == 6 && frame[1]["code"] == SERVICE_RESTART
}

#[tokio::test]
async fn a_server_without_connections_is_ready_until_it_is_shut_down_and_then_closed() {
    let server = server();
    assert!(server.is_ready());
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { server.closed().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    server.shut_down();
    assert!(!server.is_ready());
    waiting.await.unwrap();
    server.closed().await;
}

#[tokio::test]
async fn sessions_newcomers_and_connections_without_a_hello_are_all_told() {
    let server = server();
    let mut silent = Peer::silent(&server);
    let mut there = Peer::connect(&server).await;
    server.shut_down();
    assert!(is_farewell(&there.receive().await));
    assert!(is_farewell(&silent.receive().await));
    let (_late, answer) = Peer::knock(&server, json!({"v": 1, "agent": "test"})).await;
    assert!(is_farewell(&answer), "{answer}");
    assert_eq!(server.stats().sessions, 0);
}

#[tokio::test]
async fn a_session_that_begins_while_the_server_is_shut_down_is_ended() {
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let server = Server::builder()
        .authenticate({
            let (asked, go_on) = (Arc::clone(&asked), Arc::clone(&go_on));
            move |_: Credentials| {
                let (asked, go_on) = (Arc::clone(&asked), Arc::clone(&go_on));
                async move {
                    asked.notify_one();
                    go_on.notified().await;
                    Ok(Admission::anyone())
                }
            }
        })
        .build();
    let mut peer = Peer::silent(&server);
    peer.send(json!([0, {"v": 1, "agent": "test"}])).await;
    asked.notified().await;
    server.shut_down();
    go_on.notify_one();
    assert_eq!(peer.receive().await[0], 1);
    assert!(is_farewell(&peer.receive().await));
    peer.leave().await;
    server.closed().await;
    assert_eq!(server.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn it_is_closed_when_its_last_connection_has_ended_and_not_before() {
    let server = server();
    let peer = Peer::connect(&server).await;
    let stubborn = Peer::connect(&server).await;
    assert_eq!(server.stats().connections, 2);
    server.shut_down();
    let closed = server.closed();
    tokio::pin!(closed);
    tokio::select! {
        biased;
        () = &mut closed => panic!("two connections are there"),
        () = peer.leave() => {}
    }
    closed.await;
    assert_eq!(server.stats().connections, 0);
    drop(stubborn);
}

#[tokio::test]
async fn a_handler_may_shut_its_server_down() {
    let server = server();
    let handle = server.clone();
    server.namespace("/").on("stop", move |_socket: Socket| {
        let handle = handle.clone();
        async move { handle.shut_down() }
    });
    let mut peer = Peer::connect(&server).await;
    peer.emit("stop", json!([])).await;
    assert!(is_farewell(&peer.receive().await));
    peer.leave().await;
    server.closed().await;
}

#[tokio::test]
async fn a_connection_is_there_from_the_moment_that_it_is_granted() {
    let server = server();
    let place = server.enter(None).unwrap();
    assert_eq!(server.stats().connections, 1);
    let other = place.clone();
    drop(place);
    server.shut_down();
    let closed = tokio::spawn({
        let server = server.clone();
        async move { server.closed().await }
    });
    tokio::task::yield_now().await;
    assert!(!closed.is_finished(), "its upgrade is under way");
    let mut peer = Peer::placed(&server, other);
    assert_eq!(server.stats().connections, 1, "it is counted once");
    assert!(is_farewell(&peer.receive().await));
    assert!(!closed.is_finished());
    peer.leave().await;
    closed.await.unwrap();
    assert_eq!(server.stats().connections, 0);
}

#[tokio::test]
async fn a_connection_that_was_granted_and_does_not_come_is_not_waited_for() {
    let server = server();
    let place = server.enter(None).unwrap();
    server.shut_down();
    let closed = tokio::spawn({
        let server = server.clone();
        async move { server.closed().await }
    });
    tokio::task::yield_now().await;
    assert!(!closed.is_finished());
    drop(place);
    closed.await.unwrap();
}
