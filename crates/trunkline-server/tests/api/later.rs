//! Answers that are given later than the handler returns.

use std::fmt;

use serde_json::json;
use tokio::sync::mpsc;
use trunkline_server::{Ack, Args, Data, Failure, Limits, Responder, Server};

use crate::peer::{Answer, Peer};

/// A server whose handler of `later` hands its responder out.
fn handing() -> (Server, mpsc::UnboundedReceiver<Responder<u32>>) {
    let server = Server::new();
    let (handed, hands) = mpsc::unbounded_channel();
    server
        .namespace("/")
        .on("later", |responder: Responder<u32>| async move {
            handed.send(responder).unwrap();
        });
    server.namespace("/").on("now", || async { Ack("now") });
    (server, hands)
}

#[tokio::test]
async fn a_responder_answers_from_anywhere_and_nothing_waits_for_it() {
    let (server, mut hands) = handing();
    let mut peer = Peer::connect(&server).await;
    peer.ask(1, "later", json!([])).await;
    let responder = hands.recv().await.unwrap();
    assert!(responder.is_asked());
    assert_eq!(
        peer.call("now", json!([])).await,
        Answer::Acked(json!(["now"]))
    );
    std::thread::spawn(move || responder.send(7))
        .join()
        .unwrap();
    let answer = peer.receive().await;
    assert_eq!(
        (&answer[3], Answer::read(&answer)),
        (&json!(1), Answer::Acked(json!([7])))
    );
}

#[tokio::test]
async fn a_responder_fails_and_a_dropped_one_gives_no_answer() {
    let (server, mut hands) = handing();
    let mut peer = Peer::connect(&server).await;
    peer.ask(1, "later", json!([])).await;
    hands.recv().await.unwrap().fail(Failure::new(4002, "no"));
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::failed(4002, "no")
    );
    peer.ask(2, "later", json!([])).await;
    hands.recv().await.unwrap().fail(fmt::Error);
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::failed(3011, "")
    );
    peer.ask(3, "later", json!([])).await;
    drop(hands.recv().await.unwrap());
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::failed(3012, "no-answer")
    );
}

fn blow_up() {
    panic!("in the handler");
}

#[tokio::test]
async fn a_handler_that_ends_without_answering_says_why_once() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("drop", |_: Responder<()>| async {});
    chat.on("fail", |_responder: Responder<()>| async {
        Err::<(), _>(Failure::new(4006, "in the handler"))
    });
    chat.on("panic", |_responder: Responder<()>| async { blow_up() });
    chat.on("misfit", |_: Responder<()>, Data(_): Data<u8>| async {});
    chat.on("twice", |responder: Responder<u8>| async move {
        responder.send(1);
        Err::<(), _>(Failure::new(4006, "too late to tell"))
    });
    chat.on("two", |_: Responder<()>, _: Responder<()>| async {});
    let mut peer = Peer::connect(&server).await;
    let expected = [
        ("drop", 3012, "no-answer"),
        ("fail", 4006, "in the handler"),
        ("panic", 3011, ""),
        ("two", 3011, ""),
    ];
    for (event, code, message) in expected {
        let answer = peer.call(event, json!([])).await;
        assert_eq!(answer, Answer::failed(code, message), "{event}");
    }
    assert_eq!(
        peer.call("twice", json!([])).await,
        Answer::Acked(json!([1]))
    );
    let Answer::Failed { code, .. } = peer.call("misfit", json!(["x"])).await else {
        panic!()
    };
    assert_eq!(code, 3007);
}

#[tokio::test]
async fn nobody_is_answered_who_did_not_ask() {
    let (server, mut hands) = handing();
    let mut peer = Peer::connect(&server).await;
    for _ in 0..3 {
        peer.emit("later", json!([])).await;
    }
    let responder = hands.recv().await.unwrap();
    assert!(!responder.is_asked());
    responder.send(1);
    hands.recv().await.unwrap().fail(Failure::new(4001, "no"));
    drop(hands.recv().await.unwrap());
    assert_eq!(
        peer.call("now", json!([])).await,
        Answer::Acked(json!(["now"]))
    );
}

#[tokio::test]
async fn several_args_and_args_too_large_are_answered_as_by_a_handler() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("pair", |responder: Responder<Args<(u8, u8)>>| async move {
        responder.send(Args((1, 2)));
    });
    chat.on("large", |responder: Responder<String>| async move {
        responder.send("x".repeat(2 << 20));
    });
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("pair", json!([])).await,
        Answer::Acked(json!([1, 2]))
    );
    assert_eq!(
        peer.call("large", json!([])).await,
        Answer::failed(3011, "")
    );
}

#[tokio::test]
async fn a_responder_outlives_its_socket_without_effect() {
    let (server, mut hands) = handing();
    let mut peer = Peer::connect(&server).await;
    for ack_id in 1..=2 {
        peer.ask(ack_id, "later", json!([])).await;
    }
    let (first, second) = (hands.recv().await.unwrap(), hands.recv().await.unwrap());
    peer.send_disconnect().await;
    peer.ping().await;
    first.send(1);
    drop(second);
    peer.send_connect(serde_json::Value::Null).await;
    assert_eq!(peer.receive().await[0], 17, "neither was answered");
}

#[tokio::test]
async fn answers_that_are_owed_withhold_receipts_past_the_limit() {
    let (server, mut hands) = {
        let limits = Limits {
            inbound: 16_384,
            ..Limits::default()
        };
        let server = Server::builder().limits(limits).build();
        let (handed, hands) = mpsc::unbounded_channel();
        let later = |responder: Responder<u32>| async move { handed.send(responder).unwrap() };
        server.namespace("/").on("later", later);
        (server, hands)
    };
    let mut peer = Peer::connect(&server).await;
    let mut owed = Vec::new();
    for ack_id in 0..300 {
        peer.ask(ack_id, "later", json!([])).await;
        owed.push(hands.recv().await.unwrap());
    }
    let confirmed = peer.ping().await;
    assert!(confirmed < 301, "{confirmed} of 301 are confirmed");
    owed.into_iter().for_each(|responder| responder.send(1));
    for _ in 0..300 {
        assert_eq!(peer.receive().await[0], 21);
    }
    assert_eq!(peer.ping().await, 301);
}
