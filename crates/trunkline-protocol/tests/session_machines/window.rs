//! The replay log is the send window: what it lets through, what waits, what is too much.

use trunkline_protocol::{
    Close, Code, Encoding, EventName, FRAME_BYTES, Hold, Inbound, Limits, NamespaceName, Outbound,
    Payload, Prepared, PushError, Time, Violation,
};

use crate::frames::{
    ENCODING, ack, ack_id, attached, connect, connected, disconnect, event, event_of, expected,
    failed, limits, sent, told, words,
};

#[test]
fn a_full_window_passes_answers_but_not_events() {
    let mut outbound = attached(200, 10_000);
    outbound.push(event_of("fills", 200)).unwrap();
    outbound.push(event("waits")).unwrap();
    outbound.push(ack(7)).unwrap();
    outbound.push(connect("/b")).unwrap();
    outbound.push(failed(8)).unwrap();
    assert_eq!(
        told(&mut outbound),
        expected(&[(1, "fills"), (2, "ACK 7"), (3, "FAILED 8")])
    );
    outbound.receive_receipt(3).unwrap();
    assert_eq!(
        told(&mut outbound),
        expected(&[(4, "waits"), (5, "CONNECT")])
    );
}

#[test]
fn answers_pass_up_to_twice_the_window() {
    let mut outbound = attached(200, 10_000);
    outbound.push(event_of("fills", 200)).unwrap();
    for number in 0..100 {
        outbound.push(ack(number)).unwrap();
    }
    let passed = told(&mut outbound).len();
    assert!(passed > 10 && passed < 100, "{passed}");
    // The last one may go while there is any room; an ACK here has 6 bytes.
    assert!(
        (400..406).contains(&outbound.unconfirmed_bytes()),
        "{}",
        outbound.unconfirmed_bytes()
    );
    outbound.receive_receipt(passed as u64).unwrap();
    let rest = told(&mut outbound).len();
    assert!(rest > 0 && outbound.unconfirmed_bytes() < 406);
}

#[test]
fn answers_among_themselves_and_events_among_themselves_keep_their_order() {
    let mut outbound = attached(200, 10_000);
    outbound.push(event_of("fills", 200)).unwrap();
    for number in 0..5 {
        outbound.push(event(&format!("event {number}"))).unwrap();
        outbound.push(ack(number)).unwrap();
    }
    let mut all = words(&mut outbound);
    outbound.receive_receipt(outbound.numbered()).unwrap();
    all.extend(words(&mut outbound));
    let only = |first: char| -> Vec<String> {
        all.iter()
            .filter(|word| word.starts_with(first))
            .cloned()
            .collect()
    };
    assert_eq!(only('A'), ["ACK 0", "ACK 1", "ACK 2", "ACK 3", "ACK 4"]);
    assert_eq!(
        only('e'),
        ["event 0", "event 1", "event 2", "event 3", "event 4"]
    );
}

#[test]
fn an_empty_log_admits_a_frame_of_any_size() {
    let mut outbound = attached(100, 100_000);
    outbound.push(event_of("huge", 5_000)).unwrap();
    outbound.push(event("next")).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(1, "huge")]));
    outbound.receive_receipt(1).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(2, "next")]));
}

#[test]
fn a_large_event_does_not_wait_for_an_empty_log() {
    let mut outbound = attached(100, 100_000);
    outbound.push(event("small")).unwrap();
    outbound.push(event_of("huge", 5_000)).unwrap();
    outbound.push(event("next")).unwrap();
    assert_eq!(words(&mut outbound), ["small", "huge"]);
}

#[test]
fn the_window_is_the_smaller_of_what_one_side_keeps_and_the_other_takes() {
    let (small, large) = (limits(150, 10_000), limits(100_000, 10_000));
    for (ours, peers) in [(small, large), (large, small)] {
        let mut outbound = Outbound::new(ENCODING, &ours, &peers);
        outbound.attach(0).unwrap();
        for number in 0..20 {
            outbound.push(event_of(&number.to_string(), 40)).unwrap();
        }
        told(&mut outbound);
        let frame = outbound.unconfirmed_bytes() / outbound.numbered() as usize;
        assert!(
            (150..150 + frame).contains(&outbound.unconfirmed_bytes()),
            "{}",
            outbound.unconfirmed_bytes()
        );
        assert!(outbound.numbered() >= 2);
    }
}

#[test]
fn disconnect_never_overtakes_events() {
    let mut outbound = attached(100, 10_000);
    outbound.push(event_of("fills", 100)).unwrap();
    outbound.push(event("before")).unwrap();
    outbound.push(disconnect("/")).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(1, "fills")]));
    outbound.receive_receipt(1).unwrap();
    assert_eq!(
        told(&mut outbound),
        expected(&[(2, "before"), (3, "DISCONNECT")])
    );
}

#[test]
fn connected_waits_behind_disconnect_and_behind_events() {
    let mut outbound = attached(100, 10_000);
    outbound.push(event_of("fills", 100)).unwrap();
    outbound.push(event("of the old socket")).unwrap();
    outbound.push(disconnect("/")).unwrap();
    outbound.push(connected(9)).unwrap();
    outbound.push(event("of the new socket")).unwrap();
    assert_eq!(words(&mut outbound), ["fills"]);
    outbound.receive_receipt(1).unwrap();
    let mut rest = words(&mut outbound);
    outbound.receive_receipt(outbound.numbered()).unwrap();
    rest.extend(words(&mut outbound));
    assert_eq!(
        rest,
        [
            "of the old socket",
            "DISCONNECT",
            "CONNECTED",
            "of the new socket"
        ]
    );
}

#[test]
fn events_of_a_namespace_that_was_left_are_discarded_and_nothing_else() {
    let mut outbound = attached(200, 10_000);
    let other = NamespaceName::try_from("/b").unwrap();
    let name = EventName::try_from("elsewhere").unwrap();
    outbound.push(event_of("fills", 200)).unwrap();
    assert_eq!(told(&mut outbound).len(), 1);
    outbound.push(event("left")).unwrap();
    outbound
        .push(Prepared::event(&other, None, &name, &Payload::empty()))
        .unwrap();
    outbound.push(event("left too")).unwrap();
    outbound.push(ack(7)).unwrap();
    outbound.push(connected(1)).unwrap();
    let queued = outbound.queued_bytes();
    assert_eq!(outbound.discard_events(&NamespaceName::root()).len(), 2);
    assert!(outbound.queued_bytes() < queued);
    outbound.receive_receipt(1).unwrap();
    let rest = expected(&[(2, "elsewhere"), (3, "ACK 7"), (4, "CONNECTED")]);
    assert_eq!(told(&mut outbound), rest, "what had a number is kept, too");
    assert_eq!(outbound.queued_bytes(), 0);
    assert_eq!(outbound.discard_events(&other).len(), 0);
}

#[test]
fn the_queue_overflows_at_twice_its_limit() {
    let mut outbound = attached(100, 1_000);
    outbound.push(event_of("fills", 100)).unwrap();
    told(&mut outbound);
    let refused = loop {
        assert!(outbound.queued_bytes() <= 2_000);
        if let Err(refused) = outbound.push(event_of("more", 80)) {
            break refused;
        }
    };
    assert!(matches!(refused, PushError::Overflow { queued, limit: 2_000 } if queued > 2_000));
    assert!(outbound.is_over_limit());
    // Nothing was lost by asking.
    let kept = outbound.queued_bytes();
    let lost = outbound.end(Code::OVERFLOW);
    assert_eq!(lost.unconfirmed.len(), 1);
    let frame = kept / lost.queued.len();
    assert!(lost.queued.len() > 10 && kept > 2_000 - frame);
    assert_eq!(
        outbound.push(event("late")).unwrap_err(),
        PushError::Ended(Code::OVERFLOW)
    );
    assert_eq!(
        (outbound.queued_bytes(), outbound.unconfirmed_bytes()),
        (0, 0)
    );
}

#[test]
fn each_waiting_frame_counts_what_holding_it_takes_and_the_window_counts_messages_alone() {
    let mut outbound = attached(100, 100_000);
    let frame = event("tiny");
    let length = frame.len(ENCODING);
    for _ in 0..100 {
        outbound.push(frame.clone()).unwrap();
    }
    assert_eq!(outbound.queued_bytes(), 100 * (length + FRAME_BYTES));
    assert_eq!(outbound.kept_bytes(), outbound.queued_bytes());
    let numbered = told(&mut outbound).len();
    let messages = numbered * frame.to_message(ENCODING, 1).len();
    assert_eq!(outbound.unconfirmed_bytes(), messages);
    assert!(
        (100..100 + messages / numbered).contains(&messages),
        "{messages}"
    );
    assert_eq!(
        outbound.kept_bytes(),
        messages + numbered * FRAME_BYTES + (100 - numbered) * (length + FRAME_BYTES)
    );
    outbound.receive_receipt(numbered as u64).unwrap();
    assert_eq!(outbound.kept_bytes(), outbound.queued_bytes());
}

#[test]
fn tiny_frames_fill_the_queue_by_what_holding_them_takes() {
    let mut outbound = attached(100, 1_000);
    outbound.push(event_of("fills", 100)).unwrap();
    told(&mut outbound);
    let taken = std::iter::repeat_with(|| outbound.push(event("x")))
        .take_while(Result::is_ok)
        .count();
    assert!(taken <= 2_000 / FRAME_BYTES, "{taken}");
}

#[test]
fn a_single_frame_larger_than_the_queue_is_taken() {
    let mut outbound = attached(100, 100);
    outbound.push(event_of("huge", 5_000)).unwrap();
    assert_eq!(words(&mut outbound), ["huge"]);
}

#[test]
fn held_kinds_wait_and_answers_go() {
    let mut outbound = attached(10_000, 10_000);
    outbound.hold(Hold::Events);
    outbound.push(connect("/")).unwrap();
    outbound.push(event("waits")).unwrap();
    outbound.push(ack(1)).unwrap();
    assert_eq!(words(&mut outbound), ["CONNECT", "ACK 1"]);
    outbound.hold(Hold::EventsAndConnects);
    outbound.push(ack(2)).unwrap();
    assert_eq!(words(&mut outbound), ["ACK 2"]);
    outbound.hold(Hold::Nothing);
    assert_eq!(words(&mut outbound), ["waits"]);
}

#[test]
fn close_comes_after_what_may_still_be_sent_and_nothing_after_close() {
    let mut outbound = attached(100, 10_000);
    outbound.push(event_of("first", 100)).unwrap();
    outbound.push(event("waits for the window")).unwrap();
    outbound.close(Close::new(Code::SLOW_CONSUMER, "the first one stands"));
    outbound.close(Close::new(Code::ENDED, "and not the second"));
    outbound.ping(1);
    assert_eq!(words(&mut outbound), ["PING", "first", "CLOSE"]);
    assert_eq!(
        outbound.farewell().map(|close| close.code),
        Some(Code::SLOW_CONSUMER)
    );
    outbound.receive_receipt(1).unwrap();
    outbound.pong(2);
    outbound.send_receipt(3);
    assert!(words(&mut outbound).is_empty());
    // The next connection begins afresh.
    outbound.attach(1).unwrap();
    assert_eq!(words(&mut outbound), ["waits for the window"]);
}

#[test]
fn an_open_window_keeps_the_order_of_pushing() {
    let mut outbound = attached(10_000, 10_000);
    outbound.push(event("one")).unwrap();
    outbound.push(ack(2)).unwrap();
    outbound.push(event("three")).unwrap();
    outbound.push(failed(4)).unwrap();
    outbound.push(disconnect("/")).unwrap();
    outbound.push(ack(6)).unwrap();
    let order = ["one", "ACK 2", "three", "FAILED 4", "DISCONNECT", "ACK 6"];
    assert_eq!(words(&mut outbound), order);
}

#[test]
fn a_session_keeps_no_more_than_its_limits_say() {
    let limits = Limits {
        frame: 500,
        ..limits(1_000, 2_000)
    };
    let mut outbound = Outbound::new(ENCODING, &limits, &limits);
    outbound.attach(0).unwrap();
    // As much as may be numbered, and as much as may wait: events first, then answers, then events.
    let mut kept = 0;
    let mut fill = |outbound: &mut Outbound, frame: &dyn Fn(u64) -> Prepared| {
        for number in 0..1_000 {
            if outbound.push(frame(number)).is_err() {
                break;
            }
            told(outbound);
            kept = kept.max(outbound.unconfirmed_bytes() + outbound.queued_bytes());
        }
    };
    fill(&mut outbound, &|_| event_of("large", 480));
    outbound.discard_events(&NamespaceName::root());
    fill(&mut outbound, &ack);
    fill(&mut outbound, &|_| event_of("large", 480));
    let most = limits.outgoing_bytes_max() as usize;
    assert!(
        outbound.unconfirmed_bytes() > 2 * 1_000 - 500,
        "{outbound:?}"
    );
    assert!(
        (most - 1_000..=most).contains(&kept),
        "{kept} where {most} may be"
    );
}

#[test]
fn a_peer_that_ignores_its_window_sends_no_more_than_the_limits_say() {
    let limits = Limits {
        frame: 500,
        ..limits(1_000, 2_000)
    };
    let mut inbound = Inbound::new(&limits, &limits);
    // It has confirmed as much as may wait for handlers, and withholds receipts from there on.
    let waits = 1_000;
    inbound.hold(true);
    let now = Time::from_ms(0);
    let taken = (1..).take_while(|&seq| inbound.accept(seq, 500, now).is_ok());
    let unconfirmed = 500 * taken.count() as u64;
    let being_received = 500;
    let most = limits.incoming_bytes_max();
    assert_eq!(waits + unconfirmed + being_received, most);
    let all = limits.outgoing_bytes_max() + most;
    assert_eq!(limits.session_bytes_max(), all);
}

#[test]
fn an_ack_that_need_not_wait_takes_its_number_at_once() {
    let mut outbound = attached(200, 10_000);
    assert!(push_ack(&mut outbound, 7));
    assert_eq!((outbound.numbered(), outbound.queued_frames()), (1, 0));
    assert_eq!(outbound.sent().answers, 1);
    assert!(!outbound.is_handed_over(), "it has not been written");
    outbound.push(event("follows")).unwrap();
    let both = expected(&[(1, "ACK 7"), (2, "follows")]);
    assert_eq!(told(&mut outbound), both);
    outbound.detach();
    outbound.attach(0).unwrap();
    assert_eq!(told(&mut outbound), both, "it is replayed like any other");
    outbound.receive_receipt(2).unwrap();
    assert!(outbound.is_settled());
}

#[test]
fn an_ack_that_has_to_wait_takes_none() {
    let refuses = |mut outbound: Outbound, why: &str| {
        let before = (outbound.numbered(), outbound.unconfirmed_bytes());
        assert!(!push_ack(&mut outbound, 7), "{why}");
        let after = (outbound.numbered(), outbound.unconfirmed_bytes());
        assert_eq!(after, before, "{why}");
    };
    let in_state = |change: &dyn Fn(&mut Outbound)| {
        let mut outbound = attached(200, 10_000);
        change(&mut outbound);
        outbound
    };
    let waits = |outbound: &mut Outbound| outbound.push(event("waits")).unwrap();
    refuses(in_state(&waits), "others go first");
    refuses(in_state(&|it| it.detach()), "there is no connection");
    refuses(
        in_state(&|it| it.close(Close::new(Code::NORMAL, ""))),
        "a CLOSE goes first",
    );
    refuses(
        in_state(&|it| drop(it.end(Code::NORMAL))),
        "the session is over",
    );
    let fills = |outbound: &mut Outbound| {
        while outbound.unconfirmed_bytes() < 400 {
            outbound.push(ack(1)).unwrap();
            told(outbound);
        }
    };
    refuses(in_state(&fills), "the window is full");
    let limits = limits(200, 10_000);
    let mut json = Outbound::new(Encoding::Json, &limits, &limits);
    json.attach(0).unwrap();
    refuses(json, "it is in JSON");
    let small = Limits {
        frame: 500,
        ..limits
    };
    let mut small = Outbound::new(ENCODING, &limits, &small);
    small.attach(0).unwrap();
    refuses(small, "the peer may take less");
}

#[test]
fn a_volatile_event_follows_an_ack_that_has_just_been_taken() {
    let volatile = || {
        let name = EventName::try_from("moved").unwrap();
        Prepared::datagram(&NamespaceName::root(), &name, &Payload::empty())
    };
    let mut outbound = attached(1_000_000, 10_000);
    assert!(push_ack(&mut outbound, 7));
    assert!(outbound.push_best_effort(volatile(), false));
    assert_eq!(sent(&mut outbound).len(), 2);
    // As much as may wait ahead of one.
    let mut number = 0;
    while outbound.unconfirmed_bytes() < 20_000 {
        assert!(push_ack(&mut outbound, number));
        number += 1;
    }
    assert!(!outbound.push_best_effort(volatile(), false));
    assert_eq!(outbound.drops().busy, 1);
    // What is replayed goes first.
    outbound.detach();
    outbound.attach(0).unwrap();
    assert!(!outbound.push_best_effort(volatile(), false));
    sent(&mut outbound);
    assert!(outbound.push_best_effort(volatile(), false));
}

#[test]
fn an_ack_that_has_not_left_cannot_be_confirmed() {
    let mut outbound = attached(200, 10_000);
    assert!(push_ack(&mut outbound, 7) && push_ack(&mut outbound, 8));
    let violation = outbound.receive_receipt(1).unwrap_err();
    assert_eq!(
        violation,
        Violation::ReceiptBeyondSent {
            received: 1,
            sent: 0
        }
    );
    told(&mut outbound);
    outbound.receive_receipt(1).unwrap();
    assert!(push_ack(&mut outbound, 9));
    outbound.receive_receipt(2).unwrap();
    assert!(outbound.receive_receipt(3).is_err());
}

fn push_ack(outbound: &mut Outbound, number: u64) -> bool {
    outbound.push_ack(&NamespaceName::root(), ack_id(number), &Payload::empty())
}
