//! A namespace's hooks that panic or never end: who meets one is told in time, and nobody else
//! notices.

use std::future::pending;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::server::{Data, Failure, Room, Server, Socket};

use crate::house::House;
use crate::log;
use crate::peer::{BOTH, Peer};

/// Does what it is told.
async fn obeys(word: &str) -> Result<(), Failure> {
    match word {
        "panic" => panic!("on purpose"),
        "hang" => pending().await,
        _ => Ok(()),
    }
}

/// Each namespace has one hook that does what the CONNECT's auth, or the room's name, says.
fn register(server: &Server) {
    let judged = server.namespace("/judged");
    judged.authorize(|Data(word): Data<String>| async move { obeys(&word).await });
    let greeted = server.namespace("/greeted");
    greeted.on_connect(|Data(word): Data<String>| async move { obeys(&word).await });
    let rooms = server.namespace("/rooms");
    rooms.on_join(|room: Room| async move { obeys(&room).await });
    rooms.on("join", |socket: Socket, Data(room): Data<String>| async move {
        socket.join_if_allowed(&room).await
    });
    let left = server.namespace("/left");
    left.on_disconnect(|| async { obeys("panic").await.unwrap_or(()) });
    let left_open = server.namespace("/left-open");
    left_open.on_disconnect(|| async { obeys("hang").await.unwrap_or(()) });
}

async fn connect(peer: &mut Peer, namespace: &str, auth: Value) -> Value {
    peer.numbered(|seq| json!([16, seq, namespace, auth])).await;
    peer.sequenced().await
}

#[tokio::test]
async fn hooks_of_a_namespace_that_panic_or_never_end_are_internal_and_harm_nobody() {
    let builder = Server::builder().authentication_timeout(Duration::from_millis(200));
    let house = House::with(builder, |_| {}).await;
    register(&house.server);
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        for word in ["panic", "hang"] {
            for namespace in ["/judged", "/greeted"] {
                let refused = connect(&mut peer, namespace, json!(word)).await;
                assert_eq!(
                    (&refused[0], &refused[4], &refused[5]),
                    (&json!(18), &json!(3011), &json!("")),
                    "{namespace} {word}: {refused}"
                );
            }
        }
        log::tells(peer.address, "panicked").await;
        for namespace in ["/judged", "/greeted"] {
            let connected = connect(&mut peer, namespace, json!("behave")).await;
            assert_eq!(connected[0], 17, "{namespace}: {connected}");
        }
        assert_eq!(connect(&mut peer, "/rooms", Value::Null).await[0], 17);
        for (ack_id, room) in [(1, "panic"), (2, "hang")] {
            peer.numbered(|seq| json!([20, seq, "/rooms", ack_id, "join", [room]]))
                .await;
            peer.is_failed(ack_id, 3011).await;
        }
        for namespace in ["/left", "/left-open"] {
            assert_eq!(connect(&mut peer, namespace, Value::Null).await[0], 17);
            peer.numbered(|seq| json!([19, seq, namespace, 3013, ""]))
                .await;
        }
        peer.still_lives().await;
        peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    }
    house.unharmed(0).await;
}
