//! A server that a test plays by hand: it speaks frames over the in-memory transport.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use trunkline_client::{Builder, Client, Jitter, Socket, State};
use trunkline_protocol::{
    AckId, Auth, Close, Code, Datagrams, Encoding, EventName, Frame, GoAway, Hello, IntoArgs, Key,
    Limits, NamespaceName, Payload, Prepared, ResumeRefusal, Secret, Sequenced, SessionId,
    SocketId, VERSION, Value, Welcome, encode_ping, encode_received,
};
use trunkline_transport::memory::Link;
use trunkline_transport::{Connection, ConnectionEnd, DialRequest, MessageKind, TransportKind};

pub(crate) use crate::dialer::{DATAGRAM, Dial, TestDialer};

/// No script waits this long, in virtual time, for what is to happen.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(25);
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The server's side of a test.
pub(crate) struct Server {
    peers: mpsc::UnboundedReceiver<(Connection, Link, DialRequest)>,
    pub(crate) dialer: Arc<TestDialer>,
    encoding: Encoding,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::speaking(Encoding::MessagePack)
    }

    pub(crate) fn speaking(encoding: Encoding) -> Self {
        Self::over(TransportKind::Memory, encoding)
    }

    /// One that is dialled over this transport.
    pub(crate) fn over(kind: TransportKind, encoding: Encoding) -> Self {
        let (sender, peers) = mpsc::unbounded_channel();
        let dialer = Arc::new(TestDialer {
            kind,
            peers: sender,
            plan: Mutex::default(),
            dials: Mutex::default(),
            encoding,
        });
        Self {
            peers,
            dialer,
            encoding,
        }
    }

    /// What dials it over another transport.
    pub(crate) fn beside(&self, kind: TransportKind) -> Arc<TestDialer> {
        Arc::new(TestDialer {
            kind,
            peers: self.dialer.peers.clone(),
            plan: Mutex::default(),
            dials: Mutex::default(),
            encoding: self.encoding,
        })
    }

    /// A client of it, whose waits are always as long as they may be, and whose frames come in the
    /// order and with the numbers that a test expects.
    pub(crate) fn builder(&self) -> Builder {
        Client::builder("https://server.example/?ticket=7")
            .dialer(self.dialer.clone())
            .encoding(self.encoding)
            .jitter(Arc::new(Longest))
            .ignorable_frames(false)
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// A client that takes so many bytes of events before it withholds receipts.
    pub(crate) fn client_taking(&self, inbound: u32) -> Client {
        let limits = Limits {
            inbound,
            ..Limits::default()
        };
        self.builder().limits(limits).build().unwrap()
    }

    pub(crate) fn plan(&self, dials: impl IntoIterator<Item = Dial>) {
        self.dialer.plan(dials);
    }

    /// When the dials were, relative to `since`, in ms.
    pub(crate) fn dials_ms(&self, since: Instant) -> Vec<u128> {
        self.dialer.dials_ms(since)
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> Peer {
        let accepted = timeout(PATIENCE, self.peers.recv()).await;
        let (connection, link, request) = accepted.expect("a dial").unwrap();
        Peer {
            connection,
            link,
            request,
            encoding: self.encoding,
            next_seq: 1,
            receipt: 0,
            pings: Vec::new(),
        }
    }

    /// Whether a dial was made that nobody has accepted.
    pub(crate) fn was_dialled(&mut self) -> bool {
        !self.peers.is_empty()
    }

    /// A connection with a fresh session, up to CONNECTED of "/".
    pub(crate) async fn accept_fresh(&mut self) -> Peer {
        let mut peer = self.accept().await;
        let hello = peer.hello().await;
        assert!(hello.resume.is_none(), "a fresh session");
        peer.welcome(fresh("session-1")).await;
        peer.attach("/").await;
        peer
    }

    /// The next connection, which offers to resume and gets a fresh session instead, up to WELCOME.
    pub(crate) async fn refuse_resume(&mut self) -> Peer {
        let mut peer = self.accept().await;
        assert!(peer.hello().await.resume.is_some(), "a resume");
        let welcome = not_resumed("session-2", ResumeRefusal::Expired);
        peer.welcome(welcome).await;
        peer
    }

    /// A connection that resumes: the client has received `next_seq - 1`, the server `received`.
    pub(crate) async fn accept_resume(&mut self, received: u64) -> Peer {
        let mut peer = self.accept().await;
        let hello = peer.hello().await;
        let resume = hello.resume.expect("a resume");
        peer.next_seq = resume.received + 1;
        peer.welcome(resumed("session-1", received)).await;
        peer
    }
}

/// Connects a client's root socket against a fresh session.
pub(crate) async fn connect(client: &Client, server: &mut Server) -> (Socket, Peer) {
    let socket = client.socket("/");
    let connecting = socket.connect();
    let (connected, peer) = tokio::join!(connecting, server.accept_fresh());
    connected.expect("connected");
    (socket, peer)
}

/// Connects a client's root socket against a fresh session of a server with these limits, which has
/// confirmed the CONNECT.
pub(crate) async fn connect_within(
    client: &Client,
    server: &mut Server,
    limits: Limits,
) -> (Socket, Peer) {
    let socket = client.socket("/");
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        let welcome = fresh("session-1");
        peer.welcome(Welcome { limits, ..welcome }).await;
        peer.attach("/").await;
        peer.received(1).await;
        settle().await;
        peer
    };
    let (connected, peer) = tokio::join!(socket.connect(), script);
    connected.expect("connected");
    (socket, peer)
}

/// As [`connect_within`], to a server that takes one small event at a time: with any its window is
/// full.
pub(crate) async fn connect_narrowly(client: &Client, server: &mut Server) -> (Socket, Peer) {
    let limits = Limits {
        inbound: 500,
        ..Limits::default()
    };
    connect_within(client, server, limits).await
}

/// The state of a client that is connected.
pub(crate) const fn connected(resumed: bool) -> State {
    State::Connected {
        resumed,
        transport: TransportKind::Memory,
    }
}

/// The longest wait there may be.
pub(crate) struct Longest;

impl Jitter for Longest {
    fn draw(&self, at_most: Duration) -> Duration {
        at_most
    }
}

pub(crate) fn welcome(session: &str) -> Welcome {
    Welcome {
        v: VERSION,
        session: SessionId::try_from(session).unwrap(),
        secret: None,
        resumed: false,
        reason: None,
        received: 0,
        ping_interval: PING_INTERVAL.as_millis() as u64,
        ping_timeout: PING_TIMEOUT.as_millis() as u64,
        resume_window: 120_000,
        limits: Limits::default(),
        features: Vec::new(),
        datagrams: Datagrams::Emulated,
        alternatives: Vec::new(),
    }
}

pub(crate) fn fresh(session: &str) -> Welcome {
    Welcome {
        secret: Some(Secret::from_text(&format!("secret of {session}"))),
        ..welcome(session)
    }
}

pub(crate) fn not_resumed(session: &str, reason: ResumeRefusal) -> Welcome {
    Welcome {
        reason: Some(reason),
        ..fresh(session)
    }
}

pub(crate) fn resumed(session: &str, received: u64) -> Welcome {
    Welcome {
        resumed: true,
        received,
        ..welcome(session)
    }
}

pub(crate) fn namespace(name: &str) -> NamespaceName {
    NamespaceName::try_from(name).unwrap()
}

pub(crate) fn ack_id(number: u64) -> AckId {
    AckId::new(number).unwrap()
}

pub(crate) fn event(name: &str, ack: Option<u64>, args: impl IntoArgs) -> Prepared {
    event_in("/", name, ack, args)
}

pub(crate) fn event_in(space: &str, name: &str, ack: Option<u64>, args: impl IntoArgs) -> Prepared {
    let name = EventName::try_from(name).unwrap();
    Prepared::event(
        &namespace(space),
        ack.map(ack_id),
        &name,
        &args.into_args().unwrap(),
    )
}

/// A frame that the client sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    Hello(Box<Hello>),
    Connect {
        seq: u64,
        namespace: String,
        auth: Value,
    },
    Disconnect {
        seq: u64,
        namespace: String,
    },
    Event {
        seq: u64,
        namespace: String,
        ack: Option<AckId>,
        event: String,
        args: Payload,
    },
    Ack {
        seq: u64,
        ack: u64,
        args: Payload,
    },
    Failed {
        seq: u64,
        ack: u64,
        code: Code,
        message: String,
    },
    Ping {
        t: u64,
    },
    Pong {
        t: u64,
    },
    Received(u64),
    Auth(Value),
    Close(Box<Close>),
    /// How the connection ended.
    End(String),
}

/// One connection, seen from the server.
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    pub(crate) link: Link,
    pub(crate) request: DialRequest,
    encoding: Encoding,
    pub(crate) next_seq: u64,
    /// The client's highest receipt.
    pub(crate) receipt: u64,
    pub(crate) pings: Vec<u64>,
}

impl Peer {
    /// The next frame but heartbeat and receipts, which are noted.
    pub(crate) async fn next(&mut self) -> Got {
        loop {
            match self.next_of_any().await {
                Got::Ping { t } => self.pings.push(t),
                Got::Received(_) | Got::Pong { .. } => {}
                got => return got,
            }
        }
    }

    pub(crate) async fn next_of_any(&mut self) -> Got {
        let receiver = &mut self.connection.receiver;
        let received = timeout(PATIENCE, poll_fn(|cx| receiver.poll_receive(cx))).await;
        let message = match received.expect("something comes") {
            Ok(message) => message,
            Err(end) => return Got::End(shown(&end)),
        };
        assert_eq!(message.kind, self.kind());
        let frame = Frame::decode(self.encoding, &message.bytes).expect("a frame");
        self.own(frame)
    }

    fn own(&mut self, frame: Frame<'_>) -> Got {
        let depth = 64;
        match frame {
            Frame::Hello(hello) => Got::Hello(hello),
            Frame::Ping { t, received } => {
                self.receipt = received;
                Got::Ping { t }
            }
            Frame::Pong { t, received } => {
                self.receipt = received;
                Got::Pong { t }
            }
            Frame::Received { received } => {
                self.receipt = received;
                Got::Received(received)
            }
            Frame::Close(close) => Got::Close(close),
            Frame::Auth(auth) => Got::Auth(auth.auth),
            Frame::Sequenced { seq, frame } => match frame {
                Sequenced::Connect { namespace, auth } => Got::Connect {
                    seq,
                    namespace: namespace.into_owned(),
                    auth: auth.value(depth).unwrap(),
                },
                Sequenced::Disconnect { namespace, .. } => Got::Disconnect {
                    seq,
                    namespace: namespace.into_owned(),
                },
                Sequenced::Event {
                    namespace,
                    ack_id,
                    event,
                    args,
                } => Got::Event {
                    seq,
                    namespace: namespace.into_owned(),
                    ack: ack_id,
                    event: event.into_owned(),
                    args: args.args(depth).unwrap(),
                },
                Sequenced::Ack { ack_id, args, .. } => Got::Ack {
                    seq,
                    ack: ack_id.number(),
                    args: args.args(depth).unwrap(),
                },
                Sequenced::Failed {
                    ack_id,
                    code,
                    message,
                    ..
                } => Got::Failed {
                    seq,
                    ack: ack_id.number(),
                    code,
                    message: message.into_owned(),
                },
                other => panic!("a client sent {other:?}"),
            },
            other => panic!("a client sent {other:?}"),
        }
    }

    pub(crate) async fn hello(&mut self) -> Hello {
        match self.next_of_any().await {
            Got::Hello(hello) => *hello,
            other => panic!("{other:?} in place of HELLO"),
        }
    }

    /// The next event's number, name, and ack id.
    pub(crate) async fn next_event(&mut self) -> (u64, String, Option<AckId>) {
        match self.next().await {
            Got::Event {
                seq, event, ack, ..
            } => (seq, event, ack),
            other => panic!("{other:?} in place of an event"),
        }
    }

    /// The next frame, which is an answer: its id with the args, or with the failure's code.
    pub(crate) async fn next_answer(&mut self) -> Result<(u64, Payload), (u64, Code)> {
        match self.next().await {
            Got::Ack { ack, args, .. } => Ok((ack, args)),
            Got::Failed { ack, code, .. } => Err((ack, code)),
            other => panic!("{other:?} in place of an answer"),
        }
    }

    /// Takes a CONNECT and answers it with CONNECTED.
    pub(crate) async fn attach(&mut self, name: &str) -> u64 {
        match self.next().await {
            Got::Connect { seq, namespace, .. } if namespace == name => {
                self.connected(name, seq).await;
                seq
            }
            other => panic!("{other:?} in place of CONNECT {name}"),
        }
    }

    pub(crate) async fn connected(&mut self, name: &str, connect: u64) {
        let id = SocketId::try_from(format!("socket of {name}")).unwrap();
        let data = Value::encode("welcome in").unwrap();
        let frame = Prepared::connected(&namespace(name), connect, &id, &data);
        self.push(&frame).await;
    }

    /// Sends a sequenced frame with the next number.
    pub(crate) async fn push(&mut self, frame: &Prepared) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.send(&frame.to_message(self.encoding, seq)).await;
    }

    /// Sends an event that is never numbered.
    pub(crate) async fn push_best_effort(&mut self, name: &str, args: impl IntoArgs) {
        let event = EventName::try_from(name).unwrap();
        let args = args.into_args().unwrap();
        let frame = Prepared::datagram(&namespace("/"), &event, &args);
        self.send(&frame.to_message(self.encoding, 0)).await;
    }

    /// Sends the value of `key`, of this version.
    pub(crate) async fn push_latest(
        &mut self,
        name: &str,
        key: &str,
        version: u64,
        args: impl IntoArgs,
    ) {
        let (event, key) = (EventName::try_from(name).unwrap(), Key::try_from(key));
        let args = args.into_args().unwrap();
        let root = namespace("/");
        let frame = Prepared::latest(&root, &event, &key.unwrap(), version, &args);
        self.send(&frame.to_message(self.encoding, 0)).await;
    }

    /// Answers an event.
    pub(crate) async fn ack(&mut self, ack: Option<AckId>, args: impl IntoArgs) {
        let args = args.into_args().unwrap();
        let ack = ack.expect("an ack is asked for");
        self.push(&Prepared::ack(&namespace("/"), ack, &args)).await;
    }

    pub(crate) async fn welcome(&mut self, welcome: Welcome) {
        self.send(&welcome.encode(self.encoding)).await;
    }

    pub(crate) async fn close(&mut self, close: Close) {
        self.send(&close.encode(self.encoding)).await;
    }

    /// Asks for fresh credentials.
    pub(crate) async fn ask_for_credentials(&mut self, expires_ms: u64) {
        let question = Auth {
            wanted: true,
            expires: Some(expires_ms),
            ..Auth::default()
        };
        self.send(&question.encode(self.encoding)).await;
    }

    pub(crate) async fn go_away(&mut self, go_away: GoAway) {
        self.send(&go_away.encode(self.encoding)).await;
    }

    pub(crate) async fn received(&mut self, received: u64) {
        let mut message = Vec::new();
        encode_received(self.encoding, received, &mut message);
        self.send(&message).await;
    }

    pub(crate) async fn ping(&mut self, t: u64) {
        let mut message = Vec::new();
        encode_ping(self.encoding, t, 0, &mut message);
        self.send(&message).await;
    }

    pub(crate) async fn pong(&mut self, t: u64) {
        let mut message = Vec::new();
        trunkline_protocol::encode_pong(self.encoding, t, 0, &mut message);
        self.send(&message).await;
    }

    pub(crate) async fn send(&mut self, message: &[u8]) {
        let kind = self.kind();
        let sender = &mut self.connection.sender;
        sender.push(kind, &[message]);
        // A connection that is over takes nothing, and says so to whoever reads.
        let _ = poll_fn(|cx| sender.poll_flush(cx)).await;
    }

    /// Closes the transport without a frame.
    pub(crate) async fn close_transport(&mut self, code: u16) {
        let sender = &mut self.connection.sender;
        let _ = poll_fn(|cx| sender.poll_close(cx, code, "")).await;
    }

    pub(crate) fn cut(&self) {
        self.link.cut();
    }

    fn kind(&self) -> MessageKind {
        match self.encoding {
            Encoding::MessagePack => MessageKind::Binary,
            Encoding::Json => MessageKind::Text,
        }
    }
}

fn shown(end: &ConnectionEnd) -> String {
    match end {
        ConnectionEnd::Closed { code, .. } => format!("closed {}", code.unwrap_or(0)),
        ConnectionEnd::Cut(_) => "cut".into(),
        other => other.to_string(),
    }
}

/// How many tasks there are besides the test's own.
pub(crate) fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Lets everything run that can, without letting time pass.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
