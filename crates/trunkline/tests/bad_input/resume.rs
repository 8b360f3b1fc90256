//! Resumes that are not one's own, or come too late or too often.

use serde_json::{Value, json};
use trunkline::server::{Admission, Credentials, Principal, Server};

use crate::house::House;
use crate::log;
use crate::peer::{BOTH, Encoding, Peer};

async fn offer(house: &House, encoding: Encoding, auth: &str, resume: Value) -> Peer {
    let mut peer = Peer::open(house.address, encoding).await;
    peer.send(json!([0, {"v": 1, "agent": "late", "auth": auth, "resume": resume}]))
        .await;
    peer
}

/// A fresh session instead, for this reason, and the log says so.
async fn is_afresh(mut peer: Peer, reason: &str) {
    let welcome = peer.frame().await;
    assert_eq!(
        (&welcome[1]["resumed"], &welcome[1]["reason"]),
        (&json!(false), &json!(reason)),
        "{welcome}"
    );
    log::tells(peer.address, "resume refused").await;
    peer.send(json!([6, {"code": 1000, "reason": ""}])).await;
}

fn changed(resume: &Value, key: &str, value: Value) -> Value {
    let mut resume = resume.clone();
    resume[key] = value;
    resume
}

#[tokio::test]
async fn foreign_resumes_learn_nothing_and_harm_nothing() {
    let builder = Server::builder().authenticate(|credentials: Credentials| async move {
        let name: Option<String> = credentials.decode()?;
        let name = name.filter(|name| !name.is_empty());
        Ok(Admission::from(name.map(|name| Principal::new(&name))))
    });
    let house = House::with(builder, |_| {}).await;
    for encoding in BOTH {
        let mut owner = house.peer(encoding).await;
        let resume = owner.resume(1);
        is_afresh(
            offer(&house, encoding, "somebody", resume.clone()).await,
            "unknown",
        )
        .await;
        for (key, value) in [
            ("secret", json!("wrong")),
            ("secret", json!("")),
            ("session", json!("none")),
        ] {
            let foreign = changed(&resume, key, value);
            is_afresh(
                offer(&house, encoding, "", foreign.clone()).await,
                "unknown",
            )
            .await;
            let strict = changed(&foreign, "strict", json!(true));
            let mut refused = offer(&house, encoding, "", strict).await;
            refused.is_closed(3202, "3202 session-unknown").await;
        }
        is_afresh(
            offer(&house, encoding.other(), "", resume).await,
            "encoding",
        )
        .await;
        owner.still_lives().await;
        owner.send(json!([6, {"code": 1000, "reason": ""}])).await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn stale_and_replayed_resumes_are_refused_and_the_session_lives() {
    let house = House::open().await;
    for encoding in BOTH {
        let mut owner = house.peer(encoding).await;
        let mut stale = offer(&house, encoding, "", owner.resume(0)).await;
        stale.is_closed(3401, "3401 stale-attach").await;
        let resume = owner.resume(3);
        let mut second = offer(&house, encoding, "", resume.clone()).await;
        assert_eq!(second.frame().await[1]["resumed"], true);
        let close = owner.is_superseded().await;
        assert_eq!(close["attach"], 3);
        let mut replayed = offer(&house, encoding, "", resume).await;
        let close = replayed.is_closed(3401, "3401 stale-attach").await;
        assert_eq!(close["attach"], 3);
        second.goes_on_for(&owner);
        second.still_lives().await;
        second.send(json!([0, {"v": 1, "agent": "again"}])).await;
        // The log names the connection that did it, not the session's first.
        second.is_closed(3200, "3200 protocol-error").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_resume_that_confirms_the_future_ends_the_session() {
    let house = House::open().await;
    for encoding in BOTH {
        let mut owner = house.peer(encoding).await;
        let resume = changed(&owner.resume(1), "received", json!(99));
        let mut twin = offer(&house, encoding, "", resume).await;
        twin.is_closed(3200, "3200 protocol-error").await;
        owner.is_closed(3200, "3200 protocol-error").await;
    }
    house.unharmed(0).await;
}

#[tokio::test]
async fn resuming_too_often_is_slowed_down() {
    let house = House::open().await;
    let mut owner = house.peer(Encoding::Json).await;
    for attach in 1..=10 {
        let mut next = offer(&house, Encoding::Json, "", owner.resume(attach)).await;
        assert_eq!(next.frame().await[1]["resumed"], true);
        next.goes_on_for(&owner);
        owner = next;
    }
    let mut refused = offer(&house, Encoding::Json, "", owner.resume(11)).await;
    let close = refused.is_closed(3601, "3601 too-many-attaches").await;
    assert!(
        close["retry_after"]
            .as_u64()
            .is_some_and(|wait| wait <= 10_000),
        "{close}"
    );
    owner.still_lives().await;
    owner.send(json!([6, {"code": 1000, "reason": ""}])).await;
    house.unharmed(0).await;
}

#[tokio::test]
async fn the_log_names_the_present_connection_after_a_resume() {
    let house = House::open().await;
    for encoding in BOTH {
        let older = house.peer(encoding).await;
        let mut peer = offer(&house, encoding, "", older.resume(1)).await;
        assert_eq!(peer.frame().await[1]["resumed"], true);
        peer.goes_on_for(&older);
        peer.numbered(|seq| json!([16, seq, "/nowhere", null]))
            .await;
        peer.is_refused(peer.seq(), 3004).await;
        log::tells(peer.address, "connect refused").await;
        peer.event(Some(1), "panic", json!([])).await;
        peer.is_failed(1, 3011).await;
        log::tells(peer.address, "handler panicked").await;
        // More than twice what may wait, while nothing is confirmed.
        peer.event(None, "fill", json!([400])).await;
        log::tells(peer.address, "session ended").await;
    }
    house.unharmed(0).await;
}
