//! The specification's negative vectors, each on a session of its own.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use trunkline::server::{FloodLimits, Server};

use crate::house::House;
use crate::log;
use crate::peer::{BOTH, Encoding, Peer};

fn cases() -> Vec<Value> {
    let text = include_str!("../../../../protocol/vectors/negative.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

/// The case's message, if this encoding can say it.
fn message(case: &Value, encoding: Encoding) -> Option<Message> {
    match encoding {
        Encoding::Json => case["json"].as_str().map(Message::text),
        Encoding::MessagePack => case["messagepack"].as_str().map(|digits| {
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            Message::binary((0..digits.len()).step_by(2).map(byte).collect::<Vec<_>>())
        }),
    }
}

async fn each(error: &str, check: impl AsyncFn(&House, Peer, &Value, Message)) {
    let builder = Server::builder().flood_limits(FloodLimits::OFF);
    let house = House::with(builder, |_| {}).await;
    let mut tested = 0;
    for case in cases().iter().filter(|case| case["error"] == error) {
        for encoding in BOTH {
            let Some(message) = message(case, encoding) else {
                continue;
            };
            let mut peer = house.peer(encoding).await;
            // The vectors' frames have number 9.
            while peer.seq() < 8 {
                peer.numbered(|seq| json!([96, seq])).await;
            }
            eprintln!("{encoding:?}: {}", case["name"]);
            check(&house, peer, case, message).await;
            tested += 1;
        }
    }
    assert!(tested > 50, "only {tested} vectors");
    house.unharmed(0).await;
}

#[tokio::test]
async fn every_header_error_ends_its_session_with_protocol_error() {
    each("protocol-error", async |house, mut peer, _case, message| {
        peer.message(message).await;
        peer.is_closed(3200, "3200 protocol-error").await;
        let mut late = Peer::open(house.address, peer.encoding).await;
        late.send(json!([0, {"v": 1, "agent": "late", "resume": peer.resume(1)}]))
            .await;
        let welcome = late.frame().await;
        assert_eq!(welcome[1]["resumed"], false, "{welcome}");
        late.send(json!([6, {"code": 1000, "reason": ""}])).await;
    })
    .await;
}

#[tokio::test]
async fn every_bad_body_is_answered_and_the_connection_lives() {
    each("bad-args", async |_house, mut peer, case, message| {
        peer.message(message).await;
        match case["kind"].as_str().unwrap() {
            "EVENT" => {
                peer.count_sent();
                peer.is_failed(4, 3007).await;
                log::tells(peer.address, "3007 bad-args").await;
            }
            "CONNECT" => {
                peer.count_sent();
                peer.is_refused(9, 3007).await;
                log::tells(peer.address, "3007 bad-args").await;
            }
            // Answers never asked for, and what may be lost anyway.
            "ACK" | "FAILED" => peer.count_sent(),
            "DATAGRAM" | "LATEST" => {}
            // Only a server says these.
            _ => {
                peer.is_closed(3200, "3200 protocol-error").await;
                return;
            }
        }
        peer.still_lives().await;
        peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    })
    .await;
}
