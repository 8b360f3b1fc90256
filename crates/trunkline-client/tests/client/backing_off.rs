//! When the client tries again, and when it gives up.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use tokio::time::{Instant, sleep};
use trunkline_client::{ConnectError, Jitter, LossReason, SocketState, State};
use trunkline_transport::DialError;

fn unreachable() -> Dial {
    Dial::Fail(DialError::from(io::Error::from(
        io::ErrorKind::ConnectionRefused,
    )))
}

/// Draws from a sequence that its seed fixes.
struct Seeded(Mutex<u64>);

impl Jitter for Seeded {
    fn draw(&self, at_most: Duration) -> Duration {
        let mut state = self.0.lock().unwrap();
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        at_most.mul_f64((*state >> 40) as f64 / (1_u64 << 24) as f64)
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_the_cap() {
    let mut server = Server::new();
    server.plan(vec![unreachable(); 9]);
    let start = Instant::now();
    let client = server.client();
    let socket = client.socket("/");
    let (connected, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    let expected = [
        0, 500, 1_500, 3_500, 7_500, 15_500, 31_500, 61_500, 91_500, 121_500,
    ];
    assert_eq!(server.dials_ms(start), expected);
}

#[tokio::test(start_paused = true)]
async fn jittered_waits_stay_within_their_windows_and_differ() {
    for seed in 0..20 {
        let mut server = Server::new();
        server.plan(vec![unreachable(); 6]);
        let start = Instant::now();
        let jitter = Arc::new(Seeded(Mutex::new(seed)));
        let client = server.builder().jitter(jitter).build().unwrap();
        let socket = client.socket("/");
        let (connected, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
        connected.unwrap();
        let dials = server.dials_ms(start);
        let waits: Vec<_> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (wait, window) in waits.iter().zip([500, 1_000, 2_000, 4_000, 8_000, 16_000]) {
            // A timer rounds up to the next millisecond.
            assert!(*wait <= window + 1, "seed {seed}: {waits:?}");
        }
        assert!(
            waits.iter().any(|wait| *wait != waits[0]),
            "seed {seed}: {waits:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_resumed_at_once_then_with_waits_and_the_state_tells() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, peer) = connect(&client, &mut server).await;
    server.plan([unreachable(), unreachable()]);
    sleep(Duration::from_secs(20)).await;
    let start = Instant::now();
    let mut state = client.state();
    assert_eq!(state.current(), State::Connected { resumed: false });
    peer.cut();
    let mut seen = Vec::new();
    let watch = async {
        while let Some(next) = state.changed().await {
            seen.push(next.clone());
            if matches!(next, State::Connected { .. }) {
                break;
            }
        }
    };
    tokio::join!(watch, server.accept_resume(1));
    let dials = server.dials_ms(start - Duration::from_secs(20));
    assert_eq!(dials[1..], [20_000, 20_500, 21_500]);
    let waiting = |attempt, ms| State::Reconnecting {
        attempt,
        delay: Duration::from_millis(ms),
    };
    let expected = [
        waiting(1, 0),
        waiting(2, 500),
        waiting(3, 1_000),
        State::Connected { resumed: true },
    ];
    // States that pass at once may be skipped.
    let seen: Vec<_> = seen.into_iter().collect();
    assert_eq!(seen, expected[expected.len() - seen.len()..]);
    assert!(seen.len() >= 3, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_that_do_not_stand_are_not_resumed_at_full_speed() {
    let mut server = Server::new();
    let client = server.client();
    let start = Instant::now();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for _ in 0..4 {
        peer.cut();
        peer = server.accept_resume(1).await;
    }
    assert_eq!(server.dials_ms(start), [0, 0, 500, 1_500, 3_500]);
    sleep(Duration::from_secs(11)).await;
    let stood = Instant::now();
    peer.cut();
    server.accept_resume(1).await;
    assert_eq!(stood.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_attempts_ends_in_gave_up_and_a_new_connect_begins_anew() {
    let mut server = Server::new();
    server.plan(vec![unreachable(); 3]);
    let client = server.builder().attempts_max(3).build().unwrap();
    let socket = client.socket("/");
    let Err(ConnectError::GaveUp { attempts, .. }) = socket.connect().await else {
        panic!("gave up")
    };
    assert_eq!(attempts, 3);
    assert_eq!(client.state().current(), State::GaveUp);
    assert!(matches!(
        socket.state().current(),
        SocketState::Disconnected { .. }
    ));
    settle().await;
    assert_eq!(tasks(), 0);
    let (connected, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_time_ends_in_gave_up_and_loses_the_session() {
    let mut server = Server::new();
    let limit = Duration::from_secs(60);
    let client = server.builder().give_up_after(limit).build().unwrap();
    let (lost, told) = tokio::sync::oneshot::channel();
    let lost = Mutex::new(Some(lost));
    client.on_session_lost(move |loss| {
        let _ = lost.lock().unwrap().take().unwrap().send(loss);
        async {}
    });
    let (_socket, peer) = connect(&client, &mut server).await;
    sleep(Duration::from_secs(100)).await;
    server.plan(vec![unreachable(); 100]);
    let start = Instant::now();
    peer.cut();
    let mut state = client.state();
    state
        .wait_for(|state| *state == State::GaveUp)
        .await
        .unwrap();
    assert!(start.elapsed() <= limit, "{:?}", start.elapsed());
    assert_eq!(told.await.unwrap().reason, LossReason::GaveUp);
}

#[tokio::test(start_paused = true)]
async fn an_http_refusal_says_whether_to_come_back() {
    let mut server = Server::new();
    let refused = |status, retry_after_s| {
        let body = "not now".to_owned();
        Dial::Fail(DialError::Refused {
            status,
            body,
            retry_after_s,
        })
    };
    server.plan([refused(503, Some(9))]);
    let start = Instant::now();
    let client = server.client();
    let socket = client.socket("/");
    let (connected, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    assert_eq!(server.dials_ms(start), [0, 9_500], "and back-off on top");

    let other = Server::new();
    other.plan([refused(403, None)]);
    let forbidden = other.client().socket("/").connect().await;
    assert!(matches!(
        forbidden,
        Err(ConnectError::Dial(DialError::Refused { status: 403, .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn closing_or_dropping_while_it_waits_ends_it_at_once() {
    let server = Server::new();
    server.plan(vec![unreachable(); 100]);
    let start = Instant::now();
    let client = server.client();
    let socket = client.socket("/");
    let close = async {
        sleep(Duration::from_secs(40)).await;
        client.close().await;
    };
    let (connected, ()) = tokio::join!(socket.connect(), close);
    assert!(matches!(connected, Err(ConnectError::Closed { .. })));
    assert_eq!(start.elapsed(), Duration::from_secs(40));

    let dropped = server.client();
    let connecting = dropped.socket("/");
    let _ = tokio::time::timeout(Duration::from_secs(1), connecting.connect()).await;
    drop((dropped, connecting));
    settle().await;
    assert_eq!(tasks(), 0);
}
