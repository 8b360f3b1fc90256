//! Namespaces that come and go, by pattern.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use trunkline_server::{
    AUTHENTICATION_LIMIT, Ack, Builder, Data, FAREWELL_LIMIT, Failure, FloodLimits, Limits,
    Namespaces, Params, Server, Socket, State,
};

use crate::peer::{Answer, Peer};

/// A server with one pattern that lets everybody in.
fn open_server() -> (Server, Namespaces) {
    let server = unhurried().build();
    let orgs = server.namespaces("/org/{id}");
    orgs.on("which", |Params(id): Params<u32>| async move { Ack(id) });
    (server, orgs)
}

/// Waits until no namespace of the pattern exists.
async fn gone(orgs: &Namespaces) {
    while orgs.count() > 0 {
        tokio::task::yield_now().await;
    }
}

/// A server that does not mind how often its clients ask: another limit is to be seen.
fn unhurried() -> Builder {
    Server::builder().flood_limits(FloodLimits::OFF)
}

#[tokio::test]
async fn a_namespace_exists_from_its_first_socket_to_its_last() {
    let (server, orgs) = open_server();
    assert_eq!(server.stats().namespaces, 0);
    let (mut ada, mut bob) = (Peer::greet(&server).await, Peer::greet(&server).await);
    assert!(orgs.get("/org/7").is_none());
    assert_eq!(ada.enter("/org/7", Value::Null).await[0], 17);
    assert_eq!(bob.enter("/org/7", Value::Null).await[0], 17);
    let seven = orgs.get("/org/7").unwrap();
    assert_eq!((seven.socket_count(), orgs.count()), (2, 1));
    assert_eq!(server.stats().namespaces, 1);
    seven.emit("hello", &1).unwrap();
    assert_eq!(ada.receive().await[2], "/org/7");
    assert_eq!(bob.receive().await[4], "hello");
    ada.quit("/org/7").await;
    ada.ping().await;
    assert_eq!((orgs.count(), orgs.all().len()), (1, 1));
    bob.quit("/org/7").await;
    bob.ping().await;
    assert!(orgs.get("/org/7").is_none());
    assert_eq!((orgs.count(), orgs.all().len()), (0, 0));
    assert_eq!(seven.socket_count(), 0, "a handle leads to an empty one");
    assert_eq!(ada.enter("/org/7", Value::Null).await[0], 17);
    assert_eq!(orgs.get("/org/7").unwrap().socket_count(), 1);
}

#[tokio::test]
async fn handlers_are_shared_and_read_the_parts_of_the_name() {
    let (server, orgs) = open_server();
    let pairs = server.namespaces("/team/{org}/{name}");
    pairs.on("which", |Params(pair): Params<(u32, String)>| async move {
        Ack(pair)
    });
    let mut peer = Peer::greet(&server).await;
    for (namespace, expected) in [
        ("/org/7", json!([7])),
        ("/org/8", json!([8])),
        ("/team/7/red", json!([[7, "red"]])),
    ] {
        assert_eq!(peer.enter(namespace, Value::Null).await[0], 17);
        let answer = peer.call_in(namespace, "which", json!([])).await;
        assert_eq!(answer, Answer::Acked(expected));
    }
    peer.call_in("/org/8", "nothing", json!([])).await;
    assert_eq!(orgs.unknown_events(), 1, "counted for all of the pattern");
}

#[tokio::test]
async fn a_name_that_does_not_fit_the_hook_or_any_pattern_is_unknown() {
    let server = Server::new();
    let orgs = server.namespaces("/org/{id}");
    orgs.on_connect(|Params(_): Params<u32>| async {});
    let mut peer = Peer::greet(&server).await;
    for name in ["/org/seven", "/org/", "/org", "/org/7/8", "/elsewhere"] {
        let answer = peer.enter(name, Value::Null).await;
        let unknown = (&json!(18), &json!(3004), &json!("unknown-namespace"));
        assert_eq!((&answer[0], &answer[4], &answer[5]), unknown, "{name}");
    }
    assert_eq!(orgs.count(), 0);
    assert_eq!(peer.enter("/org/7", Value::Null).await[0], 17);
}

#[tokio::test]
async fn a_namespace_made_by_name_goes_before_a_pattern() {
    let (server, orgs) = open_server();
    server
        .namespace("/org/1")
        .on("which", || async { Ack("made by name") });
    let mut peer = Peer::greet(&server).await;
    peer.enter("/org/1", Value::Null).await;
    let answer = peer.call_in("/org/1", "which", json!([])).await;
    assert_eq!(answer, Answer::Acked(json!(["made by name"])));
    assert_eq!(orgs.count(), 0);
}

#[tokio::test]
async fn a_namespace_does_not_exist_before_the_hook_let_somebody_in() {
    let (server, orgs) = open_server();
    let gate = Arc::new(Notify::new());
    let (began, mut begins) = mpsc::unbounded_channel();
    let opened = Arc::clone(&gate);
    orgs.on_connect(|socket: Socket, Data(welcome): Data<bool>| async move {
        socket.join("lobby")?;
        began.send(socket).unwrap();
        opened.notified().await;
        if !welcome {
            return Err(Failure::unauthorized("not a member"));
        }
        Ok(())
    });
    let (mut ada, mut bob) = (Peer::greet(&server).await, Peer::greet(&server).await);
    let entering = tokio::spawn(async move { (ada.enter("/org/7", json!(false)).await, ada) });
    let stranger = begins.recv().await.unwrap();
    assert_eq!((orgs.count(), orgs.all().len()), (0, 0));
    assert!(orgs.get("/org/7").is_none());
    let waiting = tokio::spawn(async move { (bob.enter("/org/7", json!(true)).await, bob) });
    let member = begins.recv().await.unwrap();
    assert_eq!(
        member.namespace().count_in("lobby"),
        2,
        "both wait in one namespace"
    );
    gate.notify_one();
    gate.notify_one();
    assert_eq!(entering.await.unwrap().0[4], 3002);
    let (connected, mut bob) = waiting.await.unwrap();
    assert_eq!(connected[0], 17);
    let seven = orgs.get("/org/7").unwrap();
    assert_eq!(seven.to("lobby").sockets(), [member]);
    assert!(stranger.rooms().is_empty());
    bob.quit("/org/7").await;
    gone(&orgs).await;
}

#[tokio::test]
async fn the_namespace_lives_until_its_last_farewell_is_said() {
    let (server, orgs) = open_server();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let (began, mut begins) = mpsc::unbounded_channel();
    orgs.on_disconnect(|| async move {
        began.send(()).unwrap();
        opened.notified().await;
    });
    let mut peer = Peer::greet(&server).await;
    peer.enter("/org/7", Value::Null).await;
    peer.quit("/org/7").await;
    begins.recv().await.unwrap();
    assert_eq!(orgs.get("/org/7").unwrap().socket_count(), 0);
    gate.notify_one();
    gone(&orgs).await;
}

#[tokio::test]
async fn one_namespace_too_many_is_refused_and_counted() {
    let (server, orgs) = open_server();
    orgs.limit(2);
    let left = Arc::new(AtomicU64::new(0));
    let farewells = Arc::clone(&left);
    orgs.on_disconnect(|| async move {
        farewells.fetch_add(1, Ordering::Relaxed);
    });
    let mut peer = Peer::greet(&server).await;
    for name in ["/org/1", "/org/2"] {
        assert_eq!(peer.enter(name, Value::Null).await[0], 17);
    }
    let refused = peer.enter("/org/3", Value::Null).await;
    assert_eq!(
        (&refused[4], &refused[5]),
        (&json!(3020), &json!("namespace-limit"))
    );
    let mut other = Peer::greet(&server).await;
    assert_eq!(other.enter("/org/2", Value::Null).await[0], 17, "it exists");
    assert_eq!((orgs.count(), orgs.refused()), (2, 1));
    assert_eq!(server.stats().refused_namespaces, 1);
    peer.quit("/org/1").await;
    while orgs.count() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        peer.enter("/org/3", Value::Null).await[0],
        17,
        "there is a place again"
    );
    assert_eq!(
        left.load(Ordering::Relaxed),
        1,
        "who was refused says no farewell"
    );
}

#[tokio::test]
async fn names_by_the_ten_thousand_leave_nothing_behind() {
    let limits = Limits {
        queue: 64 << 20,
        inbound: 64 << 20,
        ..Limits::default()
    };
    let server = unhurried().limits(limits).build();
    let orgs = server.namespaces("/org/{id}");
    orgs.on_connect(|| async { Err::<(), _>(Failure::unauthorized("nobody may")) });
    let mut peer = Peer::greet(&server).await;
    for number in 0..10_000 {
        let answer = peer.enter(&format!("/org/{number}"), Value::Null).await;
        assert_eq!(answer[4], 3002);
        let answer = peer.enter(&format!("/none/{number}"), Value::Null).await;
        assert_eq!(answer[4], 3004);
        if number % 100 == 0 {
            peer.confirm().await;
        }
    }
    assert_eq!((orgs.count(), server.stats().namespaces), (0, 0));
    assert!(format!("{orgs:?}").contains("claimed: 0"), "{orgs:?}");
}

#[tokio::test]
async fn a_storm_of_connects_beside_one_another_is_held_to_the_limit_of_the_session() {
    let (server, orgs) = open_server();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    orgs.on_connect(|| async move { opened.notified().await });
    let mut peer = Peer::greet(&server).await;
    for seq in 1..=1_000 {
        peer.send(json!([16, seq, format!("/org/{seq}"), null]))
            .await;
    }
    for _ in 0..1_000 - 64 {
        assert_eq!(
            peer.receive().await[4],
            3006,
            "the hooks of 64 are under way"
        );
    }
    gate.notify_waiters();
    for _ in 0..64 {
        assert_eq!(peer.receive().await[0], 17);
    }
    assert_eq!(orgs.count(), 64);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_ends_is_given_up_and_its_namespace_with_it() {
    let (server, orgs) = open_server();
    orgs.on_connect(std::future::pending::<()>);
    let mut peer = Peer::greet(&server).await;
    let begun = tokio::time::Instant::now();
    let refused = peer.enter("/org/7", Value::Null).await;
    assert_eq!((&refused[0], &refused[4]), (&json!(18), &json!(3011)));
    assert_eq!(begun.elapsed().as_secs(), AUTHENTICATION_LIMIT.as_secs());
    assert_eq!(server.stats().aborted_handlers, 1);
    assert!(format!("{orgs:?}").contains("claimed: 0"), "{orgs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_farewell_that_never_ends_is_given_up_and_its_namespace_with_it() {
    let (server, orgs) = open_server();
    orgs.on_disconnect(std::future::pending::<()>);
    let mut peer = Peer::greet(&server).await;
    peer.enter("/org/7", Value::Null).await;
    let socket = orgs.get("/org/7").unwrap().sockets().remove(0);
    socket.join("lobby").unwrap();
    peer.quit("/org/7").await;
    peer.ping().await;
    assert!(
        socket.is_closed() && socket.is_in("lobby"),
        "its farewell is not done"
    );
    tokio::time::advance(FAREWELL_LIMIT).await;
    gone(&orgs).await;
    assert!(socket.rooms().is_empty());
}

#[tokio::test]
async fn a_farewell_that_panics_leaves_no_namespace_behind() {
    let (server, orgs) = open_server();
    orgs.on_disconnect(|socket: Socket| async move {
        assert!(socket.rooms().is_empty(), "asked to");
    });
    orgs.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        Ok(())
    });
    let mut peer = Peer::greet(&server).await;
    peer.enter("/org/7", Value::Null).await;
    peer.quit("/org/7").await;
    peer.ping().await;
    gone(&orgs).await;
    assert_eq!(peer.enter("/org/7", Value::Null).await[0], 17);
}

#[tokio::test]
async fn a_hook_that_panics_leaves_no_namespace_behind() {
    let (server, orgs) = open_server();
    orgs.on_connect(|Params(id): Params<u32>| async move {
        assert!(id != 7, "not seven");
    });
    let mut peer = Peer::greet(&server).await;
    assert_eq!(peer.enter("/org/7", Value::Null).await[4], 3011);
    assert!(format!("{orgs:?}").contains("claimed: 0"), "{orgs:?}");
    assert_eq!(peer.enter("/org/8", Value::Null).await[0], 17);
}

#[tokio::test]
async fn data_the_peer_does_not_take_says_farewell_and_leaves_no_namespace_behind() {
    let (server, orgs) = open_server();
    orgs.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        Ok("x".repeat(2 << 20))
    });
    let (told, mut hears) = mpsc::unbounded_channel();
    orgs.on_disconnect(|socket: Socket| async move { told.send(socket.rooms().len()).unwrap() });
    let mut peer = Peer::greet(&server).await;
    assert_eq!(peer.enter("/org/7", Value::Null).await[4], 3011);
    assert_eq!(hears.recv().await, Some(1));
    gone(&orgs).await;
}

/// Enters and leaves one of a few namespaces, over and over.
async fn come_and_go(server: Server, rounds: u64, seed: u64) {
    let mut peer = Peer::greet(&server).await;
    for round in 0..rounds {
        let name = format!("/org/{}", (seed + round * round) % 3);
        let answer = peer.enter(&name, Value::Null).await;
        assert_eq!(answer[0], 17, "{answer}");
        let answer = peer.call_in(&name, "look", json!([])).await;
        assert_eq!(answer, Answer::Acked(json!(["here"])), "in {name}");
        peer.quit(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn comings_and_goings_at_once_leave_every_socket_in_the_one_namespace_of_its_name() {
    let server = unhurried().state(AtomicU64::new(0)).build();
    let orgs = server.namespaces("/org/{id}");
    orgs.on_connect(|socket: Socket, count: State<AtomicU64>| async move {
        if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        socket.join("lobby")?;
        Ok(())
    });
    let looked = orgs.clone();
    orgs.on("look", |socket: Socket| async move {
        let Some(own) = looked.get(socket.namespace().name()) else {
            return Ack("the namespace is gone");
        };
        let is_here =
            own.socket(socket.id()).is_some() && own.to("lobby").sockets().contains(&socket);
        Ack(if is_here {
            "here"
        } else {
            "another namespace has its name"
        })
    });
    let peers = (0..16).map(|seed| tokio::spawn(come_and_go(server.clone(), 300, seed)));
    for peer in peers.collect::<Vec<_>>() {
        peer.await.unwrap();
    }
    gone(&orgs).await;
    assert!(format!("{orgs:?}").contains("claimed: 0"), "{orgs:?}");
}

#[test]
#[should_panic(expected = "namespaces of pattern \"/org/{name}\"")]
fn patterns_that_conflict_panic_at_start_up() {
    let server = Server::new();
    let _ = server.namespaces("/org/{id}");
    let _ = server.namespaces("/org/{name}");
}

#[test]
#[should_panic(expected = "starts with \"/\"")]
fn a_pattern_starts_with_a_slash() {
    let _ = Server::new().namespaces("org/{id}");
}

#[test]
fn the_same_pattern_gives_the_same_namespaces() {
    let server = Server::new();
    server
        .namespaces("/org/{id}")
        .limit(5)
        .on("say", || async {});
    assert!(format!("{:?}", *server.namespaces("/org/{id}")).contains("events: 1"));
}
