//! Events as values.

use serde::{Deserialize, Serialize};
use serde_json::json;
use trunkline_server::{Ack, Args, Data, Event, Failure, Responder, Server, Socket};

use crate::peer::{Answer, Peer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    text: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    length: usize,
}

const SAY: Event<Line, Receipt> = Event::new("say");
const SAID: Event<Line> = Event::new("said");
const ADD: Event<Args<(u32, u32)>, u32> = Event::new("add");
const PING: Event<(), ()> = Event::new("ping");
const LATER: Event<(), u8> = Event::new("later");

#[tokio::test]
async fn a_typed_event_is_handled_and_sent() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on(SAY, |socket: Socket, Data(line): Data<Line>| async move {
        socket.emit(SAID, &line)?;
        Ok(Receipt {
            length: line.text.len(),
        })
    });
    chat.on(
        ADD,
        |Args((a, b)): Args<(u32, u32)>| async move { Ack(a + b) },
    );
    chat.on(PING, || async {});
    chat.on(LATER, |responder: Responder<u8>| async move {
        responder.send(9)
    });
    let mut peer = Peer::connect(&server).await;
    peer.ask(1, "say", json!([{"text": "hi"}])).await;
    assert_eq!(peer.expect("said").await, json!([{"text": "hi"}]));
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::Acked(json!([{"length": 2}]))
    );
    assert_eq!(
        peer.call("add", json!([1, 2])).await,
        Answer::Acked(json!([3]))
    );
    assert_eq!(peer.call("ping", json!([])).await, Answer::Acked(json!([])));
    assert_eq!(
        peer.call("later", json!([])).await,
        Answer::Acked(json!([9]))
    );
}

#[tokio::test]
async fn a_typed_event_says_what_its_answer_is() {
    let server = Server::new();
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    let asked = tokio::spawn(async move {
        let line = Line {
            text: "hi".to_owned(),
        };
        let receipt = socket.emit_with_ack(SAY, &line).await?;
        let sum = socket.emit_with_ack(ADD, Args((1, 2))).await?;
        Ok::<_, Failure>((receipt, sum))
    });
    let say = peer.receive().await;
    assert_eq!(
        (&say[4], &say[5]),
        (&json!("say"), &json!([{"text": "hi"}]))
    );
    peer.ack(&say, json!([{"length": 2}])).await;
    let add = peer.receive().await;
    peer.ack(&add, json!([3])).await;
    assert_eq!(asked.await.unwrap().unwrap(), (Receipt { length: 2 }, 3));
}

#[tokio::test]
async fn a_room_is_sent_typed_events_too() {
    let server = Server::new();
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    chat.socket(&peer.socket_id).unwrap().join("lobby").unwrap();
    let line = Line {
        text: "all".to_owned(),
    };
    chat.to("lobby").emit(SAID, &line).unwrap();
    chat.emit(SAID, &line).unwrap();
    for _ in 0..2 {
        assert_eq!(peer.expect("said").await, json!([{"text": "all"}]));
    }
}
