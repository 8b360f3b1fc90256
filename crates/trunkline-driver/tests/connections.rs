//! A session over connections that come and go.

#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod common;

use std::sync::Arc;

use common::{event, join, large_event, latest, pair, volatile};
use trunkline_driver::{Ended, Session, Turn, clock};
use trunkline_protocol::{
    Close, Code, Encoding, EventName, Limits, NamespaceName, Overflow, Payload, Prepared,
    PushError, Role, Violation,
};
use trunkline_transport::{ConnectionEnd, MessageKind};

fn names(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(|number| number.to_string())
}

#[tokio::test(start_paused = true)]
async fn events_arrive_in_order_both_ways() {
    let (mut client, mut server) = pair(Limits::default());
    let _joined = join(&mut client, &mut server);
    for name in names(0..1000) {
        client.session.push(event(&name)).unwrap();
        server.session.push(event(&name)).unwrap();
    }
    server.expect(names(0..1000)).await;
    client.expect(names(0..1000)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_loses_nothing_and_repeats_nothing() {
    let (mut client, mut server) = pair(Limits::default());
    for round in 0..20 {
        let joined = join(&mut client, &mut server);
        // Some arrive and are not confirmed, some are under way, some never leave.
        for name in names(round * 10..round * 10 + 4) {
            client.session.push(event(&name)).unwrap();
        }
        let first = round * 10;
        server.expect(names(first..first + 4)).await;
        joined.client_gate.shut_writes();
        for name in names(first + 4..first + 7) {
            client.session.push(event(&name)).unwrap();
        }
        joined.link.cut();
        assert!(matches!(
            joined.client.await.unwrap(),
            Ended::Transport(ConnectionEnd::Cut(_))
        ));
        assert!(matches!(
            joined.server.await.unwrap(),
            Ended::Transport(ConnectionEnd::Cut(_))
        ));
        assert!(!client.session.is_attached());
        for name in names(first + 7..first + 10) {
            client.session.push(event(&name)).unwrap();
        }
        let joined = join(&mut client, &mut server);
        server.expect(names(first + 4..first + 10)).await;
        joined.link.cut();
        joined.client.await.unwrap();
        joined.server.await.unwrap();
    }
    assert!(server.events.try_recv().is_err(), "nothing twice");
}

#[tokio::test(start_paused = true)]
async fn a_newer_connection_supersedes_the_older_one_and_nothing_is_lost() {
    let (mut client, mut server) = pair(Limits::default());
    let first = join(&mut client, &mut server);
    client.session.push(event("before")).unwrap();
    server.expect(["before".to_owned()]).await;
    first.client_gate.shut_writes();
    client.session.push(event("stuck")).unwrap();
    let second = join(&mut client, &mut server);
    client.session.push(event("after")).unwrap();
    server
        .expect(["stuck".to_owned(), "after".to_owned()])
        .await;
    first.client_gate.open_writes();
    assert!(matches!(first.server.await.unwrap(), Ended::Superseded));
    assert!(matches!(first.client.await.unwrap(), Ended::Superseded));
    assert!(!second.client.is_finished() && !second.server.is_finished());
    assert!(server.session.is_attached());
}

#[tokio::test(start_paused = true)]
async fn a_blocked_write_does_not_stall_reading() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    joined.server_gate.shut_writes();
    server.session.push(event("blocked")).unwrap();
    client.session.push(event("through")).unwrap();
    server.expect(["through".to_owned()]).await;
    assert!(client.events.try_recv().is_err());
    joined.server_gate.open_writes();
    client.expect(["blocked".to_owned()]).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_closes_the_connection_and_keeps_the_session() {
    let limits = Limits {
        queue: 10_000,
        replay: 10_000,
        inbound: 10_000,
        ..Limits::default()
    };
    let (mut client, mut server) = pair(limits);
    let joined = join(&mut client, &mut server);
    joined.server_gate.shut_writes();
    for number in 0..14 {
        server
            .session
            .push(large_event(&number.to_string(), 1000))
            .unwrap();
    }
    let Ended::Here(close) = joined.server.await.unwrap() else {
        panic!("still there")
    };
    assert_eq!(close.code, Code::SLOW_CONSUMER);
    assert!(Ended::Here(close).keeps_session(Role::Server));
    joined.link.cut();
    joined.client.await.unwrap();
    let joined = join(&mut client, &mut server);
    client.expect(names(0..14)).await;
    drop(joined);
}

/// Pushes until the queue holds twice its limit, and ends the session for it.
fn overflow(session: &Arc<Session>) {
    let refused = (0..).find_map(|_| session.push(large_event("event", 1000)).err());
    let close = Close::new(Code::OVERFLOW, refused.unwrap().to_string());
    session.end(close.code, Some(close));
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_overflows_is_told_so_and_not_that_it_is_slow() {
    let limits = Limits {
        queue: 10_000,
        replay: 5_000,
        inbound: 5_000,
        ..Limits::default()
    };
    let (mut client, mut server) = pair(limits);
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    overflow(&server.session);
    let Ended::ByPeer(close) = joined.client.await.unwrap() else {
        panic!("another end")
    };
    assert_eq!(close.code, Code::OVERFLOW);
    assert_eq!(joined.server.await.unwrap().code(), Code::OVERFLOW);
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_that_overflows_before_it_was_told_is_told_of_the_overflow() {
    let limits = Limits {
        queue: 100_000,
        ..Limits::default()
    };
    let (mut client, mut server) = pair(limits);
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    for number in 0..14 {
        let event = large_event(&number.to_string(), 10_000);
        server.session.push(event).unwrap();
    }
    // Its task has seen that it is closed as a slow consumer's; more than one write is ahead of that.
    tokio::task::yield_now().await;
    overflow(&server.session);
    joined.server_gate.open_writes();
    let Ended::ByPeer(close) = joined.client.await.unwrap() else {
        panic!("another end")
    };
    assert_eq!(close.code, Code::OVERFLOW);
    let ended = joined.server.await.unwrap();
    assert_eq!(ended.code(), Code::OVERFLOW);
    assert!(!ended.keeps_session(Role::Server));
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_a_close_that_was_sent() {
    let limits = Limits {
        queue: 10_000,
        replay: 5_000,
        inbound: 5_000,
        ..Limits::default()
    };
    let (mut client, mut server) = pair(limits);
    let joined = join(&mut client, &mut server);
    // The window closes, and the connection is free.
    for number in 0..18 {
        let event = large_event(&number.to_string(), 1000);
        server.session.push(event).unwrap();
    }
    let Ended::ByPeer(close) = joined.client.await.unwrap() else {
        panic!("another end")
    };
    assert_eq!(close.code, Code::SLOW_CONSUMER);
    overflow(&server.session);
    assert_eq!(joined.server.await.unwrap().code(), Code::SLOW_CONSUMER);
    assert_eq!(server.session.ended(), Some(Code::OVERFLOW));
}

#[tokio::test(start_paused = true)]
async fn twice_the_queue_is_refused_with_the_figures() {
    let limits = Limits {
        queue: 10_000,
        ..Limits::default()
    };
    let (_client, server) = pair(limits);
    let refused = (0..).find_map(|_| server.session.push(large_event("event", 1000)).err());
    let Some(PushError::Overflow { queued, limit }) = refused else {
        panic!("{refused:?}")
    };
    assert!(queued > limit);
    assert_eq!(limit, 20_000);
}

#[tokio::test(start_paused = true)]
async fn a_stale_latest_is_dropped_and_counted_on_both_sides() {
    let (mut client, mut server) = pair(Limits::default());
    let _joined = join(&mut client, &mut server);
    for _ in 0..2 {
        for (key, version) in [("a", 5), ("a", 4), ("a", 5), ("b", 4), ("a", 6)] {
            assert!(volatile(&client, latest(key, version)));
        }
        server
            .expect(["latest a 5", "latest b 4", "latest a 6"].map(str::to_owned))
            .await;
        assert_eq!(server.session.ignored().stale, 2);
        std::mem::swap(&mut client, &mut server);
    }
}

#[tokio::test(start_paused = true)]
async fn the_versions_kept_are_bounded_by_the_announced_limit() {
    let limits = Limits {
        latest_keys: 2,
        ..Limits::default()
    };
    let (mut client, mut server) = pair(limits);
    let _joined = join(&mut client, &mut server);
    for (key, version) in [("a", 9), ("b", 9), ("a", 10), ("c", 9), ("a", 1), ("b", 1)] {
        assert!(volatile(&client, latest(key, version)));
    }
    let news = ["a 9", "b 9", "a 10", "c 9", "b 1"];
    server
        .expect(news.map(|text| format!("latest {text}")))
        .await;
    assert_eq!(server.session.ignored().stale, 1);
}

#[tokio::test(start_paused = true)]
async fn versions_begin_anywhere_on_a_new_connection() {
    let (mut client, mut server) = pair(Limits::default());
    for version in [9, 1] {
        let joined = join(&mut client, &mut server);
        assert!(volatile(&client, latest("a", version)));
        server.expect([format!("latest a {version}")]).await;
        joined.link.cut();
        joined.client.await.unwrap();
        joined.server.await.unwrap();
    }
    assert_eq!(server.session.ignored().stale, 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_writes_each_session_once() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    let turn = Turn::enter();
    for name in names(0..50) {
        server.session.push(event(&name)).unwrap();
    }
    assert_eq!(joined.server_gate.blocked_flushes(), 0, "pushes only queue");
    drop(turn);
    assert_eq!(joined.server_gate.blocked_flushes(), 1);
    joined.server_gate.open_writes();
    client.expect(names(0..50)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_on_a_runtime_that_ends_at_once_is_written() {
    let mut pairs: Vec<_> = (0..20).map(|_| pair(Limits::default())).collect();
    let joined: Vec<_> = pairs
        .iter_mut()
        .map(|(client, server)| join(client, server))
        .collect();
    tokio::task::yield_now().await;
    let sessions: Vec<_> = pairs
        .iter()
        .map(|(_, server)| Arc::clone(&server.session))
        .collect();
    let fan_out = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let _turn = Turn::enter();
            for session in sessions {
                session.push(event("fan-out")).unwrap();
            }
        });
    });
    fan_out.join().unwrap();
    for (client, server) in &mut pairs {
        client.expect(["fan-out".to_owned()]).await;
        server.session.push(event("next")).unwrap();
        client.expect(["next".to_owned()]).await;
    }
    drop(joined);
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_told_with_close_and_ends_the_session() {
    let (mut client, mut server) = pair(Limits::default());
    let (mut near, far, _link) =
        trunkline_transport::memory::pair(trunkline_transport::memory::Config::default());
    let joined = join(&mut client, &mut server);
    let attach = trunkline_driver::Attach {
        connection: far,
        attach: 9,
        received: 0,
        heartbeat: (common::INTERVAL, common::TIMEOUT),
    };
    let driver = server
        .session
        .attach(attach, server.inbox.clone(), clock::now(), |_| None)
        .unwrap();
    let server_task = tokio::spawn(driver);
    near.sender.push(
        MessageKind::Binary,
        &[&event("gap").to_message(Encoding::MessagePack, 7)],
    );
    trunkline_testkit::drive::flush(&mut *near.sender)
        .await
        .unwrap();
    let told = trunkline_testkit::drive::content(&mut *near.receiver).await;
    let frame = trunkline_protocol::Frame::decode(Encoding::MessagePack, &told).unwrap();
    let trunkline_protocol::Frame::Close(close) = frame else {
        panic!("{frame:?}")
    };
    assert_eq!(close.code, Code::PROTOCOL_ERROR);
    assert_eq!(close.reason, "sequence number 7 where 1 was due");
    let ended = server_task.await.unwrap();
    assert!(matches!(
        &ended,
        Ended::Violation(Violation::SequenceGap {
            expected: 1,
            found: 7
        })
    ));
    assert!(!ended.keeps_session(Role::Server));
    drop(joined);
}

#[tokio::test(start_paused = true)]
async fn a_close_goes_after_what_was_pushed_before_it() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    server.session.push(event("last words")).unwrap();
    server.session.close(Close::new(Code::ENDED, "bye"));
    client.expect(["last words".to_owned()]).await;
    let Ended::ByPeer(close) = joined.client.await.unwrap() else {
        panic!("another end")
    };
    assert_eq!((close.code, &*close.reason), (Code::ENDED, "bye"));
    assert!(matches!(joined.server.await.unwrap(), Ended::Here(_)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_found_dead_and_a_live_one_is_not() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    for _ in 0..120 {
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        server.session.sweep(clock::now());
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    assert!(server.session.is_attached(), "it answered every PING");
    joined.client_gate.shut_writes();
    let started = clock::now();
    while server.session.is_attached() {
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        server.session.sweep(clock::now());
        tokio::task::yield_now().await;
    }
    let silent = clock::now().since(started);
    assert!(silent <= common::INTERVAL + common::TIMEOUT + std::time::Duration::from_secs(2));
    let Ended::Here(close) = joined.server.await.unwrap() else {
        panic!("another end")
    };
    assert_eq!(close.code, Code::PING_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_driver_detaches_the_session() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server.abort();
    assert!(joined.server.await.unwrap_err().is_cancelled());
    assert!(!server.session.is_attached());
}

#[tokio::test(start_paused = true)]
async fn frames_without_a_meaning_go_along_with_heartbeats_and_disturb_nothing() {
    let (client, server) = pair(Limits::default());
    let (mut client, mut server) = (client.sending_ignorable(), server.sending_ignorable());
    let _joined = join(&mut client, &mut server);
    // None in 200 draws of one in four has a chance of 1 to 10^25.
    const BEATS: u64 = 200;
    for name in names(0..BEATS as u32) {
        tokio::time::advance(common::INTERVAL).await;
        server.session.sweep(clock::now());
        client.session.push(event(&format!("echo{name}"))).unwrap();
        server.expect([format!("echo{name}")]).await;
        client.expect([name]).await;
    }
    let to_client = client.session.confirm_received() - BEATS;
    let to_server = server.session.confirm_received() - BEATS;
    assert!(
        to_client > 0 && to_server > 0,
        "{to_client} and {to_server}"
    );
    assert!(client.session.is_attached() && server.session.is_attached());
}

#[tokio::test(start_paused = true)]
async fn a_close_at_once_goes_ahead_of_what_waits_which_stays() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    server.session.push(event("under way")).unwrap();
    server.session.push(event("waits")).unwrap();
    let code = Code::new(4400);
    server.session.close_at_once(Close::new(code, "bye"));
    server.session.push(event("waits too")).unwrap();
    joined.server_gate.open_writes();
    client.expect(["under way".to_owned()]).await;
    let Ended::ByPeer(close) = joined.client.await.unwrap() else {
        panic!("another end")
    };
    assert_eq!(close.code, code);
    assert!(
        client.events.try_recv().is_err(),
        "nothing went ahead of it"
    );
    joined.server.await.unwrap();
    let _joined = join(&mut client, &mut server);
    client
        .expect(["waits".to_owned(), "waits too".to_owned()])
        .await;
}

fn droppable(name: &str) -> Prepared {
    let name = EventName::try_from(name).unwrap();
    let root = NamespaceName::root();
    Prepared::event_with_overflow(&root, &name, &Payload::empty(), Overflow::DropOldest)
}

/// So little may wait that a few events are too much.
fn narrow() -> Limits {
    Limits {
        replay: 100,
        inbound: 100,
        queue: 1_000,
        ..Limits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_loses_what_may_be_dropped_and_keeps_its_connection() {
    let (mut client, mut server) = pair(narrow());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    for name in names(0..1000) {
        server.session.push(droppable(&name)).unwrap();
    }
    let dropped = server.session.traffic().dropped_events;
    assert!(dropped > 900, "{dropped}");
    joined.server_gate.open_writes();
    let mut arrived = Vec::new();
    while arrived.last().is_none_or(|name| name != "999") {
        arrived.push(client.next().await);
    }
    assert_eq!(arrived.len() as u64, 1000 - dropped);
    assert_eq!(server.session.traffic().sent.events, 1000 - dropped);
    let number = |name: &String| name.parse::<u32>().unwrap();
    assert!(arrived.iter().map(number).is_sorted());
    assert!(!joined.server.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_the_connection_takes_loses_nothing() {
    let limits = Limits {
        queue: 1_000,
        ..Limits::default()
    };
    let (mut client, mut server) = pair(limits);
    let _joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    let turn = Turn::enter();
    for name in names(0..1000) {
        server.session.push(droppable(&name)).unwrap();
    }
    drop(turn);
    client.expect(names(0..1000)).await;
    assert_eq!(server.session.traffic().dropped_events, 0);
}

#[tokio::test(start_paused = true)]
async fn a_best_effort_frame_is_dropped_when_the_transport_takes_no_more() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    assert!(
        volatile(&server, latest("a", 1)),
        "it is written, and blocks"
    );
    assert!(!volatile(&server, latest("a", 2)));
    assert_eq!(server.session.drops().busy, 1);
    joined.server_gate.open_writes();
    client.expect(["latest a 1".to_owned()]).await;
    assert!(volatile(&server, latest("a", 3)));
    client.expect(["latest a 3".to_owned()]).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_less_to_wait_is_told() {
    let (mut client, mut server) = pair(narrow());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    server.session.lightened(0).await;
    joined.server_gate.shut_writes();
    for name in names(0..10) {
        server.session.push(event(&name)).unwrap();
    }
    let waits = |bytes| {
        let session = Arc::clone(&server.session);
        tokio::spawn(async move { session.lightened(bytes).await })
    };
    let (half, none) = (waits(500), waits(0));
    tokio::task::yield_now().await;
    assert!(!half.is_finished() && !none.is_finished());
    joined.server_gate.open_writes();
    half.await.unwrap();
    none.await.unwrap();
    client.expect(names(0..10)).await;
    // Without a connection nothing is handed over, until the session is over.
    joined.link.cut();
    joined.server.await.unwrap();
    let none = {
        let session = Arc::clone(&server.session);
        tokio::spawn(async move { session.lightened(0).await })
    };
    tokio::task::yield_now().await;
    assert!(!none.is_finished());
    server.session.end(Code::NORMAL, None);
    none.await.unwrap();
}
