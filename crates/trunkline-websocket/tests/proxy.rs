//! Dialling through a proxy: one that works, and those that answer what they should not.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

mod common;

use std::net::SocketAddr;

use common::{Server, dial, request, secure_request, within_limit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use trunkline_testkit::drive::{content, send};
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{DialError, DialRequest, Dialer as _, MessageKind, Proxy};
use trunkline_websocket::{ListenerConfig, WebSocketDialer};

/// What a proxy does with the connection once it has read the CONNECT.
enum Then {
    /// Answers with this, and lets the bytes through.
    Pass(&'static str),
    /// Answers with this, and closes.
    Answer(Vec<u8>),
    /// Tells that it has read the CONNECT, and says nothing until the client has gone.
    Wait(oneshot::Sender<()>),
}

/// A proxy for one connection; its task gives the head it read.
async fn proxy(then: Then) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(near.read_buf(&mut head).await.unwrap() > 0, "a whole head");
        }
        let head = String::from_utf8(head).unwrap();
        match then {
            Then::Pass(answer) => {
                let target = head.split(' ').nth(1).unwrap();
                let mut far = TcpStream::connect(target).await.unwrap();
                near.write_all(answer.as_bytes()).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
            Then::Answer(answer) => {
                // A client that has seen enough may be gone.
                let _ = near.write_all(&answer).await;
            }
            Then::Wait(asked) => {
                asked.send(()).unwrap();
                assert_eq!(near.read(&mut [0; 64]).await.unwrap(), 0, "the client goes");
            }
        }
        head
    });
    (address, task)
}

fn through(address: SocketAddr, target: SocketAddr) -> DialRequest {
    DialRequest {
        proxy: Some(Proxy::new(&format!("http://ada:s3cret@{address}")).unwrap()),
        ..request(target, 1000)
    }
}

/// Dials through a proxy that answers with these bytes.
async fn refusal(answer: impl Into<Vec<u8>>) -> DialError {
    within_limit(async {
        let (address, task) = proxy(Then::Answer(answer.into())).await;
        let target = "127.0.0.1:9".parse().unwrap();
        let error = dial(&through(address, target)).await.unwrap_err();
        task.await.unwrap();
        let shown = format!("{error} {error:?}");
        for secret in ["s3cret", "YWRhOnMzY3JldA"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        error
    })
    .await
}

#[tokio::test]
async fn messages_go_through_and_the_proxys_credentials_stay_with_it() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
    ] {
        within_limit(async {
            let mut server = Server::start(ListenerConfig::default()).await;
            let (address, task) = proxy(Then::Pass(answer)).await;
            let mut dialled = dial(&through(address, server.address)).await.unwrap();
            let (mut accepted, handshake) = server.next().await;
            send(&mut *dialled.sender, MessageKind::Binary, b"through")
                .await
                .unwrap();
            assert_eq!(content(&mut *accepted.receiver).await, "through");
            assert!(!handshake.headers.contains_key("proxy-authorization"));
            assert_eq!(handshake.headers["host"], server.address.to_string());
            drop((dialled, accepted));
            let to = server.address;
            let expected = format!(
                "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\
                 Proxy-Authorization: Basic YWRhOnMzY3JldA==\r\n\r\n"
            );
            assert_eq!(task.await.unwrap(), expected);
        })
        .await;
    }
}

#[tokio::test]
async fn tls_is_spoken_with_the_server_and_the_proxy_sees_none_of_it() {
    within_limit(async {
        let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
        let trust = Trust::nobody().with_certificate(&certificate);
        let config = ListenerConfig {
            certificate: Some(certificate),
            ..ListenerConfig::default()
        };
        let mut server = Server::start(config).await;
        let (address, task) = proxy(Then::Pass("HTTP/1.1 200 OK\r\n\r\n")).await;
        let request = DialRequest {
            url: secure_request(server.address, 1000).url,
            ..through(address, server.address)
        };
        let dialer = WebSocketDialer::default().trusting(trust);
        let mut dialled = dialer.dial(&request).await.unwrap();
        let (mut accepted, _) = server.next().await;
        send(&mut *dialled.sender, MessageKind::Binary, b"through")
            .await
            .unwrap();
        assert_eq!(content(&mut *accepted.receiver).await, "through");
        drop((dialled, accepted));
        assert!(!task.await.unwrap().contains("Sec-WebSocket"));
    })
    .await;
}

#[tokio::test]
async fn excepted_host_is_dialled_straight() {
    within_limit(async {
        let mut server = Server::start(ListenerConfig::default()).await;
        // Nobody listens there.
        let proxy = Proxy::new("http://127.0.0.1:1").unwrap();
        let request = DialRequest {
            proxy: Some(proxy.except("127.0.0.1")),
            ..request(server.address, 1000)
        };
        let _dialled = dial(&request).await.unwrap();
        server.next().await;
    })
    .await;
}

#[tokio::test]
async fn proxy_that_cannot_be_reached_is_named() {
    within_limit(async {
        let target = "127.0.0.1:9".parse().unwrap();
        let unreachable = through("127.0.0.1:1".parse().unwrap(), target);
        let error = dial(&unreachable).await.unwrap_err();
        assert!(matches!(error, DialError::Proxy { status: None, .. }));
        let text = error.to_string();
        assert!(
            text.starts_with("the proxy 127.0.0.1:1 cannot be reached"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn refusals_keep_their_status_and_say_what_to_do() {
    for (answer, expected, text) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
            407,
            "does not take these credentials",
        ),
        (
            "HTTP/1.1 403 Filtered\r\n\r\n<html>",
            403,
            "403 (Forbidden)",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://log.in/\r\n\r\n",
            302,
            "302",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "101"),
        ("HTTP/1.1 999 Odd\r\n\r\n", 999, "not a known status"),
    ] {
        let error = refusal(answer).await;
        let DialError::Proxy {
            status: Some(status),
            problem,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*status, expected);
        assert!(problem.contains(text), "`{text}` is not in: {problem}");
    }
    let busy = refusal("HTTP/1.1 503 Busy\r\nretry-after: 12\r\n\r\n").await;
    assert!(matches!(
        busy,
        DialError::Proxy {
            status: Some(503),
            retry_after_s: Some(12),
            ..
        }
    ));
}

#[tokio::test]
async fn hostile_answers_are_errors_with_their_figures() {
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "x".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Many: 1\r\n".repeat(101));
    for (answer, text) in [
        (long.into_bytes(), "over 16384 bytes"),
        (many.into_bytes(), "not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), "not HTTP"),
        (vec![0; 64], "not HTTP"),
        (Vec::new(), "closed after 0 bytes"),
        (b"HTTP/1.1 200 O".to_vec(), "closed after 14 bytes"),
        // What follows would be taken for the server's handshake.
        (
            b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 S\r\n\r\n".to_vec(),
            "18 bytes more",
        ),
    ] {
        let error = refusal(answer).await;
        assert!(matches!(error, DialError::Proxy { status: None, .. }));
        let shown = error.to_string();
        assert!(shown.contains(text), "`{text}` is not in: {shown}");
    }
}

#[tokio::test]
async fn giving_up_a_dial_lets_go_of_a_proxy_that_never_answers() {
    within_limit(async {
        let (asked, wait) = oneshot::channel();
        let (address, task) = proxy(Then::Wait(asked)).await;
        let request = through(address, "127.0.0.1:9".parse().unwrap());
        let dialling = tokio::spawn(async move { dial(&request).await.map(drop) });
        wait.await.unwrap();
        dialling.abort();
        assert!(dialling.await.unwrap_err().is_cancelled());
        task.await.unwrap();
    })
    .await;
}
