//! The load generator against Trunkline over TLS and in axum, and the hand-written room over TLS,
//! as processes.
#![cfg(target_os = "linux")]

use std::{process::Command, time::Duration};

use trunkline_bench::{
    crowd::Crowd,
    dialect::Dialect,
    identity::Identity,
    load_error::LoadError,
    machine,
    server_process::ServerProcess,
    target::Target,
    workload::{Pattern, measure_acknowledged, measure_fan_out},
};

const MEMBERS: usize = 20;
const BRIEF: Duration = Duration::from_millis(50);

fn server(arguments: &[&str], identity: Option<&Identity>) -> ServerProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline-bench"));
    command.args(arguments);
    if let Some(identity) = identity {
        command.arg("--certificate").arg(identity.certificate());
        command.arg("--key").arg(identity.key());
    }
    let core = machine::allowed_cores().expect("Linux tells")[0];
    ServerProcess::start(command, core, core).expect("the server starts")
}

/// Every delivery and every ack is checked on the way.
fn exchange(target: &Target) {
    let mut crowd = Crowd::gather(target, MEMBERS).expect("the server takes them");
    for (senders, in_flight_each) in [(1, 1), (1, 64), (MEMBERS, 1)] {
        let pattern = Pattern {
            senders,
            in_flight_each,
        };
        measure_fan_out(&mut crowd, pattern, BRIEF, None).expect("everything is delivered");
    }
    measure_acknowledged(&mut crowd, BRIEF, None).expect("everything is acknowledged");
}

#[test]
fn trunkline_in_axum_delivers_and_acknowledges_everything() {
    let server = server(&["peer-trunkline", "--host", "axum"], None);
    exchange(&Target::at(server.address(), Dialect::Trunkline));
}

#[test]
fn trunkline_over_tls_delivers_and_acknowledges_everything() {
    let identity = Identity::new().unwrap();
    let server = server(&["peer-trunkline"], Some(&identity));
    let target = Target::at(server.address(), Dialect::Trunkline);
    exchange(&target.over_tls(identity.trust()));
}

#[test]
fn the_room_over_tls_delivers_and_acknowledges_everything() {
    let identity = Identity::new().unwrap();
    let server = server(&["peer-room"], Some(&identity));
    let target = Target::at(server.address(), Dialect::Room);
    exchange(&target.over_tls(identity.trust()));
}

#[test]
fn a_server_with_another_certificate_gets_no_load() {
    let (identity, other) = (Identity::new().unwrap(), Identity::new().unwrap());
    let server = server(&["peer-room"], Some(&other));
    let target = Target::at(server.address(), Dialect::Room).over_tls(identity.trust());
    let error = Crowd::gather(&target, 1).unwrap_err();
    assert!(matches!(error, LoadError::Connection { .. }), "{error}");
}
