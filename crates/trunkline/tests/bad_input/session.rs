//! Frames that decode, and are wrong where they stand.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use trunkline::protocol::Limits;
use trunkline::server::{FloodLimits, Server, Socket};

use crate::house::House;
use crate::log;
use crate::peer::{BOTH, Encoding};

/// Each of the frames ends a session of its own with this code, in both encodings.
async fn ends_with(code: u16, name: &str, frames: &[Value]) {
    let house = House::open().await;
    for encoding in BOTH {
        for frame in frames {
            let mut peer = house.peer(encoding).await;
            peer.send(frame.clone()).await;
            peer.is_closed(code, name).await;
        }
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn gaps_and_receipts_from_the_future_are_protocol_errors() {
    let frames = [
        json!([20, 3, null, 1, "echo", []]),
        json!([96, 7]),
        json!([20, 9_007_199_254_740_991_u64, null, 1, "echo", []]),
        json!([4, 2]),
        json!([4, 9_007_199_254_740_991_u64]),
        json!([2, 0, 5]),
        json!([3, 0, 5]),
    ];
    ends_with(3200, "3200 protocol-error", &frames).await;
}

#[tokio::test]
async fn a_second_hello_and_frames_of_the_server_are_protocol_errors() {
    let frames = [
        json!([0, {"v": 1, "agent": "again"}]),
        json!([1, {}]),
        json!([5, {"reason": "", "slot": 0, "deadline": 0}]),
        json!([17, 2, null, 1, "x", null]),
        json!([18, 2, null, 1, 3002, "", null]),
    ];
    ends_with(3200, "3200 protocol-error", &frames).await;
}

#[tokio::test]
async fn messages_of_the_other_kind_are_protocol_errors() {
    let house = House::open().await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        peer.message(encoding.other().message(&json!([4, 0]))).await;
        peer.is_closed(3200, "3200 protocol-error").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn frames_above_the_limit_end_the_session_as_too_large() {
    let limits = Limits {
        frame: 16_384,
        ..Limits::default()
    };
    let house = House::with(Server::builder().limits(limits), |_| {}).await;
    for encoding in BOTH {
        // One that the session refuses, and one that the transport does not even read.
        for size in [16_385, 100_000] {
            let mut peer = house.peer(encoding).await;
            let text = "x".repeat(size);
            peer.try_send(json!([20, 2, null, 1, "echo", [text]])).await;
            peer.is_closed(3205, "3205 frame-too-large").await;
        }
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn args_deeper_than_the_limit_or_of_the_wrong_type_are_bad_args() {
    let house = House::open().await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        let mut deep = json!(0);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        for (ack_id, args) in [deep, json!(["text"]), json!([-1]), json!([{}])]
            .into_iter()
            .enumerate()
        {
            peer.event(Some(ack_id as u64), "number", args).await;
            peer.is_failed(ack_id as u64, 3007).await;
        }
        log::tells(peer.address, "3007 bad-args").await;
        peer.still_lives().await;
        peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn unknown_events_namespaces_and_panics_are_answered_by_name() {
    let house = House::open().await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        peer.event(Some(1), "nothing", json!([])).await;
        peer.is_failed(1, 3009).await;
        log::tells(peer.address, "unknown event").await;
        peer.event(Some(2), "panic", json!([])).await;
        peer.is_failed(2, 3011).await;
        log::tells(peer.address, "handler panicked").await;
        peer.numbered(|seq| json!([20, seq, "/chat", 3, "echo", []]))
            .await;
        peer.is_failed(3, 3010).await;
        log::tells(peer.address, "not connected").await;
        peer.numbered(|seq| json!([16, seq, "/nowhere", null]))
            .await;
        peer.is_refused(peer.seq(), 3004).await;
        log::tells(peer.address, "3004 unknown-namespace").await;
        peer.numbered(|seq| json!([16, seq, null, null])).await;
        peer.is_refused(peer.seq(), 3005).await;
        log::tells(peer.address, "3005 already-connected").await;
        peer.still_lives().await;
        peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn answers_never_asked_for_are_ignored_and_logged() {
    let house = House::open().await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        peer.numbered(|seq| json!([21, seq, null, 77, ["x"]])).await;
        log::tells(peer.address, "an answer to nothing").await;
        peer.numbered(|seq| json!([22, seq, "/chat", 78, 4000, "", null]))
            .await;
        peer.still_lives().await;
        peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_guessed_ack_id_answers_for_nobody_else() {
    let house = House::open().await;
    let namespace = house.server.namespace("/");
    namespace.on("ask", |socket: Socket| async move {
        let answer: String = socket.emit_with_ack("question", ()).await?;
        Ok(answer)
    });
    for encoding in BOTH {
        let mut asked = house.peer(encoding).await;
        let mut guesser = house.peer(encoding).await;
        asked.event(Some(1), "ask", json!([])).await;
        let question = asked.sequenced().await;
        assert_eq!(question[4], "question", "{question}");
        let ack_id = question[3].as_u64().unwrap();
        // Ids are given out one after the other, and easily guessed; also by whoever was asked, in
        // another namespace.
        for guess in ack_id.saturating_sub(20)..ack_id + 20 {
            guesser
                .numbered(|seq| json!([21, seq, null, guess, ["guessed"]]))
                .await;
        }
        guesser.still_lives().await;
        asked
            .numbered(|seq| json!([21, seq, "/chat", ack_id, ["elsewhere"]]))
            .await;
        asked
            .numbered(|seq| json!([21, seq, null, ack_id, ["true"]]))
            .await;
        asked
            .numbered(|seq| json!([21, seq, null, ack_id, ["again"]]))
            .await;
        let answer = asked.sequenced().await;
        assert_eq!(
            (&answer[0], &answer[4]),
            (&json!(21), &json!(["true"])),
            "{answer}"
        );
        asked.still_lives().await;
        for peer in [&mut asked, &mut guesser] {
            peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
        }
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn more_namespaces_than_allowed_are_refused() {
    let house = House::open().await;
    let mut peer = house.peer(Encoding::Json).await;
    for number in 0..70 {
        peer.numbered(|seq| json!([16, seq, format!("/n{number}"), null]))
            .await;
        if number < 63 {
            assert_eq!(peer.sequenced().await[0], 17, "namespace {number}");
        } else {
            peer.is_refused(peer.seq(), 3006).await;
        }
    }
    log::tells(peer.address, "3006 too-many-namespaces").await;
    peer.still_lives().await;
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    house.unharmed(0).await;
}

#[tokio::test]
async fn storms_of_connect_and_disconnect_leave_one_socket() {
    let house = House::with(Server::builder().flood_limits(FloodLimits::OFF), |_| {}).await;
    let mut peer = house.peer(Encoding::MessagePack).await;
    for _ in 0..500 {
        peer.numbered(|seq| json!([16, seq, "/chat", null])).await;
        assert_eq!(peer.sequenced().await[0], 17);
        peer.numbered(|seq| json!([19, seq, "/chat", 3013, ""]))
            .await;
    }
    peer.still_lives().await;
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    house.unharmed(0).await;
}

#[tokio::test]
async fn floods_of_pings_are_answered_and_harm_nobody() {
    let house = House::open().await;
    let mut peer = house.peer(Encoding::MessagePack).await;
    for t in 0..2_000 {
        peer.send(json!([2, t, 0])).await;
        peer.message(Message::Ping(vec![1; 100].into())).await;
    }
    peer.still_lives().await;
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    house.unharmed(0).await;
}
