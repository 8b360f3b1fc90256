//! Peers that do not read, do not confirm, or do not live.

use std::time::Duration;

use serde_json::json;
use trunkline::protocol::Limits;
use trunkline::server::Server;

use crate::house::House;
use crate::log;
use crate::peer::{BOTH, Encoding};

fn small() -> Limits {
    Limits {
        replay: 16_384,
        inbound: 65_536,
        queue: 65_536,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_peer_that_never_confirms_is_closed_as_slow_and_then_overflows() {
    let house = House::with(Server::builder().limits(small()), |_| {}).await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        // 12 blocks of 8,000 bytes: above the log and the queue, below twice the queue.
        peer.event(None, "fill", json!([12])).await;
        peer.is_closed(3600, "3600 slow-consumer").await;
    }
    house.unharmed(2).await;
    let house = House::with(Server::builder().limits(small()), |_| {}).await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        peer.event(None, "fill", json!([1_000])).await;
        log::tells(peer.address, "session ended").await;
        peer.is_closed(3201, "3201 overflow").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_peer_that_never_reads_costs_no_more_than_its_queue() {
    let house = House::with(Server::builder().limits(small()), |_| {}).await;
    let mut peer = house.peer(Encoding::MessagePack).await;
    // 80 MB, if it were kept.
    peer.event(Some(1), "fill", json!([10_000])).await;
    log::tells(peer.address, "session ended").await;
    // What was kept for it when it ended: blocks of 8,000 bytes, within the log and twice the queue.
    let stats = house.server.stats();
    let kept = 8_000 * (stats.lost_queued + stats.lost_unconfirmed);
    let (limits, block) = (small(), 8_100);
    let most = limits.outgoing_bytes_max() - u64::from(limits.frame) + 2 * block;
    assert!(
        (8_000..=most).contains(&kept),
        "{kept} bytes, {most} may be"
    );
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_peer_that_shows_no_life_is_closed_and_kept() {
    let builder = Server::builder()
        .ping_interval(Duration::from_millis(400))
        .ping_timeout(Duration::from_millis(400));
    let house = House::with(builder, |_| {}).await;
    for encoding in BOTH {
        let mut peer = house.peer(encoding).await;
        peer.is_closed(3402, "3402 ping-timeout").await;
    }
    house.unharmed(2).await;
}
