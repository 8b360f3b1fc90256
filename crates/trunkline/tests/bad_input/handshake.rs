//! Connections that never become a session.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use trunkline::server::Server;

use crate::house::{House, soon};
use crate::log;
use crate::peer::{BOTH, Encoding, Peer};

const SHORT: Duration = Duration::from_millis(200);

/// Sends a request's head, and gives the answer up to the end of the stream or its body.
pub(crate) async fn ask(server: SocketAddr, head: &str) -> (SocketAddr, String) {
    let mut tcp = TcpStream::connect(server).await.unwrap();
    let address = tcp.local_addr().unwrap();
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 2048];
    let length = soon("an answer", tcp.read(&mut answer)).await.unwrap();
    answer.truncate(length);
    (address, String::from_utf8(answer).unwrap())
}

pub(crate) fn head(line: &str, without: &str, and: &str) -> String {
    let headers = [
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol: trunkline.v1.json",
    ];
    let kept = headers
        .into_iter()
        .filter(|header| without.is_empty() || !header.starts_with(without));
    let mut text = format!("{line} HTTP/1.1\r\n");
    for header in kept.chain((!and.is_empty()).then_some(and)) {
        text += &format!("{header}\r\n");
    }
    text + "\r\n"
}

#[tokio::test]
async fn bad_upgrades_get_their_http_answer_and_a_line_in_the_log() {
    let house = House::open().await;
    let get = "GET /trunkline";
    let cases = [
        (head("POST /trunkline", "", ""), "405"),
        (head("GET /elsewhere", "", ""), "404"),
        (head(get, "Upgrade", ""), "426"),
        (
            head(get, "Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
            "426",
        ),
        (head(get, "Sec-WebSocket-Protocol", ""), "400"),
        (
            head(
                get,
                "Sec-WebSocket-Protocol",
                "Sec-WebSocket-Protocol: chat",
            ),
            "400",
        ),
        (head(get, "Sec-WebSocket-Key", ""), "400"),
        (
            head(get, "Sec-WebSocket-Key", "Sec-WebSocket-Key: short"),
            "400",
        ),
        (head(get, "", "Origin: https://evil.example"), "403"),
        (head(get, "", "Origin: null"), "403"),
    ];
    for (request, status) in cases {
        let (address, answer) = ask(house.address, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{request}{answer}"
        );
        if status == "404" {
            continue; // Plain HTTP, which is the application's affair.
        }
        log::tells(address, "refused").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn unknown_versions_are_told_the_known_ones() {
    let house = House::open().await;
    for (encoding, name) in [
        (Encoding::Json, "trunkline.v9.json"),
        (Encoding::MessagePack, "trunkline.v9.msgpack"),
    ] {
        let mut peer = Peer::open_as(house.address, encoding, name).await;
        let close = peer.is_closed(3001, "3001 unsupported-version").await;
        assert_eq!(
            close["data"],
            json!(["trunkline.v1.msgpack", "trunkline.v1.json"])
        );
        let mut peer = Peer::open(house.address, encoding).await;
        peer.send(json!([0, {"v": 9, "agent": "new"}])).await;
        peer.is_closed(3001, "3001 unsupported-version").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn first_frames_other_than_hello_are_protocol_errors() {
    let house = House::open().await;
    for encoding in BOTH {
        for frame in [
            json!([16, 1, null, null]),
            json!([20, 1, null, 1, "echo", []]),
            json!([2, 1, 0]),
            json!([4, 0]),
            json!([64]),
            json!([96, 1]),
            json!([32, null, "e", []]),
            json!([1, {}]),
            json!([0, {"v": 1}]),
            json!("hello"),
        ] {
            let mut peer = Peer::open(house.address, encoding).await;
            peer.send(frame).await;
            peer.is_closed(3200, "3200 protocol-error").await;
        }
        let mut peer = Peer::open(house.address, encoding).await;
        let hello = json!([0, {"v": 1, "agent": "other"}]);
        peer.message(encoding.other().message(&hello)).await;
        peer.is_closed(3200, "3200 protocol-error").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn huge_hellos_are_too_large_before_they_are_whole() {
    let house = House::open().await;
    for encoding in BOTH {
        for size in [8_192, 900_000, 3_000_000] {
            let mut peer = Peer::open(house.address, encoding).await;
            peer.try_send(json!([0, {"v": 1, "agent": "x".repeat(size)}]))
                .await;
            peer.is_closed(3205, "3205 frame-too-large").await;
        }
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn websockets_without_a_hello_in_time_are_closed() {
    let house = House::with(Server::builder().handshake_timeout(SHORT), |_| {}).await;
    for encoding in BOTH {
        let mut peer = Peer::open(house.address, encoding).await;
        peer.is_closed(3203, "3203 handshake-timeout").await;
        // Life on the wire is no HELLO.
        let mut pinging = Peer::open(house.address, encoding).await;
        pinging.message(Message::Ping(vec![1].into())).await;
        pinging.is_closed(3203, "3203 handshake-timeout").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_hello_that_drips_is_not_waited_for() {
    let house = House::with(Server::builder().handshake_timeout(SHORT), |_| {}).await;
    let mut tcp = TcpStream::connect(house.address).await.unwrap();
    let address = tcp.local_addr().unwrap();
    tcp.write_all(head("GET /trunkline", "", "").as_bytes())
        .await
        .unwrap();
    // The head of a text frame of 100 bytes, then one byte now and then.
    tcp.write_all(&[0x81, 0x80 | 100, 0, 0, 0, 0])
        .await
        .unwrap();
    let (mut reader, mut writer) = tcp.into_split();
    let dripping = tokio::spawn(async move {
        let mut drops = tokio::time::interval(SHORT / 10);
        while writer.write_all(b"[").await.is_ok() {
            drops.tick().await;
        }
    });
    let mut all = Vec::new();
    let _ = soon("the connection's end", reader.read_to_end(&mut all)).await;
    dripping.abort();
    assert!(String::from_utf8_lossy(&all).contains("\"code\":3203"));
    log::tells(address, "3203 handshake-timeout").await;
    house.unharmed(0).await;
}

#[tokio::test]
async fn tcp_that_says_nothing_or_drips_its_head_is_dropped() {
    let house = House::with(Server::builder(), |config| {
        config.header_timeout = SHORT;
        config.http_timeout = 5 * SHORT;
    })
    .await;
    for start in ["", "GET /trunkline HTTP/1.1\r\nX: "] {
        let mut tcp = TcpStream::connect(house.address).await.unwrap();
        let address = tcp.local_addr().unwrap();
        tcp.write_all(start.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = tcp.into_split();
        let dripping = tokio::spawn(async move {
            let mut drops = tokio::time::interval(SHORT / 10);
            while !start.is_empty() && writer.write_all(b"x").await.is_ok() {
                drops.tick().await;
            }
            writer
        });
        let mut all = Vec::new();
        let _ = soon("the connection's end", reader.read_to_end(&mut all)).await;
        dripping.abort();
        log::tells(address, "HTTP connection").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn sessions_without_a_namespace_are_ended() {
    let house = House::with(Server::builder().namespace_timeout(SHORT), |_| {}).await;
    for encoding in BOTH {
        let mut peer = Peer::greeted(house.address, encoding).await;
        peer.is_closed(3204, "3204 no-namespace").await;
        let mut left = house.peer(encoding).await;
        left.numbered(|seq| json!([19, seq, null, 3013, ""])).await;
        left.is_closed(3204, "3204 no-namespace").await;
    }
    house.unharmed(0).await;
}
