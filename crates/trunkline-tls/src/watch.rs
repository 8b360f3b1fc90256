//! Reloading when the files change.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::Certificate;
use crate::sync::Arc;

/// The shortest time between two looks of [`Certificate::watch`].
pub const WATCH_LEAST: Duration = Duration::from_secs(1);

impl Certificate {
    /// [Reloads](Self::reload) whenever the files have changed: looks at their times and lengths
    /// `every` so often, at least [`WATCH_LEAST`] apart. A certificate made by `self_signed` is made
    /// anew before it runs out. A change that cannot be used is logged once and tried again only after
    /// the next one.
    ///
    /// Run it in a task of its own; it ends when it holds the last handle.
    ///
    /// # Cancel safety
    /// Dropping the future stops the watching.
    pub async fn watch(self, every: Duration) {
        let mut looks = interval(every.max(WATCH_LEAST));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Arc::strong_count(&self.inner) > 1 {
            looks.tick().await;
            let certificate = self.clone();
            let look = tokio::task::spawn_blocking(move || {
                if certificate.is_stale() {
                    // Logged and counted there; the next change is looked for all the same.
                    let _ = certificate.reload();
                }
            });
            if look.await.is_err() {
                return; // The runtime goes down.
            }
        }
    }
}
