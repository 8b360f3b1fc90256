//! TLS on both sides: who is believed, what a reload changes, and what hostile bytes come to.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

mod common;

use std::time::Duration;

use common::{HANDSHAKE, Raw, Server, dial, request, secure_request, within_limit};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use trunkline_testkit::drive::{content, end, send};
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{
    Connection, ConnectionEnd, DialError, DialRequest, Dialer as _, MessageKind,
};
use trunkline_websocket::{ListenerConfig, WebSocketDialer};

const LIMIT: usize = 100_000;

fn made() -> (Certificate, Trust) {
    let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
    let trust = Trust::nobody().with_certificate(&certificate);
    (certificate, trust)
}

async fn secured(certificate: &Certificate) -> Server {
    let config = ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    };
    Server::start(config).await
}

async fn dial_trusting(server: &Server, trust: &Trust) -> Result<Connection, DialError> {
    let dialer = WebSocketDialer::default().trusting(trust.clone());
    dialer.dial(&secure_request(server.address, LIMIT)).await
}

/// A dial that failed for what TLS found.
fn refused(dialled: Result<Connection, DialError>) -> String {
    match dialled {
        Err(DialError::Tls { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_larger_than_a_record_go_both_ways() {
    within_limit(async {
        let (certificate, trust) = made();
        let mut server = secured(&certificate).await;
        let mut near = dial_trusting(&server, &trust).await.unwrap();
        let (mut far, handshake) = server.next().await;
        assert!(handshake.peer.is_some());
        let long = vec![7; 90_000];
        let there = async {
            send(&mut *near.sender, MessageKind::Binary, &long)
                .await
                .unwrap();
            content(&mut *near.receiver).await
        };
        let back = async {
            let long = content(&mut *far.receiver).await;
            send(&mut *far.sender, MessageKind::Binary, &long)
                .await
                .unwrap();
        };
        let (returned, ()) = tokio::join!(there, back);
        assert_eq!(returned.len(), long.len());
    })
    .await;
}

#[tokio::test]
async fn an_unknown_authority_is_not_believed_and_the_remedy_is_said() {
    within_limit(async {
        let (certificate, _) = made();
        let server = secured(&certificate).await;
        let reason = refused(dial_trusting(&server, &Trust::system()).await);
        assert!(reason.contains("Trust"), "{reason}");
        let reason = refused(dial_trusting(&server, &Trust::nobody()).await);
        assert!(reason.contains("no certificate authority"), "{reason}");
    })
    .await;
}

/// Whom to believe is known ahead of the connection: finding out may take longer than a server waits.
#[tokio::test]
async fn who_believes_nobody_connects_to_nobody() {
    within_limit(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let dialer = WebSocketDialer::default().trusting(Trust::nobody());
        let request = secure_request(listener.local_addr().unwrap(), LIMIT);
        let reason = refused(dialer.dial(&request).await);
        assert!(reason.contains("no certificate authority"), "{reason}");
        // Whoever had come would be in the kernel's queue by now.
        let came = listener.accept().unwrap_err();
        assert_eq!(came.kind(), std::io::ErrorKind::WouldBlock);
    })
    .await;
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_believed() {
    within_limit(async {
        let certificate = Certificate::self_signed(["example.org"]).unwrap();
        let trust = Trust::nobody().with_certificate(&certificate);
        let server = secured(&certificate).await;
        let reason = refused(dial_trusting(&server, &trust).await);
        assert!(reason.contains("example.org"), "{reason}");
    })
    .await;
}

#[tokio::test]
async fn a_reload_is_for_new_connections_and_keeps_the_old_ones() {
    within_limit(async {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls-reload");
        std::fs::create_dir_all(&folder).unwrap();
        let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
        let renew = || {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
            std::fs::write(&chain, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            Trust::nobody()
                .with_pem(made.cert.pem().as_bytes())
                .unwrap()
        };
        let old = renew();
        let certificate = Certificate::from_pem_files(&chain, &key).unwrap();
        let mut server = secured(&certificate).await;
        let mut near = dial_trusting(&server, &old).await.unwrap();
        let (mut far, _) = server.next().await;

        let new = renew();
        certificate.reload().unwrap();
        refused(dial_trusting(&server, &old).await);
        dial_trusting(&server, &new).await.unwrap();
        server.next().await;

        std::fs::write(&chain, "not a certificate").unwrap();
        certificate.reload().unwrap_err();
        dial_trusting(&server, &new).await.unwrap();
        server.next().await;

        send(&mut *near.sender, MessageKind::Text, b"still here")
            .await
            .unwrap();
        assert_eq!(content(&mut *far.receiver).await[..], *b"still here");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_tls_ends_and_the_listener_goes_on() {
    within_limit(async {
        let (certificate, trust) = made();
        let config = ListenerConfig {
            certificate: Some(certificate),
            tls_timeout: Duration::from_secs(1),
            ..ListenerConfig::default()
        };
        let mut server = Server::start(config).await;
        let mut plain = Raw::connect(server.address).await;
        plain.write(HANDSHAKE.as_bytes()).await;
        let answer = plain.rest().await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        // Half a ClientHello, and nothing at all: the deadline ends both.
        let mut half = Raw::connect(server.address).await;
        half.write(b"\x16\x03\x01\x02\x00\x01").await;
        half.rest().await;
        Raw::connect(server.address).await.rest().await;
        dial_trusting(&server, &trust).await.unwrap();
        server.next().await;
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_record_cut_their_own_connection_only() {
    within_limit(async {
        let (certificate, trust) = made();
        let mut server = secured(&certificate).await;
        let mut near = dial_trusting(&server, &trust).await.unwrap();
        let (mut far, _) = server.next().await;
        let config = trunkline_tls::client_config(&trust, &[]).unwrap();
        for garbage in [
            &b"\x17\x03\x03\x00\x20not what the key would make of it"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x17\x03\x03\xff\xff",
        ] {
            let tcp = TcpStream::connect(server.address).await.unwrap();
            let connector = tokio_rustls::TlsConnector::from(config.clone());
            let name = "127.0.0.1".try_into().unwrap();
            let mut tls = connector.connect(name, tcp).await.unwrap();
            tls.write_all(HANDSHAKE.as_bytes()).await.unwrap();
            let (mut connection, _) = server.next().await;
            tls.get_mut().0.write_all(garbage).await.unwrap();
            let ended = end(&mut connection).await;
            assert!(matches!(ended, ConnectionEnd::Cut(_)), "{ended:?}");
        }
        send(&mut *near.sender, MessageKind::Text, b"unharmed")
            .await
            .unwrap();
        assert_eq!(content(&mut *far.receiver).await[..], *b"unharmed");
    })
    .await;
}

#[tokio::test]
async fn handshakes_beyond_the_limit_wait_until_one_is_over() {
    within_limit(async {
        let (certificate, trust) = made();
        let config = ListenerConfig {
            certificate: Some(certificate),
            tls_timeout: Duration::from_secs(1),
            max_handshakes: 1,
            ..ListenerConfig::default()
        };
        let mut server = Server::start(config).await;
        let mut silent = Raw::connect(server.address).await;
        let dialled = dial_trusting(&server, &trust);
        let (dialled, ()) = tokio::join!(dialled, async {
            silent.rest().await;
        });
        dialled.unwrap();
        server.next().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart_from_one_that_is_not_believed() {
    within_limit(async {
        let server = Server::start(ListenerConfig::default()).await;
        let reason =
            refused(dial_trusting(&server, &Trust::nobody().with_certificate(&made().0)).await);
        assert!(reason.contains("speaks no TLS"), "{reason}");
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let gone = tokio::spawn(async move { drop(silent.accept().await) });
        let dialled = WebSocketDialer::default()
            .trusting(Trust::nobody().with_certificate(&made().0))
            .dial(&secure_request(address, LIMIT))
            .await;
        refused(dialled);
        gone.await.unwrap();
        dial(&request(server.address, LIMIT)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn certificates_are_not_judged_by_their_hashes() {
    let address = "127.0.0.1:9".parse().unwrap();
    let request = DialRequest {
        certificate_hashes: vec![[7; 32]],
        ..secure_request(address, 1000)
    };
    let refused = WebSocketDialer::default().dial(&request).await;
    assert!(matches!(refused, Err(DialError::Url { .. })), "{refused:?}");
}
