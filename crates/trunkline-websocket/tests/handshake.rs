//! How handshakes are answered, refused and bounded; and what dialling makes of the answers.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{HANDSHAKE, Raw, Server, dial, request, within_limit};
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trunkline_testkit::drive::{content, send};
use trunkline_transport::{Connection, DialError, MessageKind};
use trunkline_websocket::{Body, Handler, Handshake, Listener, ListenerConfig, Negotiated};

const LIMIT: usize = 1000;

/// The status line and the whole answer to a request sent by hand.
async fn answer(server: &Server, head: &str) -> (String, String) {
    let mut raw = Raw::connect(server.address).await;
    raw.write(head.as_bytes()).await;
    let answer = String::from_utf8(raw.rest().await).unwrap();
    let status = answer.lines().next().unwrap_or_default().to_owned();
    (status, answer)
}

#[tokio::test]
async fn refusals_are_readable_answers_that_end_the_tcp_connection() {
    within_limit(async {
        let server = Server::start(ListenerConfig::default()).await;
        for (request, status, text) in [
            (HANDSHAKE.replace("GET", "POST"), "405", "allow: GET"),
            (
                HANDSHAKE.replace("Upgrade: websocket\r\n", ""),
                "426",
                "`upgrade` header",
            ),
            (
                HANDSHAKE.replace("Version: 13", "Version: 12"),
                "426",
                "sec-websocket-version: 13",
            ),
            (
                HANDSHAKE.replace("dGhlIHNh", "dGhl"),
                "400",
                "16 bytes in base64",
            ),
            (
                HANDSHAKE.replace("trunkline.v1.json", "mqtt"),
                "400",
                "new WebSocket(url",
            ),
            (
                HANDSHAKE.replace("/trunkline", "/"),
                "404",
                "endpoint is at /trunkline",
            ),
            (
                HANDSHAKE.replace("/trunkline", "/trunkline/room"),
                "404",
                "Nothing is served here",
            ),
        ] {
            let (line, whole) = answer(&server, &request).await;
            assert!(line.contains(status), "{line} instead of {status}");
            assert!(whole.contains(text), "`{text}` is not in: {whole}");
        }
    })
    .await;
}

#[tokio::test]
async fn hello_of_another_kind_is_400_and_the_listener_goes_on() {
    within_limit(async {
        let mut server = Server::start(ListenerConfig::default()).await;
        let (line, _) = answer(&server, "\x16\x03\x01 not http\r\n\r\n").await;
        assert!(line.contains("400"), "{line}");
        dial(&request(server.address, LIMIT)).await.unwrap();
        server.next().await;
    })
    .await;
}

#[tokio::test]
async fn head_over_the_limit_is_431() {
    within_limit(async {
        let server = Server::start(ListenerConfig::default()).await;
        let long = HANDSHAKE.replace("Host:", &format!("X-Long: {}\r\nHost:", "x".repeat(20_000)));
        assert!(answer(&server, &long).await.0.contains("431"));
        let many = HANDSHAKE.replace("Host:", &format!("{}Host:", "X-Many: 1\r\n".repeat(70)));
        assert!(answer(&server, &many).await.0.contains("431"));
    })
    .await;
}

#[tokio::test]
async fn slow_head_is_cut_off_and_counted() {
    within_limit(async {
        let header_timeout = Duration::from_millis(20);
        let config = ListenerConfig {
            header_timeout,
            ..ListenerConfig::default()
        };
        let counters = config.websocket.counters.clone();
        let server = Server::start(config).await;
        let mut raw = Raw::connect(server.address).await;
        raw.write(&HANDSHAKE.as_bytes()[..50]).await;
        raw.rest().await;
        // The count follows the end of the stream in another task.
        while counters.handshake_errors() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(counters.handshake_errors(), 1);
    })
    .await;
}

#[tokio::test]
async fn client_waits_while_all_handshake_places_are_taken() {
    within_limit(async {
        let header_timeout = Duration::from_millis(50);
        let config = ListenerConfig {
            header_timeout,
            max_handshakes: 1,
            ..Default::default()
        };
        let mut server = Server::start(config).await;
        let mut slow = Raw::connect(server.address).await;
        slow.write(b"GET").await;
        // Comes in only once the slow one has been cut off.
        let dialled = dial(&request(server.address, LIMIT)).await.unwrap();
        server.next().await;
        drop(dialled);
        slow.rest().await;
    })
    .await;
}

#[tokio::test]
async fn handshake_reaches_the_handler_with_query_headers_and_address() {
    within_limit(async {
        let mut server = Server::start(ListenerConfig::default()).await;
        let mut request = request(server.address, LIMIT);
        request.url.push_str("/trunkline?ticket=7");
        request
            .headers
            .insert("authorization", "Bearer x".parse().unwrap());
        let dialled = dial(&request).await.unwrap();
        let (connection, handshake) = server.next().await;
        assert_eq!(handshake.uri, "/trunkline?ticket=7");
        assert_eq!(handshake.headers["authorization"], "Bearer x");
        assert!(handshake.peer.unwrap().ip().is_loopback());
        assert_eq!(
            handshake.negotiated,
            Negotiated::Known("trunkline.v1.msgpack".into())
        );
        assert_eq!(connection.protocol, dialled.protocol);
    })
    .await;
}

#[tokio::test]
async fn unknown_version_is_echoed_and_reported() {
    within_limit(async {
        let mut server = Server::start(ListenerConfig::default()).await;
        let mut request = request(server.address, LIMIT);
        request.protocols = vec!["trunkline.v9.msgpack".into(), "trunkline.v8.msgpack".into()];
        let dialled = dial(&request).await.unwrap();
        assert_eq!(dialled.protocol, "trunkline.v9.msgpack");
        let (_, handshake) = server.next().await;
        let echoed = Negotiated::UnknownVersion("trunkline.v9.msgpack".into());
        assert_eq!(handshake.negotiated, echoed);
    })
    .await;
}

#[tokio::test]
async fn stopped_listener_closes_its_port_and_keeps_its_connections() {
    within_limit(async {
        let mut server = Server::start(ListenerConfig::default()).await;
        let mut client = dial(&request(server.address, LIMIT)).await.unwrap();
        let (mut connection, _) = server.next().await;
        server.stop.stop();
        server.serving.await.unwrap();
        let refused = dial(&request(server.address, LIMIT)).await;
        assert!(matches!(refused, Err(DialError::Io(_))), "{refused:?}");
        send(&mut *client.sender, MessageKind::Binary, b"still here")
            .await
            .unwrap();
        assert_eq!(content(&mut *connection.receiver).await, "still here");
    })
    .await;
}

struct Picky;

impl Handler for Picky {
    fn admit(&self, handshake: &mut Handshake) -> Result<(), Box<Response<Body>>> {
        if handshake.headers.contains_key("origin") {
            let mut response = Response::new(Body::from("foreign origin"));
            *response.status_mut() = StatusCode::FORBIDDEN;
            response
                .headers_mut()
                .insert("retry-after", "7".parse().unwrap());
            return Err(Box::new(response));
        }
        Ok(())
    }

    async fn connected(self: Arc<Self>, _connection: Connection, _handshake: Handshake) {
        panic!("a panic of one handler is its own affair");
    }

    async fn fallback(
        self: Arc<Self>,
        request: http::Request<hyper::body::Incoming>,
        endpoint: &str,
    ) -> Response<Body> {
        Response::new(Body::from(format!(
            "{} and {endpoint}",
            request.uri().path()
        )))
    }
}

#[tokio::test]
async fn handler_can_refuse_serve_other_paths_and_panic() {
    within_limit(async {
        let listener = Listener::bind("127.0.0.1:0", ListenerConfig::default())
            .await
            .unwrap();
        let address = listener.local_addr();
        tokio::spawn(listener.serve(Arc::new(Picky)));
        let mut foreign = request(address, LIMIT);
        foreign
            .headers
            .insert("origin", "https://evil.example".parse().unwrap());
        match dial(&foreign).await {
            Err(DialError::Refused {
                status: 403,
                body,
                retry_after_s: Some(7),
            }) => {
                assert_eq!(body, "foreign origin");
            }
            other => panic!("{other:?}"),
        }
        let mut raw = Raw::connect(address).await;
        raw.write(b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        let page = String::from_utf8(raw.rest().await).unwrap();
        assert!(page.ends_with("/index.html and /trunkline"), "{page}");
        for _ in 0..2 {
            dial(&request(address, LIMIT)).await.unwrap();
        }
    })
    .await;
}

/// Dials a server that answers every request with the given bytes.
async fn dial_to(reply: &'static [u8]) -> DialError {
    within_limit(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(reply).await.unwrap();
        });
        let error = dial(&request(address, LIMIT)).await.unwrap_err();
        serving.await.unwrap();
        error
    })
    .await
}

#[tokio::test]
async fn refusal_is_dialled_as_its_status_and_the_start_of_its_text() {
    let reply =
        b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 9\r\n\r\ntoo many\nand more";
    match dial_to(reply).await {
        DialError::Refused {
            status: 503,
            body,
            retry_after_s: Some(30),
        } => {
            assert_eq!(body, "too many");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn redirect_is_not_followed_and_names_its_target_without_secrets() {
    let reply =
        b"HTTP/1.1 302 Found\r\nLocation: https://ada:word@other.example/x?ticket=7\r\n\r\n";
    match dial_to(reply).await {
        DialError::Redirected {
            status: 302,
            location,
            retry_after_s: None,
        } => assert_eq!(location, "https://other.example/x"),
        other => panic!("{other:?}"),
    }
    let nowhere = dial_to(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n").await;
    assert!(
        matches!(nowhere, DialError::Refused { status: 304, .. }),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms_and_of_redirects_too() {
    for (reply, wanted) in [
        (
            &b"HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\nContent-Length: 0\r\n\r\n"[..],
            60,
        ),
        (
            b"HTTP/1.1 429 Slow\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n\
              Content-Length: 0\r\n\r\n",
            0,
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /there\r\nRetry-After: 5\r\n\r\n",
            5,
        ),
        (
            b"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
            u64::MAX,
        ),
    ] {
        let error = dial_to(reply).await;
        let (DialError::Refused { retry_after_s, .. }
        | DialError::Redirected { retry_after_s, .. }) = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*retry_after_s, Some(wanted), "{error:?}");
    }
}

#[tokio::test]
async fn answers_ahead_of_the_answer_are_passed_over_within_the_heads_bound() {
    let reply = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                  HTTP/1.1 404 Nothing\r\nContent-Length: 0\r\n\r\n";
    let error = dial_to(reply).await;
    assert!(
        matches!(error, DialError::Refused { status: 404, .. }),
        "{error:?}"
    );
    const ENDLESS: &[u8] = &{
        let one = *b"HTTP/1.1 100 C\r\n\r\n";
        let mut reply = [0; 18 * 1024];
        let mut index = 0;
        while index < reply.len() {
            reply[index] = one[index % one.len()];
            index += 1;
        }
        reply
    };
    let error = dial_to(ENDLESS).await;
    let DialError::Handshake(problem) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(problem, "the head of the answer is over 16384 bytes");
}

#[tokio::test]
async fn redirect_to_a_long_target_is_cut() {
    const HEAD: &[u8] = b"HTTP/1.1 301 Moved\r\nLocation: /";
    const REPLY: &[u8; 9_000] = &{
        let mut reply = [b'x'; 9_000];
        let mut index = 0;
        while index < HEAD.len() {
            reply[index] = HEAD[index];
            index += 1;
        }
        let end = *b"\r\n\r\n";
        let mut index = 0;
        while index < end.len() {
            reply[9_000 - end.len() + index] = end[index];
            index += 1;
        }
        reply
    };
    match dial_to(REPLY).await {
        DialError::Redirected { location, .. } => assert_eq!(location.len(), 256),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refusal_with_a_long_text_is_cut_at_a_kibibyte() {
    const REPLY: &[u8; 4096 + 25] = &{
        let mut reply = [b'x'; 4096 + 25];
        let head = *b"HTTP/1.1 500 Sorry\r\n\r\n   ";
        let mut index = 0;
        while index < head.len() {
            reply[index] = head[index];
            index += 1;
        }
        reply
    };
    match dial_to(REPLY).await {
        DialError::Refused {
            status: 500,
            body,
            retry_after_s: None,
        } => {
            assert_eq!(body.len(), 1024 - 3);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_handshakes_are_named() {
    for (reply, detail) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n\r\n"[..], "not HTTP"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "`upgrade`"),
        (
            b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "accept",
        ),
        (b"", "closed after 0 bytes"),
    ] {
        let error = dial_to(reply).await;
        assert!(matches!(error, DialError::Handshake(_)), "{error:?}");
        assert!(
            error.to_string().contains(detail),
            "`{detail}` is not in: {error}"
        );
    }
}

#[tokio::test]
async fn heads_without_end_are_wrong_handshakes_with_their_figures() {
    const LONG: &[u8] = &{
        let mut reply = [b'x'; 40 * 1024];
        let head = *b"HTTP/1.1 101 S\r\nX-Long: ";
        let mut index = 0;
        while index < head.len() {
            reply[index] = head[index];
            index += 1;
        }
        reply
    };
    let error = dial_to(LONG).await.to_string();
    assert!(error.contains("over 16384 bytes"), "{error}");
    const MANY: &[u8] = &{
        let mut reply = [b'x'; 16 + 8 * 1024];
        let head = *b"HTTP/1.1 101 S\r\n";
        let mut index = 0;
        while index < head.len() {
            reply[index] = head[index];
            index += 1;
        }
        let header = *b"a: b\r\n\0\0";
        while index < reply.len() {
            reply[index] = header[(index - head.len()) % 6];
            index += 1;
        }
        reply
    };
    let error = dial_to(MANY).await.to_string();
    assert!(error.contains("not HTTP"), "{error}");
}

#[tokio::test]
async fn protocol_that_was_not_offered_is_a_wrong_handshake() {
    for (header, detail) in [
        ("Sec-WebSocket-Protocol: mqtt\r\n", "`mqtt`"),
        ("", "none of the protocols trunkline.v1.msgpack"),
        (
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            "no extension was offered",
        ),
    ] {
        let error = within_limit(dial_with_a_good_key(header)).await;
        assert!(error.contains(detail), "`{detail}` is not in: {error}");
    }
}

/// Dials a server that answers the key rightly and adds `header`.
async fn dial_with_a_good_key(header: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let length = stream.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let reply = format!(
            "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{header}\r\n"
        );
        stream.write_all(reply.as_bytes()).await.unwrap();
    });
    dial(&request(address, LIMIT))
        .await
        .unwrap_err()
        .to_string()
}
