//! AUTH: outside of the numbers, and of one connection.

use crate::frames::{attached, event, told};
use trunkline_protocol::{Auth, Encoding, Frame, Kind, Outbound};

#[test]
fn an_auth_takes_no_number_and_passes_a_closed_window() {
    let mut outbound = attached(10, 1_000);
    for name in ["one", "two"] {
        outbound.push(event(name)).unwrap();
    }
    outbound.auth(question());
    assert_eq!(kinds(&mut outbound), [Kind::AUTH, Kind::EVENT]);
    assert_eq!(outbound.numbered(), 1);
}

#[test]
fn an_auth_that_was_not_written_is_forgotten_with_its_connection() {
    let mut outbound = attached(1_000, 1_000);
    outbound.auth(question());
    outbound.detach();
    outbound.attach(0).unwrap();
    assert_eq!(told(&mut outbound), []);
}

#[test]
fn of_two_auths_that_wait_only_the_later_is_written() {
    let mut outbound = attached(1_000, 1_000);
    outbound.auth(question());
    outbound.auth(Auth::default());
    assert_eq!(kinds(&mut outbound), [Kind::AUTH]);
}

fn question() -> Auth {
    Auth {
        wanted: true,
        expires: Some(30_000),
        ..Auth::default()
    }
}

/// The kinds of all that may be written now, in order.
fn kinds(outbound: &mut Outbound) -> Vec<Kind> {
    let mut kinds = Vec::new();
    while outbound.transmit(&mut |parts| {
        let message = parts.concat();
        let frame = Frame::decode(Encoding::MessagePack, &message).unwrap();
        kinds.push(frame.kind());
    }) {}
    kinds
}
