//! A server at a path of somebody else's HTTP server, over real sockets.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trunkline::client::{Client, Dial as _, State};
use trunkline::server::{
    Bind as _, FloodLimits, Mount as _, Mounted, Origins, PeerAddress, Proxies, Server,
    WebSocketConfig,
};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

fn server() -> Server {
    let server = Server::new();
    let namespace = server.namespace("/");
    namespace.on("where", |PeerAddress(peer): PeerAddress| async move {
        Ok::<_, trunkline::server::Failure>(peer.map(|peer| peer.to_string()))
    });
    server
}

/// Puts the peer's address where a host would.
fn arrived(mut request: Request<Incoming>, peer: SocketAddr) -> Request<Incoming> {
    request.extensions_mut().insert(peer);
    request
}

/// hyper's own HTTP/1 server, which knows nothing of tower, with a path of its own beside ours.
async fn on_hyper(mounted: Mounted) -> SocketAddr {
    accepting(move |stream, peer| {
        let mounted = mounted.clone();
        async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = match request.uri().path() {
                    "/live" => mounted.answer(arrived(request, peer)),
                    _ => Response::default(),
                };
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        }
    })
    .await
}

/// hyper-util's automatic server, with a tower service.
async fn on_hyper_util(mounted: Mounted) -> SocketAddr {
    accepting(move |stream, _peer| {
        let service = TowerToHyperService::new(mounted.clone());
        async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            let _ = served.await;
        }
    })
    .await
}

async fn accepting<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream, SocketAddr) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, peer));
        }
    });
    address
}

/// Connects a client and asks where the server thinks it is.
async fn seen_from(client: &Client) -> Option<String> {
    let socket = client.socket("/");
    soon(socket.connect()).await.unwrap();
    soon(socket.emit_with_ack("where", ())).await.unwrap()
}

/// Sends a request's head and reads the answer up to the end of the stream.
async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{head}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

const HANDSHAKE: &str = "GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: trunkline.v1.json\r\n";

#[tokio::test]
async fn it_serves_clients_on_hyper_and_learns_their_address() {
    let address = on_hyper(server().mount()).await;
    let client = Client::new(&format!("http://{address}/live")).unwrap();
    let seen = seen_from(&client).await.unwrap();
    assert!(seen.starts_with("127.0.0.1:"), "{seen}");
    client.close().await;
}

#[tokio::test]
async fn it_serves_clients_as_a_tower_service_on_hyper_util() {
    let address = on_hyper_util(server().mount()).await;
    let client = Client::new(&format!("http://{address}/live")).unwrap();
    assert_eq!(seen_from(&client).await, None, "nobody told the address");
    client.close().await;
}

/// Whom a server sees that is mounted behind these proxies, when a client dials it that says this.
async fn seen_behind(proxies: &str, forwarded: &str) -> String {
    let proxies = Proxies::in_networks([proxies]).unwrap();
    // Setters after it leave the proxies as they are.
    let mounted = server().mount().with_proxies(proxies);
    let mounted = mounted.with_origins(Origins::same_host());
    let address = on_hyper(mounted.with_websocket(WebSocketConfig::default())).await;
    let client = Client::to(&format!("http://{address}/live"))
        .header(
            HeaderName::from_static("x-forwarded-for"),
            forwarded.parse().unwrap(),
        )
        .build()
        .unwrap();
    let seen = seen_from(&client).await.unwrap();
    client.close().await;
    seen
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_where_a_client_is() {
    let seen = seen_behind("127.0.0.0/8", "192.0.2.7").await;
    assert_eq!(seen, "192.0.2.7:0");
    let seen = seen_behind("127.0.0.0/8", "198.51.100.1, 192.0.2.7, 127.0.0.9").await;
    assert_eq!(seen, "192.0.2.7:0", "only what proxies have added counts");
}

#[tokio::test]
async fn anybody_else_says_nothing_of_where_a_client_is() {
    for forged in ["192.0.2.7", "10.0.0.1", "127.0.0.9, 192.0.2.7"] {
        let seen = seen_behind("10.0.0.0/8", forged).await;
        assert!(seen.starts_with("127.0.0.1:"), "{forged}: {seen}");
    }
}

#[tokio::test]
async fn limits_by_address_count_the_clients_behind_a_trusted_proxy_each() {
    let server = Server::builder()
        .flood_limits(FloodLimits {
            connections_per_address: 1,
            ..FloodLimits::default()
        })
        .build();
    let proxies = Proxies::in_networks(["127.0.0.1"]).unwrap();
    let address = on_hyper(server.mount().with_proxies(proxies)).await;
    let mut open = Vec::new();
    for (of, status) in [("192.0.2.1", 101), ("192.0.2.2", 101), ("192.0.2.1", 429)] {
        let (stream, answer) = upgrade(address, &format!("X-Forwarded-For: {of}\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        open.push(stream);
    }
    assert_eq!(server.stats().refused_full_of_address, 1);
}

/// A handshake with one more header: the connection, and the beginning of the answer.
async fn upgrade(address: SocketAddr, header: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{HANDSHAKE}{header}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 512];
    let length = soon(stream.read(&mut answer)).await.unwrap();
    answer.truncate(length);
    (stream, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn the_host_says_where_a_peers_address_is() {
    let mounted = server().mount().with_peer(|extensions| {
        let arrived: &SocketAddr = extensions.get()?;
        Some(SocketAddr::new([192, 0, 2, 7].into(), arrived.port()))
    });
    let address = on_hyper(mounted).await;
    let client = Client::new(&format!("http://{address}/live")).unwrap();
    let seen = seen_from(&client).await.unwrap();
    assert!(seen.starts_with("192.0.2.7:"), "{seen}");
    client.close().await;
}

#[tokio::test]
async fn bad_upgrades_are_answered_with_the_reason() {
    let on_hyper = on_hyper(server().mount()).await;
    let on_hyper_util = on_hyper_util(server().mount()).await;
    for address in [on_hyper, on_hyper_util] {
        for (head, status, reason) in [
            (HANDSHAKE.replace("GET", "POST"), "405", "this is POST"),
            (
                HANDSHAKE.replace("Upgrade: websocket\r\n", ""),
                "426",
                "`upgrade` header",
            ),
            (
                HANDSHAKE.replace("Version: 13", "Version: 8"),
                "426",
                "must be 13",
            ),
            (
                HANDSHAKE.replace("trunkline.v1.json", "mqtt"),
                "400",
                "offered were mqtt",
            ),
            (
                HANDSHAKE.replace("dGhlIHNh", "!"),
                "400",
                "`sec-websocket-key`",
            ),
            (
                format!("{HANDSHAKE}Origin: https://evil.example\r\n"),
                "403",
                "may not connect",
            ),
            (format!("{HANDSHAKE}Origin: null\r\n"), "403", "\"null\""),
        ] {
            let head = head.replace("Connection: Upgrade", "Connection: Upgrade, close");
            let answer = ask(address, &head).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            assert!(answer.contains(reason), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_host_that_serves_without_upgrades_gets_a_500_that_says_so() {
    let mounted = server().mount();
    let address = accepting(move |stream, _peer| {
        let mounted = mounted.clone();
        async move {
            let service = service_fn(move |mut request: Request<Incoming>| {
                // As a layer does that makes a new request of the old one.
                request.extensions_mut().clear();
                let response = mounted.answer(request);
                async move { Ok::<_, Infallible>(response) }
            });
            let io = TokioIo::new(stream);
            let _ = http1::Builder::new().serve_connection(io, service).await;
        }
    })
    .await;
    let answer = ask(address, HANDSHAKE).await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("with_upgrades"), "{answer}");
}

#[tokio::test]
async fn listed_pages_connect_and_read_why_a_plain_request_is_refused() {
    let origins = Origins::same_host().and("https://app.example.org").unwrap();
    let address = on_hyper(server().mount().with_origins(origins)).await;
    let plain = "GET /live HTTP/1.1\r\nHost: api.example.org\r\n";
    let answer = ask(
        address,
        &format!("{plain}Origin: https://app.example.org\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    assert!(
        answer.contains("access-control-allow-origin: https://app.example.org\r\n"),
        "{answer}"
    );
    for origin in ["https://evil.example", "null"] {
        let answer = ask(address, &format!("{plain}Origin: {origin}\r\n")).await;
        assert!(answer.contains("vary: origin\r\n"), "{answer}");
        assert!(!answer.contains("access-control"), "{answer}");
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{HANDSHAKE}Origin: https://app.example.org\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    soon(stream.read_exact(&mut start)).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 101");
}

#[tokio::test]
async fn shutting_the_server_down_ends_mounted_connections_and_refuses_new_ones() {
    let server = server();
    let address = on_hyper(server.mount()).await;
    let url = format!("http://{address}/live");
    let there = Client::new(&url).unwrap();
    seen_from(&there).await;
    assert!(server.is_ready());
    assert_eq!(server.stats().connections, 1);
    let mut state = there.state();

    server.shut_down();
    soon(server.closed()).await;
    assert!(!server.is_ready());
    assert_eq!(
        (server.stats().connections, server.stats().sessions),
        (0, 0)
    );
    let left = state.wait_for(|state| !matches!(state, State::Connected { .. }));
    soon(left).await.unwrap();

    let late = Client::to(&url).attempts_max(1).build().unwrap();
    let error = soon(late.socket("/").connect()).await.unwrap_err();
    assert!(
        error.to_string().contains("shuts down") || error.to_string().contains("1012"),
        "{error}"
    );
    there.close().await;
}

#[tokio::test]
async fn a_listener_of_our_own_ends_with_its_server() {
    let server = server();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let address = bound.local_addr();
    let serving = tokio::spawn(bound.serve());
    let client = Client::new(&format!("http://{address}")).unwrap();
    seen_from(&client).await;
    server.shut_down();
    soon(serving).await.unwrap().unwrap();
    assert_eq!(server.stats().connections, 0);
    TcpStream::connect(address).await.unwrap_err();
}

/// Asks for an upgrade through a pipe that holds one byte, and reads no answer.
async fn asks_and_does_not_read(mounted: Mounted) -> tokio::io::DuplexStream {
    let (mut near, far) = tokio::io::duplex(1);
    let (answered, mut answers) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let response = mounted.answer(request);
            let _ = answered.try_send(());
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(far), service);
        let _ = connection.with_upgrades().await;
    });
    let head = format!("{HANDSHAKE}\r\n");
    near.write_all(head.as_bytes()).await.unwrap();
    answers.recv().await.unwrap();
    near
}

#[tokio::test(start_paused = true)]
async fn a_connection_counts_from_the_answer_that_grants_it() {
    let server = server();
    let mut stream = asks_and_does_not_read(server.mount()).await;
    assert_eq!(server.stats().connections, 1);
    server.shut_down();
    let closed = tokio::spawn({
        let server = server.clone();
        async move { server.closed().await }
    });
    tokio::task::yield_now().await;
    assert!(!closed.is_finished());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("1012"), "it is told so: {answer}");
    drop(stream);
    closed.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_whose_answer_is_not_read_is_given_up() {
    let server = server();
    let begun = tokio::time::Instant::now();
    let stream = asks_and_does_not_read(server.mount()).await;
    server.shut_down();
    server.closed().await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(server.stats().connections, 0);
    drop(stream);
}
