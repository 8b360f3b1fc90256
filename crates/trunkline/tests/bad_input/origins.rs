//! Handshakes of pages that may not connect.

use crate::handshake::{ask, head};
use crate::house::House;
use crate::log;
use trunkline::server::Server;

#[tokio::test]
async fn foreign_origins_are_refused_and_the_log_says_what_would_allow_them() {
    let house = House::with(Server::builder(), |_| {}).await;
    let long = format!("https://{}.example", "x".repeat(4_000));
    let listed = r#"Origins::same_host().and("https://"#;
    for (origin, remedy) in [
        ("https://evil.example", listed),
        ("https://127.0.0.1.evil.example", listed),
        ("https://EVIL.example:444", listed),
        (&long, listed),
        ("null", "always refused"),
        ("", "always refused"),
        ("*", "always refused"),
        ("http://127.0.0.1 http://127.0.0.1", "always refused"),
        (
            "http://127.0.0.1\r\nOrigin: http://127.0.0.1",
            "always refused",
        ),
        ("http://evil.example/127.0.0.1", "always refused"),
        ("http://127.0.0.1@evil.example", "always refused"),
        ("http://127.0.0.1/\t\"\u{1b}", "always refused"),
    ] {
        let header = format!("Origin: {origin}");
        let (address, answer) = ask(house.address, &head("GET /trunkline", "", &header)).await;
        let is_refused = answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400");
        assert!(is_refused, "{origin}: {answer}");
        if answer.starts_with("HTTP/1.1 403") {
            assert!(answer.len() < 1_000, "{} bytes", answer.len());
            log::tells(address, remedy).await;
        }
    }
    house.unharmed(0).await;
}
