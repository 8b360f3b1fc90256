//! A client on both transports, against a server on TCP and UDP of one port.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use http::HeaderMap;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use trunkline::client::{
    Client, ConnectError, CurrentTransport, Datagrams, Dial as _, DialConfig, Socket, Transports,
    Trust,
};
use trunkline::server::{
    Ack, Bind as _, BindConfig, Bound, Certificate, Data, ListenerConfig, Server,
};
use trunkline::transport::{DialError, DialRequest, Dialer as _, TransportKind};
use trunkline_quic::Settings;
use trunkline_testkit::{RelayConfig, UdpRelay};
use trunkline_webtransport::WebTransportDialer;

use TransportKind::{WebSocket, WebTransport};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

fn echoing() -> Server {
    let server = Server::new();
    let root = server.namespace("/");
    root.on("echo", |Data(number): Data<u32>| async move { Ack(number) });
    server
}

async fn serving(server: &Server, names: [&str; 1]) -> (SocketAddr, Certificate) {
    let certificate = Certificate::self_signed(names).unwrap();
    let config = ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    };
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    (spawned(bound), certificate)
}

fn spawned(bound: Bound) -> SocketAddr {
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    address
}

fn trusting(certificate: &Certificate) -> DialConfig {
    DialConfig {
        trust: Trust::nobody().with_certificate(certificate),
        ..DialConfig::default()
    }
}

async fn connected(client: &Client) -> Socket {
    let socket = client.socket("/");
    soon(socket.connect()).await.unwrap();
    socket
}

async fn on(client: &Client, kind: TransportKind) -> CurrentTransport {
    let mut transports = client.transport();
    let is_there = |transport: &Option<CurrentTransport>| {
        transport.as_ref().is_some_and(|one| one.kind == kind)
    };
    soon(transports.wait_for(is_there)).await.flatten().unwrap()
}

async fn echoes(socket: &Socket, number: u32) {
    let echoed: u32 = soon(socket.emit_with_ack("echo", &number)).await.unwrap();
    assert_eq!(echoed, number);
}

fn request(url: String, certificate_hashes: Vec<[u8; 32]>) -> DialRequest {
    DialRequest {
        url,
        protocols: vec!["trunkline.v1.msgpack".to_owned()],
        headers: HeaderMap::new(),
        max_message: 1 << 20,
        proxy: None,
        certificate_hashes,
    }
}

#[tokio::test]
async fn a_client_is_on_webtransport_and_switches_to_websocket_and_back() {
    let (address, certificate) = serving(&echoing(), ["127.0.0.1"]).await;
    let url = format!("https://{address}");
    let client = Client::to_with(&url, trusting(&certificate))
        .build()
        .unwrap();
    let socket = connected(&client).await;
    let transport = on(&client, WebTransport).await;
    assert_eq!(transport.datagrams, Datagrams::Native);
    assert!(transport.datagram_bytes >= 1_000, "{transport:?}");
    let id = socket.id();
    echoes(&socket, 1).await;
    soon(client.switch_to(WebSocket)).await.unwrap();
    let transport = on(&client, WebSocket).await;
    assert_eq!(
        (transport.datagrams, transport.datagram_bytes),
        (Datagrams::Emulated, 1_000)
    );
    echoes(&socket, 2).await;
    soon(client.switch_to(WebTransport)).await.unwrap();
    echoes(&socket, 3).await;
    assert_eq!(socket.id(), id, "it is the same socket");
    assert!(client.round_trip().is_some());
    let stats = client.stats();
    assert_eq!(
        (stats.connections, stats.resumed, stats.sessions_lost),
        (3, 2, 0)
    );
}

#[tokio::test]
async fn without_tls_a_client_moves_to_webtransport_by_the_hash_that_the_server_tells() {
    let server = echoing();
    // In development, without a certificate: one is made for WebTransport.
    let address = spawned(server.bind("127.0.0.1:0").await.unwrap());
    let client = Client::to(&format!("http://{address}")).build().unwrap();
    let socket = connected(&client).await;
    on(&client, WebTransport).await;
    echoes(&socket, 1).await;
    assert_eq!(client.stats().sessions_lost, 0);
}

#[tokio::test]
async fn where_udp_is_swallowed_the_client_is_on_websocket_and_says_why() {
    let server = echoing();
    let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
    let mut config = BindConfig::from(ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    });
    config.webtransport = None;
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    let address = spawned(bound);
    // Takes every datagram, and answers none.
    let _swallows = UdpSocket::bind(address).await.unwrap();
    let url = format!("https://{address}");
    let client = Client::to_with(&url, trusting(&certificate))
        .build()
        .unwrap();
    let socket = connected(&client).await;
    let transport = on(&client, WebSocket).await;
    let why = transport.passed_over.unwrap();
    assert_eq!(why, "webtransport: no connection within 300 ms");
    echoes(&socket, 1).await;
}

/// Passes connections on, whole.
async fn forward(listener: TcpListener, server: SocketAddr) {
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut far = TcpStream::connect(server).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
    }
}

/// Silence in place of an error: no packet comes through, and nobody is told.
#[tokio::test]
async fn when_udp_falls_silent_the_session_goes_on_over_websocket_and_loses_nothing() {
    let server = Server::builder()
        .ping_interval(Duration::from_secs(1))
        .ping_timeout(Duration::from_secs(1))
        .build();
    let root = server.namespace("/");
    root.on("echo", |Data(number): Data<u32>| async move { Ack(number) });
    let (address, certificate) = serving(&server, ["127.0.0.1"]).await;
    let relay = UdpRelay::start(address, RelayConfig::default())
        .await
        .unwrap();
    let listener = TcpListener::bind(relay.address()).await.unwrap();
    tokio::spawn(forward(listener, address));
    let url = format!("https://{}", relay.address());
    let client = Client::to_with(&url, trusting(&certificate))
        .build()
        .unwrap();
    let socket = connected(&client).await;
    on(&client, WebTransport).await;
    echoes(&socket, 1).await;
    let id = socket.id();
    relay.black_hole(true);
    // Emitted into the silence, and answered over the other transport.
    let answers = join_all((2..50).map(|number| echoes(&socket, number)));
    let (transport, _) = tokio::join!(on(&client, WebSocket), answers);
    let why = transport.passed_over.unwrap();
    assert!(why.starts_with("webtransport: "), "{why}");
    assert_eq!(socket.id(), id, "it is the same socket");
    let stats = client.stats();
    assert_eq!((stats.resumed, stats.sessions_lost), (1, 0));
}

#[tokio::test]
async fn a_server_is_believed_for_its_hash_and_nothing_else_then() {
    let (address, certificate) = serving(&echoing(), ["elsewhere.example"]).await;
    let dialer = WebTransportDialer::new(Trust::nobody(), Settings::default());
    let url = format!("https://{address}/trunkline");
    let right = request(url.clone(), vec![[0; 32], certificate.sha256()]);
    let connection = soon(dialer.dial(&right)).await.unwrap();
    assert_eq!(connection.transport, WebTransport);
    let trust = Trust::nobody().with_certificate(&certificate);
    let dialer = WebTransportDialer::new(trust, Settings::default());
    let wrong = soon(dialer.dial(&request(url, vec![[0; 32]]))).await;
    let Err(DialError::Tls { reason, .. }) = wrong else {
        panic!("{wrong:?}")
    };
    assert!(
        reason.contains("none of those whose hashes were told"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_wrong_certificate_and_a_wrong_path_are_named() {
    let (address, certificate) = serving(&echoing(), ["127.0.0.1"]).await;
    let stranger = Certificate::self_signed(["127.0.0.1"]).unwrap();
    for transports in [
        Transports::Auto,
        Transports::WebSocketOnly,
        Transports::WebTransportOnly,
    ] {
        let url = format!("https://{address}");
        let builder = Client::to_with(&url, trusting(&stranger)).transports(transports);
        let client = builder.attempts_max(1).build().unwrap();
        let error = soon(client.socket("/").connect()).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&format!("no TLS with {address}")), "{said}");
        let url = format!("https://{address}/elsewhere");
        let builder = Client::to_with(&url, trusting(&certificate)).transports(transports);
        let client = builder.attempts_max(1).build().unwrap();
        let error = soon(client.socket("/").connect()).await.unwrap_err();
        let is_not_found = matches!(
            error,
            ConnectError::Dial(DialError::Refused { status: 404, .. })
        );
        assert!(is_not_found, "{error:?}");
    }
}

/// One for 127.0.0.1 whose time is over.
fn expired() -> (Certificate, Trust) {
    let folder = std::env::temp_dir().join(format!("trunkline-expired-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 10);
    let pair = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&pair).unwrap();
    std::fs::write(&chain, made.pem()).unwrap();
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    let certificate = Certificate::from_pem_files(&chain, &key).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let trust = Trust::nobody().with_certificate(&certificate);
    (certificate, trust)
}

#[tokio::test]
async fn an_expired_certificate_is_named_with_and_without_its_hash() {
    let (certificate, trust) = expired();
    let config = ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    };
    let server = echoing();
    let address = spawned(server.bind_with("127.0.0.1:0", config).await.unwrap());
    let dialer = WebTransportDialer::new(trust.clone(), Settings::default());
    for hashes in [Vec::new(), vec![certificate.sha256()]] {
        let request = request(format!("https://{address}/trunkline"), hashes);
        let refused = soon(dialer.dial(&request)).await;
        let Err(DialError::Tls { reason, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!(reason.contains("expired"), "{reason}");
    }
    let config = DialConfig {
        trust,
        ..DialConfig::default()
    };
    let builder = Client::to_with(&format!("https://{address}"), config);
    let client = builder.attempts_max(1).build().unwrap();
    let said = soon(client.socket("/").connect()).await.unwrap_err();
    let said = said.to_string();
    assert_eq!(said.matches("expired").count(), 2, "{said}");
}
