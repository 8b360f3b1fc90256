//! The vectors of `protocol/vectors`, read in both directions.
//!
//! They are made by a generator that shares no code with this crate, so that a mistake which encoder
//! and decoder make alike is seen.

mod build;
mod cases;
mod meaning;
mod plain;

use cases::{Case, all_cases, negative_cases};
use plain::Plain;
use trunkline_protocol::{Encoding, Frame};

#[test]
fn every_case_decodes_to_its_meaning() {
    for case in all_cases() {
        for (encoding, message) in case.messages() {
            let decoded = Frame::decode(encoding, &message)
                .unwrap_or_else(|error| panic!("{case} in {encoding:?}: {error}"));
            let decoded = meaning::of_frame(&decoded).expect("the body of a good case decodes");
            assert_eq!(
                decoded,
                Plain::meaning(&case.frame),
                "{case} in {encoding:?}"
            );
        }
    }
}

#[test]
fn every_canonical_case_is_encoded_byte_for_byte() {
    for case in all_cases().into_iter().filter(|case| !case.decode_only) {
        for (encoding, message) in case.messages() {
            let encoded = build::message(&case.kind, &case.frame, encoding);
            assert_eq!(
                shown(encoding, &encoded),
                shown(encoding, &message),
                "{case}"
            );
        }
    }
}

#[test]
fn every_bad_header_is_refused_for_its_cause() {
    for case in negative_cases("protocol-error") {
        for (encoding, message) in case.messages() {
            match Frame::decode(encoding, &message) {
                Err(error) => assert_eq!(error.cause(), case.cause, "{case} in {encoding:?}"),
                Ok(frame) => panic!("{case} in {encoding:?}: decoded as {frame:?}"),
            }
        }
    }
}

#[test]
fn every_bad_body_is_refused_for_its_cause_and_its_header_decodes() {
    for case in negative_cases("bad-args") {
        for (encoding, message) in case.messages() {
            let frame = Frame::decode(encoding, &message)
                .unwrap_or_else(|error| panic!("{case} in {encoding:?}: {error}"));
            let header = Plain::meaning(&case.frame);
            assert_eq!(meaning::of_header(&frame), header, "{case} in {encoding:?}");
            match meaning::of_frame(&frame) {
                Err(error) => assert_eq!(error.cause(), case.cause, "{case} in {encoding:?}"),
                Ok(_) => panic!("{case} in {encoding:?}: its body decoded"),
            }
        }
    }
}

#[test]
fn every_kind_has_cases_in_both_encodings() {
    let cases = all_cases();
    for number in 0..=u8::MAX {
        let Some(name) = trunkline_protocol::Kind::new(number).name() else {
            continue;
        };
        let of_kind: Vec<&Case> = cases.iter().filter(|case| case.kind == name).collect();
        assert!(
            of_kind.iter().any(|case| case.message_pack.is_some()),
            "{name}"
        );
        assert!(of_kind.iter().any(|case| case.json.is_some()), "{name}");
    }
}

/// Text for JSON and hexadecimal for MessagePack, so that a difference can be read.
fn shown(encoding: Encoding, message: &[u8]) -> String {
    match encoding {
        Encoding::Json => String::from_utf8_lossy(message).into_owned(),
        Encoding::MessagePack => message.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
