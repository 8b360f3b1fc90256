//! Ending a client without a word.

use std::time::Duration;

use crate::support::*;
use tokio::time::Instant;
use trunkline_client::{AckError, Code, ConnectError, EmitError, State};
use trunkline_protocol::GoAway;
use trunkline_transport::DialError;

#[tokio::test(start_paused = true)]
async fn abort_cuts_the_connection_without_a_word_and_cancels_everything() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    socket.on("never", std::future::pending::<()>);
    peer.push(&event("never", None, ())).await;
    let asking = tokio::spawn({
        let socket = socket.clone();
        async move { socket.emit_with_ack::<(), _>("asked", ()).await }
    });
    peer.next_event().await;
    assert_eq!(
        tasks(),
        3,
        "the client's, the handler's, and the one that asks"
    );
    client.abort();
    settle().await;
    assert_eq!(peer.next().await, Got::End("cut".into()));
    assert_eq!(asking.await.unwrap(), Err(AckError::Disconnected));
    assert_eq!(tasks(), 0);
    let aborted = State::Closed {
        code: Code::new(1006),
        reason: "aborted".into(),
    };
    assert_eq!(client.state().current(), aborted);
    assert!(client.is_closed());
    assert_eq!(socket.emit("after", ()), Err(EmitError::Closed));
    client.abort();
}

#[tokio::test(start_paused = true)]
async fn abort_ends_a_dial_a_wait_and_a_close_that_takes_its_time() {
    let mut server = Server::new();
    server.plan([Dial::Hang]);
    let dialling = server.client();
    let socket = dialling.socket("/");
    let abort = async {
        settle().await;
        dialling.abort();
    };
    let (connected, ()) = tokio::join!(socket.connect(), abort);
    assert!(matches!(connected, Err(ConnectError::Closed { .. })));
    assert!(dialling.is_closed());

    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    peer.received(1).await;
    peer.go_away(GoAway {
        reason: "restart".into(),
        slot: 60_000,
        deadline: 60_000,
        url: None,
    })
    .await;
    settle().await;
    // Held back by the server's wish to be left: closing waits for it.
    socket.emit("held", ()).unwrap();
    let start = Instant::now();
    let abort = async {
        settle().await;
        assert!(!client.is_closed());
        client.abort();
    };
    tokio::join!(client.close(), abort);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(peer.next().await, Got::End("cut".into()));

    let waiting = server.client();
    server.plan([Dial::Fail(DialError::Handshake("no".into()))]);
    let (socket, mut state) = (waiting.socket("/"), waiting.state());
    let abort = async {
        let is_waiting = |state: &State| matches!(state, State::Reconnecting { .. });
        state.wait_for(is_waiting).await.unwrap();
        waiting.abort();
    };
    let (connected, ()) = tokio::join!(socket.connect(), abort);
    assert!(matches!(connected, Err(ConnectError::Closed { .. })));
    assert_eq!(tasks(), 0);

    let idle = server.client();
    idle.abort();
    assert!(idle.is_closed());
}
