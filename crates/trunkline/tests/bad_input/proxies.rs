//! Who says where a client comes from, and who is believed.

use trunkline::server::{FloodLimits, ListenerConfig, Proxies, Server};

use crate::floods::visit;
use crate::house::House;

const PROXY: &str = "127.0.0.7";
const STRANGER: &str = "127.0.0.8";

/// One connection per address, and a proxy.
async fn house(configure: impl FnOnce(&mut ListenerConfig)) -> House {
    let builder = Server::builder().flood_limits(FloodLimits {
        connections_per_address: 1,
        ..FloodLimits::default()
    });
    House::with(builder, |config| {
        config.proxies = Proxies::in_networks([PROXY]).unwrap();
        configure(config);
    })
    .await
}

fn is(answer: &str, status: u16) {
    let line = format!("HTTP/1.1 {status}");
    assert!(answer.starts_with(&line), "{status}: {answer}");
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_count_each_and_a_forged_header_as_nothing() {
    let house = house(|_| {}).await;
    let server = house.address;
    let forwarded = |of: &str| format!("X-Forwarded-For: {of}");
    let (_one, answer) = visit(PROXY, server, "", &forwarded("192.0.2.1")).await;
    is(&answer, 101);
    let (_two, answer) = visit(PROXY, server, "", &forwarded("192.0.2.2")).await;
    is(&answer, 101);
    for same in ["192.0.2.1", "203.0.113.1, 192.0.2.1", "::ffff:192.0.2.2"] {
        let (_, answer) = visit(PROXY, server, "", &forwarded(same)).await;
        is(&answer, 429);
    }
    let (_stranger, answer) = visit(STRANGER, server, "", &forwarded("192.0.2.3")).await;
    is(&answer, 101);
    let (_, answer) = visit(STRANGER, server, "", &forwarded("192.0.2.4")).await;
    is(&answer, 429);
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_counts_from_a_proxy_and_from_nobody_else() {
    let house = house(|config| config.proxy_protocol = true).await;
    let server = house.address;
    let header = |of: &str| format!("PROXY TCP4 {of} 10.0.0.1 1000 80\r\n");
    let (_one, answer) = visit(PROXY, server, &header("192.0.2.1"), "").await;
    is(&answer, 101);
    let (_two, answer) = visit(PROXY, server, &header("192.0.2.2"), "").await;
    is(&answer, 101);
    let forged = "X-Forwarded-For: 192.0.2.9";
    let (_, answer) = visit(PROXY, server, &header("192.0.2.1"), forged).await;
    is(&answer, 429);
    let (_, answer) = visit(PROXY, server, "", "").await;
    assert_eq!(answer, "", "a proxy's connection without its header");
    let (_, answer) = visit(STRANGER, server, &header("192.0.2.5"), "").await;
    is(&answer, 400);
    let (_stranger, answer) = visit(STRANGER, server, "", "").await;
    is(&answer, 101);
    house.unharmed(0).await;
}
