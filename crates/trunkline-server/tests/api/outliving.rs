//! Handlers and hooks that go on when their socket is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use trunkline_server::{FAREWELL_LIMIT, Failure, Server, Socket};

use crate::peer::Peer;

/// A handler's future that never ends, and tells when it is dropped.
fn never(ends: &mpsc::UnboundedSender<&'static str>, what: &'static str) -> Never {
    Never(ends.clone(), what)
}

struct Never(mpsc::UnboundedSender<&'static str>, &'static str);

impl Never {
    async fn wait(self) {
        std::future::pending::<()>().await;
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_that_never_end_are_ended_after_their_sockets() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (ends, mut ended) = mpsc::unbounded_channel();
    let (in_order, beside) = (ends.clone(), ends);
    chat.on("in order", move || never(&in_order, "in order").wait());
    chat.on("beside", move || never(&beside, "beside").wait())
        .concurrent(2);
    let mut peer = Peer::greet(&server).await;
    for _ in 0..50 {
        peer.send_connect(Value::Null).await;
        assert_eq!(peer.receive().await[0], 17);
        for event in ["in order", "beside", "beside", "beside", "in order"] {
            peer.emit(event, json!([])).await;
        }
        peer.send_disconnect().await;
    }
    // So that the session goes on.
    peer.send_connect(Value::Null).await;
    assert_eq!(peer.receive().await[0], 17);
    assert_eq!((ended.len(), server.stats().aborted_handlers), (0, 0));
    tokio::time::sleep(FAREWELL_LIMIT).await;
    let mut counts = [0, 0];
    for _ in 0..150 {
        counts[usize::from(ended.recv().await == Some("beside"))] += 1;
    }
    assert_eq!(counts, [50, 100], "what waited behind them never began");
    peer.ping().await;
    assert!(ended.is_empty());
    let stats = server.stats();
    assert_eq!((stats.aborted_handlers, stats.unhandled_events), (150, 100));
}

#[tokio::test(start_paused = true)]
async fn hooks_that_never_end_are_ended_after_their_sockets() {
    let server = Server::new();
    let (ends, mut ended) = mpsc::unbounded_channel();
    let (connecting, leaving) = (ends.clone(), ends);
    let slow = server.namespace("/slow");
    slow.on_connect(move || {
        let never = never(&connecting, "on_connect");
        async move {
            never.wait().await;
            Ok::<_, Failure>(())
        }
    });
    let chat = server.namespace("/");
    chat.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        Ok::<_, Failure>(())
    });
    chat.on_disconnect(move || never(&leaving, "on_disconnect").wait());
    let mut peer = Peer::connect(&server).await;
    peer.send_numbered(|seq| json!([16, seq, "/slow", null]))
        .await;
    peer.ping().await;
    peer.cut();
    assert_eq!(chat.room_count(), 1);
    let first = ended.recv().await.unwrap();
    let second = ended.recv().await.unwrap();
    assert_ne!(first, second, "each once");
    while chat.room_count() > 0 {
        tokio::task::yield_now().await;
    }
    // One of them by the limit on whatever judges a CONNECT.
    assert_eq!(server.stats().aborted_handlers, 2);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ends_in_time_after_its_socket_is_left_alone() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (ends, mut ended) = mpsc::unbounded_channel();
    let told = ends.clone();
    chat.on("slow", move || {
        let ends = ends.clone();
        async move {
            tokio::time::sleep(FAREWELL_LIMIT / 2).await;
            ends.send("slow").unwrap();
        }
    });
    chat.on_disconnect(move || {
        let told = told.clone();
        async move {
            // Later than the handlers' limit, in its own.
            tokio::time::sleep(FAREWELL_LIMIT * 3 / 4).await;
            told.send("farewell").unwrap();
        }
    });
    let mut peer = Peer::connect(&server).await;
    peer.emit("slow", json!([])).await;
    peer.send_disconnect().await;
    assert_eq!(ended.recv().await, Some("slow"));
    assert_eq!(ended.recv().await, Some("farewell"));
    assert_eq!(server.stats().aborted_handlers, 0);
}

/// The worker of a line gives others their turn after 64 events, with the next one in its hand. If its
/// socket has been over for too long by the time it goes on, that one is handled still.
#[tokio::test(start_paused = true)]
async fn an_event_that_does_not_wait_is_handled_to_its_end() {
    let server = Server::new();
    let chat = server.namespace("/");
    let handled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&handled);
    chat.on("slow", || tokio::time::sleep(FAREWELL_LIMIT));
    chat.on("quick", move || {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Relaxed);
        }
    });
    let mut peer = Peer::connect(&server).await;
    peer.emit("slow", json!([])).await;
    for _ in 0..200 {
        peer.emit("quick", json!([])).await;
    }
    peer.send_disconnect().await;
    peer.ping().await;
    tokio::time::sleep(FAREWELL_LIMIT * 2).await;
    let stats = server.stats();
    assert_eq!(
        handled.load(Relaxed),
        65,
        "64 in a row, and the one that was taken out of the line"
    );
    assert_eq!((stats.aborted_handlers, stats.unhandled_events), (0, 135));
}
