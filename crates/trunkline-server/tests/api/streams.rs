//! Events as streams.

use futures_util::StreamExt;
use serde_json::json;
use trunkline_server::{Ack, Data, Event, EventStream, Responder, Server, Socket};

use crate::peer::{Answer, Peer};

#[tokio::test]
async fn a_stream_has_the_events_of_all_sockets_each_acked_when_it_is_in() {
    let server = Server::new();
    let mut lines = server
        .namespace("/")
        .stream::<(Socket, Data<String>)>("say", 8);
    let (mut ada, mut bob) = (Peer::connect(&server).await, Peer::connect(&server).await);
    assert_eq!(
        ada.call("say", json!(["one"])).await,
        Answer::Acked(json!([]))
    );
    assert_eq!(
        bob.call("say", json!(["two"])).await,
        Answer::Acked(json!([]))
    );
    for (peer, expected) in [(&ada, "one"), (&bob, "two")] {
        let (socket, Data(line)) = lines.next().await.unwrap();
        assert_eq!((socket.id().as_str(), &*line), (&*peer.socket_id, expected));
    }
}

#[tokio::test]
async fn a_full_stream_lets_events_wait_in_order_and_loses_none() {
    let server = Server::new();
    let chat = server.namespace("/");
    let numbers = chat.stream::<Data<u32>>("number", 1);
    chat.on("now", || async { Ack("now") });
    let mut peer = Peer::connect(&server).await;
    for number in 0..20 {
        peer.emit("number", json!([number])).await;
    }
    peer.ask(7, "now", json!([])).await;
    peer.ping().await;
    assert_eq!(numbers.waiting(), 1);
    let read: Vec<_> = numbers.take(20).map(|Data(number)| number).collect().await;
    assert_eq!(read, (0..20).collect::<Vec<_>>());
    assert_eq!(
        Answer::read(&peer.receive().await),
        Answer::Acked(json!(["now"]))
    );
}

#[tokio::test]
async fn a_responder_in_a_stream_answers() {
    type Addition = (Data<(u32, u32)>, Responder<u32>);
    const ADD: Event<(u32, u32), u32> = Event::new("add");
    let server = Server::new();
    let mut sums: EventStream<Addition> = server.namespace("/").stream(ADD, 8);
    tokio::spawn(async move {
        while let Some((Data((a, b)), responder)) = sums.next().await {
            responder.send(a + b);
        }
    });
    let mut peer = Peer::connect(&server).await;
    assert_eq!(
        peer.call("add", json!([[1, 2]])).await,
        Answer::Acked(json!([3]))
    );
    let Answer::Failed { code, .. } = peer.call("add", json!(["x"])).await else {
        panic!()
    };
    assert_eq!(code, 3007);
}

#[tokio::test]
async fn the_events_of_a_dropped_stream_are_unknown() {
    let server = Server::new();
    let numbers = server.namespace("/").stream::<Data<u32>>("number", 1);
    let mut peer = Peer::connect(&server).await;
    drop(numbers);
    let unknown = Answer::failed(3009, "unknown-event");
    assert_eq!(peer.call("number", json!([1])).await, unknown);
}
