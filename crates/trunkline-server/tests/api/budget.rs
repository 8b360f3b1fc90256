//! What all sessions may keep together.

use std::time::Duration;

use trunkline_server::{DETACHED_BYTES, Server};

use crate::peer::Peer;

/// Longer than it takes until the server looks.
const LOOK: Duration = Duration::from_secs(2);

/// Peers that were cut one after the other, each after its socket was sent `bytes`.
async fn cut_one_by_one(server: &Server, count: usize, bytes: usize) -> Vec<Peer> {
    let chat = server.namespace("/");
    let mut peers = Vec::new();
    for _ in 0..count {
        let mut peer = Peer::connect(server).await;
        peer.confirm().await;
        // The answer shows that the receipt was read too.
        peer.ping().await;
        peer.cut();
        let socket = chat.socket(&peer.socket_id).unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        if bytes > 0 {
            socket.emit("kept", &"x".repeat(bytes)).unwrap();
        }
        peers.push(peer);
    }
    tokio::time::sleep(LOOK).await;
    peers
}

#[tokio::test(start_paused = true)]
async fn past_the_budget_the_one_that_has_been_away_longest_goes_and_learns_why() {
    let budget = 2 * (50_000 + 2 * DETACHED_BYTES);
    let server = Server::builder().replay_budget(budget).build();
    let peers = cut_one_by_one(&server, 3, 50_000).await;
    assert_eq!(server.stats().sessions, 2);
    let answer = peers[0].resume_answer(&server, 1).await;
    assert_eq!(answer[1]["resumed"], false, "{answer}");
    assert_eq!(answer[1]["reason"], "overflow", "{answer}");
    for mut peer in peers.into_iter().skip(1) {
        peer = peer.resume(&server, 1).await;
        let kept = peer.expect("kept").await;
        assert_eq!(kept[0].as_str().unwrap().len(), 50_000);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_keep_nothing_are_bounded_in_number_too() {
    let server = Server::builder().replay_budget(5 * DETACHED_BYTES).build();
    let peers = cut_one_by_one(&server, 20, 0).await;
    assert_eq!(server.stats().sessions, 5);
    let answer = peers[14].resume_answer(&server, 1).await;
    assert_eq!(answer[1]["reason"], "overflow", "{answer}");
    for peer in peers.into_iter().skip(15) {
        peer.resume(&server, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn within_the_budget_all_are_kept() {
    let server = Server::builder().replay_budget(5 * DETACHED_BYTES).build();
    let _peers = cut_one_by_one(&server, 5, 0).await;
    assert_eq!(server.stats().sessions, 5);
}
