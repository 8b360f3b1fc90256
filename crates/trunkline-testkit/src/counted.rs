//! Counters that a test can wait for.

use tokio::sync::watch;

use std::sync::Arc;

/// Counters that are shown and waited for while others add to them. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Counted<T>(Arc<watch::Sender<T>>);

impl<T: Copy> Counted<T> {
    /// What was counted so far.
    pub(crate) fn shown(&self) -> T {
        *self.0.borrow()
    }

    /// Adds to the counters.
    pub(crate) fn add(&self, add: impl FnOnce(&mut T)) {
        self.0.send_modify(add);
    }

    /// Waits until the counters are as `enough` says, and returns them. Cancel-safe.
    pub(crate) async fn until(&self, mut enough: impl FnMut(&T) -> bool) -> T {
        let mut counters = self.0.subscribe();
        loop {
            let shown = *counters.borrow_and_update();
            if enough(&shown) {
                return shown;
            }
            // It cannot fail: the sender is part of this handle.
            let _ = counters.changed().await;
        }
    }
}

impl<T: Default> Default for Counted<T> {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(T::default())))
    }
}
