//! Names by the million: whoever makes them up leaves nothing behind.

use serde_json::json;
use trunkline::server::{Data, Failure, FloodLimits, Server, Socket};

use crate::house::House;
use crate::peer::{Encoding, Peer};

/// How many names are on their way at once.
const BATCH: u64 = 500;

/// Without limits on floods, which would stop it long before.
async fn house() -> House {
    let builder = Server::builder().flood_limits(FloodLimits::OFF);
    House::with(builder, |_| {}).await
}

/// Connects to as many namespaces; each is refused with this code.
async fn are_refused(peer: &mut Peer, count: u64, name: impl Fn(u64) -> String, code: u16) {
    for first in (0..count).step_by(usize::try_from(BATCH).unwrap()) {
        for number in first..first + BATCH {
            let name = name(number);
            peer.numbered(|seq| json!([16, seq, name, null])).await;
        }
        for _ in 0..BATCH {
            let refused = peer.sequenced().await;
            assert_eq!((&refused[0], &refused[4]), (&json!(18), &json!(code)));
        }
        peer.receipt().await;
    }
}

/// Half of them exist nowhere, and of the other half the pattern's hook refuses each.
async fn namespaces_leave_nothing_behind_and_harm_nobody(count: u64) {
    // Each refusal is a line at debug. What this thread's server says is not kept.
    let _unlogged = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::new());
    let house = house().await;
    let orgs = house.server.namespaces("/org/{id}");
    orgs.on_connect(|| async { Err::<(), _>(Failure::unauthorized("nobody may")) });
    let before = house.server.stats().namespaces;
    let mut peer = house.peer(Encoding::MessagePack).await;
    let long = "x".repeat(200);
    let none = |number| format!("/none/{long}{number}");
    are_refused(&mut peer, count / 2, none, 3004).await;
    let org = |number| format!("/org/{long}{number}");
    are_refused(&mut peer, count / 2, org, 3002).await;
    assert_eq!((orgs.count(), house.server.stats().namespaces), (0, before));
    peer.still_lives().await;
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    house.unharmed(0).await;
}

#[tokio::test]
async fn namespaces_by_the_ten_thousand_leave_nothing_behind_and_harm_nobody() {
    namespaces_leave_nothing_behind_and_harm_nobody(40_000).await;
}

/// Alone in its process, where memory is its own.
#[tokio::test]
#[ignore = "takes a minute: `cargo xtask test --only long`"]
async fn namespaces_by_the_million_leave_nothing_behind_and_harm_nobody() {
    namespaces_leave_nothing_behind_and_harm_nobody(40_000).await;
    let before = resident_bytes();
    namespaces_leave_nothing_behind_and_harm_nobody(1_000_000).await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes more");
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn rooms_by_the_million_leave_nothing_behind_and_harm_nobody() {
    let house = house().await;
    let namespace = house.server.namespace("/");
    namespace.on(
        "wander",
        |socket: Socket, Data(first): Data<u64>| async move {
            for number in first..first + 10_000 {
                let room = format!("room {number}");
                socket.join(&room)?;
                socket.leave(&room);
            }
            Ok::<_, Failure>(())
        },
    );
    namespace.on("hoard", |socket: Socket| async move {
        let refused = (0..10_000).filter(|number| socket.join(&format!("room {number}")).is_err());
        Ok::<_, Failure>(refused.count())
    });
    let before = namespace.room_count();
    let mut peer = house.peer(Encoding::MessagePack).await;
    for round in 0..100 {
        peer.event(Some(round), "wander", json!([round * 10_000]))
            .await;
        let answer = peer.sequenced().await;
        assert_eq!(
            (&answer[0], &answer[3]),
            (&json!(21), &json!(round)),
            "{answer}"
        );
        assert_eq!(namespace.room_count(), before);
    }
    peer.event(Some(100), "hoard", json!([])).await;
    let answer = peer.sequenced().await;
    assert_eq!(answer[4], json!([10_000 - 1_024]), "{answer}");
    assert_eq!(namespace.room_count(), before + 1_024);
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    house.unharmed(0).await;
    assert_eq!(namespace.room_count(), before);
}
