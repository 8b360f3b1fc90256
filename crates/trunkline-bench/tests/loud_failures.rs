//! A server that loses, doubles or swaps messages fails the run, in both dialects.
#![cfg(target_os = "linux")]

mod stub_server;

use std::time::Duration;

use stub_server::{Fault, StubServer};
use trunkline_bench::{
    connection::ConnectionError,
    crowd::Crowd,
    dialect::{Dialect, DialectError},
    load_error::LoadError,
    tally::TallyError,
    workload::{Pattern, Slice, measure_acknowledged, measure_fan_out},
};

const PATTERN: Pattern = Pattern {
    senders: 1,
    in_flight_each: 4,
};
const BRIEF: Duration = Duration::from_millis(20);

fn fan_out(dialect: Dialect, fault: Fault) -> Result<Slice, LoadError> {
    let server = StubServer::start(dialect, fault);
    let mut crowd = Crowd::gather(&server.target(), 1).expect("the greeting is without faults");
    measure_fan_out(&mut crowd, PATTERN, BRIEF, None)
}

fn acknowledged(dialect: Dialect, fault: Fault) -> Result<Slice, LoadError> {
    let server = StubServer::start(dialect, fault);
    let mut crowd = Crowd::gather(&server.target(), 1).expect("the greeting is without faults");
    measure_acknowledged(&mut crowd, BRIEF, None)
}

#[test]
fn a_faultless_server_passes_in_both_dialects() {
    for dialect in [Dialect::Room, Dialect::Trunkline] {
        assert!(fan_out(dialect, Fault::None).unwrap().throughput().count > 0);
        assert!(
            acknowledged(dialect, Fault::None)
                .unwrap()
                .throughput()
                .count
                > 0
        );
    }
}

#[test]
fn a_lost_broadcast_fails_the_run() {
    for dialect in [Dialect::Room, Dialect::Trunkline] {
        let error = fan_out(dialect, Fault::Lose).unwrap_err();
        assert!(
            matches!(error, LoadError::Tally(TallyError::Lost { .. })),
            "{error}"
        );
    }
}

#[test]
fn a_doubled_broadcast_fails_the_run() {
    for dialect in [Dialect::Room, Dialect::Trunkline] {
        let error = fan_out(dialect, Fault::Double).unwrap_err();
        assert!(
            matches!(error, LoadError::Tally(TallyError::Doubled { .. })),
            "{error}"
        );
    }
}

#[test]
fn a_changed_payload_fails_the_run() {
    for dialect in [Dialect::Room, Dialect::Trunkline] {
        let error = fan_out(dialect, Fault::Change).unwrap_err();
        assert!(matches!(error, LoadError::Payload { .. }), "{error}");
        let error = acknowledged(dialect, Fault::Change).unwrap_err();
        assert!(matches!(error, LoadError::Ack { .. }), "{error}");
    }
}

#[test]
fn a_doubled_ack_fails_the_run() {
    for dialect in [Dialect::Room, Dialect::Trunkline] {
        let error = acknowledged(dialect, Fault::Double).unwrap_err();
        assert!(
            matches!(error, LoadError::Ack { .. } | LoadError::Unexpected { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_frame_number_that_comes_twice_fails_the_run() {
    let error = fan_out(Dialect::Trunkline, Fault::RepeatNumber).unwrap_err();
    let LoadError::Connection { source, .. } = error else {
        panic!("{error}")
    };
    let ConnectionError::Dialect(DialectError::Sequence { expected, got }) = source else {
        panic!("{source}")
    };
    assert_eq!(got + 1, expected);
}
