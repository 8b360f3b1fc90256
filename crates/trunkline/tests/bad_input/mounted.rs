//! A mounted endpoint whose host has left something out.

use http::Request;
use trunkline::server::{Mount as _, Server};

use crate::log;

#[tokio::test]
async fn a_host_that_tells_no_addresses_or_cannot_upgrade_reads_so_in_its_log() {
    log::capture();
    let mounted = Server::new().mount();
    let handshake = || {
        Request::get("/")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", "trunkline.v1.json")
            .body(())
            .unwrap()
    };
    for _ in 0..3 {
        assert_eq!(mounted.answer(handshake()).status(), 500);
    }
    log::says("ERROR", "does not support upgrades").await;
    log::says("WARN", "Mounted::with_peer").await;
    assert_eq!(log::count("Mounted::with_peer"), 1, "once is enough");
}
