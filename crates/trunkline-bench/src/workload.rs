//! What is measured: fan-out, acknowledged events, idle memory.

mod acknowledged;
mod fan_out;
mod idle;
mod meter;

pub use acknowledged::measure_acknowledged;
pub use fan_out::{Pattern, measure_fan_out};
pub use idle::measure_idle;
pub use meter::{Idle, Slice, Throughput};

use std::time::Duration;

/// How long a workload warms up before each slice that is measured.
const WARM_UP: Duration = Duration::from_millis(100);
/// Without any progress for this long a run has failed.
const STALL: Duration = Duration::from_secs(10);
/// The longest wait in one turn, so that the ends of a run are noticed.
const TURN: Duration = Duration::from_millis(100);
/// A quiet time after a run, in which a doubled message would show.
const AFTERMATH: Duration = Duration::from_millis(20);
