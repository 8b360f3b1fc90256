//! The example on a free port, with a real client.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use trunkline::client::{Client, Data, Dial as _};
use trunkline::server::{Drain, PeerAddress, Server};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

fn server() -> Server {
    let server = Server::new();
    example_axum::handlers(&server);
    server
}

/// The routes without an end, and where they are.
async fn routes(server: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = example_axum::routes(server);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// The whole answer to a plain request.
async fn ask(address: SocketAddr, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path}"), "").await
}

/// A client in "/", and what it hears.
async fn client(address: SocketAddr) -> (Client, mpsc::UnboundedReceiver<String>) {
    let client = Client::new(&format!("http://{address}")).unwrap();
    let (told, hears) = mpsc::unbounded_channel();
    let socket = client.socket("/");
    let heard = move |Data(line): Data<String>| {
        let told = told.clone();
        async move { told.send(line).unwrap() }
    };
    socket.on("said", heard);
    soon(socket.connect()).await.unwrap();
    (client, hears)
}

#[tokio::test]
async fn clients_talk_beside_the_routes_and_the_routes_to_them() {
    let server = server();
    let address = routes(&server).await;
    let (ada, mut ada_hears) = client(address).await;
    let (bob, mut bob_hears) = client(address).await;
    let ack = ada.socket("/").emit_with_ack("say", "hello");
    let length: usize = soon(ack).await.unwrap();
    assert_eq!(length, 5);
    assert_eq!(soon(bob_hears.recv()).await.unwrap(), "hello");

    assert!(get(address, "/").await.contains("Trunkline is at"));
    let answer = ask(address, "POST /say", "from a plain request").await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(
        soon(ada_hears.recv()).await.unwrap(),
        "from a plain request"
    );
    assert_eq!(
        soon(bob_hears.recv()).await.unwrap(),
        "from a plain request"
    );
    ada.close().await;
    bob.close().await;
}

#[tokio::test]
async fn the_endpoint_is_behind_the_programs_own_layers_and_says_why_it_refuses() {
    let address = routes(&server()).await;
    let answer = get(address, "/trunkline").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    assert!(answer.contains("`upgrade` header"), "{answer}");
    assert!(answer.contains("server: example-axum"), "{answer}");
    let answer = ask(address, "POST /trunkline", "").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[tokio::test]
async fn a_peers_address_comes_from_axum() {
    let server = server();
    server
        .namespace("/")
        .on("where", |PeerAddress(peer): PeerAddress| async move {
            Ok::<_, trunkline::server::Failure>(peer.map(|peer| peer.ip().to_string()))
        });
    let (client, _hears) = client(routes(&server).await).await;
    let socket = client.socket("/");
    let seen: Option<String> = soon(socket.emit_with_ack("where", ())).await.unwrap();
    assert_eq!(seen.as_deref(), Some("127.0.0.1"));
    client.close().await;
}

#[tokio::test]
async fn metrics_tell_what_the_server_holds() {
    let server = server();
    let address = routes(&server).await;
    let value = |text: &str, name: &str| -> u64 {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap().parse().unwrap()
    };
    let (client, _hears) = client(address).await;
    let text = get(address, "/metrics").await;
    assert!(text.contains("text/plain; version=0.0.4"), "{text}");
    assert_eq!(value(&text, "trunkline_connections"), 1);
    assert_eq!(value(&text, "trunkline_sessions"), 1);
    assert_eq!(value(&text, "trunkline_lost_unconfirmed_total"), 0);
    for line in text.lines().filter(|line| line.starts_with("trunkline_")) {
        let name = line.split([' ', '{']).next().unwrap();
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
    }
    client.close().await;
}

#[tokio::test]
async fn readiness_goes_with_the_server_and_health_does_not() {
    let server = server();
    let address = routes(&server).await;
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    let (client, _hears) = client(address).await;
    let draining = tokio::spawn({
        let server = server.clone();
        async move { server.drain(Drain::new()).await }
    });
    while server.is_ready() {
        tokio::task::yield_now().await;
    }
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"));
    client.close().await;
    assert_eq!(soon(draining).await.unwrap().cut, 0);
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn shutting_down_ends_the_connections_and_then_the_web_server() {
    let server = server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = example_axum::routes(&server);
    let serving = tokio::spawn(example_axum::serve(listener, app, server.clone()));
    let (client, _hears) = client(address).await;
    server.shut_down();
    soon(serving).await.unwrap().unwrap();
    assert_eq!(server.stats().connections, 0);
    drop(client);
}
