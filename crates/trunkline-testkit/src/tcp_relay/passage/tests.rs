//! In virtual time, over streams in memory.
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::time::Duration;

use tokio::io::{DuplexStream, duplex};
use trunkline_netem::PacketProfile;

use super::super::treated;
use super::*;

/// A passage between a client and a server that a test plays.
struct Bench {
    client: DuplexStream,
    server: DuplexStream,
    wanted: watch::Sender<Wanted>,
    counters: Counted<TcpRelayCounters>,
    began: Instant,
}

impl Bench {
    fn new(profile: PacketProfile) -> Self {
        Self::with_window(profile, 256 * 1024)
    }

    fn with_window(profile: PacketProfile, window: usize) -> Self {
        let (wanted, follows) = watch::channel(Wanted {
            profile: treated(profile),
            black_hole: false,
            cuts: 0,
        });
        let counters = Counted::default();
        // Room for a byte: what a test wrote, the relay has read.
        let (client, clients_end) = duplex(1 << 16);
        let (server, servers_end) = duplex(1 << 16);
        let passage = Passage::new(follows, Seed::new(1), window, counters.clone());
        tokio::spawn(passage.run(clients_end, servers_end));
        Self {
            client,
            server,
            wanted,
            counters,
            began: Instant::now(),
        }
    }

    /// What arrives at the server as one read, and when.
    async fn arrives(&mut self) -> (Vec<u8>, u128) {
        let mut buffer = vec![0; 1 << 16];
        let count = self.server.read(&mut buffer).await.unwrap();
        buffer.truncate(count);
        (buffer, self.began.elapsed().as_millis())
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

const SLOW: PacketProfile = PacketProfile {
    delay: Duration::from_millis(30),
    ..PacketProfile::INSTANT
};

const ALL_LOST: PacketProfile = PacketProfile {
    loss_per_million: 1_000_000,
    ..SLOW
};

#[tokio::test(start_paused = true)]
async fn bytes_take_the_delay_each_way() {
    let mut bench = Bench::new(SLOW);
    bench.client.write_all(b"there").await.unwrap();
    assert_eq!(bench.arrives().await, (b"there".to_vec(), 30));
    bench.server.write_all(b"back").await.unwrap();
    let mut buffer = [0; 4];
    bench.client.read_exact(&mut buffer).await.unwrap();
    assert_eq!((&buffer, bench.began.elapsed().as_millis()), (b"back", 60));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_direction_travels_behind_its_bytes_and_leaves_the_other_open() {
    let mut bench = Bench::new(SLOW);
    bench.client.write_all(b"last").await.unwrap();
    bench.client.shutdown().await.unwrap();
    assert_eq!(bench.arrives().await, (b"last".to_vec(), 30));
    assert_eq!(bench.arrives().await.0, b"");
    bench.server.write_all(b"still").await.unwrap();
    bench.server.shutdown().await.unwrap();
    let mut rest = Vec::new();
    bench.client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"still");
}

#[tokio::test(start_paused = true)]
async fn a_loss_holds_back_what_follows_it_for_a_repair() {
    let mut bench = Bench::new(ALL_LOST);
    bench.client.write_all(b"lost").await.unwrap();
    // Until the relay has it: what comes then meets another profile.
    bench
        .counters
        .until(|shown| shown.to_server.sent == 1)
        .await;
    bench
        .wanted
        .send_modify(|wanted| wanted.profile = treated(SLOW));
    bench.client.write_all(b"behind").await.unwrap();
    // A delay and a round trip.
    assert_eq!(bench.arrives().await, (b"lostbehind".to_vec(), 90));
    let counters = bench.counters.shown().to_server;
    assert_eq!(
        (counters.repaired, counters.lost, counters.delivered),
        (1, 0, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_repair_takes_as_long_as_the_profile_says() {
    let mut bench = Bench::new(PacketProfile {
        repaired_after: Some(Duration::from_millis(200)),
        ..ALL_LOST
    });
    bench.client.write_all(b"lost").await.unwrap();
    assert_eq!(bench.arrives().await, (b"lost".to_vec(), 230));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_holds_what_is_sent_and_what_is_under_way() {
    let mut bench = Bench::new(SLOW);
    bench.client.write_all(b"under way").await.unwrap();
    bench
        .counters
        .until(|shown| shown.to_server.sent == 1)
        .await;
    bench.wanted.send_modify(|wanted| wanted.black_hole = true);
    bench.client.write_all(b", sent").await.unwrap();
    let nothing = tokio::time::timeout(1_000 * MILLISECOND, bench.arrives()).await;
    assert!(nothing.is_err());
    bench.wanted.send_modify(|wanted| wanted.black_hole = false);
    assert_eq!(bench.arrives().await, (b"under way".to_vec(), 1_000));
    assert_eq!(bench.arrives().await, (b", sent".to_vec(), 1_030));
}

#[tokio::test(start_paused = true)]
async fn a_cut_ends_both_ends_and_loses_what_is_under_way() {
    let mut bench = Bench::new(SLOW);
    bench.client.write_all(b"lost").await.unwrap();
    bench
        .counters
        .until(|shown| shown.to_server.sent == 1)
        .await;
    bench.wanted.send_modify(|wanted| wanted.cuts += 1);
    assert_eq!(bench.arrives().await, (Vec::new(), 0));
    let mut rest = Vec::new();
    bench.client.read_to_end(&mut rest).await.unwrap();
    assert_eq!((rest.len(), bench.counters.shown().to_server.lost), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rate_lets_as_much_through_as_it_says() {
    let mut bench = Bench::new(PacketProfile {
        bytes_per_second: std::num::NonZeroU64::new(1_000),
        ..PacketProfile::INSTANT
    });
    bench.client.write_all(&[7; 2_000]).await.unwrap();
    let (first, now) = bench.arrives().await;
    assert_eq!((first.len(), now), (SEGMENT, 1_448));
    let (second, now) = bench.arrives().await;
    assert_eq!((second.len(), now), (2_000 - SEGMENT, 2_000));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_does_not_read_holds_the_other_back_at_the_window() {
    const WINDOW: usize = 10_000;
    let mut bench = Bench::with_window(PacketProfile::INSTANT, WINDOW);
    let sent = vec![7; 1 << 20];
    let writing = tokio::time::timeout(1_000 * MILLISECOND, bench.client.write_all(&sent)).await;
    assert!(writing.is_err());
    let taken = bench.counters.shown().to_server.delivered * SEGMENT as u64;
    let buffers = 1 << 16;
    assert!(
        taken >= buffers && taken <= buffers + (WINDOW + SEGMENT) as u64,
        "{taken}"
    );
}
