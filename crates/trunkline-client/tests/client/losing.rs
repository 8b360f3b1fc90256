//! Sessions that are lost, and what is said of it.

use std::sync::{Arc, Mutex};

use crate::support::*;
use tokio::sync::oneshot;
use trunkline_client::{
    AckError, Client, Code, ConnectError, LossReason, SessionLost, Socket, SocketState, State,
};
use trunkline_protocol::{Close, Prepared, ResumeRefusal};

/// What a hook was told.
fn losses(client: &Client) -> Arc<Mutex<Vec<SessionLost>>> {
    let losses: Arc<Mutex<Vec<SessionLost>>> = Arc::default();
    let told = losses.clone();
    client.on_session_lost(move |lost| {
        told.lock().unwrap().push(lost);
        async {}
    });
    losses
}

/// What is unknown: name, whether it left, whether it is sent again.
fn unknown(lost: &SessionLost) -> Vec<(&str, bool, bool)> {
    let events = lost.events.iter();
    events
        .map(|event| (event.event.as_str(), event.sent, event.resent))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_resume_tells_what_is_unknown_and_sends_only_what_never_left() {
    let mut server = Server::new();
    let client = server.client();
    let losses = losses(&client);
    let (socket, mut peer) = connect(&client, &mut server).await;
    socket.emit("confirmed", ()).unwrap();
    socket.emit("under way", &7).unwrap();
    let asking = spawn_ask(&socket, "asked");
    for _ in 0..3 {
        peer.next_event().await;
    }
    peer.received(2).await;
    settle().await;
    peer.cut();
    settle().await;
    socket.emit("waiting", ()).unwrap();
    let waiting = spawn_ask(&socket, "asked later");
    settle().await;

    let mut peer = server.refuse_resume().await;
    assert_eq!(asking.await.unwrap(), Err(AckError::SessionLost));
    let connect = peer.attach("/").await;
    assert_eq!(connect, 1, "fresh numbers");
    assert_eq!(peer.next_event().await, (2, "waiting".into(), None));
    let (_, event, ack) = peer.next_event().await;
    assert_eq!(event, "asked later");
    peer.ack(ack, &1).await;
    assert_eq!(waiting.await.unwrap(), Ok(1), "its event was never lost");

    let losses = losses.lock().unwrap();
    assert_eq!(losses.len(), 1);
    assert_eq!(
        losses[0].reason,
        LossReason::NotResumed(Some(ResumeRefusal::Expired))
    );
    assert_eq!(
        unknown(&losses[0]),
        [("under way", true, false), ("asked", true, false)]
    );
    assert_eq!(losses[0].events[0].args.first(), Ok(7));
    assert_eq!(client.state().current(), connected(false));
}

fn spawn_ask(
    socket: &Socket,
    event: &'static str,
) -> tokio::task::JoinHandle<Result<u32, AckError>> {
    let socket = socket.clone();
    tokio::spawn(async move { socket.emit_with_ack(event, ()).await })
}

#[tokio::test(start_paused = true)]
async fn lost_events_are_sent_again_when_that_was_asked_for() {
    let mut server = Server::new();
    let client = server.builder().resend_lost(true).build().unwrap();
    let losses = losses(&client);
    let (socket, mut peer) = connect(&client, &mut server).await;
    socket.emit("first", ()).unwrap();
    let asking = spawn_ask(&socket, "second");
    settle().await;
    peer.next_event().await;
    peer.cut();
    settle().await;
    socket.emit("third", ()).unwrap();

    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    let (first, (_, second, ack), third) = (
        peer.next_event().await,
        peer.next_event().await,
        peer.next_event().await,
    );
    assert_eq!(
        (&*first.1, &*second, &*third.1),
        ("first", "second", "third")
    );
    peer.ack(ack, &3).await;
    assert_eq!(asking.await.unwrap(), Ok(3));
    assert_eq!(
        unknown(&losses.lock().unwrap()[0]),
        [("first", true, true), ("second", true, true)]
    );
}

#[tokio::test(start_paused = true)]
async fn hooks_run_before_anything_that_waits_is_sent() {
    let mut server = Server::new();
    let client = server.client();
    let (open, gate) = oneshot::channel::<()>();
    let gate = Mutex::new(Some(gate));
    client.on_session_lost(move |_| {
        let gate = gate.lock().unwrap().take();
        async move {
            if let Some(gate) = gate {
                let _ = gate.await;
            }
        }
    });
    let (socket, peer) = connect(&client, &mut server).await;
    socket.on_reattach(|socket: Socket| async move {
        let joined = socket.emit_with_ack::<bool, _>("join", "lobby").await;
        assert_eq!(joined, Ok(true));
        socket.emit("joined", ()).unwrap();
    });
    peer.cut();
    settle().await;
    socket.emit("waiting", ()).unwrap();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    let early = tokio::time::timeout(PING_TIMEOUT / 2, peer.next()).await;
    assert!(early.is_err(), "the client's hook is not done: {early:?}");
    open.send(()).unwrap();
    let (_, event, ack) = peer.next_event().await;
    assert_eq!(event, "join");
    socket.emit("waiting too", ()).unwrap();
    settle().await;
    peer.ack(ack, &true).await;
    for expected in ["joined", "waiting", "waiting too"] {
        assert_eq!(peer.next_event().await.1, expected);
    }
    socket.emit("direct", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "direct");
}

#[tokio::test(start_paused = true)]
async fn a_hook_whose_session_is_lost_too_goes_ahead_of_nothing_any_more() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, peer) = connect(&client, &mut server).await;
    let gates = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = gates.clone();
    socket.on_reattach(move |socket: Socket| {
        let gate = gate.clone();
        async move {
            socket.emit("join", ()).unwrap();
            gate.acquire().await.unwrap().forget();
            socket.emit("joined", ()).unwrap();
        }
    });
    peer.cut();
    settle().await;
    socket.emit("waiting", ()).unwrap();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "join");
    peer.received(2).await;
    settle().await;
    peer.cut();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "join");
    // The first run ends, while the second one stands before the queue.
    gates.add_permits(1);
    settle().await;
    gates.add_permits(1);
    for expected in ["joined", "waiting", "joined"] {
        assert_eq!(peer.next_event().await.1, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_hook_opens_the_queue_too() {
    let mut server = Server::new();
    let client = server.client();
    client.on_session_lost(|_| async { panic!("this panic belongs to the test") });
    let (socket, peer) = connect(&client, &mut server).await;
    socket.on_reattach(|_| async { panic!("and so does this one") });
    peer.cut();
    settle().await;
    socket.emit("waiting", ()).unwrap();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "waiting");
}

#[tokio::test(start_paused = true)]
async fn a_session_ended_by_the_server_is_followed_by_a_fresh_one_after_a_wait() {
    let mut server = Server::new();
    let client = server.client();
    let losses = losses(&client);
    let (socket, mut peer) = connect(&client, &mut server).await;
    let asking = spawn_ask(&socket, "asked");
    peer.next_event().await;
    let start = tokio::time::Instant::now();
    peer.close(Close::new(Code::OVERFLOW, "too much")).await;
    peer.close_transport(3201).await;
    assert_eq!(asking.await.unwrap(), Err(AckError::SessionLost));
    assert_eq!(socket.state().current(), SocketState::Connecting);
    let mut peer = server.accept_fresh().await;
    assert_eq!(start.elapsed().as_millis(), 500);
    assert_eq!(
        losses.lock().unwrap()[0].reason,
        LossReason::Ended(Code::OVERFLOW)
    );
    socket.emit("on", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "on");
}

#[tokio::test(start_paused = true)]
async fn a_client_at_its_end_hands_back_everything() {
    let mut server = Server::new();
    let client = server.client();
    let losses = losses(&client);
    let (socket, mut peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    other.emit("offline", ()).unwrap();
    socket.emit("under way", ()).unwrap();
    peer.next_event().await;
    peer.close(Close::new(Code::ENDED, "enough")).await;
    let mut state = client.state();
    state.wait_for(State::is_over).await.unwrap();
    settle().await;
    let events = losses.lock().unwrap();
    assert_eq!(events[0].reason, LossReason::Ended(Code::ENDED));
    assert_eq!(
        unknown(&events[0]),
        [("under way", true, false), ("offline", false, false)]
    );
    let ended = SocketState::Disconnected {
        code: Code::ENDED,
        reason: "enough".into(),
    };
    assert_eq!(socket.state().current(), ended);
}

#[tokio::test(start_paused = true)]
async fn a_violation_by_the_server_is_told_and_never_resumed_into() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.next_seq = 9;
    peer.push(&event("gap", None, ())).await;
    let Got::Close(close) = peer.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::PROTOCOL_ERROR);
    peer.close_transport(3200).await;
    server.accept_fresh().await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_to_hello_is_told_and_loses_the_session() {
    let mut server = Server::new();
    let client = server.client();
    let losses = losses(&client);
    let (_socket, peer) = connect(&client, &mut server).await;
    peer.cut();
    let mut wrong = server.accept().await;
    wrong.hello().await;
    wrong.ping(1).await;
    let Got::Close(close) = wrong.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::PROTOCOL_ERROR);
    server.accept_fresh().await;
    assert_eq!(
        losses.lock().unwrap()[0].reason,
        LossReason::Ended(Code::PROTOCOL_ERROR)
    );
}

#[tokio::test(start_paused = true)]
async fn a_connect_waits_through_a_lost_session() {
    let mut server = Server::new();
    let client = server.client();
    let (_root, peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let script = async {
        settle().await;
        peer.cut();
        let mut peer = server.refuse_resume().await;
        for _ in 0..2 {
            let Got::Connect { seq, namespace, .. } = peer.next().await else {
                panic!("CONNECT")
            };
            peer.connected(&namespace, seq).await;
        }
        peer
    };
    let (connected, _peer) = tokio::join!(other.connect(), script);
    assert!(!matches!(connected, Err(ConnectError::Disconnected)));
    assert_eq!(connected.unwrap().id(), "socket of /other");
}

#[tokio::test(start_paused = true)]
async fn the_ack_of_an_event_that_never_left_outlives_the_session() {
    let mut server = Server::new();
    let client = server.client();
    let (_root, peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let asking = spawn_ask(&other, "early");
    settle().await;
    peer.cut();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    let (connected, _) = tokio::join!(other.connect(), peer.attach("/other"));
    connected.unwrap();
    let (_, event, ack) = peer.next_event().await;
    assert_eq!(event, "early");
    let args = trunkline_client::IntoArgs::into_args(&4).unwrap();
    let answer = Prepared::ack(&namespace("/other"), ack.unwrap(), &args);
    peer.push(&answer).await;
    assert_eq!(asking.await.unwrap(), Ok(4));
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_ack_has_come_is_not_unknown_though_no_receipt_has() {
    let mut server = Server::new();
    let client = server.client();
    let losses = losses(&client);
    let (socket, mut peer) = connect(&client, &mut server).await;
    let asking = spawn_ask(&socket, "answered");
    let (_, _, ack) = peer.next_event().await;
    peer.ack(ack, &1).await;
    assert_eq!(asking.await.unwrap(), Ok(1));
    socket.emit("under way", ()).unwrap();
    peer.next_event().await;
    peer.cut();
    let mut peer = server.refuse_resume().await;
    peer.attach("/").await;
    settle().await;
    let losses = losses.lock().unwrap();
    assert_eq!(unknown(&losses[0]), [("under way", true, false)]);
}
