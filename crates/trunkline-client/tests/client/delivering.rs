//! Volatile events, and senders that want to know what waits.

use std::time::Duration;

use crate::support::*;
use tokio::time::timeout;
use trunkline_client::{Code, EmitError, Socket};
use trunkline_protocol::{Close, Frame};

fn spawn_drained(socket: &Socket) -> tokio::task::JoinHandle<()> {
    let socket = socket.clone();
    tokio::spawn(async move { socket.drained().await })
}

/// The name of the next best-effort event; others would be a mistake.
async fn next_datagram(peer: &mut Peer) -> String {
    loop {
        let receiver = &mut peer.connection.receiver;
        let message = std::future::poll_fn(|cx| receiver.poll_receive(cx)).await;
        let message = message.unwrap();
        match Frame::decode(trunkline_client::Encoding::MessagePack, &message.bytes).unwrap() {
            Frame::Datagram { event, .. } => return event.into_owned(),
            Frame::Ping { .. } | Frame::Pong { .. } | Frame::Received { .. } => {}
            Frame::Ignorable { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_leaves_at_once_or_not_at_all() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    socket.volatile().emit("too early", ()).unwrap();
    assert_eq!(client.stats().unsent_best_effort.not_connected, 1);
    let (socket, mut peer) = connect_narrowly(&client, &mut server).await;
    socket.volatile().emit("position", &1).unwrap();
    assert_eq!(next_datagram(&mut peer).await, "position");
    peer.cut();
    settle().await;
    socket.volatile().emit("in between", ()).unwrap();
    assert_eq!(client.stats().unsent_best_effort.not_connected, 2);
    assert_eq!(client.stats().queued_bytes, 0, "nothing keeps it");
    let mut peer = server.accept_resume(1).await;
    settle().await;
    socket.volatile().emit("position", &2).unwrap();
    assert_eq!(next_datagram(&mut peer).await, "position");
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_that_cannot_be_one_is_an_error() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let long = "x".repeat(2 << 20);
    let volatile = socket.volatile();
    assert!(matches!(volatile.emit("", ()), Err(EmitError::Name(_))));
    let large = volatile.emit("large", &long);
    assert!(
        matches!(large, Err(EmitError::TooLarge { .. })),
        "{large:?}"
    );
    socket.disconnect();
    assert_eq!(volatile.emit("left", ()), Err(EmitError::Disconnected));
    assert_eq!(client.stats().unsent_best_effort.total(), 0);
    let script = async {
        while !matches!(peer.next().await, Got::Close(_)) {}
        peer.close_transport(1000).await;
    };
    tokio::join!(client.close(), script);
    assert_eq!(volatile.emit("closed", ()), Err(EmitError::Closed));
}

#[tokio::test(start_paused = true)]
async fn what_waits_and_what_may_still_wait_can_be_seen() {
    let mut server = Server::new();
    let client = server.builder().queue_bytes(10_000).build().unwrap();
    let (socket, mut peer) = connect_narrowly(&client, &mut server).await;
    assert_eq!((socket.queued_bytes(), socket.capacity()), (0, 10_000));
    // The first fills the window by itself, the second waits.
    for _ in 0..2 {
        socket.emit("wide", &"x".repeat(600)).unwrap();
    }
    let queued = socket.queued_bytes();
    assert!((600..1_000).contains(&queued), "{queued}");
    assert_eq!(socket.capacity(), 10_000 - queued);
    // What waits for another socket counts in the same bound.
    client.socket("/other").emit("offline", ()).unwrap();
    assert!(socket.queued_bytes() > queued);
    peer.received(2).await;
    settle().await;
    assert!(socket.queued_bytes() < queued);
}

#[tokio::test(start_paused = true)]
async fn drained_waits_for_the_first_connection_and_for_the_servers_window() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    socket.drained().await;
    socket.emit("early", &"x".repeat(600)).unwrap();
    socket.emit("early too", &"x".repeat(600)).unwrap();
    let draining = spawn_drained(&socket);
    let (_, mut peer) = connect_narrowly(&client, &mut server).await;
    assert_eq!(peer.next_event().await.1, "early");
    settle().await;
    assert!(!draining.is_finished(), "the second waits for the window");
    peer.received(2).await;
    draining.await.unwrap();
    assert_eq!(peer.next_event().await.1, "early too");
}

#[tokio::test(start_paused = true)]
async fn drained_goes_on_over_a_lost_session_and_ends_with_the_client() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, peer) = connect(&client, &mut server).await;
    peer.cut();
    settle().await;
    socket.emit("waiting", ()).unwrap();
    let draining = spawn_drained(&socket);
    let mut peer = server.refuse_resume().await;
    settle().await;
    assert!(!draining.is_finished());
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "waiting");
    draining.await.unwrap();

    peer.close(Close::new(Code::new(1012), "back soon")).await;
    peer.close_transport(1012).await;
    settle().await;
    socket.emit("never", ()).unwrap();
    let draining = spawn_drained(&socket);
    settle().await;
    assert!(!draining.is_finished());
    client.abort();
    draining.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn drained_ends_with_a_client_that_never_connected() {
    let client = Server::new().client();
    let socket = client.socket("/");
    socket.emit("never", ()).unwrap();
    let (drained, ()) = tokio::join!(timeout(Duration::from_secs(1), socket.drained()), async {
        settle().await;
        client.close().await;
    });
    drained.unwrap();
}

#[tokio::test(start_paused = true)]
async fn leaving_the_socket_it_waits_for_ends_a_wait() {
    let server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    socket.emit("waiting", ()).unwrap();
    server.plan(vec![Dial::Hang; 9]);
    let (drained, connected, ()) = tokio::join!(
        timeout(Duration::from_secs(1), socket.drained()),
        socket.connect(),
        async {
            settle().await;
            socket.disconnect();
        }
    );
    drained.unwrap();
    connected.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_until_there_is_room_is_never_refused() {
    let mut server = Server::new();
    let client = server.builder().queue_bytes(4_000).build().unwrap();
    let (socket, mut peer) = connect_narrowly(&client, &mut server).await;
    let sending = tokio::spawn(async move {
        for number in 0..50_u32 {
            let args = trunkline_client::Args((number, "x".repeat(600)));
            socket.emit_when_ready("wide", args).await.unwrap();
            assert!(socket.queued_bytes() <= 2_000 + 1_000);
        }
    });
    settle().await;
    assert!(!sending.is_finished());
    for seq in 2..52 {
        let Got::Event { seq: found, .. } = peer.next().await else {
            panic!("an event")
        };
        assert_eq!(found, seq);
        peer.received(seq).await;
    }
    sending.await.unwrap();
    assert_eq!(client.stats().emits_refused, 0);
}
