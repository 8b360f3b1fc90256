//! Other ways to deliver than exactly once: volatile events, and what a full queue loses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use trunkline_driver::Turn;
use trunkline_server::{EmitError, Failure, Limits, Namespace, Overflow, Server, Socket};

use crate::peer::Peer;

/// A client that reads nothing, and its socket.
async fn silent(server: &Server) -> (Peer, Socket) {
    let peer = Peer::connect(server).await;
    let socket = server.namespace("/").socket(&peer.socket_id).unwrap();
    (peer, socket)
}

/// So little may be under way and wait that a few events are too much.
fn narrow() -> Server {
    let limits = Limits {
        replay: 200,
        queue: 2_000,
        ..Limits::default()
    };
    Server::builder().limits(limits).build()
}

/// Emits numbers until the client, which confirms nothing, must have missed some.
fn flood(chat: &Namespace, event: &str) {
    for number in 0..1000 {
        chat.emit(event, &number).unwrap();
    }
}

/// The args of the events that arrive, confirmed one by one, up to this one.
async fn heard_until(peer: &mut Peer, last: u64) -> Vec<u64> {
    let mut heard = Vec::new();
    while heard.last() != Some(&last) {
        let frame = peer.receive().await;
        assert_eq!(frame[0], 20, "{frame}");
        heard.push(frame[5][0].as_u64().unwrap());
        peer.confirm().await;
    }
    heard
}

#[tokio::test]
async fn a_namespace_may_drop_its_oldest_events_rather_than_its_slow_clients() {
    let server = narrow();
    let chat = server.namespace("/");
    chat.overflow(Overflow::DropOldest);
    let (mut peer, socket) = silent(&server).await;
    flood(&chat, "tick");
    let heard = heard_until(&mut peer, 999).await;
    assert!(heard.is_sorted(), "{heard:?}");
    let dropped = server.stats().dropped_events;
    assert!(dropped > 0);
    assert_eq!(
        heard.len() as u64,
        1000 - dropped,
        "each is dropped or heard"
    );
    assert!(!socket.is_closed() && socket.is_attached());
}

#[tokio::test]
async fn a_namespace_may_keep_only_the_newest_of_each_event() {
    let server = narrow();
    let chat = server.namespace("/");
    chat.overflow(Overflow::Latest);
    let (mut peer, _socket) = silent(&server).await;
    chat.emit("other", &7).unwrap();
    flood(&chat, "tick");
    let heard = heard_until(&mut peer, 999).await;
    assert!(
        heard.contains(&7),
        "another event's newest stays: {heard:?}"
    );
    assert_eq!(heard.len() as u64, 1001 - server.stats().dropped_events);
}

#[tokio::test]
async fn an_event_that_asks_for_an_ack_is_kept_by_every_policy() {
    let server = narrow();
    let chat = server.namespace("/");
    chat.overflow(Overflow::DropOldest);
    let (mut peer, socket) = silent(&server).await;
    chat.emit("fills", &"x".repeat(300)).unwrap();
    let answer = {
        let socket = socket.clone();
        tokio::spawn(async move { socket.emit_with_ack::<u64, _>("asked", ()).await })
    };
    tokio::task::yield_now().await;
    flood(&chat, "tick");
    loop {
        let frame = peer.receive().await;
        peer.confirm().await;
        if frame[4] == "asked" {
            peer.ack(&frame, json!([5])).await;
            break;
        }
    }
    assert_eq!(answer.await.unwrap(), Ok(5));
}

#[tokio::test]
async fn the_default_drops_nothing_and_ends_who_cannot_keep_up() {
    let server = narrow();
    let chat = server.namespace("/");
    let (_peer, socket) = silent(&server).await;
    flood(&chat, "tick");
    socket.closed().await;
    assert_eq!(server.stats().dropped_events, 0);
}

#[tokio::test]
async fn a_volatile_event_arrives_when_nothing_is_in_its_way() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    socket.join("room").unwrap();
    let volatile = |frame: &Value| {
        assert_eq!(
            (&frame[0], &frame[1]),
            (&json!(32), &Value::Null),
            "{frame}"
        );
        frame[3][0].clone()
    };
    socket.volatile().emit("at", &1).unwrap();
    assert_eq!(volatile(&peer.receive().await), 1);
    chat.to("room").volatile().emit("at", &2).unwrap();
    assert_eq!(volatile(&peer.receive().await), 2);
    chat.volatile().emit("at", &3).unwrap();
    assert_eq!(volatile(&peer.receive().await), 3);
    assert_eq!(server.stats().unsent_best_effort.total(), 0);
}

#[tokio::test]
async fn a_volatile_event_is_dropped_and_counted_when_it_would_have_to_wait() {
    let limits = Limits {
        replay: 200,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let chat = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    // The window is full, so that more than a little waits, and a volatile event would come late.
    chat.emit("fills", &"x".repeat(300)).unwrap();
    chat.emit("waits", &"x".repeat(20_000)).unwrap();
    socket.volatile().emit("at", &1).unwrap();
    assert_eq!(server.stats().unsent_best_effort.busy, 1);
    peer.expect("fills").await;
    peer.confirm().await;
    peer.expect("waits").await;
    peer.confirm().await;
    peer.ping().await;
    peer.cut();
    while socket.is_attached() {
        tokio::task::yield_now().await;
    }
    socket.volatile().emit("at", &2).unwrap();
    assert_eq!(
        server.stats().unsent_best_effort.not_connected,
        1,
        "there is no connection"
    );
    let mut peer = peer.resume(&server, 1).await;
    chat.emit("after", ()).unwrap();
    assert_eq!(peer.expect("after").await, json!([]), "neither was kept");
}

#[tokio::test]
async fn datagrams_and_latest_values_reach_one_and_many() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    socket.join("room").unwrap();
    let sent: [(Result<(), EmitError>, Option<&str>); 8] = [
        (socket.datagram().emit("at", &0), None),
        (socket.latest("ada").emit("at", &1), Some("ada")),
        (chat.to("room").datagram().emit("at", &2), None),
        (chat.to("room").latest("bob").emit("at", &3), Some("bob")),
        (chat.datagram().emit("at", &4), None),
        (chat.latest("eve").emit("at", &5), Some("eve")),
        (socket.within("room").datagram().emit("at", &6), None),
        (
            socket
                .within("room")
                .latest("joe")
                .max_age(Duration::from_secs(1))
                .emit("at", &7),
            Some("joe"),
        ),
    ];
    let mut versions = Vec::new();
    for (number, (sent, key)) in sent.into_iter().enumerate() {
        assert_eq!(sent, Ok(()));
        let frame = peer.receive().await;
        let Some(key) = key else {
            assert_eq!(frame, json!([32, null, "at", [number]]));
            continue;
        };
        assert_eq!(
            (&frame[0], &frame[2], &frame[3]),
            (&json!(33), &json!("at"), &json!(key))
        );
        assert_eq!(frame[5], json!([number]));
        versions.push(frame[4].as_u64().unwrap());
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert_eq!(server.stats().unsent_best_effort.total(), 0);
}

#[tokio::test]
async fn a_datagram_that_is_too_large_is_refused_with_the_figures() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    // `[32, nil, "at", [text]]`: array, kind, nil, name in three, array, text with three.
    let text = "x".repeat(1_002 - 10);
    let refused = Err(EmitError::TooLarge {
        size: 1_002,
        limit: 1_000,
    });
    assert_eq!(chat.datagram().emit("at", &text), refused);
    // This client speaks JSON, in which it is two bytes more.
    let size = json!([32, null, "at", [text]]).to_string().len();
    let limit = 1_000;
    let refused = Err(EmitError::TooLarge { size, limit });
    assert_eq!(socket.datagram().emit("at", &text), refused);
    let fits = "x".repeat(1_000 - 10);
    assert_eq!(chat.datagram().emit("at", &fits), Ok(()));
    assert_eq!(peer.receive().await, json!([32, null, "at", [fits]]));
    let badly_named = chat.latest("").emit("at", ());
    assert!(matches!(badly_named, Err(EmitError::InvalidName(_))));
}

#[tokio::test]
async fn of_values_that_wait_only_the_newest_leaves() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    {
        // At the turn's end the event goes first.
        let _turn = Turn::enter();
        for number in 0..10 {
            chat.latest("ada").emit("at", &number).unwrap();
            socket.datagram().emit("shot", &number).unwrap();
        }
        chat.emit("first", ()).unwrap();
    }
    peer.expect("first").await;
    let newest = peer.receive().await;
    assert_eq!((&newest[0], &newest[5]), (&json!(33), &json!([9])));
    for number in 0..10 {
        assert_eq!(peer.receive().await, json!([32, null, "shot", [number]]));
    }
    let drops = server.stats().unsent_best_effort;
    assert_eq!((drops.conflated, drops.total()), (9, 9));
    let figures = server.stats().figures();
    let conflated = figures.iter().find(|figure| {
        let label = figure.label.as_ref();
        figure.name == "unsent_best_effort" && label.is_some_and(|(_, cause)| cause == "conflated")
    });
    assert_eq!(conflated.unwrap().value, 9);
}

/// Lets a client in when it is told to, and emits numbers to it before that.
fn greeting(chat: &Namespace, numbers: u64) -> Arc<Notify> {
    let opens = Arc::new(Notify::new());
    let waits = Arc::clone(&opens);
    chat.on_connect(move |socket: Socket| {
        let waits = Arc::clone(&waits);
        async move {
            let sent: Result<(), _> = (0..numbers).try_for_each(|it| socket.emit("tick", &it));
            waits.notified().await;
            Ok::<_, Failure>(sent.is_ok())
        }
    });
    opens
}

#[tokio::test]
async fn events_ahead_of_connected_are_dropped_by_the_policy_of_their_namespace() {
    let server = narrow();
    let chat = server.namespace("/");
    chat.overflow(Overflow::DropOldest);
    let opens = greeting(&chat, 1_000);
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(Value::Null).await;
    peer.ping().await;
    let dropped = server.stats().dropped_events;
    assert!((900..1_000).contains(&dropped), "{dropped}");
    opens.notify_one();
    let connected = peer.receive().await;
    assert_eq!((&connected[0], &connected[5]), (&json!(17), &json!(true)));
    peer.confirm().await;
    let heard = heard_until(&mut peer, 999).await;
    assert_eq!(heard.len() as u64, 1_000 - dropped);
    assert_eq!(server.stats().dropped_events, dropped);
}

#[tokio::test]
async fn events_ahead_of_connected_count_as_waiting_and_in_the_budget() {
    let server = Server::new();
    let (chat, other) = (server.namespace("/"), server.namespace("/other"));
    let opens = greeting(&chat, 2_000);
    let mut peer = Peer::greet(&server).await;
    peer.enter("/other", Value::Null).await;
    peer.send_connect(Value::Null).await;
    peer.confirm().await;
    peer.ping().await;
    let stats = server.stats();
    assert!(stats.queued_bytes >= 2_000 * 64, "{stats:?}");
    assert_eq!(stats.kept_bytes, stats.queued_bytes);
    let behind = other.everyone().laggards();
    assert_eq!(behind[0].bytes, stats.queued_bytes);
    assert_eq!(behind[0].socket.queued_bytes(), stats.queued_bytes);
    other.emit("passes", ()).unwrap();
    peer.expect("passes").await;
    opens.notify_one();
    peer.receive().await;
    assert_eq!(heard_until(&mut peer, 1_999).await.len(), 2_000);
    assert_eq!(server.stats().queued_bytes, 0);
}

#[tokio::test]
async fn events_ahead_of_connected_of_all_sockets_share_the_sessions_queue() {
    let server = narrow();
    let (chat, other) = (server.namespace("/"), server.namespace("/other"));
    let (opens, others) = (greeting(&chat, 20), greeting(&other, 20));
    let mut peer = Peer::greet(&server).await;
    let seats = server.namespace("/seats");
    peer.enter("/seats", Value::Null).await;
    peer.confirm().await;
    let socket = seats.sockets().pop().unwrap();
    peer.send_connect(Value::Null).await;
    peer.ping().await;
    assert!(!socket.is_closed());
    // Either alone would fit.
    peer.send_numbered(|seq| json!([16, seq, "/other", null]))
        .await;
    assert_eq!(peer.is_closed().await, 3600);
    assert!(!socket.is_closed(), "the session stays");
    opens.notify_one();
    others.notify_one();
}

#[tokio::test]
async fn events_ahead_of_a_refusal_are_discarded_and_counted() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on_connect(|socket: Socket| async move {
        socket.emit("hello", ())?;
        socket.emit("there", ())?;
        Err::<(), _>(Failure::new(4001, "no"))
    });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(Value::Null).await;
    assert_eq!(peer.receive().await[4], 4001);
    let stats = server.stats();
    assert_eq!((stats.discarded_events, stats.queued_bytes), (2, 0));
}

#[tokio::test]
async fn what_was_sent_what_was_dropped_and_what_was_lost_add_up() {
    let server = narrow();
    let (chat, ticker) = (server.namespace("/"), server.namespace("/ticker"));
    ticker.overflow(Overflow::DropOldest);
    let mut peer = Peer::connect(&server).await;
    peer.enter("/ticker", Value::Null).await;
    peer.confirm().await;
    peer.ping().await;
    chat.emit("fills", &"x".repeat(300)).unwrap();
    chat.emit("stays", ()).unwrap();
    flood(&ticker, "tick");
    // All that may be dropped makes room for it, which is not enough: it ends the session.
    chat.emit("ends", &"x".repeat(6_000)).unwrap();
    let stats = server.stats();
    assert_eq!(stats.sent.events, 1, "what waits was not sent: {stats:?}");
    let socket = chat.sockets().pop().unwrap();
    socket.closed().await;
    let stats = server.stats();
    assert_eq!(stats.sent.events, 1, "{stats:?}");
    assert_eq!(stats.lost_unconfirmed, 1, "{stats:?}");
    assert_eq!(
        (stats.dropped_events, stats.lost_queued),
        (1_000, 1),
        "{stats:?}"
    );
}

#[tokio::test]
async fn a_volatile_event_that_is_lost_with_its_connection_is_counted() {
    let server = Server::new();
    let _ = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    peer.confirm().await;
    peer.ping().await;
    {
        // It is taken, and at the turn's end more goes ahead of it than the connection holds.
        let _turn = Turn::enter();
        socket.volatile().emit("at", &1).unwrap();
        for _ in 0..10 {
            socket.emit("large", &"x".repeat(50_000)).unwrap();
        }
    }
    let mut peer = peer.resume(&server, 1).await;
    peer.expect("large").await;
    let stats = server.stats();
    assert_eq!(
        (
            stats.unsent_best_effort.not_connected,
            stats.sent.best_effort
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_sender_sees_what_waits_and_may_wait_for_it_to_leave() {
    let server = narrow();
    let _ = server.namespace("/");
    let (mut peer, socket) = silent(&server).await;
    assert_eq!((socket.queued_bytes(), socket.capacity()), (0, 2_000));
    socket.drained().await;
    let sender = {
        let socket = socket.clone();
        tokio::spawn(async move {
            for number in 0..200 {
                socket.emit_when_ready("tick", &number).await.unwrap();
                assert!(
                    socket.queued_bytes() <= 1_000 + 100,
                    "{}",
                    socket.queued_bytes()
                );
            }
            socket.drained().await;
        })
    };
    let heard = heard_until(&mut peer, 199).await;
    assert_eq!(
        heard,
        (0..200).collect::<Vec<_>>(),
        "nothing was lost, and nobody cut off"
    );
    sender.await.unwrap();
    assert_eq!(socket.queued_bytes(), 0);
}
