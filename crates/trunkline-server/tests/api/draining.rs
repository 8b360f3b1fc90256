//! A server that goes down, and what its clients and its program are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use trunkline_server::{DisconnectReason, Drain, Drained, Server, Socket};

use crate::peer::{Answer, Peer};

const SPREAD: Duration = Duration::from_secs(4);
const DEADLINE: Duration = Duration::from_secs(20);

fn drain(server: &Server) -> JoinHandle<Drained> {
    let server = server.clone();
    let drain = Drain::new().spread(SPREAD).deadline(DEADLINE);
    tokio::spawn(async move { server.drain(drain).await })
}

/// Waits for GOAWAY, whose slot is at once; gives what it says of the deadline, in ms.
async fn asked_to_leave(peer: &mut Peer) -> u64 {
    asked_to_leave_in(peer, 0).await
}

async fn asked_to_leave_in(peer: &mut Peer, slot: u64) -> u64 {
    let frame = peer.receive().await;
    assert_eq!(
        (&frame[0], &frame[1]["slot"]),
        (&json!(5), &json!(slot)),
        "{frame}"
    );
    frame[1]["deadline"].as_u64().unwrap()
}

async fn leave(peer: &mut Peer) {
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
}

#[tokio::test(start_paused = true)]
async fn clients_are_asked_one_after_the_other_and_the_last_one_closes_the_door() {
    let server = Server::new();
    let _ = server.namespace("/");
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(Peer::connect(&server).await);
    }
    assert!(server.is_ready());
    let begin = Instant::now();
    let drained = drain(&server);
    let mut asked_at = Vec::new();
    let mut tasks = Vec::new();
    for mut peer in peers {
        tasks.push(tokio::spawn(async move {
            let deadline = asked_to_leave(&mut peer).await;
            let waited = begin.elapsed();
            assert_eq!(Duration::from_millis(deadline) + waited, DEADLINE);
            leave(&mut peer).await;
            waited.as_secs()
        }));
    }
    for task in tasks {
        asked_at.push(task.await.unwrap());
    }
    asked_at.sort_unstable();
    assert_eq!(asked_at, [0, 1, 2, 3], "over the spread of 4 s");
    assert!(!server.is_ready());
    let drained = drained.await.unwrap();
    assert_eq!((drained.left, drained.cut), (4, 0));
    assert!(begin.elapsed() < DEADLINE);
    server.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_spread_beyond_the_deadline_leaves_everybody_time_to_go() {
    let server = Server::new();
    let _ = server.namespace("/");
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let mut peer = Peer::connect(&server).await;
        tasks.push(tokio::spawn(async move {
            asked_to_leave(&mut peer).await;
            leave(&mut peer).await;
        }));
    }
    let drain = Drain::new()
        .spread(Duration::from_secs(60))
        .deadline(Duration::from_secs(2));
    let drained = server.drain(drain).await;
    assert_eq!((drained.left, drained.cut), (4, 0));
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_leave_is_told_to_at_the_deadline() {
    let server = Server::new();
    let _ = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    let begin = Instant::now();
    let drained = drain(&server);
    asked_to_leave(&mut peer).await;
    let close = peer.receive().await;
    assert_eq!(
        (&close[0], &close[1]["code"]),
        (&json!(6), &json!(1012)),
        "{close}"
    );
    assert_eq!(begin.elapsed(), DEADLINE);
    let drained = drained.await.unwrap();
    assert_eq!((drained.left, drained.cut), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drains_resumes_sessions_and_begins_none() {
    let server = Server::new();
    let _ = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    peer.confirm().await;
    peer.ping().await;
    let drained = drain(&server);
    asked_to_leave(&mut peer).await;
    peer.cut();
    let mut peer = peer.resume(&server, 1).await;
    // It found nobody else yet, and looks again after a quarter of the time.
    asked_to_leave_in(&mut peer, 5_000).await;
    let refused = Peer::knock_fresh(&server).await;
    assert_eq!(
        (&refused[0], &refused[1]["code"]),
        (&json!(6), &json!(1012)),
        "{refused}"
    );
    leave(&mut peer).await;
    assert_eq!(drained.await.unwrap().left, 1);
}

#[tokio::test(start_paused = true)]
async fn answers_are_given_and_nothing_new_is_begun_and_what_was_not_delivered_is_told() {
    let told: Arc<Mutex<Option<DisconnectReason>>> = Arc::default();
    let server = Server::new();
    let chat = server.namespace("/");
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    chat.on("work", move || async move { opened.notified().await });
    let noted = Arc::clone(&told);
    chat.on_disconnect(move |reason: DisconnectReason| async move {
        *noted.lock().unwrap() = Some(reason);
    });
    let mut peer = Peer::connect(&server).await;
    let socket: Socket = chat.socket(&peer.socket_id).unwrap();
    peer.ask(7, "work", json!([])).await;
    socket.emit("sent", &1).unwrap();
    assert_eq!(peer.expect("sent").await, json!([1]));
    let drained = drain(&server);
    asked_to_leave(&mut peer).await;
    socket.emit("held", &2).unwrap();
    gate.notify_one();
    let answer = peer.receive().await;
    assert_eq!(
        Answer::read(&answer),
        Answer::Acked(json!([])),
        "not {answer}"
    );
    leave(&mut peer).await;
    drained.await.unwrap();
    while told.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let Some(DisconnectReason::SessionEnded { undelivered, .. }) = told.lock().unwrap().take()
    else {
        panic!("the session ended");
    };
    let told: Vec<_> = undelivered
        .iter()
        .map(|event| {
            (
                event.event.as_str(),
                event.args.first::<Value>().unwrap(),
                event.sent,
            )
        })
        .collect();
    // The first was read and not confirmed, which the server cannot know.
    assert_eq!(told, [("sent", json!(1), true), ("held", json!(2), false)]);
}

#[tokio::test]
async fn a_server_is_closed_only_when_the_last_hook_has_ended() {
    let server = Server::new();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    server
        .namespace("/")
        .on_disconnect(move || async move { opened.notified().await });
    let _peer = Peer::connect(&server).await;
    server.shut_down();
    let closed = {
        let server = server.clone();
        tokio::spawn(async move { server.closed().await })
    };
    while server.stats().connections > 0 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert!(!closed.is_finished(), "the hook has not ended");
    gate.notify_one();
    closed.await.unwrap();
}
