//! Sessions that survive their connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use tokio::time::{Instant, sleep};
use trunkline_client::{Code, Data, SocketState, State};
use trunkline_protocol::Close;

#[tokio::test(start_paused = true)]
async fn after_a_cut_both_sides_replay_what_the_other_lacks() {
    let mut server = Server::new();
    let client = server.client();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let note = heard.clone();
    let root = client.socket("/");
    root.on("said", move |Data(line): Data<u32>| async move {
        note.lock().unwrap().push(line)
    });
    let (socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("said", None, &1)).await;
    socket.emit("a", ()).unwrap();
    socket.emit("b", ()).unwrap();
    assert_eq!(peer.next_event().await.0, 2);
    settle().await;
    let cut_at = Instant::now();
    peer.cut();
    settle().await;
    socket.emit("c", ()).unwrap();

    let mut peer = server.accept().await;
    assert_eq!(Instant::now(), cut_at, "the first resume is tried at once");
    let hello = peer.hello().await;
    let resume = hello.resume.expect("a resume");
    assert_eq!(
        (resume.session.as_str(), resume.attach, resume.received),
        ("session-1", 1, 2)
    );
    assert!(!resume.strict);
    settle().await;
    peer.welcome(resumed("session-1", 2)).await;
    // The server replays frame 2, which the client has, and goes on with 3.
    peer.next_seq = 2;
    peer.push(&event("said", None, &1)).await;
    peer.push(&event("said", None, &2)).await;
    assert_eq!(peer.next_event().await, (3, "b".into(), None));
    assert_eq!(peer.next_event().await, (4, "c".into(), None));
    settle().await;
    assert_eq!(*heard.lock().unwrap(), [1, 2]);
    assert_eq!(client.state().current(), connected(true));
    assert!(matches!(
        socket.state().current(),
        SocketState::Connected { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_a_resuming_hello_before_its_answer() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, peer) = connect(&client, &mut server).await;
    peer.cut();
    socket.emit("waits", ()).unwrap();
    let mut peer = server.accept().await;
    peer.hello().await;
    let early = tokio::time::timeout(Duration::from_secs(5), peer.next_of_any()).await;
    assert!(early.is_err(), "{early:?}");
    peer.welcome(resumed("session-1", 1)).await;
    assert_eq!(peer.next_event().await.1, "waits");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_an_attach_of_its_own_and_a_stale_one_is_raised_past_the_servers() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, peer) = connect(&client, &mut server).await;
    peer.cut();
    let mut lost_welcome = server.accept().await;
    assert_eq!(lost_welcome.hello().await.resume.unwrap().attach, 1);
    lost_welcome.cut();
    let mut stale = server.accept().await;
    assert_eq!(stale.hello().await.resume.unwrap().attach, 2);
    let close = Close {
        attach: Some(9),
        ..Close::new(Code::STALE_ATTACH, "")
    };
    stale.close(close).await;
    let mut peer = server.accept().await;
    let resume = peer.hello().await.resume.expect("the session is not lost");
    assert_eq!(resume.attach, 10);
}

#[tokio::test(start_paused = true)]
async fn pending_acks_go_on_waiting_over_a_resume() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let asking = tokio::spawn(async move { socket.emit_with_ack::<u32, _>("ask", ()).await });
    let (_, _, ack) = peer.next_event().await;
    peer.cut();
    let mut peer = server.accept_resume(2).await;
    peer.ack(ack, &5).await;
    assert_eq!(asking.await.unwrap(), Ok(5));
}

#[tokio::test(start_paused = true)]
async fn a_superseded_client_resumes_unless_it_has_a_twin() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let own = Close {
        attach: Some(0),
        ..Close::new(Code::SUPERSEDED, "")
    };
    peer.close(own).await;
    let mut peer = server.accept_resume(1).await;
    let twins = Close {
        attach: Some(7),
        ..Close::new(Code::SUPERSEDED, "")
    };
    peer.close(twins).await;
    let mut peer = server.accept().await;
    let hello = peer.hello().await;
    assert!(hello.resume.is_none(), "the twin has it");
    peer.welcome(fresh("session-2")).await;
    peer.attach("/").await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_left_after_interval_and_timeout() {
    let mut server = Server::new();
    let client = server.client();
    let start = Instant::now();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    assert_eq!(peer.pings.len(), 0);
    assert!(matches!(peer.next_of_any().await, Got::Ping { .. }));
    // The receipt of CONNECTED, then nothing.
    assert_eq!(peer.next_of_any().await, Got::Received(1));
    let Got::Close(close) = peer.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::PING_TIMEOUT);
    let waited = start.elapsed();
    let limit = PING_INTERVAL + PING_TIMEOUT;
    // Life is noticed when the watchdog looks, so that it may take it for later than it was.
    assert!(waited >= limit && waited <= 2 * limit, "{waited:?}");
    drop(peer);
    server.accept_resume(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_pings_keeps_its_client_and_gets_its_pongs() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for t in 0..20 {
        sleep(PING_INTERVAL).await;
        peer.ping(t).await;
        loop {
            match peer.next_of_any().await {
                Got::Pong { t: answered } => {
                    assert_eq!(answered, t);
                    break;
                }
                Got::Ping { .. } | Got::Received(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(!server.was_dialled());
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_measured_on_every_connection() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    assert_eq!(client.round_trip(), None);
    let Got::Ping { t } = peer.next_of_any().await else {
        panic!("PING")
    };
    sleep(Duration::from_micros(80_250)).await;
    // A server that makes up its PONGs cannot say how long they took.
    peer.pong(0).await;
    settle().await;
    assert_eq!(client.round_trip(), None);
    peer.pong(t).await;
    settle().await;
    // A timer rounds up to the next millisecond.
    let measured = Duration::from_millis(81);
    assert_eq!(client.round_trip(), Some(measured));
    sleep(Duration::from_secs(1)).await;
    peer.pong(t).await;
    settle().await;
    assert_eq!(client.round_trip(), Some(measured), "answered already");
}

#[tokio::test(start_paused = true)]
async fn receipts_come_within_their_delay_and_an_idle_client_is_silent() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    socket.on("tick", || async {});
    assert!(matches!(peer.next_of_any().await, Got::Ping { .. }));
    assert_eq!(peer.next_of_any().await, Got::Received(1));
    peer.push(&event("tick", None, ())).await;
    let sent = Instant::now();
    assert_eq!(peer.next_of_any().await, Got::Received(2));
    assert_eq!(sent.elapsed(), Duration::from_secs(10));
    let silence = tokio::time::timeout(Duration::from_secs(30), peer.next_of_any()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test(start_paused = true)]
async fn codes_say_when_to_come_back() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    sleep(Duration::from_secs(11)).await;
    // Kept, and after the time told.
    let start = Instant::now();
    let slow = Close {
        retry_after: Some(7_000),
        ..Close::new(Code::SLOW_CONSUMER, "")
    };
    peer.close(slow).await;
    peer.close_transport(3600).await;
    let mut peer = server.accept_resume(1).await;
    // And back-off on top.
    assert_eq!(start.elapsed(), Duration::from_millis(7_500));
    // A transport's close code counts like a frame's: the service restarts.
    peer.close_transport(1012).await;
    let peer = server.accept_resume(1).await;
    drop(peer);
    // A bare end is a cut.
    let mut peer = server.accept_resume(1).await;
    // Over: no retry.
    peer.close(Close::new(Code::ENDED, "enough")).await;
    let mut state = client.state();
    let over = state.wait_for(State::is_over).await.unwrap();
    assert_eq!(
        over,
        State::Closed {
            code: Code::ENDED,
            reason: "enough".into()
        }
    );
    sleep(Duration::from_secs(100)).await;
    assert!(!server.was_dialled());
}

#[tokio::test(start_paused = true)]
async fn probing_while_waiting_dials_at_once() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let later = Close {
        retry_after: Some(60_000),
        ..Close::new(Code::SLOW_CONSUMER, "")
    };
    peer.close(later).await;
    let mut state = client.state();
    let waits = |state: &State| matches!(state, State::Reconnecting { .. });
    state.wait_for(waits).await.unwrap();
    let start = Instant::now();
    client.probe();
    server.accept_resume(1).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}
