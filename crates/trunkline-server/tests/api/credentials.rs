//! Who may come in, for how long, and how a session stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use trunkline_server::{
    AUTHENTICATION_LIMIT, Admission, Builder, Credentials, Failure, Principal, Server, State,
};

use crate::peer::{Answer, Peer};

/// What the program knows of a user.
struct User {
    token: String,
}

/// Lets in whoever says "name number", as that name, for this long.
fn for_a_while(valid_for: Duration) -> Builder {
    Server::builder().authenticate(move |credentials: Credentials| async move {
        let token: String = credentials.decode()?;
        let Some((name, _number)) = token.split_once(' ') else {
            let failure = Failure::unauthorized("no such token");
            return Err(failure.with_data(&json!({"realm": "test"})));
        };
        let name = name.to_owned();
        Ok(Admission::of(Principal::with(&name, User { token })).valid_for(valid_for))
    })
}

/// A server whose verdicts hold for 20 s, and tell who somebody is.
fn server() -> Server {
    let server = for_a_while(VALID).build();
    server
        .namespace("/")
        .on("who", |user: Principal<User>| async move {
            Ok((user.id().to_owned(), user.token.clone()))
        });
    server
}

const VALID: Duration = Duration::from_secs(20);

fn acked(value: Value) -> Answer {
    Answer::Acked(json!([value]))
}

#[tokio::test]
async fn a_handler_gets_the_principal_with_its_value() {
    let mut peer = Peer::log_in(&server(), json!("ada 1")).await;
    let who = peer.call("who", json!([])).await;
    assert_eq!(who, acked(json!(["ada", "ada 1"])));
}

#[tokio::test]
async fn a_principal_of_another_type_fails_the_event_as_internal() {
    let server = server();
    let chat = server.namespace("/");
    chat.on("other", |_: Principal<u8>| async {});
    chat.on("maybe", |_: Option<Principal<u8>>| async {});
    chat.on(
        "any",
        |who: Principal| async move { Ok(who.id().to_owned()) },
    );
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    for event in ["other", "maybe"] {
        assert_eq!(peer.call(event, json!([])).await, Answer::failed(3011, ""));
    }
    assert_eq!(peer.call("any", json!([])).await, acked(json!("ada")));
}

#[tokio::test]
async fn a_refusal_has_code_text_and_data() {
    let server = server();
    let close = Peer::answer_to(&server, json!("nobody")).await;
    let expected = json!({
        "code": 3002, "reason": "no such token", "data": {"realm": "test"},
    });
    assert_eq!((&close[0], &close[1]), (&json!(6), &expected));
    let malformed = Peer::answer_to(&server, json!({"token": 7})).await;
    assert_eq!(malformed[1]["code"], 3002);
    assert_eq!(server.stats().authentications_refused, 2);
    assert_eq!(server.stats().sessions, 0);
}

#[tokio::test]
async fn credentials_that_have_expired_already_are_refused() {
    let server = for_a_while(Duration::ZERO).build();
    let close = Peer::answer_to(&server, json!("ada 1")).await;
    assert_eq!(close[1]["code"], 3002);
    assert_eq!(close[1]["reason"], "the credentials have expired");
}

#[derive(Debug, thiserror::Error)]
#[error("the database said s3cret")]
struct Database;

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_panics_or_never_ends_is_1011_in_time_and_others_come_in() {
    let builder = Server::builder().authenticate(|credentials: Credentials| async move {
        match credentials.decode::<String>()?.as_str() {
            "fail" => Err(Database)?,
            "panic" => panic!("on purpose"),
            "hang" => std::future::pending().await,
            _ => Ok(Admission::anyone()),
        }
    });
    let server = builder.build();
    let _ = server.namespace("/");
    for bad in ["fail", "panic"] {
        let close = Peer::answer_to(&server, json!(bad)).await;
        assert_eq!(close[1], json!({"code": 1011, "reason": ""}), "{bad}");
    }
    let began = Instant::now();
    let close = Peer::answer_to(&server, json!("hang")).await;
    assert_eq!(close[1]["code"], 1011);
    assert_eq!(began.elapsed().as_secs(), AUTHENTICATION_LIMIT.as_secs());
    assert_eq!(server.stats().authentications_failed, 3);
    Peer::log_in(&server, json!("fine")).await;
}

#[tokio::test]
async fn a_hook_that_panics_before_its_future_is_1011_too() {
    let builder = Server::builder().authenticate(|_: Credentials| {
        if true {
            panic!("on purpose");
        }
        async { Ok(Admission::anyone()) }
    });
    let server = builder.build();
    let close = Peer::answer_to(&server, Value::Null).await;
    assert_eq!(close[1]["code"], 1011);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_refreshes_its_credentials_goes_on() {
    let server = server();
    let began = Instant::now();
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    for number in 2..=5 {
        let left = peer.is_asked().await.as_u64().unwrap();
        assert!((8_000..=10_000).contains(&left), "half of its time: {left}");
        peer.refresh(json!(format!("ada {number}"))).await;
        let accepted = peer.receive().await;
        assert_eq!(accepted, json!([7, {"expires": 20_000}]));
        let who = peer.call("who", json!([])).await;
        assert_eq!(who, acked(json!(["ada", format!("ada {number}")])));
    }
    assert!(began.elapsed() > VALID);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_answer_ends_when_its_credentials_do() {
    let server = server();
    let began = Instant::now();
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    peer.confirm().await;
    peer.is_asked().await;
    assert_eq!(peer.is_closed().await, 3207);
    let lasted = began.elapsed();
    assert!(
        (VALID..VALID + Duration::from_secs(2)).contains(&lasted),
        "{lasted:?}"
    );
    assert_eq!(server.stats().credentials_expired, 1);
    assert_eq!(server.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_refused_in_a_refresh_end_the_session_with_their_code() {
    let server = server();
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    peer.is_asked().await;
    peer.refresh(json!("expired")).await;
    let close = peer.receive().await;
    assert_eq!(close[1]["code"], 3002, "{close}");
    assert_eq!(close[1]["data"], json!({"realm": "test"}));
    assert_eq!(server.stats().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn another_principal_does_not_take_a_session_over_by_a_refresh() {
    let server = server();
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    peer.is_asked().await;
    peer.refresh(json!("eve 1")).await;
    assert_eq!(peer.is_closed().await, 3002);
    assert_eq!(server.stats().authentications_refused, 1);
}

#[tokio::test(start_paused = true)]
async fn auth_that_nobody_asked_for_ends_the_session() {
    let server = server();
    let mut unasked = Peer::log_in(&server, json!("ada 1")).await;
    unasked.refresh(json!("ada 2")).await;
    assert_eq!(unasked.is_closed().await, 3200);

    let mut eager = Peer::log_in(&server, json!("ada 1")).await;
    eager.is_asked().await;
    eager.refresh(json!("ada 2")).await;
    eager.try_send(json!([7, {"auth": "ada 3"}])).await;
    // The first is judged while the second arrives, or has been: neither allows another.
    let code = match eager.receive().await {
        accepted if accepted[0] == 7 => eager.is_closed().await,
        close => close[1]["code"].as_u64().unwrap(),
    };
    assert_eq!(code, 3200);

    let mut without_a_hook = Peer::greet(&Server::new()).await;
    without_a_hook.refresh(json!("ada 1")).await;
    assert_eq!(without_a_hook.is_closed().await, 3200);
}

#[tokio::test(start_paused = true)]
async fn an_auth_longer_than_a_hello_may_be_is_not_judged() {
    let server = server();
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    peer.is_asked().await;
    peer.refresh(json!("ada ".to_owned() + &"x".repeat(8_192)))
        .await;
    assert_eq!(peer.is_closed().await, 3205);
}

/// How often the hook was asked so far.
#[derive(Default)]
struct Asked(AtomicUsize);

#[tokio::test(start_paused = true)]
async fn a_refresh_that_could_not_be_judged_is_asked_for_again() {
    let asked = Arc::new(Asked::default());
    let counting = Arc::clone(&asked);
    let builder = Server::builder().authenticate(move |_: Credentials| {
        let number = counting.0.fetch_add(1, Ordering::Relaxed);
        async move {
            match number {
                1 => Err(Database)?,
                2 => panic!("on purpose"),
                _ => Ok(Admission::anyone().valid_for(VALID * 2)),
            }
        }
    });
    let server = builder.build();
    let _ = server.namespace("/");
    let mut peer = Peer::log_in(&server, Value::Null).await;
    for _ in 0..3 {
        peer.is_asked().await;
        peer.refresh(Value::Null).await;
    }
    assert_eq!(peer.receive().await, json!([7, {"expires": 40_000}]));
    assert_eq!(server.stats().authentications_failed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_resume_brings_credentials_of_its_own_whatever_was_under_way() {
    let server = server();
    let mut peer = Peer::log_in(&server, json!("ada 1")).await;
    peer.confirm().await;
    peer.is_asked().await;
    peer.cut();
    // Its credentials end while it is away, and that ends nothing.
    tokio::time::advance(VALID * 2).await;
    let mut peer = peer.resume_as(&server, 1, json!("ada 2")).await;
    let who = peer.call("who", json!([])).await;
    assert_eq!(who, acked(json!(["ada", "ada 2"])));
    // What was asked on the connection before is not to be answered on this one.
    peer.is_asked().await;
    peer.refresh(json!("ada 3")).await;
    assert_eq!(peer.receive().await, json!([7, {"expires": 20_000}]));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_on_a_superseded_connection_counts_for_nothing() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let builder = Server::builder()
        .authenticate(move |credentials: Credentials| {
            let gate = Arc::clone(&opened);
            async move {
                if credentials.is_refresh() {
                    gate.notified().await;
                    return Err(Failure::unauthorized("late, and refused"));
                }
                Ok(Admission::anyone().valid_for(VALID))
            }
        })
        .authentication_timeout(VALID * 2)
        .state(());
    let server = builder.build();
    let chat = server.namespace("/");
    chat.on("echo", |_: State<()>| async {});
    let mut peer = Peer::log_in(&server, Value::Null).await;
    peer.confirm().await;
    peer.is_asked().await;
    peer.refresh(Value::Null).await;
    peer.ping().await;
    peer.cut();
    let mut peer = peer.resume(&server, 1).await;
    gate.notify_waiters();
    assert_eq!(peer.call("echo", json!([])).await, Answer::Acked(json!([])));
    assert_eq!(server.stats().authentications_refused, 0);
}
