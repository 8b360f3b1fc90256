//! Where the session machines' time comes from.

use std::sync::OnceLock;
use std::time::Instant;

use trunkline_protocol::Time;

/// The present moment, by tokio's clock, so that paused time in tests holds for sessions too.
#[must_use]
pub fn now() -> Time {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    let epoch = *EPOCH.get_or_init(Instant::now);
    let elapsed = tokio::time::Instant::now()
        .into_std()
        .saturating_duration_since(epoch);
    Time::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
