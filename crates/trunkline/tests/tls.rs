//! A server and clients of this crate, over TLS.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use trunkline::client::{Client, ConnectError, Dial as _, DialConfig, Trust};
use trunkline::server::{Ack, Bind as _, Certificate, Limits, ListenerConfig, Payload, Server};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

async fn serving(certificate: &Certificate) -> (Server, SocketAddr) {
    // More than any system buffers for one connection, so that TLS can be made to hold back.
    let limits = Limits {
        replay: 64 << 20,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let namespace = server.namespace("/");
    namespace.on("echo", |args: Payload| async move { Ack(args) });
    let config = ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    };
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    (server, address)
}

/// What comes back of a text of this length.
async fn echoed(address: SocketAddr, trust: Trust, length: usize) -> Result<usize, ConnectError> {
    let config = DialConfig {
        trust,
        ..DialConfig::default()
    };
    let url = format!("https://localhost:{}", address.port());
    let client = Client::to_with(&url, config)
        .attempts_max(1)
        .build()
        .unwrap();
    let socket = client.socket("/");
    soon(socket.connect()).await?;
    let text = "x".repeat(length);
    let ack = soon(socket.emit_with_ack("echo", &text)).await;
    let echoed: String = ack.unwrap();
    client.close().await;
    Ok(echoed.len())
}

#[tokio::test]
async fn events_and_acks_of_every_size_go_over_tls() {
    let certificate = Certificate::self_signed(["localhost"]).unwrap();
    let (_server, address) = serving(&certificate).await;
    for length in [0, 1, 20_000, 900_000] {
        let trust = Trust::nobody().with_certificate(&certificate);
        assert_eq!(echoed(address, trust, length).await.unwrap(), length);
    }
}

#[tokio::test]
async fn a_server_that_is_not_believed_is_not_talked_to_and_the_error_says_why() {
    let certificate = Certificate::self_signed(["localhost"]).unwrap();
    let (_server, address) = serving(&certificate).await;
    let stranger = Certificate::self_signed(["localhost"]).unwrap();
    let trust = Trust::nobody().with_certificate(&stranger);
    let error = echoed(address, trust, 1).await.unwrap_err();
    assert!(
        error.to_string().contains("no TLS with localhost"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_with_an_authority_of_its_own_believes_what_that_has_signed() {
    let authority = authority();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("authority");
    std::fs::create_dir_all(&folder).unwrap();
    let place = |name: &str| folder.join(name);
    std::fs::write(place("ca.pem"), authority.certificate.pem()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let signed = params.signed_by(&key, &authority.issuer).unwrap();
    std::fs::write(place("chain.pem"), signed.pem()).unwrap();
    std::fs::write(place("key.pem"), key.serialize_pem()).unwrap();

    let certificate = Certificate::from_pem_files(place("chain.pem"), place("key.pem")).unwrap();
    let (_server, address) = serving(&certificate).await;
    let trust = Trust::nobody().with_pem_file(place("ca.pem")).unwrap();
    assert_eq!(echoed(address, trust, 5).await.unwrap(), 5);
}

struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

fn authority() -> Authority {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    Authority {
        certificate,
        issuer,
    }
}

/// A client of its own making over TLS: it reads when it is told to, through a narrow window.
async fn narrow_page(
    address: SocketAddr,
    certificate: &Certificate,
) -> WebSocketStream<TlsStream<TcpStream>> {
    let trust = Trust::nobody().with_certificate(certificate);
    let connector = TlsConnector::from(trunkline_tls::client_config(&trust, &[]).unwrap());
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(4096).unwrap();
    let tcp = tcp.connect(address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let tls = connector.connect(name, tcp).await.unwrap();
    let mut request = format!("wss://{address}/trunkline")
        .into_client_request()
        .unwrap();
    let protocol = "trunkline.v1.json".parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocol);
    let (mut page, _) = tokio_tungstenite::client_async(request, tls).await.unwrap();
    let hello = r#"[0,{"v":1,"agent":"page","limits":{"inbound":67108864}}]"#;
    for frame in [hello, "[16,1,null,null]"] {
        page.send(Message::text(frame)).await.unwrap();
    }
    page
}

#[tokio::test]
async fn what_tls_holds_back_for_a_slow_reader_leaves_when_it_reads_on() {
    let certificate = Certificate::self_signed(["localhost"]).unwrap();
    let (server, address) = serving(&certificate).await;
    let mut page = narrow_page(address, &certificate).await;
    let namespace = server.namespace("/");
    let socket = loop {
        if let Some(socket) = namespace.sockets().pop() {
            break socket;
        }
        tokio::task::yield_now().await;
    };
    let line = "x".repeat(8_000);
    let mut sent = 0;
    // Until the system takes no more: then what is left lies in TLS, and nothing in the queue.
    while server.stats().unsent_best_effort.busy == 0 {
        socket.emit("line", &line).unwrap();
        sent += 1;
        socket.volatile().emit("probe", ()).unwrap();
    }
    assert_eq!(socket.queued_bytes(), 0);
    let mut received = 0;
    while received < sent {
        let frame = soon(page.next()).await.unwrap().unwrap();
        received += usize::from(frame.to_text().unwrap().starts_with("[20,"));
    }
}
