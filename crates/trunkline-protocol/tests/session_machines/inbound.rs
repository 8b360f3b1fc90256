//! The receiver: every sequenced frame counts, whatever is in it.

use bytes::Bytes;
use trunkline_protocol::{
    Arrival, Encoding, Frame, Inbound, Kind, Limits, Payload, Prepared, RECEIPT_DELAY, Sequenced,
    Time, Violation, encode_ignorable,
};

use crate::frames::{attached, event, event_of, limits, root, sent, told};

const NOW: Time = Time::from_ms(1_000);

fn receiver(window: u32) -> Inbound {
    let limits = limits(window, 10_000);
    Inbound::new(&limits, &limits)
}

/// Takes messages in as a driver does; gives the names of the events that are new.
fn take(inbound: &mut Inbound, messages: &[Vec<u8>]) -> Vec<String> {
    let mut new = Vec::new();
    for message in messages {
        let Ok(Frame::Sequenced { seq, frame }) = Frame::decode(Encoding::MessagePack, message)
        else {
            panic!("not sequenced: {message:?}");
        };
        if inbound.accept(seq, message.len(), NOW).unwrap() == Arrival::New
            && let Sequenced::Event { event, .. } = frame
        {
            new.push(event.into_owned());
        }
    }
    new
}

/// An event whose args nest deeper than `depth`.
fn poisoned(name: &str, depth: usize) -> Prepared {
    let mut bytes = vec![0x91; depth];
    bytes.push(0x90);
    let args = Payload::from_message_pack(Bytes::from(bytes)).unwrap();
    Prepared::event(&root(), None, &name.try_into().unwrap(), &args)
}

#[test]
fn a_gap_in_the_numbers_is_a_violation() {
    let mut inbound = receiver(1_000);
    inbound.accept(1, 10, NOW).unwrap();
    let gap = inbound.accept(3, 10, NOW).unwrap_err();
    assert_eq!(
        gap,
        Violation::SequenceGap {
            expected: 2,
            found: 3
        }
    );
    assert_eq!(gap.code(), trunkline_protocol::Code::PROTOCOL_ERROR);
    assert_eq!(inbound.counted(), 1);
}

#[test]
fn a_poisoned_event_is_counted_and_is_not_there_again_at_the_replay() {
    let mut outbound = attached(10_000, 10_000);
    outbound.push(event("good")).unwrap();
    outbound.push(poisoned("poisoned", 20)).unwrap();
    outbound.push(event("good too")).unwrap();
    let messages = sent(&mut outbound);
    let shallow = Limits {
        depth: 8,
        ..limits(1_000, 1_000)
    };
    let Ok(Frame::Sequenced {
        frame: Sequenced::Event { args, .. },
        ..
    }) = Frame::decode(Encoding::MessagePack, &messages[1])
    else {
        panic!("its header decodes");
    };
    assert!(args.args(shallow.depth).is_err(), "its args do not");

    let mut inbound = Inbound::new(&shallow, &shallow);
    assert_eq!(
        take(&mut inbound, &messages),
        ["good", "poisoned", "good too"]
    );
    // The connection is cut before any receipt: all of it comes again, and counts no second time.
    outbound.detach();
    outbound.attach(0).unwrap();
    let replayed = sent(&mut outbound);
    assert_eq!(replayed.len(), 3);
    assert!(take(&mut inbound, &replayed).is_empty());
    outbound.attach(inbound.confirm()).unwrap();
    assert!(outbound.is_settled());
}

#[test]
fn numbered_ignorable_frames_are_counted() {
    let mut outbound = attached(10_000, 10_000);
    outbound.push(event("before")).unwrap();
    outbound
        .push(Prepared::ignorable(Kind::new(0x7f)).unwrap())
        .unwrap();
    outbound.push(event("after")).unwrap();
    let mut inbound = receiver(1_000);
    assert_eq!(
        take(&mut inbound, &sent(&mut outbound)),
        ["before", "after"]
    );
    assert_eq!(inbound.counted(), 3);
    outbound.receive_receipt(inbound.confirm()).unwrap();
    assert!(outbound.is_settled());
}

#[test]
fn every_ignorable_kind_is_tolerated_in_both_encodings() {
    for encoding in Encoding::ALL {
        for number in 0x40..=0x5f {
            let mut message = Vec::new();
            assert!(encode_ignorable(encoding, Kind::new(number), &mut message));
            let frame = Frame::decode(encoding, &message).unwrap();
            assert_eq!(
                frame,
                Frame::Ignorable {
                    kind: Kind::new(number)
                }
            );
        }
        for number in 0x60..=0x7f {
            let frame = Prepared::ignorable(Kind::new(number)).unwrap();
            match Frame::decode(encoding, &frame.to_message(encoding, 70_000)).unwrap() {
                Frame::Sequenced {
                    seq,
                    frame: Sequenced::Ignorable { kind },
                } => {
                    assert_eq!((seq, kind), (70_000, Kind::new(number)));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(Prepared::ignorable(Kind::EVENT).is_none());
}

#[test]
fn withheld_receipts_stop_events_and_not_answers() {
    let (mut outbound, mut inbound) = (attached(200, 10_000), receiver(200));
    inbound.hold(true);
    for number in 0..10 {
        outbound.push(event_of(&number.to_string(), 80)).unwrap();
    }
    let first = take(&mut inbound, &sent(&mut outbound));
    // The log may exceed the window by less than one frame.
    assert_eq!(first, ["0", "1", "2"]);
    assert!(!inbound.is_receipt_due(NOW + RECEIPT_DELAY));
    outbound.receive_receipt(inbound.confirm()).unwrap();
    outbound.push(crate::frames::ack(1)).unwrap();
    let told = told(&mut outbound);
    assert_eq!(told.len(), 1, "the answer alone: {told:?}");
    inbound.accept(told[0].0, 10, NOW).unwrap();

    inbound.hold(false);
    assert!(inbound.is_receipt_due(NOW));
    outbound.receive_receipt(inbound.confirm()).unwrap();
    assert!(!take(&mut inbound, &sent(&mut outbound)).is_empty());
}

#[test]
fn a_receipt_that_went_astray_is_told_again_when_its_frames_come_again() {
    // At a switch the client has counted on the old connection what the server replays on the new.
    let (mut outbound, mut inbound) = (attached(200, 10_000), receiver(200));
    for number in 0..10 {
        outbound.push(event_of(&number.to_string(), 80)).unwrap();
    }
    let hello = inbound.receipt();
    take(&mut inbound, &sent(&mut outbound));
    assert!(inbound.is_receipt_due(NOW));
    inbound.confirm();
    // Its RECEIVED is lost with the old connection; the server knows only what HELLO said.
    outbound.attach(hello).unwrap();
    let replayed = sent(&mut outbound);
    assert!(take(&mut inbound, &replayed).is_empty());
    assert!(inbound.is_receipt_due(NOW), "or the window stays full");
    outbound.receive_receipt(inbound.confirm()).unwrap();
    assert!(!take(&mut inbound, &sent(&mut outbound)).is_empty());
}

#[test]
fn a_few_bytes_that_come_again_are_confirmed_after_the_delay() {
    let mut inbound = receiver(1_000);
    inbound.accept(1, 10, NOW).unwrap();
    inbound.confirm();
    assert_eq!(inbound.accept(1, 10, NOW), Ok(Arrival::Repeated));
    assert!(!inbound.is_receipt_due(NOW));
    assert_eq!(inbound.receipt_due(), Some(NOW + RECEIPT_DELAY));
    assert!(inbound.is_receipt_due(NOW + RECEIPT_DELAY));
    assert_eq!(inbound.confirm(), 1);
    assert_eq!(inbound.receipt_due(), None);
}

#[test]
fn a_hello_that_may_be_lost_puts_off_no_receipt() {
    let mut inbound = receiver(1_000);
    inbound.accept(1, 10, NOW).unwrap();
    inbound.confirm();
    inbound.accept(2, 10, NOW).unwrap();
    assert_eq!(inbound.receipt(), 2);
    assert_eq!(inbound.receipt_due(), Some(NOW + RECEIPT_DELAY));
    inbound.hold(true);
    assert_eq!(
        inbound.receipt(),
        1,
        "what is withheld is not told at a resume either"
    );
    inbound.hold(false);
    assert_eq!(inbound.confirm(), 2);
}
