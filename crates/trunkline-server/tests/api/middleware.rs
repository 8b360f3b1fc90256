//! What runs around handlers and hooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use trunkline_server::{
    AUTHENTICATION_LIMIT, Ack, Code, Data, EventName, Failure, IntoArgs, Namespace, Next, Params,
    Payload, Responder, Server, Socket,
};

use crate::peer::{Answer, Peer};

type Told = mpsc::UnboundedSender<String>;

/// Middleware that tells when it begins and ends.
fn telling(chat: &Namespace, name: &'static str, told: &Told) {
    let told = told.clone();
    chat.middleware(move |next: Next| async move {
        told.send(format!("{name} begins"))?;
        let answer = next.run().await;
        told.send(format!("{name} ends"))?;
        answer
    });
}

#[tokio::test]
async fn the_first_middleware_is_the_outermost() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (told, mut hears) = mpsc::unbounded_channel();
    telling(&chat, "first", &told);
    let (seen, handled) = (told.clone(), told.clone());
    chat.on_any(|| async move { seen.send("seen".into()).unwrap() });
    chat.on("say", || async move {
        handled.send("handled".into()).unwrap();
        Ack(7)
    });
    telling(&chat, "second", &told);
    let mut peer = Peer::connect(&server).await;
    assert_eq!(peer.call("say", json!([])).await, Answer::Acked(json!([7])));
    let order = [
        "first begins",
        "second begins",
        "seen",
        "handled",
        "second ends",
        "first ends",
    ];
    for expected in order {
        assert_eq!(hears.recv().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn middleware_refuses_and_answers_without_the_handler() {
    let server = Server::new();
    let chat = server.namespace("/");
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    chat.middleware(|event: EventName, socket: Socket, next: Next| async move {
        match event.as_str() {
            "secret" => Err(Failure::new(4003, format!("not for {}", socket.id().len()))),
            "cached" => Ok(Payload::from_values([]).unwrap()),
            _ => next.run().await,
        }
    });
    for event in ["secret", "cached", "open"] {
        let counted = Arc::clone(&counted);
        chat.on(event, move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            Ack(event)
        });
    }
    let mut peer = Peer::connect(&server).await;
    let length = peer.socket_id.len();
    let refused = Answer::failed(4003, &format!("not for {length}"));
    assert_eq!(peer.call("secret", json!([])).await, refused);
    assert_eq!(
        peer.call("cached", json!([])).await,
        Answer::Acked(json!([]))
    );
    assert_eq!(
        peer.call("open", json!([])).await,
        Answer::Acked(json!(["open"]))
    );
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn middleware_sees_how_the_rest_ended_and_may_change_it() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.middleware(|next: Next| async move {
        next.run()
            .await
            .map_err(|failure| Failure::new(4000 + failure.code().number() % 1_000, "translated"))
    });
    chat.on("fail", || async {
        Err::<(), _>(Failure::new(4005, "as it was"))
    });
    chat.on("panic", |Data(text): Data<String>| async move {
        assert!(text.is_empty(), "{text}")
    });
    chat.on("fine", || async {});
    let mut peer = Peer::connect(&server).await;
    for (event, args, code) in [
        ("fail", json!([]), 4005),
        ("panic", json!(["now"]), 4011),
        ("panic", json!([1]), 4007),
        ("unknown", json!([]), 4009),
    ] {
        let answer = peer.call(event, args).await;
        assert_eq!(answer, Answer::failed(code, "translated"), "{event}");
    }
    assert_eq!(chat.unknown_events(), 1);
    assert_eq!(peer.call("fine", json!([])).await, Answer::Acked(json!([])));
}

#[tokio::test]
async fn middleware_that_panics_fails_its_event_and_ends_nothing() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.middleware(|event: EventName, next: Next| async move {
        assert!(event != "panic", "asked to");
        next.run().await
    });
    chat.on("panic", || async {});
    chat.on("fine", || async {});
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("panic", json!([])).await,
        Answer::failed(3011, "")
    );
    assert_eq!(peer.call("fine", json!([])).await, Answer::Acked(json!([])));
}

#[tokio::test]
async fn events_keep_their_order_through_middleware_that_waits() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.middleware(|Data(number): Data<u32>, next: Next| async move {
        for _ in 0..number % 3 {
            tokio::task::yield_now().await;
        }
        next.run().await
    });
    let (told, mut hears) = mpsc::unbounded_channel();
    chat.on("number", |Data(number): Data<u32>| async move {
        told.send(number).unwrap()
    });
    let mut peer = Peer::connect(&server).await;
    for number in 0..20 {
        peer.emit("number", json!([number])).await;
    }
    for number in 0..20 {
        assert_eq!(hears.recv().await, Some(number));
    }
}

#[tokio::test]
async fn an_answer_given_later_passes_the_middleware_by() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.middleware(|next: Next| async move { next.run().await });
    let (handed, mut hands) = mpsc::unbounded_channel();
    chat.on("later", |responder: Responder<u8>| async move {
        handed.send(responder).unwrap()
    });
    chat.on("now", || async { Ack(1) });
    let mut peer = Peer::connect(&server).await;
    peer.ask(1, "later", json!([])).await;
    assert_eq!(peer.call("now", json!([])).await, Answer::Acked(json!([1])));
    hands.recv().await.unwrap().send(2);
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::Acked(json!([2]))
    );
}

/// Middleware that answers "instead" where the rest has no answer, or none in time.
fn answering_instead(chat: &Namespace) {
    chat.middleware(|next: Next| async move {
        match tokio::time::timeout(Duration::from_secs(1), next.run()).await {
            Ok(Err(failure)) if failure.code() != Code::NO_ANSWER => Err(failure),
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) | Err(_) => Ok("instead".into_args()?),
        }
    });
}

#[tokio::test(start_paused = true)]
async fn middleware_answers_in_place_of_a_responder_that_was_dropped() {
    let server = Server::new();
    let chat = server.namespace("/");
    answering_instead(&chat);
    chat.on("drop", |responder: Responder<u8>| async move {
        drop(responder);
    });
    chat.on("hang", |_responder: Responder<u8>| async {
        std::future::pending::<()>().await;
    });
    chat.on("fail", |responder: Responder<u8>| async move {
        drop(responder);
        Err::<(), _>(Failure::new(4005, "on purpose"))
    });
    let mut peer = Peer::connect(&server).await;
    let instead = || Answer::Acked(json!(["instead"]));
    assert_eq!(peer.call("drop", json!([])).await, instead());
    assert_eq!(peer.call("hang", json!([])).await, instead());
    let failed = Answer::failed(4005, "on purpose");
    assert_eq!(peer.call("fail", json!([])).await, failed);
}

#[tokio::test]
async fn middleware_that_passes_on_what_a_responder_left_gives_no_answer() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (handed, mut hands) = mpsc::unbounded_channel::<Responder<u8>>();
    chat.middleware(|next: Next| async move {
        let answer = next.run().await;
        tokio::task::yield_now().await;
        answer
    });
    chat.on("drop", |responder: Responder<u8>| async move {
        drop(responder);
    });
    chat.on("later", move |responder: Responder<u8>| {
        let handed = handed.clone();
        async move { handed.send(responder).unwrap() }
    });
    let mut peer = Peer::connect(&server).await;
    let none = || Answer::failed(3012, "no-answer");
    assert_eq!(peer.call("drop", json!([])).await, none());
    peer.ask(7, "later", json!([])).await;
    drop(hands.recv().await.unwrap());
    assert_eq!(Answer::read(&peer.receive().await), none());
}

#[tokio::test]
async fn a_responder_that_is_dropped_behind_its_handlers_back_gives_no_answer() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (handed, hands) = std::sync::mpsc::channel::<Responder<u8>>();
    let hands = Arc::new(std::sync::Mutex::new(hands));
    chat.middleware(move |next: Next| {
        let hands = Arc::clone(&hands);
        async move {
            let answer = next.run().await;
            drop(hands.lock().unwrap().recv());
            answer
        }
    });
    chat.on("later", move |responder: Responder<u8>| {
        let handed = handed.clone();
        async move { handed.send(responder).unwrap() }
    });
    let mut peer = Peer::connect(&server).await;
    let answer = peer.call("later", json!([])).await;
    assert_eq!(answer, Answer::failed(3012, "no-answer"));
}

#[tokio::test]
async fn connect_middleware_refuses_before_on_connect_runs() {
    let server = Server::new();
    let chat = server.namespace("/");
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    chat.connect_middleware(|Data(token): Data<String>, next: Next| async move {
        if token != "secret" {
            return Err(Failure::unauthorized("wrong token"));
        }
        next.run().await
    });
    chat.on_connect(|| async move {
        counted.fetch_add(1, Ordering::Relaxed);
        Ack("welcome")
    });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(json!("guess")).await;
    let refused = peer.receive().await;
    assert_eq!(
        (&refused[4], &refused[5]),
        (&json!(3002), &json!("wrong token"))
    );
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    peer.send_connect(json!("secret")).await;
    assert_eq!(peer.receive().await[5], "welcome");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn connect_middleware_needs_no_hook_and_serves_patterns() {
    let server = Server::new();
    let orgs = server.namespaces("/org/{id}");
    orgs.connect_middleware(|Params(id): Params<u32>, next: Next| async move {
        if id == 0 {
            return Err(Failure::unknown_namespace());
        }
        next.run().await
    });
    let mut peer = Peer::greet(&server).await;
    assert_eq!(peer.enter("/org/0", Value::Null).await[4], 3004);
    let connected = peer.enter("/org/1", Value::Null).await;
    assert_eq!((&connected[0], &connected[5]), (&json!(17), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn connect_middleware_that_never_ends_is_given_up() {
    let server = Server::new();
    server
        .namespace("/")
        .connect_middleware(|_next: Next| async {
            std::future::pending::<()>().await;
            Ok::<_, Failure>(())
        });
    let mut peer = Peer::greet(&server).await;
    let begun = tokio::time::Instant::now();
    peer.send_connect(Value::Null).await;
    assert_eq!(peer.receive().await[4], 3011);
    assert_eq!(begun.elapsed().as_secs(), AUTHENTICATION_LIMIT.as_secs());
}
