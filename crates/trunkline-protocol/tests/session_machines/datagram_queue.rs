//! Datagrams that wait for a connection.

use trunkline_protocol::{
    Args, DATAGRAM_QUEUE_BYTES, DATAGRAM_QUEUE_FRAMES, Encoding, EventName, Frame, IntoArgs, Key,
    NamespaceName, Outbound, Payload, Prepared, Time,
};

use crate::frames::{attached, event, words};

fn datagram(name: &str, bytes: usize) -> Prepared {
    let name = EventName::try_from(name).unwrap();
    let args = Args(("x".repeat(bytes),)).into_args().unwrap();
    Prepared::datagram(&NamespaceName::root(), &name, &args)
}

fn latest(event: &str, key: &str, version: u64) -> Prepared {
    let event = EventName::try_from(event).unwrap();
    let key = Key::try_from(key).unwrap();
    Prepared::latest(
        &NamespaceName::root(),
        &event,
        &key,
        version,
        &Payload::empty(),
    )
}

/// What leaves, as long as the connection is drained: a DATAGRAM's event, or a LATEST's event, key
/// and version.
fn leaves(outbound: &mut Outbound) -> Vec<String> {
    let mut all = Vec::new();
    let mut note = |parts: &[&[u8]]| {
        let message = parts.concat();
        all.push(
            match Frame::decode(Encoding::MessagePack, &message).unwrap() {
                Frame::Datagram { event, .. } => event.to_string(),
                Frame::Latest {
                    event,
                    key,
                    version,
                    ..
                } => format!("{event} {key} {version}"),
                other => panic!("{other:?}"),
            },
        );
    };
    while outbound.transmit_emulated(Time::from_ms(0), &mut note) {}
    all
}

#[test]
fn they_leave_in_order_and_only_when_nothing_else_waits() {
    let mut outbound = attached(1000, 1000);
    assert!(
        outbound.queue_datagram(datagram("a", 1), None)
            && outbound.queue_datagram(datagram("b", 1), None)
    );
    outbound.push(event("first")).unwrap();
    assert_eq!(leaves(&mut outbound), [""; 0], "an event waits");
    assert_eq!(words(&mut outbound).len(), 1);
    assert_eq!(leaves(&mut outbound), ["a", "b"]);
    assert_eq!(outbound.sent().best_effort, 2);
    assert_eq!(outbound.drops().total(), 0);
}

#[test]
fn a_newer_value_takes_the_place_of_the_one_for_the_same_key_that_waits() {
    let mut outbound = attached(1000, 1000);
    for frame in [
        latest("at", "ada", 1),
        latest("at", "bob", 2),
        latest("score", "ada", 3),
        datagram("at", 1),
        latest("at", "ada", 4),
    ] {
        outbound.queue_datagram(frame, None);
    }
    assert_eq!(
        leaves(&mut outbound),
        ["at ada 4", "at bob 2", "score ada 3", "at"]
    );
    assert_eq!(outbound.drops().conflated, 1);
    assert_eq!(outbound.drops().total(), 1);
    assert_eq!(outbound.sent().best_effort, 4);
}

#[test]
fn an_older_value_does_not_take_the_place_of_a_newer_one() {
    let mut outbound = attached(1000, 1000);
    for version in [300, 2, 70_000, 299] {
        outbound.queue_datagram(latest("at", "ada", version), None);
    }
    assert_eq!(leaves(&mut outbound), ["at ada 70000"]);
    assert_eq!(outbound.drops().conflated, 3);
}

#[test]
fn a_full_queue_drops_its_oldest_datagram_and_keeps_values() {
    let mut outbound = attached(1000, 1000);
    outbound.queue_datagram(latest("at", "ada", 1), None);
    let many = DATAGRAM_QUEUE_FRAMES + 10;
    for number in 0..many {
        outbound.queue_datagram(datagram(&format!("d{number}"), 1), None);
    }
    let left = leaves(&mut outbound);
    assert_eq!(left.len(), DATAGRAM_QUEUE_FRAMES);
    assert_eq!((&left[0][..], &left[1][..]), ("at ada 1", "d11"));
    assert_eq!(left.last().unwrap(), &format!("d{}", many - 1));
    assert_eq!(outbound.drops().queue_full, 11);
}

#[test]
fn bytes_are_bounded_too_and_the_newest_is_always_kept() {
    let mut outbound = attached(1000, 1000);
    for name in ["a", "b", "c", "d"] {
        outbound.queue_datagram(datagram(name, DATAGRAM_QUEUE_BYTES / 3), None);
    }
    assert_eq!(leaves(&mut outbound), ["c", "d"]);
    outbound.queue_datagram(datagram("e", 1), None);
    outbound.queue_datagram(datagram("huge", 2 * DATAGRAM_QUEUE_BYTES), None);
    assert_eq!(leaves(&mut outbound), ["huge"]);
    assert_eq!(outbound.drops().queue_full, 3);
}

#[test]
fn values_alone_make_room_by_their_oldest() {
    let mut outbound = attached(1000, 1000);
    for number in 0..=DATAGRAM_QUEUE_FRAMES {
        outbound.queue_datagram(latest("at", &format!("k{number}"), 1), None);
    }
    let left = leaves(&mut outbound);
    assert_eq!(
        (left.len(), &left[0][..]),
        (DATAGRAM_QUEUE_FRAMES, "at k1 1")
    );
}

#[test]
fn none_outlives_its_connection() {
    let mut outbound = attached(1000, 1000);
    outbound.queue_datagram(datagram("late", 1), None);
    outbound.detach();
    assert!(!outbound.queue_datagram(datagram("nowhere", 1), None));
    outbound.attach(0).unwrap();
    assert_eq!(leaves(&mut outbound), [""; 0]);
    assert_eq!(outbound.drops().total(), 2);
    assert_eq!(outbound.drops().not_connected, 2);
    assert_eq!(outbound.sent().best_effort, 0);
}
