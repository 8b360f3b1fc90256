//! A client whose proxy does not do what it should.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(all(feature = "client", feature = "websocket"))]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trunkline::client::{Client, ConnectError, Dial, DialError, Proxy, State};

/// A proxy that reads what it is asked, and answers with this or not at all; it counts who came.
async fn proxy(answer: Option<&'static str>) -> (SocketAddr, tokio::sync::watch::Receiver<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, count) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                if client.read(&mut head).await.is_ok_and(|read| read > 0) {
                    asked.send_modify(|asked| *asked += 1);
                }
                if let Some(answer) = answer {
                    client.write_all(answer.as_bytes()).await.unwrap();
                    return;
                }
                while client.read(&mut head).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    (address, count)
}

fn through(address: SocketAddr) -> trunkline::client::Builder {
    let proxy = Proxy::new(&format!("http://ada:s3cret@{address}")).unwrap();
    Client::to("http://server.example").proxy(proxy)
}

#[tokio::test]
async fn a_proxy_that_never_answers_is_given_up_with_the_dials_time() {
    let (address, asked) = proxy(None).await;
    // Long enough for a busy machine to get as far as the proxy.
    let builder = through(address).dial_timeout(Duration::from_secs(1));
    let client = builder.attempts_max(1).build().unwrap();
    let failed = client.socket("/").connect().await;
    let Err(ConnectError::GaveUp { attempts: 1, last }) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(last, "no connection in time");
    assert_eq!(*asked.borrow(), 1, "the time was spent on the proxy");
}

#[tokio::test]
async fn a_proxy_that_refuses_for_good_ends_the_client_without_telling_its_credentials() {
    for answer in [
        "HTTP/1.1 407 Who are you\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\n\r\n",
    ] {
        let (address, asked) = proxy(Some(answer)).await;
        let client = through(address).build().unwrap();
        let failed = client.socket("/").connect().await;
        assert!(
            matches!(failed, Err(ConnectError::Dial(DialError::Proxy { .. }))),
            "{failed:?}"
        );
        let state = client.state().current();
        assert!(matches!(state, State::Closed { .. }), "{state:?}");
        let shown = format!("{failed:?} {state:?} {client:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(*asked.borrow(), 1);
    }
}

#[tokio::test]
async fn a_proxy_that_is_busy_is_asked_again() {
    let (address, mut asked) = proxy(Some("HTTP/1.1 503 Busy\r\n\r\n")).await;
    let builder = through(address).back_off(Duration::ZERO, Duration::ZERO);
    let client = builder.build().unwrap();
    let socket = client.socket("/");
    let connecting = tokio::spawn(async move { socket.connect().await });
    asked.wait_for(|asked| *asked >= 3).await.unwrap();
    client.close().await;
    assert!(connecting.await.unwrap().is_err());
}
