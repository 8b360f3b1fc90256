//! What the client is let in with, fetched anew each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use tokio::time::Instant;
use trunkline_client::{
    Builder, CREDENTIALS_TIMEOUT, ConnectError, Credentials, CredentialsError, Encoding, Occasion,
    State, Value,
};
use trunkline_protocol::Auth;
use trunkline_transport::DialRequest;

use crate::support::*;

#[derive(Debug, thiserror::Error)]
#[error("the token server is away")]
struct Away;

/// Credentials that count how often they were fetched, from 1; some fetches go wrong.
fn counted(builder: Builder, wrong: impl Fn(usize) -> bool + Send + Sync + 'static) -> Builder {
    let fetched = AtomicUsize::new(0);
    builder.credentials(move |_: Occasion| {
        let number = fetched.fetch_add(1, Ordering::Relaxed) + 1;
        let is_wrong = wrong(number);
        async move {
            if is_wrong {
                Err(Away)?;
            }
            let bearer = HeaderValue::try_from(format!("Bearer {number}")).unwrap();
            Ok(Credentials::new()
                .auth(&number)?
                .query("fetch", &number.to_string())
                .header(AUTHORIZATION, bearer))
        }
    })
}

/// The number of the fetch that the query and the headers are of.
fn fetch_of(request: &DialRequest) -> (&str, &str) {
    let (_, query) = request.url.split_once("fetch=").unwrap();
    let bearer = request.headers[AUTHORIZATION].to_str().unwrap();
    (query, bearer.strip_prefix("Bearer ").unwrap())
}

fn value(number: usize) -> Value {
    Value::encode(&number).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_credentials_of_its_own_in_query_headers_and_hello() {
    let mut server = Server::new();
    let client = counted(server.builder(), |_| false).build().unwrap();
    let (_socket, peer) = connect(&client, &mut server).await;
    assert_eq!(fetch_of(&peer.request), ("1", "1"));
    peer.cut();
    let mut resuming = server.accept().await;
    assert_eq!(fetch_of(&resuming.request), ("2", "2"));
    let hello = resuming.hello().await;
    assert_eq!(hello.auth, value(2));
    assert!(hello.resume.is_some());
}

#[tokio::test(start_paused = true)]
async fn credentials_that_cannot_be_fetched_are_fetched_again_after_the_back_off() {
    let mut server = Server::new();
    let began = Instant::now();
    let client = counted(server.builder(), |number| number < 4)
        .build()
        .unwrap();
    let socket = client.socket("/");
    let (connected, peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    assert_eq!(fetch_of(&peer.request), ("4", "4"));
    assert_eq!(server.dials_ms(began), [500 + 1_000 + 2_000]);
}

#[tokio::test(start_paused = true)]
async fn failed_fetches_count_as_attempts_and_tell_why() {
    let server = Server::new();
    let builder = counted(server.builder(), |_| true).attempts_max(3);
    let client = builder.build().unwrap();
    let error = client.socket("/").connect().await.unwrap_err();
    let ConnectError::GaveUp { attempts: 3, last } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(last, "no credentials: the token server is away");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_will_never_come_end_the_client_at_once() {
    let mut server = Server::new();
    let builder = server
        .builder()
        .credentials(|_| async { Err(CredentialsError::give_up("logged out")) });
    let client = builder.build().unwrap();
    let error = client.socket("/").connect().await.unwrap_err();
    let ConnectError::Credentials(error) = error else {
        panic!("{error:?}")
    };
    assert!(error.is_final());
    assert_eq!(error.source().to_string(), "logged out");
    assert!(client.state().current().is_over());
    assert!(!server.was_dialled());
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_or_never_ends_is_a_failed_attempt() {
    let mut server = Server::new();
    let fetched = AtomicUsize::new(0);
    let builder = server.builder().credentials(move |_| {
        let number = fetched.fetch_add(1, Ordering::Relaxed);
        async move {
            match number {
                0 => panic!("on purpose"),
                1 => std::future::pending().await,
                _ => Ok(Credentials::new()),
            }
        }
    });
    let began = Instant::now();
    let client = builder.build().unwrap();
    let socket = client.socket("/");
    let (connected, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
    connected.unwrap();
    let timeout = CREDENTIALS_TIMEOUT.as_millis();
    assert_eq!(server.dials_ms(began), [500 + timeout + 1_000]);
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_the_callback() {
    let server = Server::new();
    let builder = server
        .builder()
        .credentials(|_| std::future::pending())
        .credentials_timeout(Duration::from_secs(3600));
    let client = builder.build().unwrap();
    let socket = client.socket("/");
    let connecting = tokio::spawn(async move { socket.connect().await });
    settle().await;
    let began = Instant::now();
    client.close().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(matches!(
        connecting.await,
        Ok(Err(ConnectError::Closed { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_hello_that_no_server_would_read_is_refused_here() {
    let mut server = Server::new();
    let builder = server.builder().auth(&"x".repeat(8_192));
    let client = builder.build().unwrap();
    let (connected, mut peer) = tokio::join!(
        async { client.socket("/").connect().await },
        server.accept()
    );
    let ConnectError::Credentials(error) = connected.unwrap_err() else {
        panic!("another error")
    };
    assert!(
        error.to_string().ends_with("bytes where 8192 may be"),
        "{error}"
    );
    assert!(matches!(peer.next().await, Got::End(_)));
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_with_fresh_credentials_and_nothing_is_dialled() {
    let mut server = Server::new();
    let occasions = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&occasions);
    let builder = server.builder().credentials(move |occasion| {
        let mut seen = seen.lock().unwrap();
        seen.push(occasion);
        let number = seen.len();
        async move { Ok(Credentials::new().auth(&number)?) }
    });
    let client = builder.build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for number in 2..=3 {
        peer.ask_for_credentials(30_000).await;
        assert_eq!(peer.next().await, Got::Auth(value(number)));
        peer.send(&Auth::default().encode(Encoding::MessagePack))
            .await;
    }
    settle().await;
    let refresh = Occasion::Refresh {
        expires: Some(Duration::from_secs(30)),
    };
    assert_eq!(
        *occasions.lock().unwrap(),
        [Occasion::Dial, refresh, refresh]
    );
    assert!(!server.was_dialled());
    assert_eq!(client.state().current(), connected(false));
}

#[tokio::test(start_paused = true)]
async fn fixed_credentials_answer_the_question_too() {
    let mut server = Server::new();
    let client = server.builder().auth("t0ken").build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.ask_for_credentials(30_000).await;
    let expected = Value::encode("t0ken").unwrap();
    assert_eq!(peer.next().await, Got::Auth(expected));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_is_tried_again_while_there_is_time() {
    let mut server = Server::new();
    // The first is for the dial.
    let builder = counted(server.builder(), |number| (2..=3).contains(&number));
    let client = builder.build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let asked = Instant::now();
    peer.ask_for_credentials(30_000).await;
    assert_eq!(peer.next().await, Got::Auth(value(4)));
    assert_eq!(asked.elapsed().as_millis(), 500 + 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_for_good_leaves_the_session_to_its_end() {
    let mut server = Server::new();
    let fetched = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&fetched);
    let builder = counted(server.builder(), move |number| {
        counting.store(number, Ordering::Relaxed);
        number > 1
    });
    let client = builder.build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.ask_for_credentials(3_000).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    // After 0, 0.5 and 1.5 s; the next would be after 3.5.
    assert_eq!(fetched.load(Ordering::Relaxed), 1 + 3);
    peer.close(trunkline_protocol::Close::new(
        trunkline_client::Code::CREDENTIALS_EXPIRED,
        "",
    ))
    .await;
    // It begins a fresh session, and fetches for that.
    let state = client
        .state()
        .wait_for(|state| matches!(state, State::Reconnecting { .. }))
        .await;
    assert!(state.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_questions_runs_one_callback_at_a_time() {
    let mut server = Server::new();
    let running = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&running);
    let builder = server.builder().credentials(move |occasion| {
        let running = Arc::clone(&counting);
        async move {
            if occasion == Occasion::Dial {
                return Ok(Credentials::new());
            }
            let _one = One::of(running);
            std::future::pending().await
        }
    });
    let client = builder.build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for _ in 0..1_000 {
        peer.ask_for_credentials(30_000).await;
    }
    settle().await;
    // All but the first wait for their time, and only the last one's question still counts.
    tokio::time::advance(trunkline_client::REFRESH_LEAST).await;
    settle().await;
    assert_eq!(running.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_after_each_answer_gets_one_a_second() {
    let mut server = Server::new();
    let builder = counted(server.builder(), |_| false);
    let client = builder.build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let began = Instant::now();
    for round in 0..10 {
        peer.ask_for_credentials(30_000).await;
        assert!(matches!(peer.next().await, Got::Auth(_)));
        assert_eq!(began.elapsed(), round * trunkline_client::REFRESH_LEAST);
    }
}

/// Counts as one for as long as it lives.
struct One(Arc<AtomicUsize>);

impl One {
    fn of(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_a_connection_that_is_gone_is_not_sent_on_the_next() {
    let mut server = Server::new();
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let builder = server.builder().credentials(move |occasion| {
        let gate = Arc::clone(&opened);
        async move {
            if occasion != Occasion::Dial {
                gate.notified().await;
            }
            Ok(Credentials::new())
        }
    });
    let client = builder.build().unwrap();
    let (socket, mut peer) = connect(&client, &mut server).await;
    peer.ask_for_credentials(30_000).await;
    settle().await;
    peer.cut();
    let mut peer = server.accept_resume(1).await;
    settle().await;
    gate.notify_waiters();
    settle().await;
    socket.emit("next", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "next");
}
