//! The load generator against socketioxide, as processes.
#![cfg(all(target_os = "linux", feature = "socketioxide"))]

use std::{process::Command, time::Duration};

use trunkline_bench::{
    crowd::Crowd,
    dialect::Dialect,
    machine,
    server_process::ServerProcess,
    target::Target,
    workload::{Pattern, measure_acknowledged, measure_fan_out},
};

const MEMBERS: usize = 20;
const BRIEF: Duration = Duration::from_millis(50);

fn server() -> ServerProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline-bench"));
    command.arg("peer-socketioxide");
    let core = machine::allowed_cores().expect("Linux tells")[0];
    ServerProcess::start(command, core, core).expect("the server starts")
}

fn crowd(server: &ServerProcess) -> Crowd {
    Crowd::gather(&Target::at(server.address(), Dialect::SocketIo), MEMBERS)
        .expect("the server takes them")
}

#[test]
fn every_broadcast_reaches_every_member_in_every_pattern() {
    let server = server();
    let mut crowd = crowd(&server);
    for (senders, in_flight_each) in [(1, 1), (1, 64), (MEMBERS, 1), (3, 4)] {
        let pattern = Pattern {
            senders,
            in_flight_each,
        };
        let measured = measure_fan_out(&mut crowd, pattern, BRIEF, None)
            .unwrap()
            .throughput();
        assert!(measured.count > 0 && measured.count.is_multiple_of(MEMBERS as u64));
    }
}

#[test]
fn every_event_of_every_member_is_acknowledged() {
    let server = server();
    let measured = measure_acknowledged(&mut crowd(&server), BRIEF, None)
        .unwrap()
        .throughput();
    assert!(measured.count >= MEMBERS as u64);
}
