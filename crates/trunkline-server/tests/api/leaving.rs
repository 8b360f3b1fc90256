//! What was to be sent by a socket that is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use trunkline_server::{FloodLimits, Limits, Server, Socket};

use crate::peer::Peer;

#[tokio::test]
async fn events_that_wait_for_a_client_that_left_are_discarded_and_counted() {
    let limits = Limits {
        replay: 200,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    socket.emit("fills", &"x".repeat(200)).unwrap();
    for number in 0..3 {
        socket.emit("waits", &number).unwrap();
    }
    peer.expect("fills").await;
    peer.send_disconnect().await;
    peer.send_connect(Value::Null).await;
    peer.ping().await;
    assert_eq!(server.stats().discarded_events, 3);
    peer.confirm().await;
    assert_eq!(
        peer.receive().await[0],
        17,
        "CONNECTED, and no event before it"
    );
    let next = chat.sockets().pop().unwrap();
    next.emit("of the next", ()).unwrap();
    peer.confirm().await;
    peer.expect("of the next").await;
}

#[tokio::test]
async fn events_that_wait_are_sent_before_a_disconnect_of_the_servers() {
    let limits = Limits {
        replay: 200,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    socket.emit("fills", &"x".repeat(200)).unwrap();
    socket.emit("waits", ()).unwrap();
    socket.disconnect("enough");
    peer.expect("fills").await;
    peer.confirm().await;
    peer.expect("waits").await;
    assert_eq!(peer.receive().await[0], 19, "DISCONNECT");
    assert_eq!(server.stats().discarded_events, 0);
}

#[tokio::test]
async fn a_socket_that_is_over_does_not_end_the_next_one() {
    let server = Server::new();
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    let old = chat.socket(&peer.socket_id).unwrap();
    peer.send_disconnect().await;
    peer.send_connect(Value::Null).await;
    assert_eq!(peer.receive().await[0], 17);
    old.disconnect("too late");
    peer.ping().await;
    assert!(old.is_closed());
    assert_eq!(chat.socket_count(), 1);
}

/// Emits on whichever socket there is, without a pause, and now and then ends it.
fn pesters(server: &Server, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<()>> {
    let emits = |ends: bool| {
        let (chat, stop) = (server.namespace("/"), Arc::clone(stop));
        std::thread::spawn(move || {
            let mut socket: Option<Socket> = None;
            while !stop.load(Ordering::Relaxed) {
                // The old one for as long as it takes what is emitted.
                let sent = socket
                    .as_ref()
                    .map(|socket| socket.emit("mine", &socket.id().to_string()));
                if !matches!(sent, Some(Ok(()))) {
                    socket = chat.sockets().pop();
                } else if ends && let Some(socket) = &socket {
                    socket.disconnect(socket.id());
                }
                std::thread::yield_now();
            }
        })
    };
    vec![emits(false), emits(false), emits(true)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_socket_follows_the_connected_of_the_next_one() {
    let server = Server::builder().flood_limits(FloodLimits::OFF).build();
    let stop = Arc::new(AtomicBool::new(false));
    let pesters = pesters(&server, &stop);
    let mut peer = Peer::connect(&server).await;
    let mut socket_id = Some(peer.socket_id.clone());
    let mut answers_due = 0;
    for _ in 0..3_000 {
        peer.send_disconnect().await;
        peer.send_connect(json!(null)).await;
        answers_due += 1;
        while answers_due > 0 {
            let frame = peer.receive().await;
            match frame[0].as_u64().unwrap() {
                17 => {
                    answers_due -= 1;
                    socket_id = Some(frame[4].as_str().unwrap().to_owned());
                }
                // Of the one that is being left, or of this one.
                19 => {
                    let of = frame[4].as_str().unwrap();
                    assert!(socket_id.is_none_or(|id| id == of), "{frame}");
                    socket_id = None;
                }
                20 => {
                    let of = frame[5][0].as_str().unwrap();
                    assert!(socket_id.as_deref().is_none_or(|id| id == of), "{frame}");
                }
                _ => panic!("{frame}"),
            }
        }
        peer.confirm().await;
    }
    stop.store(true, Ordering::Relaxed);
    for pester in pesters {
        pester.join().unwrap();
    }
}
