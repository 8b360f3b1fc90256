//! A certificate that turns bad while it is in use.

use std::fs;
use std::path::Path;

use trunkline::client::{Client, Dial as _, DialConfig, State, Trust};
use trunkline::server::{Ack, Bind as _, Certificate, ListenerConfig, Payload, Server};

use crate::house::soon;
use crate::log;

#[tokio::test]
async fn a_certificate_that_turns_bad_harms_neither_who_is_there_nor_who_comes() {
    log::capture();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("turns-bad-in-use");
    fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::from_pem_files(&chain, &key).unwrap();
    let server = Server::new();
    server
        .namespace("/")
        .on("echo", |args: Payload| async move { Ack(args) });
    let config = ListenerConfig {
        certificate: Some(certificate.clone()),
        ..ListenerConfig::default()
    };
    let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
    let url = format!("https://localhost:{}", bound.local_addr().port());
    tokio::spawn(bound.serve());

    let trust = Trust::nobody().with_certificate(&certificate);
    let there = dial(&url, &trust);
    echoes(&there).await;
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (bad_chain, bad_key) in [
        (String::new(), made.signing_key.serialize_pem()),
        (made.cert.pem(), "no key".into()),
        (made.cert.pem(), other.signing_key.serialize_pem()),
    ] {
        fs::write(&chain, bad_chain).unwrap();
        fs::write(&key, bad_key).unwrap();
        certificate.reload().unwrap_err();
        echoes(&there).await;
        let newcomer = dial(&url, &trust);
        echoes(&newcomer).await;
        newcomer.close().await;
    }
    assert_eq!(certificate.failed_reloads(), 3);
    let state = there.state().current();
    assert!(matches!(state, State::Connected { resumed: false, .. }));
    log::says(
        "turns-bad-in-use",
        "certificate not reloaded: the one before stays in use",
    )
    .await;
}

fn dial(url: &str, trust: &Trust) -> Client {
    let config = DialConfig {
        trust: trust.clone(),
        ..DialConfig::default()
    };
    Client::to_with(url, config).build().unwrap()
}

async fn echoes(client: &Client) {
    let socket = client.socket("/");
    let _ = soon("it is connected", socket.connect()).await;
    let answer: String = soon("an answer", socket.emit_with_ack("echo", "on"))
        .await
        .unwrap();
    assert_eq!(answer, "on");
}

#[tokio::test]
async fn a_certificate_that_turns_bad_is_told_in_the_log_and_stays_out_of_use() {
    log::capture();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("turns-bad");
    fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::from_pem_files(&chain, &key).unwrap();
    fs::write(&chain, &made.cert.pem()[..100]).unwrap();
    let error = certificate.reload().unwrap_err();
    assert!(error.to_string().contains("chain.pem"), "{error}");
    log::says(
        "ERROR",
        "certificate not reloaded: the one before stays in use",
    )
    .await;
    log::says("turns-bad", "no usable certificate").await;
    assert_eq!(certificate.failed_reloads(), 1);
}
