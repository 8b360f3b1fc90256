//! Events that are emitted before their socket is connected: each is delivered, or told once.

use std::sync::{Arc, Mutex};

use crate::support::*;
use trunkline_client::{
    AckError, Client, Code, DropReason, EmitError, EventsDropped, Limits, SessionLost, Socket,
};
use trunkline_protocol::{Close, Prepared, Value};

/// What hooks were told, in order: by which, why, and of which events.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Report>>>);

/// Why, and which events.
type Report = (String, Vec<String>);

impl Told {
    fn by(client: &Client) -> Self {
        let told = Self::default();
        let (lost, dropped) = (told.clone(), told.clone());
        client.on_session_lost(move |SessionLost { reason, events, .. }| {
            let unsent = events.iter().filter(|event| !event.sent);
            let names = unsent.map(|event| event.event.to_string()).collect();
            lost.note(format!("lost: {reason:?}"), names);
            async {}
        });
        client.on_events_dropped(move |EventsDropped { reason, events, .. }| {
            assert!(events.iter().all(|event| !event.sent && !event.resent));
            let names = events.iter().map(|event| event.event.to_string()).collect();
            dropped.note(format!("{reason:?}"), names);
            async {}
        });
        told
    }

    fn note(&self, why: String, names: Vec<String>) {
        if !names.is_empty() {
            self.0.lock().unwrap().push((why, names));
        }
    }

    fn taken(&self) -> Vec<Report> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn told(why: impl std::fmt::Debug, names: &[&str]) -> Vec<Report> {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    vec![(format!("{why:?}"), names)]
}

async fn refuse(peer: &mut Peer, code: Code) {
    let Got::Connect { seq, namespace, .. } = peer.next().await else {
        panic!("CONNECT")
    };
    let name = trunkline_protocol::NamespaceName::try_from(&*namespace).unwrap();
    let frame = Prepared::refused(&name, seq, code, "not you", &Value::nil());
    peer.push(&frame).await;
}

#[tokio::test(start_paused = true)]
async fn events_emitted_while_connected_is_awaited_follow_it_in_order_and_once() {
    let mut server = Server::new();
    let client = server.client();
    let told = Told::by(&client);
    let socket = client.socket("/");
    socket.emit("before the dial", ()).unwrap();
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        socket.emit("before WELCOME", ()).unwrap();
        peer.welcome(fresh("session-1")).await;
        settle().await;
        socket.emit("before CONNECTED", ()).unwrap();
        settle().await;
        let stats = client.stats();
        assert_eq!(stats.queued_events, 3);
        peer.attach("/").await;
        socket.emit("after", ()).unwrap();
        peer
    };
    let (connected, mut peer) = tokio::join!(socket.connect(), script);
    connected.unwrap();
    for (seq, name) in [
        (2, "before the dial"),
        (3, "before WELCOME"),
        (4, "before CONNECTED"),
        (5, "after"),
    ] {
        assert_eq!(peer.next_event().await, (seq, name.to_owned(), None));
    }
    peer.received(5).await;
    settle().await;
    assert_eq!(told.taken(), []);
    assert_eq!(
        (client.stats().queued_events, client.stats().events_dropped),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_namespace_that_is_refused_is_told_once() {
    let mut server = Server::new();
    let client = server.client();
    let told_events = Told::by(&client);
    let socket = client.socket("/vip");
    socket.emit("first", &1).unwrap();
    let asking = socket.emit_with_ack::<(), _>("asked", ());
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.welcome(fresh("session-1")).await;
        refuse(&mut peer, Code::UNAUTHORIZED).await;
        peer
    };
    let (connected, asked, mut peer) = tokio::join!(socket.connect(), asking, script);
    connected.unwrap_err();
    assert_eq!(asked, Err(AckError::Disconnected));
    settle().await;
    let expected = told(DropReason::Refused(Code::UNAUTHORIZED), &["first", "asked"]);
    assert_eq!(told_events.taken(), expected);
    let stats = client.stats();
    assert_eq!(
        (stats.events_dropped, stats.queued_bytes, stats.pending_acks),
        (2, 0, 0)
    );
    assert_eq!(socket.emit("late", ()), Err(EmitError::Disconnected));
    // What was dropped does not come back with the next connect.
    let (connected, _) = tokio::join!(socket.connect(), peer.attach("/vip"));
    connected.unwrap();
    socket.emit("now", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "now");
    assert_eq!(told_events.taken(), []);
}

#[tokio::test(start_paused = true)]
async fn what_turns_out_too_large_is_told_once_and_the_rest_is_sent() {
    let mut server = Server::new();
    let client = server.client();
    let told_events = Told::by(&client);
    let socket = client.socket("/");
    socket.emit("small", ()).unwrap();
    socket.emit("large", &"x".repeat(3_000)).unwrap();
    socket.emit("small too", ()).unwrap();
    let limits = Limits {
        frame: 2_000,
        ..Limits::default()
    };
    let (_socket, mut peer) = connect_within(&client, &mut server, limits).await;
    assert_eq!(peer.next_event().await.1, "small");
    assert_eq!(peer.next_event().await.1, "small too");
    settle().await;
    let [(reason, names)] = &told_events.taken()[..] else {
        panic!("one report")
    };
    assert!(reason.starts_with("NotTaken(TooLarge"), "{reason}");
    assert_eq!(names[..], ["large".to_owned()]);
    assert_eq!(client.stats().events_dropped, 1);
}

/// Emits, while the socket is attached again in a fresh session, what waits there.
async fn reattaching(client: &Client, server: &mut Server) -> (Socket, Peer) {
    let (socket, mut peer) = connect(client, server).await;
    peer.received(1).await;
    settle().await;
    peer.cut();
    settle().await;
    socket.emit("offline", ()).unwrap();
    let peer = server.refuse_resume().await;
    settle().await;
    socket.emit("reattaching", ()).unwrap();
    (socket, peer)
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_reattachment_follows_it_or_is_told_when_it_is_refused() {
    for accepted in [true, false] {
        let mut server = Server::new();
        let client = server.client();
        let told_events = Told::by(&client);
        let (_socket, mut peer) = reattaching(&client, &mut server).await;
        if accepted {
            peer.attach("/").await;
            for name in ["offline", "reattaching"] {
                assert_eq!(peer.next_event().await.1, name);
            }
            assert_eq!(told_events.taken(), []);
            continue;
        }
        refuse(&mut peer, Code::UNAUTHORIZED).await;
        settle().await;
        let expected = told(
            DropReason::Refused(Code::UNAUTHORIZED),
            &["offline", "reattaching"],
        );
        assert_eq!(told_events.taken(), expected);
        assert_eq!(client.stats().events_dropped, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_hook_is_told_when_the_server_disconnects_meanwhile() {
    let mut server = Server::new();
    let client = server.client();
    let told_events = Told::by(&client);
    let gate = Arc::new(tokio::sync::Notify::new());
    let waits = gate.clone();
    client.socket("/").on_reattach(move |_| {
        let waits = waits.clone();
        async move { waits.notified().await }
    });
    let (_socket, mut peer) = reattaching(&client, &mut server).await;
    peer.attach("/").await;
    let kicked = Prepared::disconnect(&namespace("/"), Code::UNAUTHORIZED, "out");
    peer.push(&kicked).await;
    settle().await;
    gate.notify_one();
    settle().await;
    let expected = told(
        DropReason::Disconnected(Code::UNAUTHORIZED),
        &["offline", "reattaching"],
    );
    assert_eq!(told_events.taken(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_had_left_without_a_receipt_is_told_as_unknown_when_the_server_disconnects() {
    let mut server = Server::new();
    let client = server.client();
    let (dropped, mut drops) = tokio::sync::mpsc::unbounded_channel();
    client.on_events_dropped(move |EventsDropped { reason, events, .. }| {
        let events = events.into_iter();
        let events: Vec<_> = events.map(|it| (it.event.to_string(), it.sent)).collect();
        dropped.send((reason, events)).unwrap();
        async {}
    });
    // The window is full after the second.
    let (socket, mut peer) = connect_narrowly(&client, &mut server).await;
    let large = "x".repeat(20_000);
    socket.emit("confirmed", ()).unwrap();
    let (confirmed, ..) = peer.next_event().await;
    peer.received(confirmed).await;
    settle().await;
    socket.emit("unknown", &large).unwrap();
    socket.emit("unsent", &large).unwrap();
    peer.next_event().await;
    let kicked = Prepared::disconnect(&namespace("/"), Code::UNAUTHORIZED, "out");
    peer.push(&kicked).await;
    let (reason, events) = drops.recv().await.unwrap();
    assert_eq!(reason, DropReason::Disconnected(Code::UNAUTHORIZED));
    let expected = [("unknown".to_owned(), true), ("unsent".to_owned(), false)];
    assert_eq!(events, expected);
    assert_eq!(client.stats().events_dropped, 1);
    assert_eq!(client.stats().queued_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_lost_before_connected_keeps_what_waits_for_the_next_one() {
    let mut server = Server::new();
    let client = server.client();
    let told_events = Told::by(&client);
    let (_socket, peer) = reattaching(&client, &mut server).await;
    // Cut ahead of CONNECTED, and refused again: nothing had left.
    peer.cut();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    for name in ["offline", "reattaching"] {
        assert_eq!(peer.next_event().await.1, name);
    }
    settle().await;
    assert_eq!(told_events.taken(), []);
    assert_eq!(client.stats().events_dropped, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waited_in_a_session_that_is_lost_is_told_if_its_socket_was_left() {
    let mut server = Server::new();
    let client = server.client();
    let told_events = Told::by(&client);
    let other = client.socket("/other");
    let (_socket, peer) = connect(&client, &mut server).await;
    let mut peer = peer;
    let (connected, _) = tokio::join!(other.connect(), peer.attach("/other"));
    connected.unwrap();
    peer.cut();
    settle().await;
    other.emit("left behind", ()).unwrap();
    other.disconnect();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    settle().await;
    let lost = told_events.taken();
    let [(reason, names)] = &lost[..] else {
        panic!("{lost:?}")
    };
    assert!(reason.starts_with("lost: NotResumed"), "{reason}");
    assert_eq!(names[..], ["left behind".to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ends_before_connected_tells_what_waited_and_one_that_is_closed_does_not() {
    let mut server = Server::new();
    let client = server.client();
    let told_events = Told::by(&client);
    let socket = client.socket("/");
    socket.emit("early", ()).unwrap();
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.close(Close::new(Code::UNAUTHORIZED, "who are you"))
            .await;
        peer.close_transport(3000).await;
    };
    let (connected, ()) = tokio::join!(socket.connect(), script);
    connected.unwrap_err();
    settle().await;
    let [(reason, names)] = &told_events.taken()[..] else {
        panic!("one report")
    };
    assert!(reason.starts_with("lost: Ended"), "{reason}");
    assert_eq!(names[..], ["early".to_owned()]);

    let client = server.client();
    let told_events = Told::by(&client);
    client.socket("/").emit("early", ()).unwrap();
    client.close().await;
    settle().await;
    assert_eq!(told_events.taken(), []);
}

#[tokio::test(start_paused = true)]
async fn content_deeper_than_this_side_takes_is_told_too() {
    let mut server = Server::new();
    let limits = Limits {
        depth: 4,
        ..Limits::default()
    };
    let client = server.builder().limits(limits).build().unwrap();
    let told_events = Told::by(&client);
    let socket = client.socket("/");
    let deep = [[[[[[[[1]]]]]]]];
    socket.emit("deep", &deep).unwrap();
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.welcome(fresh("session-1")).await;
        refuse(&mut peer, Code::UNAUTHORIZED).await;
    };
    let (connected, ()) = tokio::join!(socket.connect(), script);
    connected.unwrap_err();
    settle().await;
    assert_eq!(told_events.taken().len(), 1);
}
