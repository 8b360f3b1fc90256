//! Connecting and closing.

use std::time::Duration;

use crate::support::*;
use http::header::USER_AGENT;
use tokio::time::Instant;
use trunkline_client::{
    AGENT_BYTES, BuildError, CLOSE_WAIT, Client, Code, ConnectError, Data, Encoding, HeaderName,
    HeaderValue, SocketState, State, Value,
};
use trunkline_protocol::{Close, Prepared};
use trunkline_transport::DialError;

#[tokio::test(start_paused = true)]
async fn nothing_is_dialled_before_the_first_connect() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    socket.emit("early", ()).unwrap();
    settle().await;
    assert!(!server.was_dialled());
    assert_eq!(client.state().current(), State::Idle);
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_flight_is_hello_and_the_wanted_namespaces_and_events_follow_connected() {
    let mut server = Server::new();
    let client = server.builder().auth("who").build().unwrap();
    let (a, b) = (client.socket("/"), client.socket("/b"));
    b.set_auth(&7).unwrap();
    a.emit("early", &1).unwrap();
    let script = async {
        let mut peer = server.accept().await;
        assert_eq!(
            peer.request.url,
            "https://server.example/trunkline?ticket=7"
        );
        let hello = peer.hello().await;
        assert!(hello.agent.starts_with("trunkline-rust/"));
        assert_eq!(hello.auth, Value::encode("who").unwrap());
        let mut connects = Vec::new();
        for expected in 1..=2 {
            let Got::Connect {
                seq,
                namespace,
                auth,
            } = peer.next_of_any().await
            else {
                panic!("CONNECT before WELCOME")
            };
            assert_eq!(seq, expected);
            connects.push((namespace, auth.decode::<Option<u8>>().unwrap(), seq));
        }
        peer.welcome(fresh("session-1")).await;
        settle().await;
        for (namespace, _, seq) in &connects {
            peer.connected(namespace, *seq).await;
        }
        connects.sort();
        assert_eq!((&*connects[0].0, connects[0].1), ("/", None));
        assert_eq!((&*connects[1].0, connects[1].1), ("/b", Some(7)));
        assert_eq!(peer.next_event().await, (3, "early".into(), None));
    };
    let (a, b, ()) = tokio::join!(a.connect(), b.connect(), script);
    assert_eq!(a.unwrap().data::<String>().unwrap(), "welcome in");
    assert_eq!(b.unwrap().id(), &"socket of /b");
    assert_eq!(client.state().current(), connected(false));
}

#[tokio::test(start_paused = true)]
async fn the_same_namespace_is_the_same_socket() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, _peer) = connect(&client, &mut server).await;
    let again = client.socket("/");
    assert_eq!(again.id(), socket.id());
    assert!(again.id().is_some());
    assert_eq!(again.connect().await.unwrap().id(), "socket of /");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_connected_on_a_live_session() {
    let mut server = Server::new();
    let client = server.client();
    let (_root, mut peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let (connected, seq) = tokio::join!(other.connect(), peer.attach("/other"));
    assert_eq!(
        (connected.unwrap().id().as_str(), seq),
        ("socket of /other", 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_namespace_tells_code_message_and_data_and_harms_no_other() {
    let mut server = Server::new();
    let client = server.client();
    let (root, mut peer) = connect(&client, &mut server).await;
    let secret = client.socket("/secret");
    let script = async {
        let Got::Connect { seq, .. } = peer.next().await else {
            panic!("CONNECT")
        };
        let data = Value::encode(&9).unwrap();
        let code = Code::UNAUTHORIZED;
        let refused = Prepared::refused(&namespace("/secret"), seq, code, "no", &data);
        peer.push(&refused).await;
        peer
    };
    let (refused, mut peer) = tokio::join!(secret.connect(), script);
    let Err(ConnectError::Refused {
        code,
        message,
        data,
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (code, &*message, data.decode()),
        (Code::UNAUTHORIZED, "no", Ok(9))
    );
    assert!(matches!(
        secret.state().current(),
        SocketState::Disconnected { .. }
    ));
    assert!(secret.emit("x", ()).is_err());
    root.emit("still", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "still");
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_end_the_client_until_it_connects_again() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    let refuse = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        let data = Value::encode("expired").unwrap();
        let close = Close {
            data,
            ..Close::new(Code::UNAUTHORIZED, "who are you")
        };
        peer.close(close).await;
        assert!(matches!(peer.next().await, Got::Connect { .. }));
        assert_eq!(peer.next().await, Got::End("closed 3002".into()));
    };
    let (refused, ()) = tokio::join!(socket.connect(), refuse);
    let Err(ConnectError::Unauthorized { reason, data }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (&*reason, data.decode::<String>().unwrap()),
        ("who are you", "expired".into())
    );
    settle().await;
    assert_eq!((server.was_dialled(), tasks()), (false, 0));
    let (again, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
    again.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_names_itself_and_sends_the_headers_it_was_given() {
    let mut server = Server::new();
    let client = server
        .builder()
        .agent("shop/2.1")
        .header(
            HeaderName::from_static("x-tenant"),
            HeaderValue::from_static("7"),
        )
        .build()
        .unwrap();
    let socket = client.socket("/");
    let script = async {
        let mut peer = server.accept().await;
        let name = format!("shop/2.1 trunkline-rust/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(peer.request.headers["user-agent"], name);
        assert_eq!(peer.request.headers["x-tenant"], "7");
        assert_eq!(peer.hello().await.agent, name);
        peer.welcome(fresh("session-1")).await;
        peer.attach("/").await;
        peer
    };
    let (connected, _peer) = tokio::join!(socket.connect(), script);
    connected.unwrap();

    let own = HeaderValue::from_static("curl/8");
    let client = server.builder().header(USER_AGENT, own).build().unwrap();
    let socket = client.socket("/");
    let (_, peer) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(1), socket.connect()),
        server.accept()
    );
    assert_eq!(peer.request.headers["user-agent"], "curl/8");
}

#[tokio::test(start_paused = true)]
async fn headers_that_are_the_handshakes_or_the_proxys_and_bad_names_are_refused() {
    let server = Server::new();
    for name in [
        "host",
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "proxy-authorization",
    ] {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_static("s3cret");
        let refused = server.builder().header(name.clone(), value).build();
        let error = refused.unwrap_err();
        assert_eq!(error, BuildError::Header(name));
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    for agent in ["two\r\nlines", "snow\u{2603}man", &"x".repeat(AGENT_BYTES)] {
        let refused = server.builder().agent(agent).build();
        assert!(matches!(refused, Err(BuildError::Agent { .. })), "{agent}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_url_that_cannot_be_dialled_is_told_at_once() {
    let server = Server::new();
    let reason = "no such scheme".to_owned();
    let url = "https://server.example".to_owned();
    server.plan([Dial::Fail(DialError::Url { url, reason })]);
    let failed = server.client().socket("/").connect().await;
    assert!(
        matches!(failed, Err(ConnectError::Dial(DialError::Url { .. }))),
        "{failed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_every_handle_closes_with_1000_and_leaves_no_task() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let subscription = socket.on("never", |Data(()): Data<()>| std::future::pending::<()>());
    peer.push(&event("never", None, ())).await;
    settle().await;
    assert_eq!(tasks(), 2, "the client's and the handler's");
    socket.emit("last words", ()).unwrap();
    drop(client);
    settle().await;
    assert_eq!(tasks(), 2, "the socket is a handle too");
    drop(socket);
    assert_eq!(peer.next_event().await.1, "last words");
    let Got::Close(close) = peer.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::NORMAL);
    assert_eq!(peer.next().await, Got::End("closed 1000".into()));
    drop(peer);
    settle().await;
    assert_eq!(tasks(), 0);
    drop(subscription);
}

#[tokio::test(start_paused = true)]
async fn close_sends_what_waits_then_1000_and_forbids_more() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    socket.emit("before", ()).unwrap();
    let script = async {
        assert_eq!(peer.next_event().await.1, "before");
        assert!(matches!(peer.next().await, Got::Close(close) if close.code == Code::NORMAL));
        peer.close_transport(1000).await;
    };
    tokio::join!(client.close(), script);
    assert!(client.is_closed());
    let closed = State::Closed {
        code: Code::NORMAL,
        reason: String::new(),
    };
    assert_eq!(client.state().current(), closed);
    assert!(matches!(
        socket.connect().await,
        Err(ConnectError::Closed { .. })
    ));
    assert!(socket.emit("after", ()).is_err());
    client.close().await;
    assert_eq!(tasks(), 0);
    assert_eq!(client.stats().sessions_lost, 0, "it was ended");
}

#[tokio::test(start_paused = true)]
async fn close_before_welcome_says_close_on_that_connection_too() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.next().await;
        client.close().await;
        assert!(matches!(peer.next().await, Got::Close(close) if close.code == Code::NORMAL));
    };
    let (connected, ()) = tokio::join!(socket.connect(), script);
    assert!(matches!(connected, Err(ConnectError::Closed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_connected_closes_at_once() {
    let client = Server::new().client();
    client.close().await;
    assert!(client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn json_is_spoken_when_asked_for() {
    let mut server = Server::speaking(Encoding::Json);
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    assert_eq!(peer.request.protocols, ["trunkline.v1.json"]);
    socket.emit("said", "hello").unwrap();
    assert_eq!(peer.next_event().await.1, "said");
}

#[tokio::test(start_paused = true)]
async fn a_server_of_another_version_ends_the_client() {
    let mut server = Server::speaking(Encoding::Json);
    let builder = Client::builder("https://server.example").dialer(server.dialer.clone());
    let client = builder.build().unwrap();
    let socket = client.socket("/");
    let (refused, _peer) = tokio::join!(socket.connect(), server.accept());
    let Err(ConnectError::Closed { code, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(code, Code::UNSUPPORTED_VERSION);
}

#[tokio::test(start_paused = true)]
async fn disconnecting_settles_and_leaves_the_session_to_others() {
    let mut server = Server::new();
    let client = server.client();
    let (root, mut peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let (connected, _) = tokio::join!(other.connect(), peer.attach("/other"));
    connected.unwrap();
    other.emit("bye", ()).unwrap();
    other.disconnect();
    assert_eq!(peer.next_event().await.1, "bye");
    let left = Got::Disconnect {
        seq: 4,
        namespace: "/other".into(),
    };
    assert_eq!(peer.next().await, left);
    assert!(other.emit("more", ()).is_err());
    root.emit("still", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "still");
    let (again, seq) = tokio::join!(other.connect(), peer.attach("/other"));
    assert_eq!((again.unwrap().id().as_str(), seq), ("socket of /other", 6));
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_connect_that_was_given_up_is_nobodys() {
    let mut server = Server::new();
    let client = server.client();
    let (_root, mut peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let given_up = other.connect();
    let give_up = async {
        settle().await;
        other.disconnect();
    };
    let (given_up, ()) = tokio::join!(given_up, give_up);
    assert!(matches!(given_up, Err(ConnectError::Disconnected)));
    let script = async {
        settle().await;
        let Got::Connect { seq: first, .. } = peer.next().await else {
            panic!("CONNECT")
        };
        assert!(matches!(peer.next().await, Got::Disconnect { .. }));
        let refused = Prepared::refused(
            &namespace("/other"),
            first,
            Code::DISCONNECTED,
            "",
            &Value::nil(),
        );
        peer.push(&refused).await;
        let Got::Connect { seq: second, .. } = peer.next().await else {
            panic!("CONNECT")
        };
        settle().await;
        peer.connected("/other", second).await;
    };
    let (connected, ()) = tokio::join!(other.connect(), script);
    assert_eq!(connected.unwrap().id(), "socket of /other");
}

#[tokio::test(start_paused = true)]
async fn only_the_answer_that_names_the_newest_connect_counts() {
    let mut server = Server::new();
    let client = server.client();
    let (_root, mut peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let give_up = async {
        settle().await;
        other.disconnect();
    };
    let (given_up, ()) = tokio::join!(other.connect(), give_up);
    given_up.unwrap_err();
    let script = async {
        let Got::Connect { seq: first, .. } = peer.next().await else {
            panic!("CONNECT")
        };
        assert!(matches!(peer.next().await, Got::Disconnect { .. }));
        let Got::Connect { seq: second, .. } = peer.next().await else {
            panic!("CONNECT")
        };
        // The first one's answer never comes, or comes too late, or names what was never asked.
        for connect in [0, second + 1, first] {
            let refused = Prepared::refused(
                &namespace("/other"),
                connect,
                Code::DISCONNECTED,
                "",
                &Value::nil(),
            );
            peer.push(&refused).await;
        }
        settle().await;
        assert!(other.id().is_none());
        peer.connected("/other", second).await;
        let late = Prepared::refused(
            &namespace("/other"),
            second,
            Code::DISCONNECTED,
            "",
            &Value::nil(),
        );
        peer.push(&late).await;
        settle().await;
    };
    let (connected, ()) = tokio::join!(other.connect(), script);
    assert_eq!(connected.unwrap().id(), "socket of /other");
    assert!(other.id().is_some(), "a second answer changes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_dial_and_a_welcome_have_their_time_limits() {
    let mut server = Server::new();
    server.plan([Dial::Hang]);
    let start = Instant::now();
    let client = server.client();
    let socket = client.socket("/");
    let script = async {
        // Dialled and left without an answer to HELLO; then as it should be.
        let mut mute = server.accept().await;
        mute.hello().await;
        server.accept_fresh().await
    };
    let (connected, _peer) = tokio::join!(socket.connect(), script);
    connected.unwrap();
    // 10 s and a wait of 500 ms; 20 s and a wait of 1 s.
    assert_eq!(server.dials_ms(start), [0, 10_500, 31_500]);
}

#[tokio::test(start_paused = true)]
async fn the_last_socket_leaving_lets_the_client_rest() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    socket.disconnect();
    assert!(matches!(peer.next().await, Got::Disconnect { .. }));
    peer.received(2).await;
    peer.close(Close::new(Code::NO_NAMESPACE, "idle")).await;
    let mut state = client.state();
    state.wait_for(|state| *state == State::Idle).await.unwrap();
    drop(peer);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!((server.was_dialled(), tasks()), (false, 0));
    let (again, _peer) = tokio::join!(socket.connect(), server.accept_fresh());
    again.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connect_of_the_first_flight_that_was_given_up_is_followed_by_disconnect() {
    let mut server = Server::new();
    let client = server.client();
    let (root, other) = (client.socket("/"), client.socket("/other"));
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        let mut connects = Vec::new();
        for _ in 0..2 {
            let Got::Connect { seq, namespace, .. } = peer.next().await else {
                panic!("CONNECT")
            };
            connects.push((namespace, seq));
        }
        other.disconnect();
        peer.welcome(fresh("session-1")).await;
        let left = Got::Disconnect {
            seq: 3,
            namespace: "/other".into(),
        };
        assert_eq!(peer.next().await, left);
        for (name, seq) in connects {
            peer.connected(&name, seq).await;
        }
        settle().await;
    };
    let (connected, given_up, ()) = tokio::join!(root.connect(), other.connect(), script);
    connected.unwrap();
    assert!(matches!(given_up, Err(ConnectError::Disconnected)));
    assert!(other.id().is_none());
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_what_the_servers_window_holds_back_but_not_for_ever() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect_narrowly(&client, &mut server).await;
    for _ in 0..3 {
        socket.emit("wide", &"x".repeat(600)).unwrap();
    }
    let start = Instant::now();
    let script = async {
        assert_eq!(peer.next_event().await.0, 2);
        let early = tokio::time::timeout(CLOSE_WAIT / 2, peer.next()).await;
        assert!(early.is_err(), "{early:?}");
        peer.received(2).await;
        assert_eq!(peer.next_event().await.0, 3);
        let Got::Close(close) = peer.next().await else {
            panic!("the third is not awaited any longer")
        };
        assert_eq!(close.code, Code::NORMAL);
        assert_eq!(start.elapsed(), CLOSE_WAIT);
    };
    tokio::join!(client.close(), script);
}
