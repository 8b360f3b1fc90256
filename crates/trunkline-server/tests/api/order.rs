//! The order in which the events of a socket are handled.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use trunkline_server::{Ack, Data, Limits, Server, Socket};

use crate::peer::{Answer, Peer};

/// A server whose event "wait" ends when a permit is there, and tells when it begins and ends.
fn gated(concurrent: Option<usize>) -> (Server, Arc<Semaphore>, mpsc::UnboundedReceiver<String>) {
    let server = Server::new();
    let gate = Arc::new(Semaphore::new(0));
    let (told, hears) = mpsc::unbounded_channel();
    let chat = server.namespace("/");
    let begun = Arc::clone(&gate);
    let told_by_quick = told.clone();
    let waiting = chat.on("wait", |Data(name): Data<String>| async move {
        told.send(format!("{name} begins")).unwrap();
        begun.acquire().await.unwrap().forget();
        told.send(format!("{name} ends")).unwrap();
    });
    if let Some(limit) = concurrent {
        waiting.concurrent(limit);
    }
    chat.on("quick", |Data(name): Data<String>| async move {
        told_by_quick.send(name).unwrap();
    });
    (server, gate, hears)
}

#[tokio::test]
async fn events_of_a_socket_are_handled_one_at_a_time_and_in_order() {
    let (server, gate, mut hears) = gated(None);
    let mut peer = Peer::connect(&server).await;
    peer.emit("wait", json!(["a"])).await;
    peer.emit("wait", json!(["b"])).await;
    peer.ask(1, "quick", json!(["c"])).await;
    assert_eq!(hears.recv().await.unwrap(), "a begins");
    gate.add_permits(2);
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::Acked(json!([]))
    );
    let rest = [
        hears.recv().await,
        hears.recv().await,
        hears.recv().await,
        hears.recv().await,
    ];
    assert_eq!(
        rest.map(Option::unwrap),
        ["a ends", "b begins", "b ends", "c"]
    );
}

#[tokio::test]
async fn sockets_do_not_wait_for_each_other() {
    let (server, gate, mut hears) = gated(None);
    let mut slow = Peer::connect(&server).await;
    let mut other = Peer::connect(&server).await;
    slow.emit("wait", json!(["a"])).await;
    assert_eq!(hears.recv().await.unwrap(), "a begins");
    assert_eq!(
        other.call("quick", json!(["b"])).await,
        Answer::Acked(json!([]))
    );
    gate.add_permits(1);
    assert_eq!(hears.recv().await.unwrap(), "b");
    assert_eq!(hears.recv().await.unwrap(), "a ends");
}

#[tokio::test]
async fn a_concurrent_event_runs_beside_others_up_to_its_limit() {
    let (server, gate, mut hears) = gated(Some(2));
    let mut peer = Peer::connect(&server).await;
    for name in ["a", "b", "c", "d"] {
        peer.emit("wait", json!([name])).await;
    }
    // Whatever is in order passes all of them.
    assert_eq!(
        peer.call("quick", json!(["q"])).await,
        Answer::Acked(json!([]))
    );
    let begun = [hears.recv().await, hears.recv().await, hears.recv().await];
    assert_eq!(begun.map(Option::unwrap), ["a begins", "b begins", "q"]);
    assert!(hears.try_recv().is_err(), "the third waits");
    gate.add_permits(1);
    assert_eq!(hears.recv().await.unwrap(), "a ends");
    assert_eq!(hears.recv().await.unwrap(), "c begins");
    gate.add_permits(3);
    let mut rest = Vec::new();
    while rest.len() < 4 {
        rest.push(hears.recv().await.unwrap());
    }
    rest.sort();
    assert_eq!(rest, ["b ends", "c ends", "d begins", "d ends"]);
}

#[tokio::test]
async fn a_concurrent_event_starts_while_an_ordered_one_is_under_way() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("ask", |socket: Socket| async move {
        let answer: u8 = socket.emit_with_ack("question", ()).await?;
        Ok(answer)
    });
    chat.on("help", || async { Ack("here") }).concurrent(1);
    let mut peer = Peer::connect(&server).await;
    peer.ask(1, "ask", json!([])).await;
    let question = peer.receive().await;
    assert_eq!(question[4], "question");
    // The peer needs help before it can answer.
    assert_eq!(
        peer.call("help", json!([])).await,
        Answer::Acked(json!(["here"]))
    );
    peer.ack(&question, json!([7])).await;
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::Acked(json!([7]))
    );
}

#[tokio::test]
async fn a_long_queue_of_ready_handlers_lets_others_run() {
    let (server, gate, mut hears) = gated(None);
    let mut peer = Peer::connect(&server).await;
    peer.emit("wait", json!(["first"])).await;
    for number in 0..500 {
        peer.emit("quick", json!([number.to_string()])).await;
    }
    assert_eq!(hears.recv().await.unwrap(), "first begins");
    gate.add_permits(1);
    assert_eq!(
        peer.call("quick", json!(["last"])).await,
        Answer::Acked(json!([]))
    );
    assert_eq!(hears.recv().await.unwrap(), "first ends");
    for number in 0..500 {
        assert_eq!(hears.recv().await.unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn too_many_waiting_bytes_hold_back_receipts_until_handlers_catch_up() {
    let limits = Limits {
        inbound: 4_096,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let gate = Arc::new(Semaphore::new(0));
    let (told, mut hears) = mpsc::unbounded_channel();
    let opened = Arc::clone(&gate);
    server
        .namespace("/")
        .on("wait", move |_: Data<String>| async move {
            told.send(()).unwrap();
            opened.acquire().await.unwrap().forget();
        });
    let mut peer = Peer::connect(&server).await;
    for _ in 0..6 {
        peer.emit("wait", json!(["x".repeat(1_000)])).await;
    }
    let held = peer.ping().await;
    assert!(held < 7, "receipts are withheld: {held}");
    gate.add_permits(6);
    for _ in 0..6 {
        hears.recv().await.unwrap();
    }
    assert_eq!(peer.ping().await, 7, "CONNECT and six events");
}

#[tokio::test]
async fn best_effort_events_that_a_blocked_concurrent_handler_cannot_take_are_dropped() {
    let (server, gate, mut hears) = gated(Some(1));
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    for _ in 0..20_000 {
        peer.send(json!([32, null, "wait", ["a"]])).await;
    }
    peer.ping().await;
    // One runs, 64 wait.
    assert_eq!(chat.dropped_best_effort(), 20_000 - 65);
    assert_eq!(server.stats().ignored_best_effort.busy, 20_000 - 65);
    gate.add_permits(65);
    for _ in 0..65 {
        assert_eq!(hears.recv().await.unwrap(), "a begins");
        assert_eq!(hears.recv().await.unwrap(), "a ends");
    }
    peer.send(json!([32, null, "wait", ["b"]])).await;
    assert_eq!(hears.recv().await.unwrap(), "b begins");
    assert_eq!(chat.dropped_best_effort(), 20_000 - 65);
}

#[tokio::test]
async fn large_best_effort_events_that_wait_have_a_limit_in_bytes() {
    let (server, gate, mut hears) = gated(None);
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    peer.emit("wait", json!(["a"])).await;
    let large = "x".repeat(60 * 1024);
    for _ in 0..10 {
        peer.send(json!([32, null, "quick", [large]])).await;
    }
    peer.ask(1, "quick", json!(["sequenced"])).await;
    peer.ping().await;
    // Four of 60 KiB fit into 256 KiB.
    assert_eq!(chat.dropped_best_effort(), 6);
    gate.add_permits(1);
    let mut heard = Vec::new();
    for _ in 0..7 {
        heard.push(hears.recv().await.unwrap());
    }
    let large = large.as_str();
    assert_eq!(
        heard,
        [
            "a begins",
            "a ends",
            large,
            large,
            large,
            large,
            "sequenced"
        ]
    );
}

// Specification: best-effort.md, BEF-002, BEF-007.
#[tokio::test]
async fn of_latest_values_that_wait_for_a_handler_only_the_newest_of_each_key_is_handled() {
    let (server, gate, mut hears) = gated(None);
    let mut peer = Peer::connect(&server).await;
    peer.send(json!([33, null, "wait", "k", 1, ["first"]]))
        .await;
    peer.send(json!([33, null, "wait", "k", 2, ["older"]]))
        .await;
    peer.emit("quick", json!(["reliable"])).await;
    peer.send(json!([33, null, "wait", "other", 3, ["other"]]))
        .await;
    peer.send(json!([32, null, "quick", ["datagram"]])).await;
    peer.send(json!([33, null, "wait", "k", 4, ["old"]])).await;
    peer.emit("quick", json!(["reliable too"])).await;
    peer.send(json!([33, null, "quick", "k", 5, ["of another event"]]))
        .await;
    peer.send(json!([33, null, "wait", "k", 6, ["newest"]]))
        .await;
    peer.ping().await;
    let ignored = server.stats().ignored_best_effort;
    assert_eq!((ignored.conflated, ignored.total()), (2, 2));
    gate.add_permits(3);
    let expected = [
        "first begins",
        "first ends",
        "newest begins",
        "newest ends",
        "reliable",
        "other begins",
        "other ends",
        "datagram",
        "reliable too",
        "of another event",
    ];
    for expected in expected {
        assert_eq!(hears.recv().await.unwrap(), expected);
    }
    assert!(hears.try_recv().is_err());
}

#[tokio::test]
async fn a_latest_value_that_finds_no_room_is_dropped_but_takes_the_place_of_an_older_one() {
    let (server, gate, mut hears) = gated(Some(1));
    let mut peer = Peer::connect(&server).await;
    let mut version = 0;
    let mut latest = |key: &str, value: &str| {
        version += 1;
        json!([33, null, "wait", key, version, [value]])
    };
    peer.send(latest("running", "running")).await;
    for key in 0..64 {
        peer.send(latest(&key.to_string(), "old")).await;
    }
    peer.send(latest("one more", "too many")).await;
    for key in 0..3 {
        peer.send(latest(&key.to_string(), &"x".repeat(100 * 1024)))
            .await;
    }
    for key in 3..64 {
        peer.send(latest(&key.to_string(), "new")).await;
    }
    peer.ping().await;
    let ignored = server.stats().ignored_best_effort;
    // One key more than may wait, and one value larger than there is room for.
    assert_eq!((ignored.busy, ignored.conflated), (2, 63));
    assert_eq!(server.namespace("/").dropped_best_effort(), 2);
    gate.add_permits(65);
    let mut ended = Vec::new();
    for _ in 0..65 {
        hears.recv().await.unwrap();
        ended.push(hears.recv().await.unwrap());
    }
    assert_eq!(ended[0], "running ends");
    assert!(ended[1].len() > 100_000 && ended[2].len() > 100_000);
    assert_eq!(ended[3], "old ends");
    assert!(ended[4..].iter().all(|ended| ended == "new ends"));
    peer.ping().await;
    assert_eq!(server.stats().ignored_best_effort, ignored);
}
