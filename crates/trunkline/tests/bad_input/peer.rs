//! A client made by hand, which says whatever it is told to.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::house::soon;
use crate::log;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    MessagePack,
    Json,
}

pub(crate) const BOTH: [Encoding; 2] = [Encoding::MessagePack, Encoding::Json];

impl Encoding {
    pub(crate) const fn protocol(self) -> &'static str {
        match self {
            Self::MessagePack => "trunkline.v1.msgpack",
            Self::Json => "trunkline.v1.json",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::MessagePack => Self::Json,
            Self::Json => Self::MessagePack,
        }
    }

    pub(crate) fn message(self, frame: &Value) -> Message {
        match self {
            Self::MessagePack => Message::binary(rmp_serde::to_vec(frame).unwrap()),
            Self::Json => Message::text(frame.to_string()),
        }
    }
}

pub(crate) struct Peer {
    pub(crate) stream: WebSocketStream<TcpStream>,
    pub(crate) address: SocketAddr,
    pub(crate) encoding: Encoding,
    pub(crate) welcome: Value,
    seq: u64,
    pub(crate) received: u64,
}

impl Peer {
    /// A WebSocket on which nothing was said.
    pub(crate) async fn open(server: SocketAddr, encoding: Encoding) -> Self {
        Self::open_as(server, encoding, encoding.protocol()).await
    }

    pub(crate) async fn open_as(server: SocketAddr, encoding: Encoding, protocol: &str) -> Self {
        Self::open_at(server, encoding, protocol, "/trunkline").await
    }

    /// A WebSocket at this path and query.
    pub(crate) async fn open_at(
        server: SocketAddr,
        encoding: Encoding,
        protocol: &str,
        path: &str,
    ) -> Self {
        let tcp = TcpStream::connect(server).await.unwrap();
        let address = tcp.local_addr().unwrap();
        let mut request = format!("ws://{server}{path}")
            .into_client_request()
            .unwrap();
        let header = protocol.parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", header);
        let opened = tokio_tungstenite::client_async(request, tcp);
        let (stream, _) = soon("the upgrade", opened).await.unwrap();
        Self {
            stream,
            address,
            encoding,
            welcome: Value::Null,
            seq: 0,
            received: 0,
        }
    }

    /// After WELCOME.
    pub(crate) async fn greeted(server: SocketAddr, encoding: Encoding) -> Self {
        let mut peer = Self::open(server, encoding).await;
        peer.send(json!([0, {"v": 1, "agent": "bad/1"}])).await;
        let welcome = peer.frame().await;
        assert_eq!(welcome[0], 1, "{welcome}");
        peer.welcome = welcome[1].clone();
        peer
    }

    /// In "/", with a receipt sent, so that the session would be kept.
    pub(crate) async fn connected(server: SocketAddr, encoding: Encoding) -> Self {
        let mut peer = Self::greeted(server, encoding).await;
        peer.numbered(|seq| json!([16, seq, null, null])).await;
        let connected = peer.sequenced().await;
        assert_eq!(connected[0], 17, "{connected}");
        peer.receipt().await;
        peer
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.message(self.encoding.message(&frame)).await;
    }

    pub(crate) async fn message(&mut self, message: Message) {
        soon("the server reads", self.stream.send(message))
            .await
            .unwrap();
    }

    /// Sends where the server may have closed meanwhile.
    pub(crate) async fn try_send(&mut self, frame: Value) {
        let message = self.encoding.message(&frame);
        let _ = soon("the server reads", self.stream.send(message)).await;
    }

    pub(crate) async fn numbered(&mut self, frame: impl FnOnce(u64) -> Value) {
        self.seq += 1;
        self.send(frame(self.seq)).await;
    }

    pub(crate) async fn event(&mut self, ack_id: Option<u64>, event: &str, args: Value) {
        self.numbered(|seq| json!([20, seq, null, ack_id, event, args]))
            .await;
    }

    pub(crate) async fn receipt(&mut self) {
        self.send(json!([4, self.received])).await;
    }

    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn count_sent(&mut self) {
        self.seq += 1;
    }

    /// The next frame, whatever it is.
    pub(crate) async fn frame(&mut self) -> Value {
        loop {
            let message = soon("a frame", self.stream.next()).await;
            match message.expect("a frame, not the end").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Binary(bytes) => return rmp_serde::from_slice(&bytes).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} instead of a frame"),
            }
        }
    }

    /// The next numbered frame with a meaning, or CLOSE; the numbers have no gap.
    pub(crate) async fn sequenced(&mut self) -> Value {
        loop {
            let frame = self.frame().await;
            match frame[0].as_u64().unwrap() {
                kind @ (16..=31 | 96..=127) => {
                    self.received += 1;
                    assert_eq!(frame[1], self.received, "{frame}");
                    if kind <= 31 {
                        return frame;
                    }
                }
                6 => return frame,
                _ => {}
            }
        }
    }

    /// FAILED for this ack id, with this code.
    pub(crate) async fn is_failed(&mut self, ack_id: u64, code: u16) {
        let failed = self.sequenced().await;
        assert_eq!(
            (&failed[0], &failed[3], &failed[4]),
            (&json!(22), &json!(ack_id), &json!(code)),
            "{failed}"
        );
    }

    /// REFUSED for this CONNECT, with this code.
    pub(crate) async fn is_refused(&mut self, connect: u64, code: u16) {
        let refused = self.sequenced().await;
        assert_eq!(
            (&refused[0], &refused[3], &refused[4]),
            (&json!(18), &json!(connect), &json!(code)),
            "{refused}"
        );
    }

    /// The session is as good as ever.
    pub(crate) async fn still_lives(&mut self) {
        let ack_id = 900_000 + self.seq;
        self.event(Some(ack_id), "echo", json!(["alive"])).await;
        let ack = self.sequenced().await;
        assert_eq!(
            (&ack[0], &ack[3], &ack[4]),
            (&json!(21), &json!(ack_id), &json!(["alive"])),
            "{ack}"
        );
    }

    /// CLOSE with this code, then the transport's close with the same, and the log tells it.
    pub(crate) async fn is_closed(&mut self, code: u16, name: &str) -> Value {
        let close = loop {
            let frame = self.frame().await;
            if frame[0] == 6 {
                break frame[1].clone();
            }
        };
        assert_eq!(close["code"], code, "{close}");
        self.ends().await;
        log::tells(self.address, name).await;
        close
    }

    /// Reads to the end of the connection.
    pub(crate) async fn ends(&mut self) -> Option<u16> {
        let mut code = None;
        loop {
            match soon("the connection's end", self.stream.next()).await {
                Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code.into()),
                None | Some(Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_))) => {
                    return code;
                }
                Some(Ok(other)) => panic!("{other:?} after CLOSE"),
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }

    /// What a HELLO says to resume this session.
    pub(crate) fn resume(&self, attach: u64) -> Value {
        json!({
            "session": self.welcome["session"], "secret": self.welcome["secret"],
            "attach": attach, "received": self.received,
        })
    }
}

impl Peer {
    /// CLOSE `superseded`; the transport's end is not awaited.
    pub(crate) async fn is_superseded(&mut self) -> Value {
        let close = loop {
            let frame = self.frame().await;
            if frame[0] == 6 {
                break frame[1].clone();
            }
        };
        assert_eq!(close["code"], 3400, "{close}");
        close
    }

    /// Takes the numbers over from the connection that this one resumed.
    pub(crate) fn goes_on_for(&mut self, older: &Self) {
        self.seq = older.seq;
        self.received = older.received;
        self.welcome = older.welcome.clone();
    }
}
