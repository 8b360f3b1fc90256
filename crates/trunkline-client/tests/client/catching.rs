//! Handlers for events of any name.

use std::sync::Arc;

use crate::support::*;
use tokio::sync::{Notify, Semaphore, mpsc};
use trunkline_client::{Ack, Code, Data, EventName, Failure, Payload};
use trunkline_protocol::Prepared;

#[tokio::test(start_paused = true)]
async fn a_fallback_takes_what_others_do_not() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    root.on("named", || async { Ack("named") });
    root.on_fallback(|name: EventName| async move { Ack(format!("fallback {name}")) });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for (name, expected) in [("named", "named"), ("other", "fallback other")] {
        peer.push(&event(name, Some(1), ())).await;
        let Got::Ack { args, .. } = peer.next().await else {
            panic!("ACK")
        };
        assert_eq!(args.first(), Ok(expected.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_catch_all_sees_every_event_before_its_handler_and_answers_none() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let (told, mut hears) = mpsc::unbounded_channel();
    let handled = told.clone();
    root.on_any(move |event: EventName, args: Payload| async move {
        tokio::task::yield_now().await;
        told.send(format!("saw {event} of {}", args.count()))
            .unwrap();
        Ok::<_, Failure>("nobody's answer")
    });
    root.on("say", move |Data(line): Data<String>| async move {
        handled.send(format!("handled {line}")).unwrap();
        Ack("the handler's")
    });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("say", Some(1), "hello")).await;
    let Got::Ack { args, .. } = peer.next().await else {
        panic!("ACK")
    };
    assert_eq!(args.first(), Ok("the handler's".to_owned()));
    peer.push(&event("nothing", Some(2), ())).await;
    let Got::Failed { ack: 2, code, .. } = peer.next().await else {
        panic!("FAILED")
    };
    assert_eq!(code, Code::UNKNOWN_EVENT);
    for expected in ["saw say of 1", "handled hello", "saw nothing of 0"] {
        assert_eq!(hears.recv().await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_catch_all_sees_what_streams_take_and_they_do_not_wait_for_it() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let gate = Arc::new(Notify::new());
    let (waits, (told, mut hears)) = (gate.clone(), mpsc::unbounded_channel());
    root.on_any(move |event: EventName| async move {
        waits.notified().await;
        told.send(event.to_string()).unwrap();
    });
    let mut lines = root.stream::<Data<u32>>("line");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("line", Some(1), &7)).await;
    assert_eq!(lines.next().await.unwrap().0, 7);
    assert!(matches!(peer.next().await, Got::Ack { ack: 1, .. }));
    assert!(hears.try_recv().is_err());
    gate.notify_one();
    assert_eq!(hears.recv().await.unwrap(), "line");
    settle().await;
    assert_eq!(client.stats().waiting_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_catch_all_that_fails_or_panics_stops_no_handler_and_can_be_cancelled() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let seeing = root.on_any(|event: EventName, Data(number): Data<u8>| async move {
        assert!(event != "panic", "asked to, at {number}");
    });
    root.on("panic", || async { Ack(1) });
    root.on("misfit", || async { Ack(2) });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("panic", Some(1), &0_u8)).await;
    assert!(matches!(peer.next().await, Got::Ack { ack: 1, .. }));
    peer.push(&event("misfit", Some(2), "x")).await;
    assert!(matches!(peer.next().await, Got::Ack { ack: 2, .. }));
    seeing.cancel();
    root.on_any(|| async {});
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "every event in / has a handler already")]
async fn a_second_catch_all_panics() {
    let client = Server::new().client();
    let socket = client.socket("/");
    socket.on_any(|| async {});
    socket.on_any(|| async {});
}

#[tokio::test(start_paused = true)]
async fn best_effort_events_that_nobody_handles_are_seen_while_nothing_waits() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let gate = Arc::new(Notify::new());
    let (waits, (told, mut hears)) = (gate.clone(), mpsc::unbounded_channel());
    root.on_any(move |event: EventName| async move {
        told.send(event.to_string()).unwrap();
        waits.notified().await;
    });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for name in ["first", "dropped"] {
        peer.push_best_effort(name, ()).await;
    }
    settle().await;
    gate.notify_one();
    settle().await;
    peer.push_best_effort("second", ()).await;
    settle().await;
    assert_eq!(hears.recv().await.unwrap(), "first");
    assert_eq!(hears.recv().await.unwrap(), "second");
    assert!(hears.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn of_latest_values_that_nobody_handles_the_newest_waits_to_be_seen() {
    let mut server = Server::new();
    let client = server.client();
    let gate = Arc::new(Semaphore::new(0));
    let (waits, (told, mut hears)) = (gate.clone(), mpsc::unbounded_channel());
    let root = client.socket("/");
    root.on_any(move |Data(number): Data<u32>| async move {
        told.send(number).unwrap();
        waits.acquire().await.unwrap().forget();
    });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for number in 1..=4_u32 {
        peer.push_latest("moved", "k", number.into(), &number).await;
    }
    settle().await;
    gate.add_permits(2);
    settle().await;
    assert_eq!((hears.try_recv(), hears.try_recv()), (Ok(1), Ok(4)));
    let ignored = client.stats().ignored_best_effort;
    assert_eq!((ignored.conflated, ignored.total()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn unknown_events_that_wait_to_be_seen_hold_the_server_back() {
    let mut server = Server::new();
    let client = server.client_taking(10_000);
    let gate = Arc::new(Notify::new());
    let waits = gate.clone();
    client
        .socket("/")
        .on_any(move || async move { waits.notified().await });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let flood: Prepared = event("unknown", None, &"x".repeat(6_000));
    for _ in 0..3 {
        peer.push(&flood).await;
    }
    settle().await;
    assert!(client.stats().waiting_bytes > 10_000);
    let before = peer.next_seq;
    peer.ping(1).await;
    while !matches!(peer.next_of_any().await, Got::Pong { t: 1 }) {}
    assert!(peer.receipt < before - 1, "receipts are withheld");
    for _ in 0..3 {
        gate.notify_one();
        settle().await;
    }
    assert_eq!(client.stats().waiting_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn best_effort_events_of_a_stream_do_not_pile_up_behind_a_slow_catch_all() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    let gate = Arc::new(Notify::new());
    let waits = gate.clone();
    root.on_any(move || async move { waits.notified().await });
    let mut positions = root.stream::<Data<u32>>("position");
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push_best_effort("position", &0_u32).await;
    assert_eq!(positions.next().await.unwrap().0, 0);
    let waiting = client.stats().waiting_bytes;
    for number in 1..10_u32 {
        peer.push_best_effort("position", &number).await;
        assert_eq!(positions.next().await.unwrap().0, number);
    }
    assert_eq!(client.stats().waiting_bytes, waiting);
    gate.notify_one();
}
