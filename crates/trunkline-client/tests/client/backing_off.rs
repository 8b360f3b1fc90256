//! When the client tries again, and when it gives up.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use tokio::time::{Instant, sleep};
use trunkline_client::{
    Code, ConnectError, EmitError, Jitter, LossReason, RETRY_AFTER_MAX, SocketState, State,
};
use trunkline_protocol::{Close, MAX_INTEGER};
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
    assert_eq!(state.current(), connected(false));
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
    let waiting = |attempt, ms, cause: &str| State::Reconnecting {
        attempt,
        delay: Duration::from_millis(ms),
        cause: cause.to_owned(),
    };
    let expected = [
        waiting(1, 0, "the connection was cut"),
        waiting(2, 500, "could not connect: connection refused"),
        waiting(3, 1_000, "could not connect: connection refused"),
        connected(true),
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
    let gave_up = State::GaveUp {
        attempts: 3,
        cause: "could not connect: connection refused".into(),
    };
    assert_eq!(client.state().current(), gave_up);
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
        .wait_for(|state| matches!(state, State::GaveUp { .. }))
        .await
        .unwrap();
    assert!(start.elapsed() <= limit, "{:?}", start.elapsed());
    assert_eq!(told.await.unwrap().reason, LossReason::GaveUp);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_time_ends_an_attempt_that_is_under_way() {
    let server = Server::new();
    let limit = Duration::from_secs(7);
    server.plan([Dial::Hang, Dial::Hang]);
    let client = server.builder().give_up_after(limit).build().unwrap();
    let start = Instant::now();
    let socket = client.socket("/");
    let failed = socket.connect().await;
    assert!(
        matches!(failed, Err(ConnectError::GaveUp { attempts: 1, .. })),
        "{failed:?}"
    );
    assert_eq!(start.elapsed(), limit);
    // The time is counted anew.
    let failed = socket.connect().await;
    assert!(matches!(failed, Err(ConnectError::GaveUp { .. })));
    assert_eq!(start.elapsed(), 2 * limit);
    assert_eq!(server.dials_ms(start), [0, 7_000]);
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_when_the_client_gives_up_are_handed_back() {
    let mut server = Server::new();
    server.plan([unreachable()]);
    let client = server.builder().attempts_max(1).build().unwrap();
    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = lost.clone();
    client.on_session_lost(move |loss| {
        told.lock().unwrap().push(loss);
        async {}
    });
    let socket = client.socket("/");
    socket.emit("waiting", &7).unwrap();
    socket.connect().await.unwrap_err();
    settle().await;
    assert_eq!(socket.emit("no", ()), Err(EmitError::Disconnected));
    let lost = std::mem::take(&mut *lost.lock().unwrap());
    assert_eq!(lost[0].reason, LossReason::GaveUp);
    let event = &lost[0].events[0];
    assert_eq!((event.event.as_str(), event.sent), ("waiting", false));
    let (connected, mut peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    socket.emit(&event.event, event.args.clone()).unwrap();
    assert_eq!(peer.next_event().await.1, "waiting");
}

fn refused(status: u16, retry_after_s: Option<u64>) -> Dial {
    let body = "not now".to_owned();
    Dial::Fail(DialError::Refused {
        status,
        body,
        retry_after_s,
    })
}

fn redirected(status: u16, retry_after_s: Option<u64>) -> Dial {
    let location = "https://elsewhere.example/".to_owned();
    Dial::Fail(DialError::Redirected {
        status,
        location,
        retry_after_s,
    })
}

fn refused_by_proxy(status: Option<u16>, retry_after_s: Option<u64>) -> Dial {
    Dial::Fail(DialError::Proxy {
        proxy: "proxy.example:3128".to_owned(),
        problem: format!("answers {status:?}"),
        status,
        retry_after_s,
    })
}

#[tokio::test(start_paused = true)]
async fn an_http_answer_that_forbids_another_try_ends_the_client() {
    for (dial, status) in [
        (refused(400, None), 400),
        (refused(401, None), 401),
        (refused(403, Some(5)), 403),
        (refused(404, None), 404),
        (redirected(301, None), 301),
        (redirected(308, Some(5)), 308),
        // Nor does it help that they do not say where to.
        (refused(301, None), 301),
        (refused(308, None), 308),
        (refused_by_proxy(Some(403), None), 403),
        (refused_by_proxy(Some(407), Some(5)), 407),
        (refused_by_proxy(Some(301), None), 301),
    ] {
        let server = Server::new();
        server.plan([dial]);
        let client = server.client();
        let failed = client.socket("/").connect().await;
        let Err(ConnectError::Dial(error)) = failed else {
            panic!("{status}: {failed:?}")
        };
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        let State::Closed { reason, .. } = client.state().current() else {
            panic!("{status}: {:?}", client.state().current())
        };
        assert_eq!(reason, error.to_string());
        settle().await;
        assert_eq!(tasks(), 0, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_http_answer_that_allows_another_try_backs_off_and_heeds_retry_after() {
    let longest = RETRY_AFTER_MAX.as_millis();
    for (dial, wait_ms) in [
        (refused(408, None), 0),
        (refused(429, Some(30)), 30_000),
        (refused(500, None), 0),
        (refused(503, Some(9)), 9_000),
        (refused(503, Some(u64::MAX)), longest),
        // What no rule of HTTP puts in place of a handshake.
        (refused(200, None), 0),
        (refused(304, None), 0),
        (refused(999, Some(3)), 3_000),
        (redirected(302, None), 0),
        (redirected(303, Some(0)), 0),
        (redirected(307, Some(7)), 7_000),
        (redirected(302, Some(u64::MAX)), longest),
        (refused_by_proxy(None, None), 0),
        (refused_by_proxy(Some(503), Some(11)), 11_000),
        (refused_by_proxy(Some(302), None), 0),
    ] {
        let mut server = Server::new();
        let shown = format!("{dial:?}");
        server.plan([dial]);
        let start = Instant::now();
        let client = server.client();
        let socket = client.socket("/");
        let (connected, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
        connected.unwrap();
        // Back-off comes on top.
        assert_eq!(server.dials_ms(start), [0, wait_ms + 500], "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_asks_for_an_endless_wait_is_heeded_for_an_hour() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let start = Instant::now();
    peer.close(Close {
        retry_after: Some(MAX_INTEGER),
        ..Close::new(Code::new(1013), "busy")
    })
    .await;
    peer.close_transport(1013).await;
    drop(server.accept_resume(1).await);
    let expected = RETRY_AFTER_MAX + Duration::from_millis(500);
    assert_eq!(start.elapsed(), expected);
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
