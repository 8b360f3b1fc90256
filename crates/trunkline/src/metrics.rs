//! A server's figures for the [`metrics`] crate, and through it for Prometheus, StatsD and
//! what else has a recorder for it.
//!
//! Each [`Figure`] of [`Stats`](crate::server::Stats) becomes a metric of its
//! name behind `trunkline_`, and with `_total` behind it if it only goes up, with its unit and what
//! it counts:
//!
//! ```text
//! trunkline_sessions 2
//! trunkline_events_received_total 1204
//! trunkline_connections_closed_total{code="1000"} 17
//! ```
//!
//! Nothing is counted here: the server counts anyway, and [`record`] takes a look. That is best done
//! when somebody asks, as in this page for Prometheus; where a recorder sends by itself, every few
//! seconds with [`record_every`].
//!
//! ```
//! use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
//! use trunkline::server::Server;
//!
//! /// What GET /metrics is answered with.
//! fn page(server: &Server, prometheus: &PrometheusHandle) -> String {
//!     trunkline::metrics::record(server);
//!     prometheus.render()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let prometheus = PrometheusBuilder::new().install_recorder()?;
//! let server = Server::new();
//! assert!(page(&server, &prometheus).contains("\ntrunkline_sessions 0\n"));
//! # Ok(())
//! # }
//! ```
//!
//! Names are those of the whole process: with two servers in it, the one that was recorded last shows.

use std::time::Duration;

use ::metrics::{Label, Unit as RecordedUnit, counter, describe_counter, describe_gauge, gauge};
use tokio::time::MissedTickBehavior;

use crate::server::{Figure, FigureKind, Server, Unit};

/// Hands every figure of the server to the recorder, with its description.
///
/// Without a recorder it does nothing. It takes about a microsecond for each session.
pub fn record(server: &Server) {
    for figure in server.stats().figures() {
        record_figure(&figure);
    }
}

/// Calls [`record`] now and then every `period`, without end.
///
/// # Panics
/// If `period` is zero.
///
/// # Cancel safety
/// Dropping the future ends it.
pub async fn record_every(server: &Server, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        record(server);
    }
}

fn record_figure(figure: &Figure) {
    let unit = match figure.unit() {
        Unit::Bytes => RecordedUnit::Bytes,
        Unit::Count => RecordedUnit::Count,
    };
    let labels: Vec<Label> = figure
        .label
        .iter()
        .map(|(name, value)| Label::new(*name, value.clone()))
        .collect();
    match figure.kind {
        FigureKind::Counter => {
            let name = format!("trunkline_{}_total", figure.name);
            describe_counter!(name.clone(), unit, figure.help());
            counter!(name, labels).absolute(figure.value);
        }
        FigureKind::Gauge => {
            let name = format!("trunkline_{}", figure.name);
            describe_gauge!(name.clone(), unit, figure.help());
            gauge!(name, labels).set(figure.value as f64);
        }
    }
}
