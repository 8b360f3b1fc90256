//! Tickets and tokens that are expired, malformed or replayed, and hooks that panic or never end.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::server::{
    Admission, Builder, Credentials, Failure, HttpRefusal, Principal, Server, Tickets,
};

use crate::house::House;
use crate::log;
use crate::peer::{BOTH, Encoding, Peer};

/// Lets in whoever has a ticket, and the healthy session, which has none.
fn with_tickets(tickets: &Tickets) -> Builder {
    let tickets = tickets.clone();
    Server::builder().authenticate(move |credentials: Credentials| {
        let tickets = tickets.clone();
        async move {
            if credentials.uri().query().is_none() {
                return Ok(Admission::anyone());
            }
            let name = tickets.redeem_from(&credentials).await?;
            Ok(Principal::new(&name).into())
        }
    })
}

/// What the server answers to a HELLO behind this query.
async fn answer(house: &House, encoding: Encoding, query: &str) -> (Peer, Value) {
    let path = format!("/trunkline?{query}");
    let mut peer = Peer::open_at(house.address, encoding, encoding.protocol(), &path).await;
    peer.send(json!([0, {"v": 1, "agent": "ticket/1"}])).await;
    let answer = peer.frame().await;
    (peer, answer)
}

async fn is_unauthorized(house: &House, encoding: Encoding, query: &str) {
    let (mut peer, answer) = answer(house, encoding, query).await;
    assert_eq!(
        (&answer[0], &answer[1]["code"]),
        (&json!(6), &json!(3002)),
        "{query}"
    );
    peer.ends().await;
    log::tells(peer.address, "3002 unauthorized").await;
}

#[tokio::test]
async fn a_ticket_opens_the_door_once() {
    let tickets = Tickets::default();
    let house = House::with(with_tickets(&tickets), |_| {}).await;
    for encoding in BOTH {
        let ticket = tickets.issue("ada").await.unwrap();
        let query = format!("ticket={}", ticket.expose());
        let (mut peer, welcome) = answer(&house, encoding, &query).await;
        assert_eq!(welcome[0], 1, "{welcome}");
        is_unauthorized(&house, encoding, &query).await;
        peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn expired_and_malformed_tickets_are_refused_alike() {
    let tickets = Tickets::default().valid_for(Duration::ZERO);
    let house = House::with(with_tickets(&tickets), |_| {}).await;
    let expired = tickets.issue("ada").await.unwrap();
    let expired = format!("ticket={}", expired.expose());
    let long = format!("ticket={}", "x".repeat(4_000));
    for query in [
        &*expired,
        "ticket",
        "ticket=",
        "ticket=AAAAAAAAAAAAAAAAAAAAAA",
        "ticket=%00%ff%fe",
        "ticket=%F0%28%8C%BC%F0%28%8C%BC%F0%28%8C%BC%F0%28%8C%BC",
        "Ticket=AAAAAAAAAAAAAAAAAAAAAA",
        "=&&==;",
        &long,
    ] {
        is_unauthorized(&house, Encoding::Json, query).await;
    }
    house.unharmed(0).await;
}

/// Lets in whoever says nothing, and goes wrong for whoever says how.
fn unreliable() -> Builder {
    Server::builder()
        .authenticate(|credentials: Credentials| async move {
            match credentials.decode::<Option<String>>()?.as_deref() {
                Some("panic") => panic!("on purpose"),
                Some("hang") => std::future::pending().await,
                Some(_) => Err(Failure::new(4001, "not you").with_data(&"data")),
                None => Ok(Admission::anyone()),
            }
        })
        .authentication_timeout(Duration::from_millis(200))
}

#[tokio::test]
async fn hooks_that_panic_or_never_end_are_1011_and_harm_nobody() {
    let house = House::with(unreliable(), |_| {}).await;
    for encoding in BOTH {
        for auth in ["panic", "hang"] {
            let mut peer = Peer::open(house.address, encoding).await;
            peer.send(json!([0, {"v": 1, "agent": "bad/1", "auth": auth}]))
                .await;
            let close = peer.is_closed(1011, "1011").await;
            assert_eq!(close["reason"], "", "{auth}");
        }
        let mut refused = Peer::open(house.address, encoding).await;
        refused
            .send(json!([0, {"v": 1, "agent": "bad/1", "auth": "eve"}]))
            .await;
        let close = refused.is_closed(4001, "4001").await;
        assert_eq!(close["data"], "data");
    }
    assert_eq!(house.server.stats().authentications_failed, 4);
    house.unharmed(0).await;
}

#[tokio::test]
async fn credentials_of_every_other_type_are_refused_without_being_repeated() {
    let builder = Server::builder().authenticate(|credentials: Credentials| async move {
        if credentials.auth().is_nil() {
            return Ok(Admission::anyone());
        }
        let name: String = credentials.decode()?;
        Ok(Principal::new(&name).into())
    });
    let house = House::with(builder, |_| {}).await;
    for auth in [
        json!(7),
        json!({"s3cret": 1}),
        json!(["s3cret"]),
        json!(true),
    ] {
        let mut peer = Peer::open(house.address, Encoding::Json).await;
        peer.send(json!([0, {"v": 1, "agent": "bad/1", "auth": auth}]))
            .await;
        let close = peer.is_closed(3002, "3002 unauthorized").await;
        assert!(!close.to_string().contains("s3cret"), "{close}");
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn tokens_that_have_expired_or_expire_end_their_session_alone() {
    let builder = Server::builder().authenticate(|credentials: Credentials| async move {
        // The healthy session has none, and what its token would say of its end.
        let Some(valid_ms) = credentials.decode::<Option<u64>>()? else {
            return Ok(Admission::anyone());
        };
        Ok(Admission::anyone().valid_for(Duration::from_millis(valid_ms)))
    });
    let house = House::with(builder, |_| {}).await;
    for encoding in BOTH {
        let hello = |valid_ms: u64| json!([0, {"v": 1, "agent": "bad/1", "auth": valid_ms}]);
        let mut expired = Peer::open(house.address, encoding).await;
        expired.send(hello(0)).await;
        expired.is_closed(3002, "3002 unauthorized").await;
        let mut expires = Peer::open(house.address, encoding).await;
        expires.send(hello(300)).await;
        assert_eq!(expires.frame().await[0], 1);
        expires.numbered(|seq| json!([16, seq, null, null])).await;
        expires.is_closed(3207, "3207 credentials-expired").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn auth_frames_that_nobody_asked_for_end_their_session_alone() {
    let house = House::open().await;
    for encoding in BOTH {
        for auth in [
            json!({}),
            json!({"auth": "x"}),
            json!({"wanted": true}),
            json!({"expires": 1}),
        ] {
            let mut peer = house.peer(encoding).await;
            peer.send(json!([7, auth])).await;
            let close = peer.is_closed(3200, "3200 protocol-error").await;
            assert!(
                close["reason"].as_str().unwrap().starts_with("AUTH "),
                "{close}"
            );
        }
        let mut early = Peer::open(house.address, encoding).await;
        early.send(json!([7, {"auth": "x"}])).await;
        early.is_closed(3200, "3200 protocol-error").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_request_that_the_hook_refuses_gets_its_status_and_no_connection() {
    let builder = Server::builder().before_upgrade(|request| match request.uri.query() {
        None => Ok(()),
        Some("panic") => panic!("on purpose"),
        Some("forbidden") => Err(HttpRefusal::forbidden("not you")),
        Some(_) => Err(HttpRefusal::unauthorized("who are you?")),
    });
    let house = House::with(builder, |_| {}).await;
    for (query, status, text) in [
        ("panic", "500", "internal"),
        ("forbidden", "403", "not you"),
        ("else", "401", "www-authenticate: Bearer"),
    ] {
        let head = format!(
            "GET /trunkline?{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: trunkline.v1.json\r\n\r\n"
        );
        let (address, answer) = crate::handshake::ask(house.address, &head).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.contains(text), "{answer}");
        log::tells(address, status).await;
    }
    assert_eq!(house.server.stats().upgrades_refused, 3);
    house.unharmed(0).await;
}
