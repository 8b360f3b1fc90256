//! WebTransport clients that break the rules: what they are told, and that nobody else is harmed.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, TransportConfig};
use tokio::sync::mpsc;
use trunkline::client::{Client, Socket as ClientSocket, Trust};
use trunkline::protocol::{
    Code, Encoding, EventName, Frame, Hello, IntoArgs as _, Limits, NamespaceName, Payload,
    Prepared, Resume, Value, Welcome,
};
use trunkline::server::{Ack, Bind as _, Certificate, ListenerConfig, Server};
use trunkline_quic::Settings;
use trunkline_webtransport::WebTransportDialer;
use web_transport_quinn::proto::ConnectRequest;
use web_transport_quinn::{RecvStream, SendStream, Session};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

/// A server with a well-behaved client, which must not notice anything.
struct House {
    server: Server,
    address: SocketAddr,
    certificate: Certificate,
    healthy: (Client, ClientSocket),
}

impl House {
    async fn open() -> Self {
        let server = Server::new();
        let namespace = server.namespace("/");
        namespace.on("echo", |args: Payload| async move { Ack(args) });
        let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
        let config = ListenerConfig {
            certificate: Some(certificate.clone()),
            ..ListenerConfig::default()
        };
        let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
        let address = bound.local_addr();
        tokio::spawn(bound.serve());
        let trust = Trust::nobody().with_certificate(&certificate);
        let dialer = Arc::new(WebTransportDialer::new(trust, Settings::default()));
        let url = format!("https://{address}");
        let client = Client::builder(&url).dialer(dialer).build().unwrap();
        let socket = client.socket("/");
        soon(socket.connect()).await.unwrap();
        Self {
            server,
            address,
            certificate,
            healthy: (client, socket),
        }
    }

    async fn is_unharmed(&self) {
        let (client, socket) = &self.healthy;
        let echoed: u32 = soon(socket.emit_with_ack("echo", &7_u32)).await.unwrap();
        assert_eq!(echoed, 7);
        let stats = client.stats();
        assert_eq!((stats.connections, stats.sessions_lost), (1, 0));
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint_with(TransportConfig::default())
    }

    fn endpoint_with(&self, transport: TransportConfig) -> Endpoint {
        let trust = Trust::nobody().with_certificate(&self.certificate);
        let tls = trunkline_tls::client_config(&trust, &[b"h3"]).unwrap();
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        config.transport_config(Arc::new(transport));
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        endpoint.set_default_client_config(config);
        endpoint
    }

    /// A session of a client of its own making.
    async fn session(&self) -> Session {
        self.session_from(self.endpoint()).await
    }

    async fn session_from(&self, endpoint: Endpoint) -> Session {
        let connecting = endpoint.connect(self.address, "127.0.0.1").unwrap();
        let connection = soon(connecting).await.unwrap();
        let url = format!("https://{}/trunkline", self.address);
        let request = ConnectRequest::new(url.parse::<url::Url>().unwrap());
        soon(Session::connect(connection, request)).await.unwrap()
    }

    /// The same with its stream, after HELLO and WELCOME.
    async fn welcomed(&self) -> (Raw, Welcome) {
        Self::greet(self.session().await).await
    }

    async fn greet(session: Session) -> (Raw, Welcome) {
        let mut raw = Raw::open(session).await;
        raw.send(&hello(None).encode(Encoding::MessagePack)).await;
        match raw.frame().await {
            Arrived::Welcome(welcome) => (raw, welcome),
            other => panic!("{other:?}"),
        }
    }

    /// The same, connected to "/".
    async fn connected(&self) -> (Raw, Welcome) {
        self.connected_from(self.endpoint()).await
    }

    async fn connected_from(&self, endpoint: Endpoint) -> (Raw, Welcome) {
        let (mut raw, welcome) = Self::greet(self.session_from(endpoint).await).await;
        let connect = Prepared::connect(&NamespaceName::root(), &Value::nil());
        raw.send(&connect.to_message(Encoding::MessagePack, 1))
            .await;
        while !matches!(raw.frame().await, Arrived::Other) {}
        (raw, welcome)
    }
}

fn hello(resume: Option<Resume>) -> Hello {
    Hello {
        v: 1,
        agent: "test".to_owned(),
        auth: Value::nil(),
        resume,
        features: Vec::new(),
        limits: Limits::default(),
        ping_interval: None,
    }
}

/// A session and its message channel.
struct Raw {
    session: Session,
    sending: SendStream,
    receiving: RecvStream,
}

#[derive(Debug)]
enum Arrived {
    Welcome(Welcome),
    /// The server's last words.
    Close(Code),
    /// CONNECTED or an event.
    Other,
    End,
}

impl Raw {
    async fn open(session: Session) -> Self {
        let (sending, receiving) = soon(session.open_bi()).await.unwrap();
        Self {
            session,
            sending,
            receiving,
        }
    }

    async fn send(&mut self, frame: &[u8]) {
        // Two bytes of length, whatever it is.
        let length = u16::try_from(frame.len()).unwrap() | 0x4000;
        let message = [&length.to_be_bytes(), frame].concat();
        soon(self.sending.write_all(&message)).await.unwrap();
    }

    /// The next frame that is none of the heartbeat's.
    async fn frame(&mut self) -> Arrived {
        loop {
            let Some(message) = soon(self.message()).await else {
                return Arrived::End;
            };
            match Frame::decode(Encoding::MessagePack, &message).unwrap() {
                Frame::Welcome(welcome) => return Arrived::Welcome(*welcome),
                Frame::Close(close) => return Arrived::Close(close.code),
                Frame::Sequenced { .. } => return Arrived::Other,
                _ => {}
            }
        }
    }

    async fn message(&mut self) -> Option<Vec<u8>> {
        let mut first = [0];
        self.receiving.read_exact(&mut first).await.ok()?;
        let width = 1 << (first[0] >> 6);
        let mut prefix = vec![0; width];
        prefix[0] = first[0] & 0x3f;
        self.receiving.read_exact(&mut prefix[1..]).await.ok()?;
        let length = prefix
            .iter()
            .fold(0, |sum: usize, byte| sum << 8 | usize::from(*byte));
        let mut message = vec![0; length];
        self.receiving.read_exact(&mut message).await.ok()?;
        Some(message)
    }

    /// Waits for the answer to a PING.
    async fn ping(&mut self) {
        self.send(&[0x93, 2, 1, 0]).await;
        loop {
            let message = soon(self.message()).await.unwrap();
            let frame = Frame::decode(Encoding::MessagePack, &message).unwrap();
            if matches!(frame, Frame::Pong { .. }) {
                return;
            }
        }
    }

    /// The code that the server ends the connection with, in band.
    async fn verdict(&mut self) -> Code {
        loop {
            match self.frame().await {
                Arrived::Close(code) => return code,
                Arrived::End => panic!("no last words"),
                _ => {}
            }
        }
    }
}

fn datagram(event: &str) -> Vec<u8> {
    datagram_with(event, &Payload::empty())
}

fn datagram_with(event: &str, args: &Payload) -> Vec<u8> {
    let name = EventName::try_from(event).unwrap();
    Prepared::datagram(&NamespaceName::root(), &name, args).to_message(Encoding::MessagePack, 0)
}

#[tokio::test]
async fn bad_lengths_end_the_session_with_their_codes_in_band() {
    let house = House::open().await;
    let too_long = [0x80, 0x20, 0, 0];
    for (bytes, code) in [
        (&[0][..], Code::PROTOCOL_ERROR),
        (&too_long, Code::FRAME_TOO_LARGE),
        (&[0xff; 8], Code::FRAME_TOO_LARGE),
    ] {
        let (mut raw, _) = house.welcomed().await;
        soon(raw.sending.write_all(bytes)).await.unwrap();
        assert_eq!(raw.verdict().await, code, "{bytes:?}");
        // In place of HELLO too.
        let mut raw = Raw::open(house.session().await).await;
        soon(raw.sending.write_all(bytes)).await.unwrap();
        assert_eq!(raw.verdict().await, code, "{bytes:?} first");
    }
    house.is_unharmed().await;
}

/// Datagrams ahead of HELLO.
const EARLY: u64 = 100;

#[tokio::test]
async fn datagrams_that_mean_nothing_here_are_dropped_and_counted() {
    let house = House::open().await;
    let before = house.server.stats();
    // Ahead of HELLO, when nobody knows whose they are.
    let session = house.session().await;
    for _ in 0..EARLY {
        session.send_datagram(datagram("early").into()).unwrap();
    }
    let mut raw = Raw::open(session).await;
    raw.send(&hello(None).encode(Encoding::MessagePack)).await;
    assert!(matches!(raw.frame().await, Arrived::Welcome(_)));
    // Before the namespace is connected; no frame; one of another class; cut short; of any size.
    let event = {
        let name = EventName::try_from("echo").unwrap();
        let args = (&7_u32).into_args().unwrap();
        Prepared::event(&NamespaceName::root(), None, &name, &args)
            .to_message(Encoding::MessagePack, 1)
    };
    let whole = datagram("not connected");
    let pieces = [
        whole.clone(),
        b"\xc1".to_vec(),
        Vec::new(),
        event,
        whole[..whole.len() - 1].to_vec(),
        vec![0x93; 1_000],
    ];
    for piece in &pieces {
        raw.session
            .send_datagram(Bytes::copy_from_slice(piece))
            .unwrap();
    }
    let counted = || {
        let (ignored, before) = (
            house.server.stats().ignored_best_effort,
            before.ignored_best_effort,
        );
        (
            ignored.malformed - before.malformed,
            ignored.not_connected - before.not_connected,
        )
    };
    // Two of the pieces can be read as far as their namespace, which is not connected; so can those that
    // came early. Loopback loses none of so few.
    let expected = (pieces.len() as u64 - 2, EARLY + 2);
    let all = async {
        while counted().0 + counted().1 < expected.0 + expected.1 {
            tokio::task::yield_now().await;
        }
    };
    soon(all).await;
    assert_eq!(counted(), expected, "malformed, not connected");
    let connect = Prepared::connect(&NamespaceName::root(), &Value::nil());
    raw.send(&connect.to_message(Encoding::MessagePack, 1))
        .await;
    assert!(matches!(raw.frame().await, Arrived::Other), "it lives");
    house.is_unharmed().await;
}

/// A packet that an Ethernet carries; what is left of it for a datagram is less, but more than the server's
/// limit.
const PACKET_BYTES: u16 = 1_452;

/// The largest content of a best-effort frame that goes into such a packet.
const OVERSIZED_BYTES: usize = 1_350;

/// BEF-006: it may drop them, and does not.
#[tokio::test]
async fn a_datagram_above_the_limit_that_the_server_told_is_taken_as_any_other() {
    let house = House::open().await;
    let (told, mut heard) = mpsc::unbounded_channel();
    let namespace = house.server.namespace("/");
    namespace.on("long", move |args: Payload| {
        let told = told.clone();
        async move { drop(told.send(args)) }
    });
    let mut transport = TransportConfig::default();
    transport.initial_mtu(PACKET_BYTES);
    let (mut raw, welcome) = house.connected_from(house.endpoint_with(transport)).await;
    let before = house.server.stats();
    let args = (&"x".repeat(OVERSIZED_BYTES)).into_args().unwrap();
    let frame = datagram_with("long", &args);
    assert!(frame.len() > 1_200 && frame.len() > welcome.limits.datagram as usize);
    let cut_short = Bytes::copy_from_slice(&frame[..frame.len() - 1]);
    raw.session.send_datagram(cut_short).unwrap();
    raw.session
        .send_datagram(vec![0x93; frame.len()].into())
        .unwrap();
    raw.session.send_datagram(frame.into()).unwrap();
    assert_eq!(soon(heard.recv()).await, Some(args));
    let stats = house.server.stats();
    let (ignored, before_ignored) = (stats.ignored_best_effort, before.ignored_best_effort);
    let counted = [
        stats.received.best_effort - before.received.best_effort,
        ignored.malformed - before_ignored.malformed,
        ignored.total() - before_ignored.total(),
    ];
    // One with a body that does not decode, and one that is no frame.
    assert_eq!(counted, [2, 2, 2], "header read, malformed, ignored");
    raw.ping().await;
    house.is_unharmed().await;
}

#[tokio::test]
async fn datagrams_of_no_session_are_ignored() {
    let house = House::open().await;
    let (mut raw, _) = house.connected().await;
    // A QUIC datagram that names a session which is not there, or none at all.
    let connection: &quinn::Connection = &raw.session;
    for bytes in [&b"\x7f\xff and more"[..], b"", b"\xff"] {
        connection
            .send_datagram(Bytes::copy_from_slice(bytes))
            .unwrap();
    }
    raw.session.send_datagram(datagram("echo").into()).unwrap();
    raw.ping().await;
    let echoed = async {
        while house.server.stats().received.best_effort == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(echoed).await;
    house.is_unharmed().await;
}

#[tokio::test]
async fn a_second_message_channel_cannot_be_opened_and_streams_of_one_direction_do_no_harm() {
    let house = House::open().await;
    let (mut raw, _) = house.connected().await;
    let session = raw.session.clone();
    let mut second = pin!(session.open_bi());
    let opened = futures_util::poll!(second.as_mut());
    assert!(opened.is_pending(), "the server lets no second one be open");
    let mut alone = soon(raw.session.open_uni()).await.unwrap();
    // Nobody reads it: what QUIC takes of it is bounded.
    soon(alone.write(b"nobody asked")).await.unwrap();
    let name = EventName::try_from("echo").unwrap();
    let args = (&7_u32).into_args().unwrap();
    let ack = trunkline::protocol::AckId::new(1);
    let event = Prepared::event(&NamespaceName::root(), ack, &name, &args);
    raw.send(&event.to_message(Encoding::MessagePack, 2)).await;
    assert!(matches!(raw.frame().await, Arrived::Other), "an answer");
    // The server had time enough to allow one.
    let opened = futures_util::poll!(second.as_mut());
    assert!(opened.is_pending(), "none while the first one is open");
    house.is_unharmed().await;
}

/// Opens the further streams that the server lets be open, and writes as much on them as QUIC takes; gives
/// how many bytes the server has then, unread.
async fn fill_further_streams(session: &Session) -> usize {
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(soon(session.open_uni()).await.unwrap());
    }
    let mut taken = 0;
    let chunk = vec![0; 16 * 1024];
    let last = streams.len() - 1;
    for (number, stream) in streams.iter_mut().enumerate() {
        let mut chunks = if number == last { usize::MAX } else { 4 };
        // It waits for nothing but flow control: the sender's own buffer is larger.
        while chunks > 0
            && let Poll::Ready(written) = futures_util::poll!(pin!(stream.write(&chunk)))
        {
            taken += written.unwrap();
            chunks -= 1;
        }
    }
    for stream in &mut streams {
        stream.finish().unwrap();
        // None: the server's QUIC has confirmed all of it.
        assert_eq!(soon(stream.stopped()).await.unwrap(), None);
    }
    taken
}

#[tokio::test]
async fn who_fills_further_streams_is_held_in_a_bounded_memory_and_starves_its_own_channel_alone() {
    let house = House::open().await;
    let window = Settings::default().receive_window as usize;
    let mut starved = Vec::new();
    for _ in 0..8 {
        let (mut raw, _) = house.connected().await;
        let taken = fill_further_streams(&raw.session).await;
        assert!((window / 2..=window).contains(&taken), "{taken}");
        // All has arrived, and no credit came of it: nothing more fits, on no stream.
        let ping = [0x40, 4, 0x93, 2, 1, 0];
        let more = futures_util::poll!(pin!(raw.sending.write(&ping)));
        assert!(more.is_pending(), "{more:?}");
        house.is_unharmed().await;
        starved.push(raw);
    }
    // They are there until their heartbeats run out, and so is everybody else.
    assert_eq!(house.server.stats().sessions, 9);
    let (mut another, _) = house.connected().await;
    another.ping().await;
    house.is_unharmed().await;
}

#[tokio::test]
async fn a_stream_reset_in_mid_frame_is_a_cut_and_the_session_is_resumed() {
    let house = House::open().await;
    let (mut raw, welcome) = house.connected().await;
    // A session is kept once its client has confirmed something.
    raw.send(&[0x92, 4, 1]).await;
    // A reset overtakes what was sent before it: the answer shows that this has arrived.
    raw.ping().await;
    // Half of a frame.
    soon(raw.sending.write_all(&[0x40, 100, 0x95, 20]))
        .await
        .unwrap();
    raw.sending.reset(7).unwrap();
    let detached = async {
        while house.server.stats().sessions_attached > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon(detached).await;
    assert_eq!(house.server.stats().sessions, 2, "it waits");
    let mut again = Raw::open(house.session().await).await;
    let resume = Resume {
        session: welcome.session,
        secret: welcome.secret.unwrap(),
        attach: 1,
        received: 1,
        strict: true,
    };
    again
        .send(&hello(Some(resume)).encode(Encoding::MessagePack))
        .await;
    match again.frame().await {
        Arrived::Welcome(welcome) => assert!(welcome.resumed),
        other => panic!("{other:?}"),
    }
    house.is_unharmed().await;
}
