//! The server's figures in Prometheus' text format.
//!
//! A program that has other metrics too takes the feature `metrics` of `trunkline` instead.

use std::fmt::Write as _;

use trunkline::server::{FigureKind, Stats};

/// One line for each value, and ahead of a name's first one of help and one of type.
pub(crate) fn text(stats: &Stats) -> String {
    let mut text = String::new();
    let mut before = "";
    for figure in stats.figures() {
        let (kind, end) = match figure.kind {
            FigureKind::Gauge => ("gauge", ""),
            FigureKind::Counter => ("counter", "_total"),
        };
        let name = format!("trunkline_{}{end}", figure.name);
        let label = figure
            .label
            .as_ref()
            .map_or(String::new(), |(name, value)| {
                format!("{{{name}={value:?}}}")
            });
        // Writing to a String cannot fail.
        if figure.name != before {
            let _ = writeln!(
                text,
                "# HELP {name} {}\n# TYPE {name} {kind}",
                figure.help()
            );
        }
        let _ = writeln!(text, "{name}{label} {}", figure.value);
        before = figure.name;
    }
    text
}
