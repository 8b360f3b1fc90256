//! The server's counters in Prometheus' text format.

use std::fmt::Write as _;

use trunkline::server::Stats;

/// One line of help, one of type and one of value for each.
pub(crate) fn text(stats: &Stats) -> String {
    let gauges = [
        (
            "connections",
            "Connections, those in their handshake included.",
            stats.connections,
        ),
        (
            "sessions",
            "Sessions, attached or waiting to be resumed.",
            stats.sessions,
        ),
        ("pending_acks", "Acks that clients owe.", stats.pending_acks),
    ];
    let counters = [
        (
            "lost_unconfirmed_total",
            "Frames without receipt when their session ended.",
            stats.lost_unconfirmed,
        ),
        (
            "lost_queued_total",
            "Frames not sent when their session ended.",
            stats.lost_queued,
        ),
        (
            "dropped_best_effort_total",
            "Best-effort frames of clients that were dropped.",
            stats.dropped_best_effort,
        ),
        (
            "dropped_events_total",
            "Events dropped while they waited for a slow client.",
            stats.dropped_events,
        ),
        (
            "dropped_volatile_total",
            "Volatile events dropped since a connection was busy or away.",
            stats.dropped_volatile,
        ),
    ];
    let mut text = String::new();
    for (name, help, value) in gauges {
        append(&mut text, "gauge", name, help, value as u64);
    }
    for (name, help, value) in counters {
        append(&mut text, "counter", name, help, value);
    }
    text
}

fn append(text: &mut String, kind: &str, name: &str, help: &str, value: u64) {
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "# HELP trunkline_{name} {help}\n# TYPE trunkline_{name} {kind}\ntrunkline_{name} {value}\n"
    );
}
