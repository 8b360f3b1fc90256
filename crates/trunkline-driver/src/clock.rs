//! Where the session machines' time comes from.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use trunkline_protocol::Time;

/// The present moment, by tokio's clock, so that paused time in tests holds for sessions too.
#[must_use]
pub fn now() -> Time {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    // A little before the first look, so that a runtime whose paused clock began before it is not
    // before the epoch.
    let epoch = *EPOCH.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(EPOCH_LEAD).unwrap_or(now)
    });
    let elapsed = tokio::time::Instant::now()
        .into_std()
        .saturating_duration_since(epoch);
    Time::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

const EPOCH_LEAD: Duration = Duration::from_secs(60);
