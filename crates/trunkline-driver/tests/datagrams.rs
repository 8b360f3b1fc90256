//! Datagrams, on connections that have them and on those that have not.

#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod common;

use std::sync::atomic::AtomicBool;

use common::{Joined, Side, event, join, join_over, latest, pair};
use trunkline_driver::DatagramTooLarge;
use trunkline_protocol::{Args, EventName, IntoArgs, Limits, NamespaceName, Payload, Prepared};
use trunkline_testkit::drive;
use trunkline_transport::memory;

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
    let config = memory::Config {
        max_datagram: Some(1200),
        ..memory::Config::default()
    };
    join_over(client, server, config)
}

fn push(side: &Side, frame: Prepared) -> bool {
    let is_over = AtomicBool::new(false);
    side.session.push_datagram_unless(&is_over, frame).unwrap()
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
    assert_eq!(
        (traffic.sent.best_effort, traffic.displaced_best_effort),
        (3, 17)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_datagram_of_ours_is_dropped_and_counted_and_ends_nothing() {
    let (_client, mut server) = pair(Limits::default());
    let (mut near, far, _link) = memory::pair(memory::Config {
        max_datagram: Some(1200),
        ..memory::Config::default()
    });
    let _driver = server.attach(far, 0);
    let ping = [0x93, 2, 1, 0];
    let event = event("sequenced").to_message(server.session.encoding(), 1);
    for garbage in [&b""[..], b"\xff", &ping, &event] {
        let _ = near.sender.send_datagram(&[garbage]).unwrap();
    }
    let good = datagram("good").to_message(server.session.encoding(), 0);
    let _ = near.sender.send_datagram(&[&good]).unwrap();
    server.expect(["best-effort good".to_owned()]).await;
    assert_eq!(server.session.traffic().malformed_best_effort, 4);
    assert!(server.session.is_attached());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_too_large_is_refused_with_the_figures() {
    let (mut client, mut server) = pair(Limits::default());
    let _joined = join_with_datagrams(&mut client, &mut server);
    let frame = datagram_of(1100);
    let size = frame.to_message(client.session.encoding(), 0).len();
    let limit = 1000;
    assert_eq!(
        client.session.check_datagram(&frame),
        Err(DatagramTooLarge { size, limit })
    );
    // To one peer over a connection that carries more, more may be sent.
    assert!(push(&client, frame));
    let frame = datagram_of(1300);
    let size = frame.to_message(client.session.encoding(), 0).len();
    let limit = 1200;
    let is_over = AtomicBool::new(false);
    assert_eq!(
        client.session.push_datagram_unless(&is_over, frame),
        Err(DatagramTooLarge { size, limit })
    );
    assert!(client.session.check_datagram(&datagram_of(900)).is_ok());
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
    assert_eq!(client.session.dropped_best_effort(), 2);
    let is_over = AtomicBool::new(true);
    let pushed = client
        .session
        .push_datagram_unless(&is_over, datagram("over"));
    assert_eq!(pushed, Ok(false));
}
