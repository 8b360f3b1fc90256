//! WebTransport beside the bare libraries, in a run that is too short for figures.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::process::Command;

#[test]
fn every_server_echoes_datagrams_and_messages_and_holds_idle_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("figures.json");
    let outcome = Command::new(env!("CARGO_BIN_EXE_trunkline-bench"))
        .args(["webtransport", "--rounds", "1", "--seconds", "1"])
        .args(["--sessions", "2", "--idle", "20", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
    let table = String::from_utf8(outcome.stdout).unwrap();
    let text = std::fs::read_to_string(json).unwrap();
    let measured: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(measured.len(), 4);
    for server in &measured {
        let name = server["peer"].as_str().unwrap();
        assert!(table.contains(&format!("| {name} |")), "{table}");
        let figures = server["rounds"][0].as_object().unwrap();
        assert_eq!(figures.len(), 5);
        for (figure, value) in figures {
            assert!(value.as_f64().unwrap() > 0.0, "{name}: {figure} is {value}");
        }
    }
}
