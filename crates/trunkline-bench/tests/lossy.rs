//! Players over a lossy link, in a run that is too short for figures. It needs root and network
//! namespaces: `interop-tests/lossy-link` runs these tests, and is skipped where they say so.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::process::{Command, Output};

use trunkline_bench::lossy::{Lossy, Way};

/// Runs the bench; none where there can be no link, which is said for the step to skip.
fn bench(arguments: &[&str]) -> Option<Output> {
    let program = env!("CARGO_BIN_EXE_trunkline-bench");
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(77) => {
            eprintln!("SKIPPED: {said}");
            None
        }
        code => {
            assert_eq!(code, Some(0), "{said}");
            Some(output)
        }
    }
}

#[test]
#[ignore = "needs root and network namespaces"]
fn every_way_brings_positions_over_the_link_and_none_sooner_than_it_can() {
    const DELAY_MS: f64 = 5.0;
    let folder = tempfile::tempdir().unwrap();
    let [json, svg] = ["lossy.json", "lossy.svg"].map(|name| folder.path().join(name));
    let ways = "websocket,webtransport,wtransport,websocket-reliable,webtransport-reliable";
    let outcome = bench(&[
        "lossy",
        "--ways",
        ways,
        "--delay",
        &DELAY_MS.to_string(),
        "--players",
        "3",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--json",
        json.to_str().unwrap(),
        "--svg",
        svg.to_str().unwrap(),
    ]);
    let Some(outcome) = outcome else { return };
    let table = String::from_utf8(outcome.stdout).unwrap();
    let lossy: Lossy = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(lossy.series.len(), 5);
    assert!(!lossy.tcp.is_empty());
    for series in &lossy.series {
        let outcome = &series.outcomes[0];
        assert!(table.contains(series.way.name()), "{table}");
        assert!(
            outcome.played.ages.curve[0].1 >= DELAY_MS * 2.0,
            "{series:?}"
        );
        assert!(outcome.played.arrived > 0.5, "{series:?}");
        assert!(outcome.packets_to_players > 0, "{series:?}");
    }
    let names = std::fs::read_to_string(svg).unwrap();
    assert!(names.contains(&Way::Wtransport.name().replace('`', "")));
}

#[test]
#[ignore = "needs root and network namespaces"]
fn a_first_event_and_an_upload_get_through_over_both_transports() {
    let first = bench(&["first-event", "--round-trips", "10", "--times", "1"]);
    let Some(first) = first else { return };
    let table = String::from_utf8(first.stdout).unwrap();
    // A head and its line, and a row each for WebSocket, both backends, and the race.
    assert_eq!(table.lines().count(), 2 + 4, "{table}");
    let uploads = bench(&[
        "lossy-uploads",
        "--delay",
        "1",
        "--seconds",
        "1",
        "--rounds",
        "1",
    ]);
    let table = String::from_utf8(uploads.unwrap().stdout).unwrap();
    assert_eq!(table.lines().count(), 2 + 2, "{table}");
}
