//! Handlers for events of any name.

use serde_json::json;
use tokio::sync::mpsc;
use trunkline_server::{Ack, Data, EventName, Failure, Payload, Server};

use crate::peer::{Answer, Peer};

#[tokio::test]
async fn a_fallback_handles_what_nobody_else_does() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("known", || async { Ack("its own") });
    chat.on_fallback(|event: EventName, args: Payload| async move {
        if event == "refuse" {
            return Err(Failure::new(4001, "not this one"));
        }
        Ok((event.to_string(), args.count()))
    });
    let mut peer = Peer::connect(&server).await;
    for (event, args, expected) in [
        ("known", json!([1]), json!(["its own"])),
        ("other", json!([1, 2]), json!([["other", 2]])),
    ] {
        assert_eq!(peer.call(event, args).await, Answer::Acked(expected));
    }
    let refused = Answer::failed(4001, "not this one");
    assert_eq!(peer.call("refuse", json!([])).await, refused);
    assert_eq!(chat.unknown_events(), 0);
}

#[tokio::test]
async fn a_fallback_may_run_concurrently_and_takes_best_effort_events() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (told, mut hears) = mpsc::unbounded_channel();
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let opened = std::sync::Arc::clone(&gate);
    chat.on_fallback(|event: EventName| async move {
        told.send(event.to_string()).unwrap();
        opened.notified().await;
    })
    .concurrent(2);
    let mut peer = Peer::connect(&server).await;
    peer.send(json!([32, null, "first", []])).await;
    peer.emit("second", json!([])).await;
    peer.emit("third", json!([])).await;
    peer.ping().await;
    let begun = [hears.recv().await.unwrap(), hears.recv().await.unwrap()];
    assert_eq!(begun, ["first", "second"]);
    assert!(hears.try_recv().is_err(), "two at once");
    gate.notify_one();
    assert_eq!(hears.recv().await.unwrap(), "third");
}

#[tokio::test]
async fn a_catch_all_sees_every_event_before_its_handler_and_answers_none() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (told, mut hears) = mpsc::unbounded_channel();
    let handled = told.clone();
    chat.on_any(|event: EventName, args: Payload| async move {
        tokio::task::yield_now().await;
        told.send(format!("saw {event} of {}", args.count()))
            .unwrap();
        Ok::<_, Failure>("nobody's answer")
    });
    chat.on("say", |Data(line): Data<String>| async move {
        handled.send(format!("handled {line}")).unwrap();
        Ack("the handler's")
    });
    let mut peer = Peer::connect(&server).await;
    let answer = peer.call("say", json!(["hello"])).await;
    assert_eq!(answer, Answer::Acked(json!(["the handler's"])));
    let unknown = Answer::failed(3009, "unknown-event");
    assert_eq!(peer.call("nothing", json!([])).await, unknown);
    for expected in ["saw say of 1", "handled hello", "saw nothing of 0"] {
        assert_eq!(hears.recv().await.unwrap(), expected);
    }
    assert_eq!(chat.unknown_events(), 1);
}

#[tokio::test]
async fn a_catch_all_that_fails_or_panics_stops_no_handler() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on_any(|event: EventName, Data(number): Data<u8>| async move {
        assert!(event != "panic", "asked to, at {number}");
    });
    chat.on("panic", || async { Ack(1) });
    chat.on("misfit", || async { Ack(2) });
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("panic", json!([0])).await,
        Answer::Acked(json!([1]))
    );
    assert_eq!(
        peer.call("misfit", json!(["x"])).await,
        Answer::Acked(json!([2]))
    );
}

#[tokio::test]
#[should_panic(expected = "on_fallback of namespace \"/\" is set already")]
async fn a_second_fallback_panics_and_names_its_namespace() {
    let server = Server::new();
    server.namespace("/").on_fallback(|| async {});
    server.namespace("/").on_fallback(|| async {});
}
