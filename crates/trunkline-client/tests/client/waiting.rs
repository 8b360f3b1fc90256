//! What waits while there is no connection, and what does not fit.

use crate::support::*;
use trunkline_client::{AckError, Client, Code, EmitError, Limits, Socket};
use trunkline_protocol::Close;

#[tokio::test(start_paused = true)]
async fn the_queue_of_an_unconnected_socket_is_bounded_in_bytes() {
    let mut server = Server::new();
    let client = server.builder().queue_bytes(1_000).build().unwrap();
    let (socket, other) = (client.socket("/"), client.socket("/other"));
    let args = "x".repeat(300);
    socket.emit("first", &args).unwrap();
    other.emit("second", &args).unwrap();
    let full = other.emit("third", &"x".repeat(500));
    let Err(EmitError::QueueFull {
        queued,
        limit: 1_000,
    }) = full
    else {
        panic!("{full:?}")
    };
    assert!((600..1_000).contains(&queued), "{queued}");
    let asked = socket
        .emit_with_ack::<(), _>("fourth", &"x".repeat(500))
        .await;
    assert!(
        matches!(asked, Err(AckError::Emit(EmitError::QueueFull { .. }))),
        "{asked:?}"
    );
    let (connected, mut peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    assert_eq!(peer.next_event().await.1, "first");
    socket.emit("room again", &"x".repeat(500)).unwrap();
    assert_eq!(peer.next_event().await.1, "room again");
}

#[tokio::test(start_paused = true)]
async fn the_queue_of_a_session_without_a_connection_has_the_same_bound() {
    let mut server = Server::new();
    let client = server.builder().queue_bytes(1_000).build().unwrap();
    let (socket, peer) = connect(&client, &mut server).await;
    peer.cut();
    settle().await;
    let args = "x".repeat(250);
    for _ in 0..3 {
        socket.emit("waits", &args).unwrap();
    }
    assert!(matches!(
        socket.emit("no", &args),
        Err(EmitError::QueueFull { limit: 1_000, .. })
    ));
    let mut peer = server.accept_resume(1).await;
    for _ in 0..3 {
        assert_eq!(peer.next_event().await.1, "waits");
    }
    socket.emit("room again", &args).unwrap();
    assert_eq!(peer.next_event().await.1, "room again");
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_in_events_before_the_first_connect_and_without_a_connection() {
    let mut server = Server::new();
    let client = server.builder().queue_events(2).build().unwrap();
    let socket = client.socket("/");
    let full = Err(EmitError::QueueLong {
        queued: 2,
        limit: 2,
    });
    for event in ["first", "second"] {
        socket.emit(event, ()).unwrap();
    }
    assert_eq!(socket.emit("no", ()), full);
    let asked = socket.emit_with_ack::<(), _>("no", ()).await;
    assert_eq!(asked, Err(AckError::Emit(full.clone().unwrap_err())));
    let stats = client.stats();
    assert_eq!((stats.queued_events, stats.emits_refused), (2, 2));
    assert!(stats.queued_bytes > 2 * 64, "{stats:?}");

    let (connected, mut peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    for event in ["first", "second"] {
        assert_eq!(peer.next_event().await.1, event);
    }
    peer.received(3).await;
    settle().await;
    peer.cut();
    settle().await;
    for event in ["third", "fourth"] {
        socket.emit(event, ()).unwrap();
    }
    assert_eq!(socket.emit("no", ()), full);
    let mut peer = server.accept_resume(3).await;
    for event in ["third", "fourth"] {
        assert_eq!(peer.next_event().await.1, event);
    }
    assert_eq!(client.stats().queued_events, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_queue_refuses_what_no_connection_can_have() {
    let mut server = Server::new();
    let client = server.builder().queue_offline(false).build().unwrap();
    let socket = client.socket("/");
    assert_eq!(socket.emit("early", ()), Err(EmitError::Offline));
    let (connected, mut peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    socket.emit("under way", ()).unwrap();
    settle().await;
    peer.cut();
    settle().await;
    assert_eq!(socket.emit("between", ()), Err(EmitError::Offline));
    let asked = socket.emit_with_ack::<(), _>("between", ()).await;
    assert_eq!(asked, Err(AckError::Emit(EmitError::Offline)));
    // What was taken is kept: the session goes on.
    peer = server.accept_resume(1).await;
    assert_eq!(peer.next_event().await.1, "under way");
    settle().await;
    socket.emit("again", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "again");
    assert_eq!(client.stats().emits_refused, 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_queue_lets_its_hook_emit_before_the_socket_is_open() {
    let mut server = Server::new();
    let client = server.builder().queue_offline(false).build().unwrap();
    let (socket, peer) = connect(&client, &mut server).await;
    let (open, gate) = tokio::sync::oneshot::channel::<()>();
    let gate = std::sync::Mutex::new(Some(gate));
    socket.on_reattach(move |socket: Socket| {
        let gate = gate.lock().unwrap().take();
        async move {
            socket.emit("join", "lobby").unwrap();
            if let Some(gate) = gate {
                let _ = gate.await;
            }
        }
    });
    peer.cut();
    let mut peer = server.refuse_resume().await;
    settle().await;
    assert_eq!(socket.emit("too early", ()), Err(EmitError::Offline));
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "join");
    assert_eq!(socket.emit("too early", ()), Err(EmitError::Offline));
    open.send(()).unwrap();
    settle().await;
    socket.emit("then", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "then");
}

#[tokio::test(start_paused = true)]
async fn what_a_client_has_done_is_counted() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let late = socket
        .emit_with_ack::<(), _>("late", ())
        .timeout(PING_TIMEOUT / 2);
    assert_eq!(late.await, Err(AckError::Timeout));
    let (_, _, ack) = peer.next_event().await;
    peer.ack(ack, ()).await;
    settle().await;
    peer.cut();
    peer = server.accept_resume(2).await;
    settle().await;
    peer.close(Close::new(Code::OVERFLOW, "too much")).await;
    peer.close_transport(3201).await;
    let _peer = server.accept_fresh().await;
    settle().await;
    let stats = client.stats();
    assert_eq!((stats.dials, stats.connections), (3, 3));
    assert_eq!((stats.resumed, stats.sessions_lost), (1, 1));
    assert_eq!((stats.acks_ignored, stats.pending_acks), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_servers_window_holds_events_back_and_its_receipts_let_them_go() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    let limits = Limits {
        inbound: 1_000,
        ..Limits::default()
    };
    let (_socket, mut peer) = connect_within(&client, &mut server, limits).await;
    // Each fills the window by itself.
    for _ in 0..3 {
        socket.emit("wide", &"x".repeat(1_100)).unwrap();
    }
    for seq in [2, 3] {
        assert_eq!(peer.next_event().await.0, seq);
        let early = tokio::time::timeout(PING_TIMEOUT / 4, peer.next()).await;
        assert!(early.is_err(), "{early:?}");
        peer.received(seq).await;
    }
    assert_eq!(peer.next_event().await.0, 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_larger_than_the_server_takes_is_refused_at_once_or_when_that_is_known() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    let large = "x".repeat(3_000);
    let early = socket.emit_with_ack::<(), _>("large", &large);
    let early = tokio::spawn(early);
    settle().await;
    let limits = Limits {
        frame: 2_000,
        ..Limits::default()
    };
    let (_socket, mut peer) = connect_within(&client, &mut server, limits).await;
    let refused = early.await.unwrap();
    assert!(matches!(
        refused,
        Err(AckError::Emit(EmitError::TooLarge { limit: 2_000, .. }))
    ));
    assert!(matches!(
        socket.emit("large", &large),
        Err(EmitError::TooLarge { limit: 2_000, .. })
    ));
    socket.emit("small", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "small");
}

#[tokio::test(start_paused = true)]
async fn names_and_urls_are_checked() {
    let client = Server::new().client();
    let socket = client.socket("/");
    assert!(matches!(socket.emit("", ()), Err(EmitError::Name(_))));
    assert!(client.try_socket("no slash").is_err());
    assert!(
        Client::builder("https://server.example").build().is_err(),
        "no dialer"
    );
    let server = Server::new();
    assert!(
        Client::builder("not a url")
            .dialer(server.dialer.clone())
            .build()
            .is_err()
    );
}
