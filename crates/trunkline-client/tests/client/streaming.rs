//! Events taken once, as a stream, or one at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::support::*;
use futures_util::StreamExt;
use tokio::sync::Notify;
use trunkline_client::{Ack, Args, Code, Data, EventName, Invocation, Payload};
use trunkline_protocol::Prepared;

#[tokio::test(start_paused = true)]
async fn a_handler_for_once_takes_one_event_and_leaves_the_next_to_others() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    root.once("tick", || async { Ack("once") });
    root.on_fallback(|name: EventName| async move { Ack(name.to_string()) });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for (ack, expected) in [(1, "once"), (2, "tick")] {
        peer.push(&event("tick", Some(ack), ())).await;
        let (_, args) = peer.next_answer().await.unwrap();
        assert_eq!(args.first(), Ok(expected.to_owned()));
    }
    root.once("tick", || async { Ack("once more") });
    peer.push(&event("tick", Some(3), ())).await;
    let (_, args) = peer.next_answer().await.unwrap();
    assert_eq!(args.first(), Ok("once more".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_handler_for_once_is_not_spent_by_what_never_reaches_it_and_can_be_cancelled() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let once = root.once("tick", || async { Ack("once") });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let mut poisoned =
        event("tick", Some(1), &1).to_message(trunkline_client::Encoding::MessagePack, 2);
    *poisoned.last_mut().unwrap() = 0xc1;
    peer.send(&poisoned).await;
    peer.next_seq = 3;
    assert_eq!(peer.next_answer().await, Err((1, Code::BAD_ARGS)));
    once.cancel();
    peer.push(&event("tick", Some(2), ())).await;
    assert_eq!(peer.next_answer().await, Err((2, Code::UNKNOWN_EVENT)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_gives_events_in_order_and_answers_each_when_it_is_read() {
    let mut server = Server::new();
    let client = server.client();
    let mut lines = client.socket("/").stream::<Data<u32>>("line");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for number in [1, 2, 3] {
        peer.push(&event("line", Some(number), &number)).await;
    }
    settle().await;
    assert_eq!(lines.waiting(), 3, "nothing is answered before it is read");
    for number in [1, 2] {
        assert_eq!(lines.next().await.unwrap().0, number as u32);
        let answered = peer.next_answer().await;
        assert_eq!(answered, Ok((number, Payload::empty())));
    }
    // As anybody's stream.
    let rest: Vec<_> = StreamExt::take(lines, 1).collect().await;
    assert_eq!(rest.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_does_not_fit_a_stream_is_failed_and_left_out() {
    let mut server = Server::new();
    let client = server.client();
    let mut pairs = client.socket("/").stream::<Args<(u8, u8)>>("pair");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("pair", Some(1), "no pair")).await;
    peer.push(&event("pair", Some(2), Args((1, 2)))).await;
    settle().await;
    let Args(pair) = pairs.next().await.unwrap();
    assert_eq!(pair, (1, 2));
    assert_eq!(peer.next_answer().await, Err((1, Code::BAD_ARGS)));
    assert_eq!(peer.next_answer().await, Ok((2, Payload::empty())));
}

#[tokio::test(start_paused = true)]
async fn streams_and_handlers_do_not_wait_for_each_other() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let (never, mut lines) = (Notify::new(), root.stream::<Data<u32>>("line"));
    let never = Arc::new(never);
    let gate = never.clone();
    root.on("slow", move || async move { gate.notified().await });
    let mut others = root.stream_fallback::<Invocation>();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("slow", Some(1), ())).await;
    peer.push(&event("line", None, &7)).await;
    peer.push(&event("other", None, &8)).await;
    assert_eq!(lines.next().await.unwrap().0, 7);
    let other = others.next().await.unwrap();
    assert_eq!(
        (other.event().as_str(), other.args().first()),
        ("other", Ok(8))
    );
    drop(other);
    peer.push(&event("line", None, &9)).await;
    never.notify_one();
    assert_eq!(peer.next_answer().await, Ok((1, Payload::empty())));
    assert_eq!(lines.waiting(), 1, "nobody has read it");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_read_holds_the_server_back_and_drops_nothing() {
    let mut server = Server::new();
    let client = server.client_taking(10_000);
    let mut lines = client.socket("/").stream::<Data<String>>("line");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for _ in 0..5 {
        peer.push(&event("line", None, &"x".repeat(3_000))).await;
    }
    settle().await;
    assert!(client.stats().waiting_bytes > 10_000);
    // A heartbeat tells what is confirmed: not all, while the stream is over its bound.
    peer.ping(1).await;
    while !matches!(peer.next_of_any().await, Got::Pong { .. }) {}
    assert!(peer.receipt < peer.next_seq - 1, "{}", peer.receipt);
    for _ in 0..5 {
        lines.next().await.unwrap();
    }
    assert_eq!(client.stats().waiting_bytes, 0);
    peer.ping(2).await;
    while !matches!(peer.next_of_any().await, Got::Pong { t: 2 }) {}
    assert_eq!(peer.receipt, peer.next_seq - 1, "all is confirmed");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_fails_what_waits_and_makes_place() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let lines = root.stream::<Data<u32>>("line");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("line", Some(1), &1)).await;
    settle().await;
    drop(lines);
    assert_eq!(peer.next_answer().await, Err((1, Code::UNKNOWN_EVENT)));
    assert_eq!(client.stats().waiting_bytes, 0);
    root.on("line", |Data(number): Data<u32>| async move { Ack(number) });
    peer.push(&event("line", Some(2), &2)).await;
    let (ack, args) = peer.next_answer().await.unwrap();
    assert_eq!((ack, args.first()), (2, Ok(2)));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "has a handler already")]
async fn a_stream_of_an_event_that_has_a_handler_panics() {
    let client = Server::new().client();
    let socket = client.socket("/");
    socket.on("said", || async {});
    let _stream = socket.stream::<Payload>("said");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_client_and_does_not_keep_it() {
    let mut server = Server::new();
    let client = server.client();
    let mut closed = client.socket("/").stream::<Payload>("line");
    let (socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("line", None, ())).await;
    settle().await;
    client.close().await;
    assert!(closed.next().await.is_none());
    let mut late = socket.stream::<Payload>("late");
    assert!(late.next().await.is_none());
    drop((socket, client, peer));

    let client = server.client();
    let mut dropped = client.socket("/").stream::<Payload>("line");
    let (socket, peer) = connect(&client, &mut server).await;
    let reading = tokio::spawn(async move { dropped.next().await.is_none() });
    settle().await;
    drop((client, socket));
    assert!(reading.await.unwrap());
    drop(peer);

    let never_connected = server.client();
    let mut lines = never_connected.socket("/").stream::<Payload>("line");
    drop(never_connected);
    assert!(lines.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_after_its_session_was_lost() {
    let mut server = Server::new();
    let client = server.client();
    let mut lines = client.socket("/").stream::<Data<u32>>("line");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("line", Some(1), &1)).await;
    settle().await;
    peer.cut();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    peer.push(&event("line", Some(1), &2)).await;
    settle().await;
    // The lost session's event is read, and its answer is nobody's.
    assert_eq!(lines.next().await.unwrap().0, 1);
    settle().await;
    assert_eq!(lines.next().await.unwrap().0, 2);
    assert_eq!(peer.next_answer().await, Ok((1, Payload::empty())));
    let more = tokio::time::timeout(Duration::from_secs(1), peer.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_one_event_misses_none_from_the_call_on_and_leaves_nothing_behind() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let ready = socket.next::<Data<u32>>("ready");
    peer.push(&event("ready", None, "no number")).await;
    peer.push(&event("ready", Some(1), &4)).await;
    settle().await;
    assert_eq!(ready.await.unwrap().0, 4);
    assert_eq!(peer.next_answer().await, Ok((1, Payload::empty())));
    peer.push(&event("ready", Some(2), &5)).await;
    assert_eq!(peer.next_answer().await, Err((2, Code::UNKNOWN_EVENT)));
    drop(socket.next::<Payload>("ready"));
    socket.on("ready", || async {});
}

#[tokio::test(start_paused = true)]
async fn of_best_effort_events_a_stream_takes_only_what_finds_nothing_waiting() {
    let mut server = Server::new();
    let client = server.client();
    let mut moves = client.socket("/").stream::<Data<u32>>("move");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let name = EventName::try_from("move").unwrap();
    for number in [1, 2, 3] {
        let args = trunkline_client::IntoArgs::into_args(&number).unwrap();
        let datagram = Prepared::datagram(&namespace("/"), &name, &args);
        let encoding = trunkline_client::Encoding::MessagePack;
        peer.send(&datagram.to_message(encoding, 0)).await;
    }
    settle().await;
    assert_eq!(moves.waiting(), 1);
    assert_eq!(moves.next().await.unwrap().0, 1);
}
