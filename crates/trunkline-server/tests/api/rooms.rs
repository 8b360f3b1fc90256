//! Rooms, and events to many sockets.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use trunkline_netem::Seed;
use trunkline_server::{Data, EmitError, JoinError, Limits, Namespace, Server, Socket};

use crate::peer::{Answer, Peer};

async fn crowd<const N: usize>(server: &Server) -> [(Peer, Socket); N] {
    let chat = server.namespace("/");
    let mut crowd = Vec::new();
    for _ in 0..N {
        let peer = Peer::connect(server).await;
        let socket = chat.socket(&peer.socket_id).unwrap();
        crowd.push((peer, socket));
    }
    crowd.try_into().ok().unwrap()
}

/// The events each has got, by sending all a last one.
async fn heard<const N: usize>(
    chat: &Namespace,
    crowd: &mut [(Peer, Socket); N],
) -> Vec<Vec<String>> {
    chat.emit("end", ()).unwrap();
    let mut heard = Vec::new();
    for (peer, _) in crowd {
        let mut events = Vec::new();
        loop {
            let frame = peer.receive().await;
            let event = frame[4].as_str().unwrap();
            if event == "end" {
                break;
            }
            events.push(event.to_owned());
        }
        heard.push(events);
    }
    heard
}

#[tokio::test]
async fn each_addressing_reaches_whom_it_says_once() {
    let server = Server::new();
    let chat = server.namespace("/");
    let mut crowd = crowd::<4>(&server).await;
    let [ada, bob, cyd, _dan] = crowd.each_ref().map(|(_, socket)| socket.clone());
    for socket in [&ada, &bob] {
        socket.join("a").unwrap();
    }
    for socket in [&bob, &cyd] {
        socket.join("b").unwrap();
    }
    ada.to("a").emit("to", ()).unwrap();
    ada.within("a").emit("within", ()).unwrap();
    ada.to("a").to("b").emit("both", ()).unwrap();
    ada.within("a").to("b").emit("all-of-both", ()).unwrap();
    ada.broadcast().emit("broadcast", ()).unwrap();
    ada.except("b").emit("except", ()).unwrap();
    chat.to("a").except("b").emit("only-a", ()).unwrap();
    chat.except("a").emit("not-a", ()).unwrap();
    chat.to("nobody").emit("nobody", ()).unwrap();
    chat.emit("everyone", ()).unwrap();
    let heard = heard(&chat, &mut crowd).await;
    assert_eq!(heard[0], ["within", "all-of-both", "only-a", "everyone"]);
    assert_eq!(
        heard[1],
        [
            "to",
            "within",
            "both",
            "all-of-both",
            "broadcast",
            "everyone"
        ]
    );
    assert_eq!(
        heard[2],
        ["both", "all-of-both", "broadcast", "not-a", "everyone"]
    );
    assert_eq!(heard[3], ["broadcast", "except", "not-a", "everyone"]);
}

#[tokio::test]
async fn rooms_and_members_know_of_each_other() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(_ada_peer, ada), (_bob_peer, bob)] = crowd::<2>(&server).await;
    assert!(ada.join("a").unwrap());
    assert!(!ada.join("a").unwrap(), "it is in it already");
    assert!(ada.join("b").unwrap() && bob.join("b").unwrap());
    let mut rooms = ada.rooms();
    rooms.sort();
    assert_eq!(rooms, ["a", "b"]);
    assert!(ada.is_in("a") && !bob.is_in("a"));
    assert_eq!(
        (chat.count_in("b"), chat.count_in("c"), chat.room_count()),
        (2, 0, 2)
    );
    assert_eq!(chat.to("a").sockets(), std::slice::from_ref(&ada));
    assert_eq!(ada.to("b").sockets(), std::slice::from_ref(&bob));
    assert!(ada.leave("b") && !ada.leave("b"));
    assert!(bob.leave("b"));
    assert_eq!(chat.rooms(), ["a"]);
    assert_eq!(chat.sockets().len(), 2);
}

#[tokio::test]
async fn a_socket_is_in_a_limited_number_of_rooms() {
    let limits = Limits {
        rooms: 2,
        ..Default::default()
    };
    let server = Server::builder().limits(limits).build();
    let [(_peer, ada)] = crowd::<1>(&server).await;
    ada.join("a").unwrap();
    ada.join("b").unwrap();
    assert_eq!(ada.join("a"), Ok(false), "it is in it already");
    assert_eq!(ada.join("c"), Err(JoinError::TooManyRooms { limit: 2 }));
    assert!(matches!(ada.join(""), Err(JoinError::InvalidName(_))));
    ada.leave("a");
    assert_eq!(ada.join("c"), Ok(true));
}

#[tokio::test]
async fn an_emitter_tells_only_what_concerns_all() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(_peer, ada), (mut other, bob)] = crowd::<2>(&server).await;
    assert!(matches!(
        chat.to("").emit("x", ()),
        Err(EmitError::InvalidName(_))
    ));
    assert!(matches!(chat.emit("", ()), Err(EmitError::InvalidName(_))));
    ada.join("a").unwrap();
    bob.join("a").unwrap();
    ada.disconnect("gone");
    chat.to("a").emit("still", &1).unwrap();
    assert_eq!(other.expect("still").await, json!([1]));
}

#[tokio::test]
async fn a_member_that_overflows_ends_alone() {
    let limits = Limits {
        replay: 10_000,
        queue: 20_000,
        ..Default::default()
    };
    let server = Server::builder().limits(limits).build();
    let chat = server.namespace("/");
    let [(silent, ada), (mut reading, bob)] = crowd::<2>(&server).await;
    ada.join("a").unwrap();
    bob.join("a").unwrap();
    let text = "x".repeat(5_000);
    for _ in 0..100 {
        chat.to("a").emit("line", &text).unwrap();
        assert_eq!(reading.expect("line").await, json!([text]));
        reading.confirm().await;
        reading.ping().await;
    }
    ada.closed().await;
    assert_eq!(chat.to("a").sockets(), [bob]);
    drop(silent);
}

/// Joins, leaves and looks, as the seed says.
fn mill_about(chat: &Namespace, socket: &Socket, rooms: &[&str], seed: Seed) {
    let mut random = seed.rng();
    for _ in 0..500 {
        let room = *random.pick(rooms);
        match random.below(5) {
            0 | 1 => {
                socket.join(room).unwrap();
                assert!(
                    chat.to(room).sockets().contains(socket),
                    "lost in {room}, seed {seed}"
                );
            }
            2 | 3 => {
                socket.leave(room);
                assert!(
                    !chat.to(room).sockets().contains(socket),
                    "still in {room}, seed {seed}"
                );
            }
            _ => assert!(chat.to(room).sockets().len() <= 8),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_leaving_and_emitting_at_once_leave_rooms_and_members_agreeing() {
    let server = Server::new();
    let chat = server.namespace("/");
    let crowd = crowd::<8>(&server).await;
    for seed in (0..100).map(Seed::new) {
        // Few sockets in one room empty it often, which is where a room may get lost.
        let mut random = seed.rng();
        let members = &crowd[..2 + random.index(7)];
        let rooms = &["a", "b", "c"][..1 + random.index(3)];
        std::thread::scope(|scope| {
            for (number, (_, socket)) in (0..).zip(members) {
                let chat = &chat;
                scope.spawn(move || mill_about(chat, socket, rooms, seed.part(number)));
            }
        });
        for room in rooms {
            let listed = chat.to(room).sockets();
            let listed: HashSet<_> = listed.iter().map(|socket| socket.id().clone()).collect();
            let inside = crowd.iter().filter(|(_, socket)| socket.is_in(room));
            let inside: HashSet<_> = inside.map(|(_, socket)| socket.id().clone()).collect();
            assert_eq!(listed, inside, "room {room}, seed {seed}");
            let is_there = chat.rooms().iter().any(|name| name == room);
            assert_eq!(is_there, !inside.is_empty(), "room {room}, seed {seed}");
        }
        for (_, socket) in &crowd {
            for room in rooms {
                socket.leave(room);
            }
        }
        assert_eq!(chat.room_count(), 0, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_between_joining_in_on_connect_and_being_connected() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        tokio::task::yield_now().await;
        Ok(())
    });
    let over = Arc::new(AtomicBool::new(false));
    let ticking = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            for number in 0_u64.. {
                let last = over.load(Ordering::Relaxed);
                chat.to("lobby").emit("tick", &(number, last)).unwrap();
                if last {
                    return;
                }
                // Nobody reads in between: leave them room.
                std::thread::yield_now();
            }
        }
    });
    let mut peers = Vec::new();
    for _ in 0..100 {
        peers.push(tokio::spawn({
            let server = server.clone();
            async move {
                let mut peer = Peer::connect(&server).await;
                let first = peer.expect("tick").await[0][0].as_u64().unwrap();
                for number in first + 1..first + 20 {
                    assert_eq!(peer.expect("tick").await[0][0], number);
                }
            }
        }));
    }
    for peer in peers {
        peer.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    ticking.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_thread_may_emit_and_disconnect() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (left, mut leaves) = tokio::sync::mpsc::unbounded_channel();
    chat.on_disconnect(|socket: Socket| async move {
        tokio::task::yield_now().await;
        left.send(socket).unwrap();
    });
    let [(mut peer, ada)] = crowd::<1>(&server).await;
    let thread = std::thread::spawn({
        let ada = ada.clone();
        move || {
            chat.emit("all", &1).unwrap();
            ada.emit("one", &2).unwrap();
            ada.disconnect("enough");
        }
    });
    assert_eq!(peer.expect("all").await, json!([1]));
    assert_eq!(peer.expect("one").await, json!([2]));
    assert_eq!(peer.receive().await[0], 19);
    assert_eq!(leaves.recv().await, Some(ada));
    thread.join().unwrap();
}

#[tokio::test]
async fn a_best_effort_event_runs_its_handler() {
    let server = Server::new();
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    server
        .namespace("/")
        .on("move", |Data(place): Data<u8>| async move {
            told.send(place).unwrap();
        });
    let mut peer = Peer::connect(&server).await;
    peer.send(json!([32, null, "move", [7]])).await;
    peer.send(json!([32, null, "unknown", [8]])).await;
    peer.send(json!([33, null, "move", "key", 1, [9]])).await;
    assert_eq!(hears.recv().await, Some(7));
    assert_eq!(hears.recv().await, Some(9));
}

#[tokio::test]
async fn best_effort_events_that_go_nowhere_are_counted_and_end_nothing() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("move", || async {});
    let mut peer = Peer::connect(&server).await;
    peer.send(json!([32, "/elsewhere", "move", [7]])).await;
    peer.send(json!([32, null, "move", [{"$odd": 1}]])).await;
    peer.send(json!([32, null, "unknown", []])).await;
    assert_eq!(peer.call("move", json!([])).await, Answer::Acked(json!([])));
    let ignored = server.stats().ignored_best_effort;
    assert_eq!((ignored.not_connected, ignored.malformed), (1, 1));
    assert_eq!((ignored.unknown_event, ignored.total()), (1, 3));
}

#[tokio::test]
async fn best_effort_events_ahead_of_connected_are_counted_and_do_not_run() {
    let server = Server::new();
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let chat = server.namespace("/");
    chat.on_connect(|| async move {
        opened.notified().await;
        Ok::<_, trunkline_server::Failure>(())
    });
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    chat.on("move", |Data(number): Data<i64>| async move {
        told.send(number).unwrap()
    });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(json!(null)).await;
    peer.send(json!([32, null, "move", [7]])).await;
    peer.send(json!([33, null, "move", "key", 1, [8]])).await;
    peer.ping().await;
    assert_eq!(server.stats().ignored_best_effort.not_connected, 2);
    gate.notify_one();
    assert_eq!(peer.receive().await[0], 17);
    peer.send(json!([32, null, "move", [9]])).await;
    assert_eq!(hears.recv().await, Some(9), "neither 7 nor 8 has run");
    assert_eq!(server.stats().ignored_best_effort.not_connected, 2);
}

/// ENC-009: the table of versions stays as it was. Otherwise one poisoned frame would silence its key.
#[tokio::test]
async fn a_latest_that_is_not_taken_makes_no_later_one_stale() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    chat.on("move", |Data(number): Data<i64>| async move {
        told.send(number).unwrap()
    });
    let mut peer = Peer::greet(&server).await;
    peer.send(json!([33, null, "move", "key", 9, [1]])).await;
    peer.send_connect(json!(null)).await;
    assert_eq!(peer.receive().await[0], 17);
    peer.send(json!([33, null, "move", "key", 8, [{"$odd": 1}]]))
        .await;
    peer.send(json!([33, null, "move", "key", 2, [7]])).await;
    peer.ping().await;
    let stats = server.stats();
    let ignored = stats.ignored_best_effort;
    assert_eq!(
        (ignored.not_connected, ignored.malformed, ignored.stale),
        (1, 1, 0)
    );
    assert_eq!(hears.recv().await, Some(7));
}

#[tokio::test]
async fn stale_latest_events_are_counted_for_sessions_that_live_and_that_ended() {
    let server = Server::new();
    server.namespace("/").on("move", || async {});
    let mut gone = Peer::connect(&server).await;
    let mut here = Peer::connect(&server).await;
    for (peer, stale) in [(&mut gone, 2), (&mut here, 3)] {
        for _ in 0..=stale {
            peer.send(json!([33, null, "move", "key", 1, []])).await;
        }
        peer.ping().await;
    }
    assert_eq!(server.stats().ignored_best_effort.stale, 5);
    gone.send(json!([6, {"code": 1000, "reason": "bye"}])).await;
    while server.stats().sessions > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.stats().ignored_best_effort.stale, 5);
}
