//! A server on TCP and UDP of one port, and what becomes of WebTransport there.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use trunkline::client::{Client, Socket as ClientSocket, Trust};
use trunkline::protocol::{Alternative, Datagrams, Encoding, Frame, Hello, Limits, Value, Welcome};
use trunkline::server::{
    Ack, Admission, Args, Bind as _, BindConfig, Bound, Certificate, Credentials, Data, Failure,
    FloodLimits, HttpRefusal, ListenerConfig, Rate, Server, Socket,
};
use trunkline::transport::{Connection, DialError, DialRequest, Dialer, TransportKind};
use trunkline_quic::Settings;
use trunkline_websocket::WebSocketDialer;
use trunkline_webtransport::WebTransportDialer;

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

async fn serving(server: &Server) -> (SocketAddr, Certificate) {
    let certificate = Certificate::self_signed(["localhost", "127.0.0.1"]).unwrap();
    let config = ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    };
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    assert!(bound.has_webtransport());
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    (address, certificate)
}

fn dialer(certificate: &Certificate) -> WebTransportDialer {
    let trust = Trust::nobody().with_certificate(certificate);
    WebTransportDialer::new(trust, Settings::default())
}

/// A dial without anything special.
fn request(url: &str) -> DialRequest {
    DialRequest {
        url: url.to_owned(),
        protocols: vec!["trunkline.v1.msgpack".to_owned()],
        headers: HeaderMap::new(),
        max_message: 1 << 20,
        proxy: None,
        certificate_hashes: Vec::new(),
    }
}

async fn dial(
    address: SocketAddr,
    certificate: &Certificate,
    headers: HeaderMap,
) -> Result<Connection, DialError> {
    let request = DialRequest {
        headers,
        ..request(&format!("https://{address}/trunkline"))
    };
    soon(dialer(certificate).dial(&request)).await
}

fn refused(dialled: &Result<Connection, DialError>) -> u16 {
    match dialled {
        Err(DialError::Refused { status, .. }) => *status,
        other => panic!("{other:?}"),
    }
}

/// What the server's first frame says.
async fn welcome(mut connection: Connection, hello: &Hello) -> Welcome {
    let encoding = Encoding::from_subprotocol(&connection.protocol).unwrap();
    let kind = trunkline_driver::message_kind(encoding);
    connection.sender.push(kind, &[&hello.encode(encoding)]);
    let flushed = std::future::poll_fn(|cx| connection.sender.poll_flush(cx));
    soon(flushed).await.unwrap();
    let message = std::future::poll_fn(|cx| connection.receiver.poll_receive(cx));
    let message = soon(message).await.unwrap();
    match Frame::decode(encoding, &message.bytes).unwrap() {
        Frame::Welcome(welcome) => *welcome,
        other => panic!("{other:?}"),
    }
}

fn hello() -> Hello {
    Hello {
        v: 1,
        agent: "test".to_owned(),
        auth: Value::nil(),
        resume: None,
        features: Vec::new(),
        limits: Limits::default(),
        ping_interval: None,
    }
}

async fn connected(url: &str, certificate: &Certificate) -> (Client, ClientSocket) {
    let dialer = Arc::new(dialer(certificate));
    let client = Client::builder(url).dialer(dialer).build().unwrap();
    let socket = client.socket("/");
    soon(socket.connect()).await.unwrap();
    (client, socket)
}

#[tokio::test]
async fn events_acks_and_datagrams_go_both_ways_over_webtransport() {
    let server = Server::new();
    let namespace = server.namespace("/");
    namespace.on(
        "add",
        |Args((a, b)): Args<(u32, u32)>| async move { Ack(a + b) },
    );
    namespace.on("at", |socket: Socket, Data(at): Data<u32>| async move {
        assert_eq!(socket.handshake().transport(), TransportKind::WebTransport);
        socket.datagram().emit("seen", &at)?;
        socket.latest("ada").emit("newest", &at)?;
        Ok::<_, Failure>(())
    });
    let (address, certificate) = serving(&server).await;
    let (client, socket) = connected(&format!("https://{address}"), &certificate).await;
    let (heard, mut hears) = mpsc::unbounded_channel();
    for name in ["seen", "newest"] {
        let heard = heard.clone();
        socket.on(name, move |Data(at): Data<u32>| {
            let heard = heard.clone();
            async move {
                let _ = heard.send((name, at));
            }
        });
    }
    let sum: u32 = soon(socket.emit_with_ack("add", Args((3, 4))))
        .await
        .unwrap();
    assert_eq!(sum, 7);
    socket.latest("me").emit("at", &5).unwrap();
    let mut both = [soon(hears.recv()).await, soon(hears.recv()).await];
    both.sort_unstable();
    assert_eq!(both, [Some(("newest", 5)), Some(("seen", 5))]);
    let stats = server.stats();
    assert_eq!((stats.received.best_effort, stats.sent.best_effort), (1, 2));
    client.close().await;
}

#[tokio::test]
async fn each_transport_says_what_becomes_of_datagrams_and_where_the_other_is() {
    let server = Server::new();
    let (address, certificate) = serving(&server).await;
    let over_quic = dial(address, &certificate, HeaderMap::new()).await.unwrap();
    let told = welcome(over_quic, &hello()).await;
    assert_eq!(told.datagrams, Datagrams::Native);
    assert_eq!(told.alternatives, []);

    let trust = Trust::nobody().with_certificate(&certificate);
    let url = format!("https://localhost:{}/trunkline", address.port());
    let request = DialRequest {
        protocols: vec!["trunkline.v1.json".to_owned()],
        ..request(&url)
    };
    let websocket = WebSocketDialer::default().trusting(trust);
    let over_tcp = soon(websocket.dial(&request)).await.unwrap();
    let told = welcome(over_tcp, &hello()).await;
    assert_eq!(told.datagrams, Datagrams::Emulated);
    let webtransport = Alternative {
        transport: "webtransport".to_owned(),
        url: request.url,
        hashes: vec![certificate.sha256().to_vec()],
    };
    assert_eq!(told.alternatives, [webtransport]);
}

/// The answer to a plain GET of the endpoint: its head in small letters, its body, and the host asked for.
async fn asked_plainly(bound: Bound) -> (String, serde_json::Value, String) {
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    let mut plain = TcpStream::connect(address).await.unwrap();
    let host = format!("localhost:{}", address.port());
    let request =
        format!("GET /trunkline HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\r\n");
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(plain.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let told = serde_json::from_str(body).unwrap();
    (head.to_lowercase(), told, host)
}

#[tokio::test]
async fn a_server_whose_port_is_mapped_tells_the_port_that_clients_reach() {
    let mut config = BindConfig::default();
    config.announced_port = Some(443);
    let bound = Server::new()
        .bind_with("127.0.0.1:0", config)
        .await
        .unwrap();
    let (_, told, _) = asked_plainly(bound).await;
    let url = &told["alternatives"][0]["url"];
    assert_eq!(url, "https://localhost:443/trunkline");
}

#[tokio::test]
async fn without_a_certificate_one_is_made_whose_hash_a_plain_get_tells() {
    let bound = Server::new().bind("127.0.0.1:0").await.unwrap();
    assert!(bound.has_webtransport());
    let (head, told, host) = asked_plainly(bound).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    let allowed = format!("access-control-allow-origin: http://{host}");
    assert!(head.contains(&allowed), "{head}");
    let webtransport = &told["alternatives"][0];
    assert_eq!(webtransport["transport"], "webtransport");
    assert_eq!(webtransport["url"], format!("https://{host}/trunkline"));
    let hash = webtransport["hashes"][0]["$bin"].as_str().unwrap();
    assert_eq!(hash.len(), 43, "32 bytes in base64: {hash}");
}

#[tokio::test]
async fn foreign_pages_other_paths_and_what_the_hook_refuses_are_answered_with_a_status() {
    let server = Server::builder()
        .before_upgrade(|request| match request.uri.query() {
            Some(_) => Ok(()),
            None => Err(HttpRefusal::unauthorized("a token is missing")),
        })
        .build();
    let (address, certificate) = serving(&server).await;
    let mut foreign = HeaderMap::new();
    foreign.insert("origin", HeaderValue::from_static("https://evil.example"));
    assert_eq!(refused(&dial(address, &certificate, foreign).await), 403);
    let mut null = HeaderMap::new();
    null.insert("origin", HeaderValue::from_static("null"));
    assert_eq!(refused(&dial(address, &certificate, null).await), 403);
    assert_eq!(
        refused(&dial(address, &certificate, HeaderMap::new()).await),
        401
    );
    let at = |path: &str| request(&format!("https://{address}{path}"));
    let dialer = dialer(&certificate);
    let elsewhere = soon(dialer.dial(&at("/elsewhere?token=1"))).await;
    assert_eq!(refused(&elsewhere), 404);
    assert!(soon(dialer.dial(&at("/trunkline?token=1"))).await.is_ok());
}

/// Has a client with a cookie greet a server; gives what that server's hook sees of the cookie.
async fn cookie_seen(origin: impl FnOnce(SocketAddr) -> Option<String>) -> Option<HeaderValue> {
    let (told, mut hears) = mpsc::unbounded_channel();
    let server = Server::builder()
        .authenticate(move |credentials: Credentials| {
            told.send(credentials.headers().get("cookie").cloned())
                .unwrap();
            async { Ok(Admission::anyone()) }
        })
        .build();
    let (address, certificate) = serving(&server).await;
    let mut headers = HeaderMap::new();
    headers.insert("cookie", COOKIE);
    if let Some(origin) = origin(address) {
        headers.insert("origin", HeaderValue::from_str(&origin).unwrap());
    }
    let connection = dial(address, &certificate, headers).await.unwrap();
    welcome(connection, &hello()).await;
    soon(hears.recv()).await.unwrap()
}

const COOKIE: HeaderValue = HeaderValue::from_static("session=7");

#[tokio::test]
async fn a_page_of_the_same_host_may_connect_and_its_cookies_are_believed() {
    let seen = cookie_seen(|address| Some(format!("https://{address}"))).await;
    assert_eq!(seen, Some(COOKIE));
}

#[tokio::test]
async fn who_sends_no_origin_is_no_browser_and_may_connect_and_its_cookies_are_ignored() {
    assert_eq!(cookie_seen(|_| None).await, None);
}

#[tokio::test]
async fn the_limits_on_connections_are_one_for_both_transports() {
    let limits = FloodLimits {
        connections_per_address: 2,
        ..FloodLimits::OFF
    };
    let server = Server::builder().flood_limits(limits).build();
    let (address, certificate) = serving(&server).await;
    let first = dial(address, &certificate, HeaderMap::new()).await.unwrap();
    let trust = Trust::nobody().with_certificate(&certificate);
    let websocket = WebSocketDialer::default().trusting(trust);
    let request = request(&format!("https://{address}/trunkline"));
    let second = soon(websocket.dial(&request)).await.unwrap();
    assert_eq!(
        refused(&dial(address, &certificate, HeaderMap::new()).await),
        429
    );
    assert_eq!(server.stats().refused_full_of_address, 1);
    drop((first, second));
}

#[tokio::test]
async fn an_address_that_comes_too_often_is_turned_away_ahead_of_the_handshake() {
    let limits = FloodLimits {
        attempts: Rate::new(1, 1),
        ..FloodLimits::OFF
    };
    let server = Server::builder().flood_limits(limits).build();
    let (address, certificate) = serving(&server).await;
    let mut let_in = 0;
    let turned_away = loop {
        match dial(address, &certificate, HeaderMap::new()).await {
            Ok(_) => let_in += 1,
            Err(error) => break error,
        }
    };
    assert!(let_in > 0, "{turned_away}");
    assert!(
        !matches!(turned_away, DialError::Refused { .. }),
        "there was no HTTP to tell it: {turned_away:?}"
    );
    assert_eq!(server.stats().refused_attempts, 1);
}

#[tokio::test]
async fn one_identity_is_reloaded_for_both() {
    let server = Server::new();
    let (address, certificate) = serving(&server).await;
    let old = dialer(&certificate);
    certificate.reload().unwrap();
    let request = request(&format!("https://{address}/trunkline"));
    let stale = soon(old.dial(&request)).await;
    assert!(matches!(stale, Err(DialError::Tls { .. })), "{stale:?}");
    let trust = Trust::nobody().with_certificate(&certificate);
    let websocket = WebSocketDialer::default().trusting(trust);
    assert!(soon(websocket.dial(&request)).await.is_ok());
    assert!(dial(address, &certificate, HeaderMap::new()).await.is_ok());
}

#[tokio::test]
async fn where_any_port_will_do_one_is_taken_that_is_free_on_both() {
    let server = Server::new();
    let mut bound = Vec::new();
    for _ in 0..20 {
        let one = server.bind("127.0.0.1:0").await.unwrap();
        let port = one.local_addr().port();
        let taken = UdpSocket::bind(("127.0.0.1", port)).await;
        assert!(taken.is_err(), "UDP {port} is open");
        bound.push(one);
    }
    // A port that was asked for by its number is that one, or an error.
    let busy = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = busy.local_addr().unwrap();
    let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
    let given = ListenerConfig {
        certificate: Some(certificate),
        ..ListenerConfig::default()
    };
    let refused = server.bind_with(address, given).await.unwrap_err();
    assert!(refused.to_string().contains("UDP"), "{refused}");
    // In development it is left out.
    let one = server.bind(address).await.unwrap();
    assert!(!one.has_webtransport());
    drop(one);
    let mut without = BindConfig::default();
    without.webtransport = None;
    let one = server.bind_with(address, without).await.unwrap();
    assert!(!one.has_webtransport());
    assert!(TcpListener::bind(address).await.is_err(), "TCP is open");
}
