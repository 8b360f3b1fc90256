//! Receipts: what they confirm, and what they cannot.

use crate::frames::{attached, event, expected, told};
use trunkline_protocol::{Code, Violation};

#[test]
fn a_lower_receipt_is_ignored() {
    let mut outbound = attached(1_000, 1_000);
    for name in ["one", "two", "three"] {
        outbound.push(event(name)).unwrap();
    }
    told(&mut outbound);
    outbound.receive_receipt(2).unwrap();
    outbound.receive_receipt(1).unwrap();
    outbound.attach(0).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(3, "three")]));
}

#[test]
fn a_receipt_for_a_frame_that_was_never_sent_is_a_violation() {
    let mut outbound = attached(1_000, 1_000);
    outbound.push(event("one")).unwrap();
    // Without a number yet, it cannot have arrived.
    assert_eq!(
        outbound.receive_receipt(1),
        Err(Violation::ReceiptBeyondSent {
            received: 1,
            sent: 0
        })
    );
    told(&mut outbound);
    assert_eq!(outbound.receive_receipt(1), Ok(()));
    assert_eq!(
        outbound.attach(2),
        Err(Violation::ReceiptBeyondSent {
            received: 2,
            sent: 1
        })
    );
}

#[test]
fn a_receipt_that_comes_after_the_session_ended_is_no_violation() {
    let mut outbound = attached(1_000, 1_000);
    outbound.push(event("one")).unwrap();
    told(&mut outbound);
    let lost = outbound.end(Code::OVERFLOW);
    assert_eq!(lost.unconfirmed.len(), 1);
    // The peer has confirmed what it got before it could know.
    assert_eq!(outbound.receive_receipt(1), Ok(()));
    assert_eq!(outbound.ended(), Some(Code::OVERFLOW));
}
