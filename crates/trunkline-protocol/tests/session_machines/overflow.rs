//! What is dropped when more waits than may, and what never is.

use trunkline_protocol::{
    Code, EventName, FRAME_BYTES, NamespaceName, Outbound, Overflow, Payload, Prepared, PushError,
};

use crate::frames::{ack, attached, event, event_of, told, words};

/// What one of these takes while it waits: the suffix of 6 or 7 bytes, and what holding it takes.
const EACH: usize = FRAME_BYTES + 6;

fn droppable(name: &str, overflow: Overflow) -> Prepared {
    let name = EventName::try_from(name).unwrap();
    Prepared::event_with_overflow(&NamespaceName::root(), &name, &Payload::empty(), overflow)
}

/// A machine whose window is closed, and which may queue about `frames` small events.
fn closed_window(frames: usize) -> Outbound {
    let mut outbound = attached(100, (frames * EACH) as u32);
    outbound.push(event_of("fills", 200)).unwrap();
    assert_eq!(words(&mut outbound), ["fills"]);
    outbound
}

/// Confirms all, and gives what comes then.
fn rest(outbound: &mut Outbound) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        outbound.receive_receipt(outbound.numbered()).unwrap();
        let next = words(outbound);
        if next.is_empty() {
            return all;
        }
        all.extend(next);
    }
}

#[test]
fn the_oldest_are_dropped_and_no_more_than_it_takes() {
    let mut outbound = closed_window(3);
    for name in ["a", "b", "c", "d", "e"] {
        outbound
            .push(droppable(name, Overflow::DropOldest))
            .unwrap();
        outbound.shed();
    }
    assert_eq!(outbound.dropped_events(), 2);
    assert!(!outbound.is_over_limit());
    assert_eq!(rest(&mut outbound), ["c", "d", "e"]);
}

#[test]
fn the_newest_of_each_event_is_kept_where_the_newest_is_all_that_counts() {
    let mut outbound = closed_window(3);
    for name in ["a", "b", "a", "c", "a", "c"] {
        outbound.push(droppable(name, Overflow::Latest)).unwrap();
        outbound.shed();
    }
    assert_eq!(outbound.dropped_events(), 3);
    assert_eq!(rest(&mut outbound), ["b", "a", "c"]);
}

#[test]
fn what_may_not_be_dropped_stays_and_keeps_its_place() {
    let mut outbound = closed_window(4);
    outbound.push(event("kept 1")).unwrap();
    outbound.push(droppable("a", Overflow::DropOldest)).unwrap();
    outbound.push(event("kept 2")).unwrap();
    outbound.push(droppable("b", Overflow::Latest)).unwrap();
    outbound.push(event("kept 3")).unwrap();
    outbound.shed();
    assert_eq!(outbound.dropped_events(), 1);
    for _ in 0..3 {
        outbound.push(event("kept 4")).unwrap();
        outbound.shed();
    }
    assert!(outbound.is_over_limit(), "nothing but the last of b may go");
    assert_eq!(
        rest(&mut outbound),
        [
            "kept 1", "kept 2", "b", "kept 3", "kept 4", "kept 4", "kept 4"
        ]
    );
}

#[test]
fn what_has_a_number_is_never_dropped() {
    let mut outbound = attached(10_000, (2 * EACH) as u32);
    let events = |outbound: &mut Outbound, names: std::ops::Range<u32>| {
        for name in names {
            outbound
                .push(droppable(&name.to_string(), Overflow::DropOldest))
                .unwrap();
        }
    };
    events(&mut outbound, 0..2);
    let sent = told(&mut outbound);
    outbound.detach();
    events(&mut outbound, 2..6);
    outbound.shed();
    outbound.attach(0).unwrap();
    let again = told(&mut outbound);
    assert_eq!(again[..2], sent, "replayed with their numbers");
    assert_eq!(again.len(), 4);
    assert_eq!(again.last().unwrap().0, 4, "the numbers have no gap");
}

#[test]
fn answers_are_never_dropped() {
    let mut outbound = closed_window(2);
    outbound.detach();
    for number in 0..3 {
        outbound.push(droppable("a", Overflow::DropOldest)).unwrap();
        outbound.push(ack(number)).unwrap();
        outbound.shed();
    }
    outbound.attach(1).unwrap();
    let words = words(&mut outbound);
    for number in 0..3 {
        assert!(words.contains(&format!("ACK {number}")), "{words:?}");
    }
}

#[test]
fn a_large_event_makes_its_own_room_rather_than_end_the_session() {
    let mut outbound = closed_window(4);
    for _ in 0..6 {
        outbound.push(droppable("a", Overflow::DropOldest)).unwrap();
    }
    outbound.push(event_of("large", 7 * EACH)).unwrap();
    assert!(outbound.dropped_events() > 0);
    assert_eq!(rest(&mut outbound).last().unwrap(), "large");
}

#[test]
fn what_is_dropped_or_waits_is_not_among_what_was_sent() {
    let mut outbound = closed_window(3);
    for name in ["a", "b", "c", "d", "e"] {
        outbound
            .push(droppable(name, Overflow::DropOldest))
            .unwrap();
        outbound.shed();
    }
    outbound.push(ack(7)).unwrap();
    assert_eq!(outbound.sent().events, 1, "what fills the window");
    rest(&mut outbound);
    let sent = outbound.sent();
    assert_eq!((sent.events, outbound.dropped_events()), (1 + 3, 2));
    assert_eq!((sent.answers, sent.best_effort), (1, 0));
    outbound.detach();
    outbound.attach(1).unwrap();
    told(&mut outbound);
    assert_eq!(outbound.sent(), sent, "what is replayed was sent before");
}

#[test]
fn best_effort_frames_that_are_lost_with_their_connection_are_dropped_and_not_sent() {
    let datagram = || {
        let name = EventName::try_from("at").unwrap();
        Prepared::datagram(&NamespaceName::root(), &name, &Payload::empty())
    };
    let mut outbound = attached(1_000, 1_000);
    assert!(outbound.push_best_effort(datagram(), false));
    outbound.detach();
    assert!(!outbound.push_best_effort(datagram(), false), "refused");
    outbound.attach(0).unwrap();
    assert_eq!(outbound.sent().best_effort, 0);
    assert_eq!(outbound.drops().not_connected, 2);
    assert!(outbound.push_best_effort(datagram(), false));
    assert_eq!(told(&mut outbound).len(), 1);
    assert_eq!(outbound.sent().best_effort, 1);
    assert!(outbound.push_best_effort(datagram(), false));
    outbound.end(Code::ENDED);
    assert_eq!(outbound.drops().not_connected, 3);
}

#[test]
fn what_waits_for_its_connected_counts_and_comes_behind_it() {
    let mut outbound = attached(10_000, (10 * EACH) as u32);
    for name in ["a", "b"] {
        outbound.push_aside(7, event(name)).unwrap();
    }
    outbound.push_aside(8, event("c")).unwrap();
    outbound.push_aside(7, ack(1)).unwrap();
    assert!(outbound.queued_bytes() >= 4 * FRAME_BYTES);
    assert_eq!(outbound.kept_bytes(), outbound.queued_bytes());
    assert_eq!(
        (outbound.lined_up_bytes(), outbound.queued_frames()),
        (0, 4)
    );
    assert!(!outbound.is_settled());
    assert!(outbound.is_handed_over(), "no connection may have it yet");
    assert!(told(&mut outbound).is_empty());
    outbound.push(event("between")).unwrap();
    outbound.line_up(7);
    assert_eq!(words(&mut outbound), ["between", "a", "b", "ACK 1"]);
    assert_eq!(outbound.take_aside(7).len(), 0);
    assert_eq!(outbound.take_aside(8).len(), 1);
    assert_eq!(outbound.queued_bytes(), 0);
}

#[test]
fn what_waits_for_its_connected_is_dropped_by_its_policy_oldest_first() {
    let mut outbound = closed_window(3);
    let oldest = |name| droppable(name, Overflow::DropOldest);
    outbound.push_aside(7, oldest("1")).unwrap();
    outbound.push(oldest("2")).unwrap();
    outbound.push_aside(7, oldest("3")).unwrap();
    outbound.push(oldest("4")).unwrap();
    outbound.push_aside(7, oldest("5")).unwrap();
    outbound.shed();
    assert_eq!(outbound.dropped_events(), 2);
    outbound.line_up(7);
    assert_eq!(rest(&mut outbound), ["4", "3", "5"]);
}

#[test]
fn of_what_waits_for_its_connected_the_newest_counts_for_each_socket() {
    let mut outbound = closed_window(3);
    let latest = |name| droppable(name, Overflow::Latest);
    outbound.push(latest("a")).unwrap();
    for (connect, name) in [(7, "a"), (8, "a"), (7, "a"), (8, "b"), (8, "a")] {
        outbound.push_aside(connect, latest(name)).unwrap();
    }
    outbound.shed();
    assert_eq!(outbound.dropped_events(), 2);
    outbound.line_up(8);
    outbound.line_up(7);
    assert_eq!(rest(&mut outbound), ["a", "b", "a", "a"]);
}

#[test]
fn what_waits_for_its_connected_is_discarded_overflows_and_is_handed_back_as_the_rest() {
    let mut outbound = attached(10_000, (2 * EACH) as u32);
    outbound.push_aside(7, event("a")).unwrap();
    outbound.push_aside(7, ack(1)).unwrap();
    outbound.push(event("b")).unwrap();
    assert_eq!(outbound.discard_events(&NamespaceName::root()).len(), 2);
    assert_eq!(outbound.lined_up_bytes(), 0);
    for name in ["c", "d", "e"] {
        outbound.push_aside(7, event(name)).unwrap();
    }
    assert!(outbound.is_over_limit());
    let refused = outbound.push_aside(8, event("f"));
    assert!(
        matches!(refused, Err(PushError::Overflow { .. })),
        "{refused:?}"
    );
    let lost = outbound.end(Code::OVERFLOW);
    assert_eq!((lost.queued.len(), outbound.queued_bytes()), (4, 0));
    let ended = outbound.push_aside(7, event("late"));
    assert_eq!(ended, Err(PushError::Ended(Code::OVERFLOW)));
}
