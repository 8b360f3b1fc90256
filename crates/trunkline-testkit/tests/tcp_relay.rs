//! The TCP relay over real sockets. What it does to a stream is tested in virtual time beside it.
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trunkline_netem::{PacketProfile, Seed};
use trunkline_testkit::drive::within_limit;
use trunkline_testkit::{TcpRelay, TcpRelayConfig};

/// A server that echoes, and where it is.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn relayed(config: TcpRelayConfig) -> TcpRelay {
    TcpRelay::start(echo().await, config).await.unwrap()
}

async fn round(stream: &mut TcpStream, sent: &[u8]) -> Vec<u8> {
    let mut echoed = vec![0; sent.len()];
    let (mut from, mut to) = stream.split();
    let (written, read) = tokio::join!(to.write_all(sent), from.read_exact(&mut echoed));
    written.unwrap();
    read.unwrap();
    echoed
}

#[tokio::test]
async fn a_stream_over_a_lossy_link_arrives_whole_and_in_order() {
    within_limit(async {
        let seed = Seed::new(5);
        let relay = relayed(TcpRelayConfig {
            profile: PacketProfile {
                loss_per_million: 100_000,
                delay: Duration::from_micros(100),
                jitter: Duration::from_micros(100),
                repaired_after: Some(Duration::from_micros(500)),
                ..PacketProfile::INSTANT
            },
            seed,
            ..TcpRelayConfig::default()
        })
        .await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        let sent: Vec<u8> = (0..300_000).map(|at: u32| (at % 251) as u8).collect();
        assert!(round(&mut stream, &sent).await == sent, "seed {seed}");
        let counters = relay.counters();
        assert!(counters.to_server.repaired > 0, "seed {seed}: {counters:?}");
        assert_eq!(
            (counters.to_server.lost, counters.to_client.dropped),
            (0, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn a_cut_ends_the_connections_there_are_and_later_ones_are_relayed() {
    within_limit(async {
        let relay = relayed(TcpRelayConfig::default()).await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(round(&mut stream, b"before").await, b"before");
        relay.cut();
        // As an end of the stream, or as a reset.
        let end = stream.read(&mut [0]).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        relay.counted(|shown| shown.ended == 1).await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(round(&mut stream, b"after").await, b"after");
        assert_eq!(relay.counters().connections, 2);
    })
    .await;
}

#[tokio::test]
async fn connections_over_the_limit_and_without_a_server_are_closed_and_counted() {
    within_limit(async {
        let relay = relayed(TcpRelayConfig {
            max_connections: 1,
            ..TcpRelayConfig::default()
        })
        .await;
        let mut first = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(round(&mut first, b"in").await, b"in");
        let mut second = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(second.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(relay.counters().turned_away, 1);

        let nobody = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let relay = TcpRelay::start(nobody, TcpRelayConfig::default())
            .await
            .unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(relay.counted(|shown| shown.ended == 1).await.failed, 1);
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_is_dropped_ends_its_connections() {
    within_limit(async {
        let relay = relayed(TcpRelayConfig::default()).await;
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(round(&mut stream, b"in").await, b"in");
        drop(relay);
        let end = stream.read(&mut [0]).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    })
    .await;
}
