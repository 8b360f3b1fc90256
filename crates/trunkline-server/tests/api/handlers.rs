//! What handlers may look like, and what becomes of what they return.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trunkline_server::handler::{Call, stage};
use trunkline_server::{
    Ack, Args, Data, EventName, Failure, Handshake, Payload, PeerAddress, Principal, Server,
    Socket, SocketState, State, extract::Extract,
};

use crate::peer::{Answer, Peer};

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    text: String,
    author: Author,
}

#[derive(Debug, Serialize, Deserialize)]
struct Author {
    age: u8,
}

async fn function(Data(number): Data<i64>) -> Ack<i64> {
    Ack(number + 1)
}

#[derive(Debug, thiserror::Error)]
#[error("the database is at secret.example")]
struct Database;

#[tokio::test]
async fn a_handler_returns_nothing_a_result_or_an_ack() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("nothing", || async {});
    chat.on("function", function);
    chat.on("value", async |Data(number): Data<i64>| Ok(number * 2));
    chat.on("unit", || async { Ok(()) });
    chat.on("several", || async { Ok(Args((1, "two"))) });
    chat.on("relay", |args: Payload| async { Ok(args) });
    chat.on("array", || async { Ack(vec![1, 2]) });
    let mut peer = Peer::connect(&server).await;
    for (event, args, expected) in [
        ("nothing", json!([]), json!([])),
        ("function", json!([41]), json!([42])),
        ("value", json!([21]), json!([42])),
        ("unit", json!([]), json!([])),
        ("several", json!([]), json!([1, "two"])),
        (
            "relay",
            json!([1, null, {"a": [2]}]),
            json!([1, null, {"a": [2]}]),
        ),
        ("array", json!([]), json!([[1, 2]])),
    ] {
        assert_eq!(
            peer.call(event, args).await,
            Answer::Acked(expected),
            "{event}"
        );
    }
}

#[tokio::test]
async fn a_failure_made_on_purpose_is_told_and_a_foreign_one_is_not() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("refuse", || async {
        Err::<(), _>(Failure::new(4007, "too late").with_data(&[1]))
    });
    chat.on("break", || async {
        Err(Database)?;
        Ok(())
    });
    let mut peer = Peer::connect(&server).await;
    let refused = Answer::Failed {
        code: 4007,
        message: "too late".into(),
        data: json!([1]),
    };
    assert_eq!(peer.call("refuse", json!([])).await, refused);
    assert_eq!(
        peer.call("break", json!([])).await,
        Answer::failed(3011, "")
    );
}

#[tokio::test]
async fn an_answer_the_peer_does_not_take_is_failed_and_ends_nothing() {
    let server = Server::new();
    let chat = server.namespace("/");
    let large = "x".repeat(2 << 20);
    let (value, data) = (large.clone(), large);
    chat.on("value", move || async move { Ack(value) });
    chat.on("data", move || async move {
        Err::<(), _>(Failure::new(4007, "too late").with_data(&data))
    });
    chat.on("small", || async { Ack("small") });
    let mut peer = Peer::connect(&server).await;
    let answer = peer.call("value", json!([])).await;
    assert_eq!(answer, Answer::failed(3011, ""));
    let answer = peer.call("data", json!([])).await;
    assert_eq!(answer, Answer::failed(4007, ""));
    let answer = peer.call("small", json!([])).await;
    assert_eq!(answer, Answer::Acked(json!(["small"])));
}

#[tokio::test]
async fn args_that_do_not_fit_are_failed_with_the_path_of_the_field() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("say", |Data(_): Data<Line>| async {});
    chat.on("pair", |Args((_, _)): Args<(u8, String)>| async {});
    let mut peer = Peer::connect(&server).await;
    let line = json!([{"text": "hi", "author": {"age": 300}}]);
    let Answer::Failed { code, message, .. } = peer.call("say", line).await else {
        panic!()
    };
    assert_eq!(code, 3007);
    assert!(message.contains("author.age"), "{message}");
    assert!(
        !message.contains("300"),
        "nothing of the content: {message}"
    );
    let Answer::Failed { code, .. } = peer.call("pair", json!([1])).await else {
        panic!()
    };
    assert_eq!(code, 3007);
    let poisoned = json!([{"$unknown": 1}]);
    let Answer::Failed { code, .. } = peer.call("say", poisoned).await else {
        panic!()
    };
    assert_eq!(code, 3007);
    let good = json!([{"text": "hi", "author": {"age": 30}}]);
    assert_eq!(peer.call("say", good).await, Answer::Acked(json!([])));
}

#[tokio::test]
async fn an_unknown_event_is_failed_if_an_ack_was_asked_and_counted() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("known", || async {});
    let mut peer = Peer::connect(&server).await;
    peer.emit("unknown", json!([])).await;
    assert_eq!(
        peer.call("unknown", json!([])).await,
        Answer::failed(3009, "unknown-event")
    );
    assert_eq!(chat.unknown_events(), 2);
    assert_eq!(
        peer.call("known", json!([])).await,
        Answer::Acked(json!([]))
    );
}

fn blow_up(place: &str) {
    panic!("{place}");
}

#[tokio::test]
async fn a_panic_fails_its_event_and_ends_nothing() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("panic-at-once", |Data(text): Data<String>| {
        assert!(text.is_empty(), "panics ahead of its future");
        async {}
    });
    chat.on("panic-inline", || async { blow_up("inline") });
    chat.on("panic-later", || async {
        tokio::task::yield_now().await;
        blow_up("in the task");
    });
    chat.on("fine", || async {});
    let mut peer = Peer::connect(&server).await;
    for event in ["panic-at-once", "panic-inline", "panic-later"] {
        assert_eq!(
            peer.call(event, json!(["x"])).await,
            Answer::failed(3011, ""),
            "{event}"
        );
    }
    assert_eq!(peer.call("fine", json!([])).await, Answer::Acked(json!([])));
}

struct Greeting(&'static str);

struct Locale(String);

#[tokio::test]
async fn extractors_come_in_any_order_and_up_to_eight() {
    let server = Server::builder().state(Greeting("hello")).build();
    let chat = server.namespace("/");
    chat.on_connect(|socket: Socket, Data(locale): Data<String>| async move {
        socket.set(Locale(locale));
    });
    chat.on(
        "all",
        |State(greeting): State<Greeting>,
         Args((name, _)): Args<(String, u8)>,
         event: EventName,
         socket: Socket,
         locale: SocketState<Locale>,
         PeerAddress(address): PeerAddress,
         handshake: Arc<Handshake>,
         principal: Option<Principal>| async move {
            assert!(address.is_none() && principal.is_none());
            let id = socket.id().to_string();
            Ok((
                greeting.0,
                name,
                event.to_string(),
                id,
                locale.0.0.clone(),
                handshake.agent().to_owned(),
            ))
        },
    );
    let mut peer = Peer::connect_as(&server, json!("de")).await;
    let expected = json!([["hello", "ada", "all", peer.socket_id, "de", "test"]]);
    assert_eq!(
        peer.call("all", json!(["ada", 1])).await,
        Answer::Acked(expected)
    );
}

#[tokio::test]
async fn optional_data_is_none_without_an_arg_and_for_nil() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("maybe", |data: Option<Data<u8>>| async move {
        Ok(data.map(|Data(number)| number))
    });
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("maybe", json!([])).await,
        Answer::Acked(json!([null]))
    );
    assert_eq!(
        peer.call("maybe", json!([null])).await,
        Answer::Acked(json!([null]))
    );
    assert_eq!(
        peer.call("maybe", json!([7])).await,
        Answer::Acked(json!([7]))
    );
    let Answer::Failed { code, .. } = peer.call("maybe", json!(["x"])).await else {
        panic!()
    };
    assert_eq!(code, 3007);
}

#[tokio::test]
async fn state_that_nobody_set_and_a_missing_principal_fail_the_event() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("state", |_: State<Greeting>| async {});
    chat.on(
        "who",
        |who: Principal| async move { Ok(who.id().to_owned()) },
    );
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("state", json!([])).await,
        Answer::failed(3011, "")
    );
    let Answer::Failed { code, .. } = peer.call("who", json!([])).await else {
        panic!()
    };
    assert_eq!(code, 3002);
}

/// An extractor of a program's own, for events alone.
struct Count(usize);

impl Extract<stage::OnEvent> for Count {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        match call.args().count() {
            0 => Err(Failure::new(4000, "say something")),
            count => Ok(Self(count)),
        }
    }
}

#[tokio::test]
async fn a_program_writes_extractors_of_its_own() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("count", |Count(count): Count| async move { Ok(count) });
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("count", json!([1, 2])).await,
        Answer::Acked(json!([2]))
    );
    let refused = Answer::failed(4000, "say something");
    assert_eq!(peer.call("count", json!([])).await, refused);
}

#[tokio::test]
async fn a_handler_keeps_what_it_captured() {
    let server = Server::new();
    let chat = server.namespace("/");
    let names: Arc<Vec<String>> = Arc::new(vec!["ada".into()]);
    chat.on("names", move || async move { Ack(names.len()) });
    let mut peer = Peer::connect(&server).await;
    for _ in 0..2 {
        assert_eq!(
            peer.call("names", json!([])).await,
            Answer::Acked(json!([1]))
        );
    }
}

#[tokio::test]
#[should_panic(expected = "event \"say\" of namespace \"/\" has a handler already")]
async fn registering_an_event_twice_panics_and_names_it() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on("say", || async {});
    chat.on("say", || async {});
}

#[tokio::test]
#[should_panic(expected = "on_connect of namespace \"/\" is set already")]
async fn setting_a_hook_twice_panics_and_names_it() {
    let server = Server::new();
    server.namespace("/").on_connect(|| async {});
    server.namespace("/").on_connect(|| async {});
}

#[tokio::test]
async fn a_namespace_is_kept_apart_from_another() {
    let server = Server::new();
    server.namespace("/").on("who", || async { Ack("root") });
    server
        .namespace("/admin")
        .on("who", || async { Ack("admin") });
    let mut peer = Peer::connect(&server).await;
    peer.send(json!([16, 2, "/admin", null])).await;
    assert_eq!(peer.receive().await[2], "/admin");
    peer.send(json!([20, 3, "/admin", 1, "who", []])).await;
    let answer = peer.receive().await;
    assert_eq!(
        (&answer[2], &answer[4]),
        (&json!("/admin"), &json!(["admin"]))
    );
    peer.send(json!([20, 4, Value::Null, 2, "who", []])).await;
    assert_eq!(peer.receive().await[4], json!(["root"]));
}
