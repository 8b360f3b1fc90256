//! Datagrams, on connections that have them and on those that have not.

#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod common;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use common::{Joined, Side, event, join, join_over, latest, pair};
use trunkline_driver::{BestEffortFrame, Delivery, Ended, TooLarge};
use trunkline_protocol::{
    Args, Drops, Encoding, EventName, IntoArgs, Limits, NamespaceName, Payload, Prepared,
};
use trunkline_testkit::{drive, gated};
use trunkline_transport::{Connection, MessageKind, memory};

fn datagram(name: &str) -> Prepared {
    let name = EventName::try_from(name).unwrap();
    Prepared::datagram(&NamespaceName::root(), &name, &Payload::empty())
}

fn datagram_of(bytes: usize) -> Prepared {
    let name = EventName::try_from("large").unwrap();
    let args = Args(("x".repeat(bytes),)).into_args().unwrap();
    Prepared::datagram(&NamespaceName::root(), &name, &args)
}

/// Over a link with datagrams of its own.
fn join_with_datagrams(client: &mut Side, server: &mut Side) -> Joined {
    join_over(client, server, datagrams_of(1200))
}

fn datagrams_of(bytes: usize) -> memory::Config {
    memory::Config {
        max_datagram: Some(bytes),
        ..memory::Config::default()
    }
}

fn push(side: &Side, frame: Prepared) -> bool {
    send(side, frame).unwrap()
}

fn send(side: &Side, frame: Prepared) -> Result<bool, TooLarge> {
    let frame = BestEffortFrame::datagram(frame);
    side.session
        .push_best_effort(&AtomicBool::new(false), &frame)
}

/// Sends a frame past any session, in a datagram or on the message channel.
async fn send_by_hand(connection: &mut Connection, native: bool, frame: &Prepared) {
    let bytes = frame.to_message(Encoding::MessagePack, 0);
    let sender = &mut *connection.sender;
    match native {
        true => sender.send_datagram(&[&bytes]).unwrap(),
        false => drive::send(sender, MessageKind::Binary, &bytes)
            .await
            .unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn they_arrive_both_ways_natively_and_emulated() {
    for native in [true, false] {
        let (mut client, mut server) = pair(Limits::default());
        let _joined = match native {
            true => join_with_datagrams(&mut client, &mut server),
            false => join(&mut client, &mut server),
        };
        assert_eq!(client.session.has_datagrams(), native);
        for name in ["a", "b"] {
            assert!(push(&client, datagram(name)) && push(&server, datagram(name)));
        }
        for side in [&mut client, &mut server] {
            side.expect(["best-effort a", "best-effort b"].map(str::to_owned))
                .await;
            let traffic = side.session.traffic();
            assert_eq!(
                (traffic.sent.best_effort, traffic.received.best_effort),
                (2, 2)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn native_ones_pass_a_message_channel_that_is_not_read() {
    let (_client, mut server) = pair(Limits::default());
    let (mut near, far, _link) = memory::pair(memory::Config {
        capacity: 100,
        max_datagram: Some(1200),
        ..memory::Config::default()
    });
    let _driver = server.attach(far, 0);
    for number in 0..50 {
        server.session.push(event(&number.to_string())).unwrap();
    }
    assert!(push(&server, datagram("quick")));
    let arrived = drive::datagram(&mut *near.receiver).await.unwrap();
    assert_eq!(
        arrived,
        datagram("quick").to_message(server.session.encoding(), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn emulated_values_that_wait_are_replaced_by_newer_ones() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    for version in 1..=10 {
        assert!(push(&server, latest("at", version)));
        assert!(push(&server, latest("score", version)));
    }
    joined.server_gate.open_writes();
    // The first had left before the link was seen to be blocked.
    client
        .expect(["latest at 1", "latest score 10", "latest at 10"].map(str::to_owned))
        .await;
    let traffic = server.session.traffic();
    assert_eq!((traffic.sent.best_effort, traffic.drops.conflated), (3, 17));
}

#[tokio::test(start_paused = true)]
async fn native_values_that_wait_are_replaced_by_newer_ones() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join_with_datagrams(&mut client, &mut server);
    joined.server_gate.shut_writes();
    for version in 1..=10 {
        assert!(push(&server, latest("at", version)));
        assert!(push(&server, latest("score", version)));
    }
    assert_eq!(server.session.traffic().sent.best_effort, 0);
    joined.server_gate.open_writes();
    client
        .expect(["latest at 10", "latest score 10"].map(str::to_owned))
        .await;
    let traffic = server.session.traffic();
    assert_eq!((traffic.sent.best_effort, traffic.drops.conflated), (2, 18));
    assert_eq!(traffic.drops.total(), 18);
}

#[tokio::test(start_paused = true)]
async fn native_ones_leave_by_themselves_once_the_transport_has_room() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join_with_datagrams(&mut client, &mut server);
    joined.client_gate.shut_reads();
    // The first 64 fill the link, and the rest waits in the session.
    for number in 0..100 {
        assert!(push(&server, datagram(&number.to_string())));
    }
    assert_eq!(server.session.traffic().sent.best_effort, 64);
    joined.client_gate.open_reads();
    for number in 0..100 {
        client.expect([format!("best-effort {number}")]).await;
    }
    assert_eq!(server.session.drops(), Drops::default());
}

#[tokio::test(start_paused = true)]
async fn a_native_one_goes_behind_those_that_wait_also_once_the_transport_takes_it() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join_with_datagrams(&mut client, &mut server);
    tokio::task::yield_now().await;
    joined.server_gate.shut_writes();
    assert!(push(&server, datagram("first")));
    joined.server_gate.open_writes();
    assert!(push(&server, datagram("second")));
    client
        .expect(["best-effort first", "best-effort second"].map(str::to_owned))
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_last_one_leaves_too_where_the_transport_holds_it_for_want_of_room() {
    let (_client, mut server) = pair(Limits::default());
    let (mut near, far, _link) = memory::pair(datagrams_of(1200));
    let (far, gate) = gated(far);
    gate.hold_datagrams();
    let _driver = server.attach(far, 0);
    for name in ["first", "last"] {
        assert!(push(&server, datagram(name)));
        let arrived = drive::within_limit(drive::datagram(&mut *near.receiver)).await;
        let expected = datagram(name).to_message(server.session.encoding(), 0);
        assert_eq!(arrived.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn native_ones_that_wait_are_dropped_with_their_connection() {
    let (mut client, mut server) = pair(Limits::default());
    let joined = join_with_datagrams(&mut client, &mut server);
    joined.server_gate.shut_writes();
    assert!(push(&server, datagram("late")));
    assert_eq!(server.session.drops(), Drops::default());
    joined.link.cut();
    joined.server.await.unwrap();
    assert_eq!(server.session.drops().not_connected, 1);
    assert_eq!(server.session.traffic().sent.best_effort, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_datagram_of_ours_is_dropped_and_counted_and_ends_nothing() {
    let (_client, mut server) = pair(Limits::default());
    let (mut near, far, _link) = memory::pair(datagrams_of(1200));
    let _driver = server.attach(far, 0);
    let ping = [0x93, 2, 1, 0];
    let event = event("sequenced").to_message(server.session.encoding(), 1);
    for garbage in [&b""[..], b"\xff", &ping, &event] {
        near.sender.send_datagram(&[garbage]).unwrap();
    }
    let good = datagram("good").to_message(server.session.encoding(), 0);
    near.sender.send_datagram(&[&good]).unwrap();
    server.expect(["best-effort good".to_owned()]).await;
    assert_eq!(server.session.traffic().ignored.malformed, 4);
    assert!(server.session.is_attached());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_too_large_is_refused_with_the_figures() {
    let (mut client, mut server) = pair(Limits::default());
    let frame = datagram_of(1100);
    let size = frame.to_message(client.session.encoding(), 0).len();
    let _joined = join(&mut client, &mut server);
    let limit = 1000;
    let refused = Err(TooLarge { size, limit });
    assert_eq!(send(&client, frame.clone()), refused, "the server's limit");

    let (mut client, mut server) = pair(Limits::default());
    let _joined = join_with_datagrams(&mut client, &mut server);
    assert!(push(&client, frame), "a connection may carry more");
    let frame = datagram_of(1300);
    let size = frame.to_message(client.session.encoding(), 0).len();
    let limit = 1200;
    assert_eq!(send(&client, frame), Err(TooLarge { size, limit }));
    assert_eq!(client.session.drops(), Drops::default());
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_frame_to_many_is_the_same_for_all() {
    let frame = |bytes| BestEffortFrame::datagram(datagram_of(bytes));
    let size = datagram_of(1000).to_message(Encoding::MessagePack, 0).len();
    let limit = 1000;
    let refused = frame(1000).for_many().map(drop);
    assert_eq!(refused, Err(TooLarge { size, limit }));
    let volatile = BestEffortFrame::volatile(datagram_of(5000));
    assert!(volatile.for_many().is_ok(), "no datagram");

    let frame = frame(900).for_many().unwrap();
    let is_over = AtomicBool::new(false);
    let (mut client, mut server) = pair(Limits::default());
    let _joined = join_over(&mut client, &mut server, datagrams_of(500));
    let pushed = server.session.push_best_effort(&is_over, &frame);
    assert_eq!(pushed, Ok(false), "this member alone does not get it");
    assert_eq!(server.session.drops().too_large, 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_waited_too_long_is_dropped() {
    for native in [true, false] {
        drops_what_has_waited_too_long(native).await;
    }
}

async fn drops_what_has_waited_too_long(native: bool) {
    let (mut client, mut server) = pair(Limits::default());
    let joined = match native {
        true => join_with_datagrams(&mut client, &mut server),
        false => join(&mut client, &mut server),
    };
    tokio::task::yield_now().await;
    let root = NamespaceName::root();
    let is_over = AtomicBool::new(false);
    let emit = |name: &str, delivery: Delivery<'_>| {
        let name = EventName::try_from(name).unwrap();
        let frame = delivery.frame(&root, &name, &Payload::empty()).unwrap();
        let pushed = server.session.push_best_effort(&is_over, &frame);
        assert_eq!(pushed, Ok(true));
    };
    joined.server_gate.shut_writes();
    let age = Duration::from_millis(100);
    if !native {
        // It had left before the link was seen to be blocked.
        emit("blocks", Delivery::DATAGRAM.max_age(age));
    }
    emit("old", Delivery::DATAGRAM.max_age(age));
    emit("longer", Delivery::DATAGRAM.max_age(2 * age));
    emit("any", Delivery::DATAGRAM);
    tokio::time::advance(age).await;
    joined.server_gate.open_writes();
    if !native {
        client.expect(["best-effort blocks".to_owned()]).await;
    }
    client
        .expect(["best-effort longer", "best-effort any"].map(str::to_owned))
        .await;
    // The connection takes all there is, and still not this one.
    emit("none", Delivery::DATAGRAM.max_age(Duration::ZERO));
    assert_eq!(server.session.drops().expired, 2);
    assert_eq!(server.session.drops().total(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_value_is_newer_than_the_one_before_whatever_session_it_was_for() {
    let (mut client, mut server) = pair(Limits::default());
    let (mut other, mut other_server) = pair(Limits::default());
    let _joined = join_with_datagrams(&mut client, &mut server);
    let _joined = join_with_datagrams(&mut other, &mut other_server);
    let (root, name) = (NamespaceName::root(), EventName::try_from("moved").unwrap());
    let is_over = AtomicBool::new(false);
    let mut versions = Vec::new();
    for _ in 0..2 {
        for (client, server) in [(&mut client, &server), (&mut other, &other_server)] {
            let frame = Delivery::latest("ada").frame(&root, &name, &Payload::empty());
            let pushed = server.session.push_best_effort(&is_over, &frame.unwrap());
            assert_eq!(pushed, Ok(true));
            let arrived = client.next().await;
            let version = arrived.strip_prefix("latest ada ").unwrap().to_owned();
            versions.push(version.parse::<u64>().unwrap());
        }
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_or_after_the_end_they_are_dropped() {
    let (mut client, mut server) = pair(Limits::default());
    assert!(!push(&client, datagram("nowhere")));
    let joined = join_with_datagrams(&mut client, &mut server);
    assert!(push(&client, datagram("there")));
    server.expect(["best-effort there".to_owned()]).await;
    joined.link.cut();
    joined.client.await.unwrap();
    assert!(!push(&client, datagram("cut off")));
    let is_over = AtomicBool::new(true);
    for frame in [BestEffortFrame::datagram, BestEffortFrame::volatile] {
        let frame = frame(datagram("over"));
        let pushed = client.session.push_best_effort(&is_over, &frame);
        assert_eq!(pushed, Ok(false));
    }
    assert_eq!(client.session.drops().not_connected, 4);
}

#[tokio::test(start_paused = true)]
async fn those_that_arrive_on_a_superseded_connection_are_dropped_and_counted_as_stale() {
    for native in [true, false] {
        let (mut client, mut server) = pair(Limits::default());
        let (mut near, far, _link) = memory::pair(memory::Config {
            max_datagram: native.then_some(1200),
            ..memory::Config::default()
        });
        let first = server.attach(far, 0);
        send_by_hand(&mut near, native, &datagram("in time")).await;
        server.expect(["best-effort in time".to_owned()]).await;

        let joined = join(&mut client, &mut server);
        assert!(push(&client, datagram("newer")));
        // Some are there when its task learns of it, and some come while it says farewell.
        send_by_hand(&mut near, native, &datagram("late")).await;
        send_by_hand(&mut near, native, &latest("me", 1)).await;
        server.expect(["best-effort newer".to_owned()]).await;
        send_by_hand(&mut near, native, &datagram("later")).await;
        send_by_hand(&mut near, native, &latest("me", 2)).await;
        drive::close(&mut *near.sender, 1000, "").await.unwrap();
        assert!(matches!(first.await.unwrap(), Ended::Superseded));
        let traffic = server.session.traffic();
        assert_eq!(
            (traffic.ignored.stale, traffic.received.best_effort),
            (4, 2),
            "{native}"
        );
        assert_eq!(traffic.ignored.malformed, 0);
        assert!(server.events.try_recv().is_err());
        // What was dropped is no news that was taken: the same version counts on the newer connection.
        assert!(push(&client, latest("me", 1)));
        server.expect(["latest me 1".to_owned()]).await;
        drop(joined);
    }
}
