//! Pages of other hosts at a listener of our own: who may connect, whose cookies are believed, and
//! what they may read.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use trunkline::server::{Admission, Bind as _, Bound, Credentials, Origins, Server};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

async fn bound(server: &Server) -> Bound {
    let origins = Origins::same_host().and("https://app.example.org").unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    assert_ne!(bound.local_addr().port(), 0);
    bound.with_origins(origins)
}

/// Opens a WebSocket with these headers and says HELLO; gives the first frame.
async fn greeted(address: SocketAddr, headers: &[(&'static str, &str)]) -> String {
    let url = format!("ws://{address}/trunkline");
    let mut request = url.into_client_request().unwrap();
    let protocol = ("sec-websocket-protocol", "trunkline.v1.json");
    for (name, value) in headers.iter().copied().chain([protocol]) {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let opened = tokio_tungstenite::client_async(request, stream);
    let (mut socket, _) = soon(opened).await.unwrap();
    let hello = Message::text(r#"[0,{"v":1,"agent":"page"}]"#);
    socket.send(hello).await.unwrap();
    let frame = soon(socket.next()).await.unwrap().unwrap();
    frame.into_text().unwrap().to_string()
}

#[tokio::test]
async fn the_authentication_hook_sees_cookies_of_trusted_pages_only() {
    let (told, mut hears) = mpsc::unbounded_channel();
    let server = Server::builder()
        .authenticate(move |credentials: Credentials| {
            let headers = credentials.headers();
            let cookie = headers.get("cookie").cloned();
            let bearer = headers.get("authorization").cloned();
            told.send((cookie, bearer)).unwrap();
            async { Ok(Admission::anyone()) }
        })
        .build();
    let bound = bound(&server).await;
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    let cookie = ("cookie", "session=s3cret");
    let bearer = ("authorization", "Bearer s3cret");
    for (origin, believed) in [
        (None, false),
        (Some("https://app.example.org"), true),
        (Some("http://localhost:5173"), true),
    ] {
        let origin = origin.map(|origin| ("origin", origin));
        let headers: Vec<_> = [cookie, bearer].into_iter().chain(origin).collect();
        let welcome = greeted(address, &headers).await;
        assert!(welcome.starts_with("[1,"), "{welcome}");
        let (cookie, bearer) = hears.recv().await.unwrap();
        assert_eq!(cookie.is_some(), believed, "{origin:?}");
        assert!(bearer.is_some(), "other headers are left alone");
    }
}

/// The answer to a request that is no handshake.
async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: api.example.org\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

const OURS: &str = "Origin: https://app.example.org\r\n";
const FOREIGN: &str = "Origin: https://evil.example\r\n";
const ALLOWED: &str = "access-control-allow-origin: https://app.example.org\r\n";
const AHEAD: &str = "Access-Control-Request-Method: GET\r\n\
    Access-Control-Request-Headers: authorization\r\n";

#[tokio::test]
async fn pages_that_may_connect_may_read_plain_answers_and_others_may_not() {
    let bound = bound(&Server::new()).await.with_http(page);
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    for path in ["/page", "/trunkline"] {
        let answer = ask(address, "GET", path, OURS).await;
        assert!(answer.contains(ALLOWED), "{answer}");
        assert!(answer.contains("access-control-allow-credentials: true\r\n"));
        for headers in [FOREIGN, "Origin: null\r\n", ""] {
            let answer = ask(address, "GET", path, headers).await;
            assert!(!answer.contains("access-control"), "{answer}");
            assert!(answer.contains("vary: origin\r\n"), "{answer}");
        }
    }
    let answer = ask(address, "GET", "/public", FOREIGN).await;
    assert!(
        answer.contains("access-control-allow-origin: *\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("credentials"), "{answer}");
}

#[tokio::test]
async fn questions_ahead_of_a_get_are_answered_for_pages_that_may_connect() {
    let bound = bound(&Server::new()).await.with_http(page);
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    let answer = ask(address, "OPTIONS", "/page", &format!("{OURS}{AHEAD}")).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    for header in [
        ALLOWED,
        "access-control-allow-methods: GET\r\n",
        "access-control-allow-headers: authorization\r\n",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
    for headers in [
        format!("{FOREIGN}{AHEAD}"),
        AHEAD.to_owned(),
        format!("{OURS}{}", AHEAD.replace("GET", "DELETE")),
    ] {
        let answer = ask(address, "OPTIONS", "/page", &headers).await;
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "the handler's: {answer}"
        );
        assert!(!answer.contains("allow-methods"), "{answer}");
    }
}

fn page(request: &Request<()>) -> Response<hyper::body::Bytes> {
    let mut answer = Response::new("a page".into());
    if request.uri().path() == "/public" {
        let name = "access-control-allow-origin";
        answer.headers_mut().insert(name, "*".parse().unwrap());
    }
    answer
}
