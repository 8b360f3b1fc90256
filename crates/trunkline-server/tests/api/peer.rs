//! A client made by hand: it writes and reads frames as JSON.

use serde_json::{Value, json};
use trunkline_server::{Place, Request, Server};
use trunkline_testkit::drive;
use trunkline_transport::memory::{self, Config, Link};
use trunkline_transport::{Connection, Home, MessageKind};

/// One session's client, in namespace "/" unless said otherwise.
pub(crate) struct Peer {
    connection: Connection,
    link: Link,
    /// Frames sent so far.
    seq: u64,
    /// Sequenced frames received so far.
    received: u64,
    pub(crate) welcome: Value,
    pub(crate) socket_id: String,
}

impl Peer {
    /// Connected to "/".
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::connect_as(server, Value::Null).await
    }

    /// Connected to "/" with this auth.
    pub(crate) async fn connect_as(server: &Server, auth: Value) -> Self {
        let mut peer = Self::greet(server).await;
        peer.send_connect(auth).await;
        let connected = peer.receive().await;
        assert_eq!(connected[0], 17, "{connected}");
        peer.socket_id = connected[4].as_str().unwrap().to_owned();
        peer
    }

    /// Connected to "/", with this auth in HELLO.
    pub(crate) async fn named(server: &Server, auth: Value) -> Self {
        let hello = json!({"v": 1, "agent": "test", "auth": auth});
        let mut peer = Self::open(server, hello).await;
        peer.send_connect(Value::Null).await;
        let connected = peer.receive().await;
        peer.socket_id = connected[4].as_str().unwrap().to_owned();
        peer
    }

    /// A session without a namespace.
    pub(crate) async fn greet(server: &Server) -> Self {
        Self::open(server, json!({"v": 1, "agent": "test"})).await
    }

    /// A session of whoever has these credentials, connected to "/".
    pub(crate) async fn log_in(server: &Server, auth: Value) -> Self {
        let mut peer = Self::open(server, json!({"v": 1, "agent": "test", "auth": auth})).await;
        peer.send_connect(Value::Null).await;
        let connected = peer.receive().await;
        assert_eq!(connected[0], 17, "{connected}");
        peer
    }

    /// What the server answers to a HELLO with these credentials.
    pub(crate) async fn answer_to(server: &Server, auth: Value) -> Value {
        Self::hello(server, json!({"v": 1, "agent": "test", "auth": auth})).await
    }

    /// What the server answers to a HELLO.
    pub(crate) async fn hello(server: &Server, hello: Value) -> Value {
        let (_peer, answer) = Self::knock(server, hello).await;
        answer
    }

    /// Resumes the session of a peer whose link was cut, with these credentials.
    pub(crate) async fn resume_as(self, server: &Server, attach: u64, auth: Value) -> Self {
        let mut hello = self.resuming(attach);
        hello["auth"] = auth;
        let resumed = Self::open(server, hello).await;
        assert_eq!(resumed.welcome["resumed"], true, "{}", resumed.welcome);
        Self {
            connection: resumed.connection,
            link: resumed.link,
            ..self
        }
    }

    fn resuming(&self, attach: u64) -> Value {
        let resume = json!({
            "session": self.welcome["session"], "secret": self.welcome["secret"],
            "attach": attach, "received": self.received,
        });
        json!({"v": 1, "agent": "test", "resume": resume})
    }

    /// What the server answers to an attempt to resume.
    pub(crate) async fn resume_answer(&self, server: &Server, attach: u64) -> Value {
        let (_peer, answer) = Self::knock(server, self.resuming(attach)).await;
        answer
    }

    /// What the server answers to the attempt to begin a session.
    pub(crate) async fn knock_fresh(server: &Server) -> Value {
        let (_peer, answer) = Self::knock(server, json!({"v": 1, "agent": "test"})).await;
        answer
    }

    /// Resumes the session of a peer whose link was cut.
    pub(crate) async fn resume(self, server: &Server, attach: u64) -> Self {
        let hello = self.resuming(attach);
        let resumed = Self::open(server, hello).await;
        assert_eq!(resumed.welcome["resumed"], true, "{}", resumed.welcome);
        Self {
            connection: resumed.connection,
            link: resumed.link,
            ..self
        }
    }

    async fn open(server: &Server, hello: Value) -> Self {
        let (mut peer, welcome) = Self::knock(server, hello).await;
        assert_eq!(welcome[0], 1, "{welcome}");
        peer.welcome = welcome[1].clone();
        peer
    }

    /// Says HELLO, and gives the answer.
    pub(crate) async fn knock(server: &Server, hello: Value) -> (Self, Value) {
        let mut peer = Self::silent(server);
        peer.try_send(json!([0, hello])).await;
        let answer = peer.receive().await;
        (peer, answer)
    }

    /// A connection on which nothing was said.
    pub(crate) fn silent(server: &Server) -> Self {
        Self::opening(server, Request::default(), None)
    }

    /// A connection on which nothing was said, over a transport with a home for its task.
    pub(crate) fn housed(server: &Server, home: Home) -> Self {
        Self::opening(server, Request::default(), Some(home))
    }

    /// A connection on which nothing was said, in this place.
    pub(crate) fn placed(server: &Server, place: Place) -> Self {
        let place = Some(place);
        Self::opening(
            server,
            Request {
                place,
                ..Request::default()
            },
            None,
        )
    }

    fn opening(server: &Server, request: Request, home: Option<Home>) -> Self {
        let config = Config {
            protocol: "trunkline.v1.json".into(),
            ..Config::default()
        };
        let (near, far, link) = memory::pair(config);
        let near = Connection { home, ..near };
        let server = server.clone();
        tokio::spawn(async move { server.accept(near, request).await });
        Self {
            connection: far,
            link,
            seq: 0,
            received: 0,
            welcome: Value::Null,
            socket_id: String::new(),
        }
    }

    /// Sends a frame as it is.
    pub(crate) async fn send(&mut self, frame: Value) {
        let text = frame.to_string();
        let sender = &mut *self.connection.sender;
        drive::send(sender, MessageKind::Text, text.as_bytes())
            .await
            .unwrap();
    }

    /// Sends a frame to a server that may have closed already.
    pub(crate) async fn try_send(&mut self, frame: Value) {
        let text = frame.to_string();
        let sender = &mut *self.connection.sender;
        let _ = drive::send(sender, MessageKind::Text, text.as_bytes()).await;
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Sends the frame made with the next number.
    pub(crate) async fn send_numbered(&mut self, frame: impl FnOnce(u64) -> Value) {
        let seq = self.next_seq();
        self.send(frame(seq)).await;
    }

    /// Sends a CONNECT to "/".
    pub(crate) async fn send_connect(&mut self, auth: Value) {
        let seq = self.next_seq();
        self.send(json!([16, seq, null, auth])).await;
    }

    /// Sends a CONNECT to a namespace, and gives the answer, which must come next.
    pub(crate) async fn enter(&mut self, namespace: &str, auth: Value) -> Value {
        let seq = self.next_seq();
        self.send(json!([16, seq, namespace, auth])).await;
        let answer = self.receive().await;
        assert_eq!((&answer[2], &answer[3]), (&json!(namespace), &json!(seq)));
        answer
    }

    /// Sends a DISCONNECT from a namespace.
    pub(crate) async fn quit(&mut self, namespace: &str) {
        let seq = self.next_seq();
        self.send(json!([19, seq, namespace, 3013, "bye"])).await;
    }

    /// Sends an event to a namespace that asks for an ack, and gives the answer, which must come
    /// next.
    pub(crate) async fn call_in(&mut self, namespace: &str, event: &str, args: Value) -> Answer {
        let seq = self.next_seq();
        let ack_id = 1_000 + seq;
        self.send(json!([20, seq, namespace, ack_id, event, args]))
            .await;
        let answer = self.receive().await;
        assert_eq!(
            (&answer[2], &answer[3]),
            (&json!(namespace), &json!(ack_id)),
            "{answer}"
        );
        Answer::read(&answer)
    }

    /// Sends a DISCONNECT from "/".
    pub(crate) async fn send_disconnect(&mut self) {
        let seq = self.next_seq();
        self.send(json!([19, seq, null, 3013, "bye"])).await;
    }

    /// Sends an event that asks for no ack.
    pub(crate) async fn emit(&mut self, event: &str, args: Value) {
        let seq = self.next_seq();
        self.send(json!([20, seq, null, null, event, args])).await;
    }

    /// Sends an event that asks for an ack.
    pub(crate) async fn ask(&mut self, ack_id: u64, event: &str, args: Value) {
        let seq = self.next_seq();
        self.send(json!([20, seq, null, ack_id, event, args])).await;
    }

    /// Sends an event that asks for an ack, and gives the answer, which must come next.
    pub(crate) async fn call(&mut self, event: &str, args: Value) -> Answer {
        let ack_id = 1_000 + self.seq;
        self.ask(ack_id, event, args).await;
        let answer = self.receive().await;
        assert_eq!(answer[3], ack_id, "{answer}");
        Answer::read(&answer)
    }

    /// Answers the question for fresh credentials.
    pub(crate) async fn refresh(&mut self, auth: Value) {
        self.send(json!([7, {"auth": auth}])).await;
    }

    /// The question for fresh credentials, which must come next.
    pub(crate) async fn is_asked(&mut self) -> Value {
        let question = self.receive().await;
        assert_eq!(
            (&question[0], &question[1]["wanted"]),
            (&json!(7), &json!(true)),
            "{question}"
        );
        question[1]["expires"].clone()
    }

    /// The code of the CLOSE, which must come next.
    pub(crate) async fn is_closed(&mut self) -> u64 {
        let close = self.receive().await;
        assert_eq!(close[0], 6, "{close}");
        close[1]["code"].as_u64().unwrap()
    }

    /// Acks an event that asked for it.
    pub(crate) async fn ack(&mut self, event: &Value, args: Value) {
        let seq = self.next_seq();
        self.send(json!([21, seq, null, event[3], args])).await;
    }

    /// Fails an event that asked for an ack.
    pub(crate) async fn fail(&mut self, event: &Value, code: u16, message: &str) {
        let seq = self.next_seq();
        self.send(json!([22, seq, null, event[3], code, message, null]))
            .await;
    }

    /// The next frame that is no PING, PONG or RECEIVED, and has a meaning.
    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            let content = drive::content(&mut *self.connection.receiver).await;
            let frame: Value = serde_json::from_slice(&content).unwrap();
            match frame[0].as_u64().unwrap() {
                2..=4 | 64..=95 => {}
                96..=127 => self.received += 1,
                16..=31 => {
                    self.received += 1;
                    return frame;
                }
                _ => return frame,
            }
        }
    }

    /// The next frame, which must be this event; gives its args.
    pub(crate) async fn expect(&mut self, event: &str) -> Value {
        let frame = self.receive().await;
        assert_eq!(
            (&frame[0], &frame[4]),
            (&json!(20), &json!(event)),
            "{frame}"
        );
        frame[5].clone()
    }

    /// Tells the server what has arrived, so that it keeps the session after a cut.
    pub(crate) async fn confirm(&mut self) {
        self.send(json!([4, self.received])).await;
    }

    /// Sends a PING, and gives the receipt in its PONG: all that was sent before has been read.
    pub(crate) async fn ping(&mut self) -> u64 {
        self.send(json!([2, 77, self.received])).await;
        loop {
            let content = drive::content(&mut *self.connection.receiver).await;
            let frame: Value = serde_json::from_slice(&content).unwrap();
            match frame[0].as_u64().unwrap() {
                3 => return frame[2].as_u64().unwrap(),
                2 | 4 | 64..=95 => {}
                96..=127 => self.received += 1,
                _ => panic!("a PONG is due, not {frame}"),
            }
        }
    }

    /// Goes after a CLOSE.
    pub(crate) async fn leave(mut self) {
        drive::end(&mut self.connection).await;
    }

    pub(crate) fn cut(&self) {
        self.link.cut();
    }

    /// For cutting it from another thread.
    pub(crate) fn link(&self) -> Link {
        self.link.clone()
    }
}

/// What came back for an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Acked(Value),
    Failed {
        code: u64,
        message: String,
        data: Value,
    },
}

impl Answer {
    pub(crate) fn read(frame: &Value) -> Self {
        match frame[0].as_u64().unwrap() {
            21 => Self::Acked(frame[4].clone()),
            22 => Self::Failed {
                code: frame[4].as_u64().unwrap(),
                message: frame[5].as_str().unwrap().to_owned(),
                data: frame[6].clone(),
            },
            _ => panic!("no answer: {frame}"),
        }
    }

    pub(crate) fn failed(code: u64, message: &str) -> Self {
        Self::Failed {
            code,
            message: message.into(),
            data: Value::Null,
        }
    }
}
