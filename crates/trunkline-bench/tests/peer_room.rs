//! The load generator against the hand-written room, as processes.
#![cfg(target_os = "linux")]

use std::{process::Command, time::Duration};

use trunkline_bench::{
    crowd::Crowd,
    dialect::Dialect,
    machine::{self, CpuClock},
    server_process::ServerProcess,
    target::Target,
    workload::{Pattern, measure_acknowledged, measure_fan_out},
};

const MEMBERS: usize = 20;
const BRIEF: Duration = Duration::from_millis(50);

fn room(runtime: &str) -> ServerProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline-bench"));
    command.args(["peer-room", "--runtime", runtime]);
    let core = machine::allowed_cores().expect("Linux tells")[0];
    ServerProcess::start(command, core, core).expect("the room starts")
}

fn crowd(server: &ServerProcess) -> Crowd {
    Crowd::gather(&Target::at(server.address(), Dialect::Room), MEMBERS)
        .expect("the room takes them")
}

#[test]
fn every_broadcast_reaches_every_member_in_every_pattern() {
    for runtime in ["multi-thread", "current-thread"] {
        let server = room(runtime);
        let clock = Some(CpuClock::of(server.pid()).unwrap());
        let mut crowd = crowd(&server);
        for (senders, in_flight_each) in [(1, 1), (1, 64), (MEMBERS, 1), (3, 4)] {
            let pattern = Pattern {
                senders,
                in_flight_each,
            };
            let measured = measure_fan_out(&mut crowd, pattern, BRIEF, clock)
                .unwrap()
                .throughput();
            assert!(measured.count > 0 && measured.count.is_multiple_of(MEMBERS as u64));
            assert!(measured.server_cpu_us.unwrap() > 0.0);
        }
    }
}

#[test]
fn every_event_of_every_member_is_acknowledged() {
    let server = room("multi-thread");
    let measured = measure_acknowledged(&mut crowd(&server), BRIEF, None)
        .unwrap()
        .throughput();
    assert!(measured.count >= MEMBERS as u64);
    assert_eq!(measured.server_cpu_us, None);
}

#[test]
fn members_that_left_are_missed_by_nobody() {
    let server = room("multi-thread");
    crowd(&server).disperse();
    let pattern = Pattern {
        senders: 1,
        in_flight_each: 1,
    };
    measure_fan_out(&mut crowd(&server), pattern, BRIEF, None).unwrap();
}
