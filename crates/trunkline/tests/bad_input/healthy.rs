//! A session that keeps its rules, beside those that do not.

use std::net::SocketAddr;

use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::house::soon;
use crate::peer::{Encoding, Peer};

pub(crate) struct Healthy {
    stop: oneshot::Sender<()>,
    rounds: watch::Receiver<u64>,
    running: JoinHandle<()>,
}

impl Healthy {
    /// Exchanges numbered events and acks from now on.
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let mut peer = Peer::connected(address, Encoding::MessagePack).await;
        let (stop, mut stopped) = oneshot::channel();
        let (done, rounds) = watch::channel(0);
        let running = tokio::spawn(async move {
            let mut number = 0;
            while stopped.try_recv().is_err() {
                number += 1;
                round(&mut peer, number).await;
                done.send_replace(number);
                tokio::task::yield_now().await;
            }
        });
        Self {
            stop,
            rounds,
            running,
        }
    }

    /// Everything came, once and in order, and still does.
    pub(crate) async fn missed_nothing(mut self) {
        let before = *self.rounds.borrow();
        let more = self.rounds.wait_for(|rounds| *rounds > before + 1);
        let more = soon("the healthy session goes on", more).await.map(|_| ());
        let _ = self.stop.send(());
        // Its own assertion says better what was missed.
        soon("the healthy session stops", self.running)
            .await
            .unwrap();
        more.unwrap();
    }
}

/// One event each way and an ack; `Peer` sees to it that no number is missing.
async fn round(peer: &mut Peer, number: u64) {
    peer.event(Some(number), "round", json!([number])).await;
    let tick = peer.sequenced().await;
    assert_eq!((&tick[4], &tick[5]), (&json!("tick"), &json!([number])));
    let ack = peer.sequenced().await;
    assert_eq!(
        (&ack[0], &ack[3], &ack[4]),
        (&json!(21), &json!(number), &json!([number]))
    );
    if number.is_multiple_of(64) {
        peer.receipt().await;
    }
}
