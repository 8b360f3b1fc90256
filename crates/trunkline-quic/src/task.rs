//! Which task to wake.

use std::task::{Context, Waker};

use crate::sync::Mutex;

/// The task that has polled last.
#[derive(Debug)]
pub(crate) struct Task(Mutex<Waker>);

impl Task {
    /// None has polled yet, so that there is nobody to wake.
    pub(crate) fn unknown() -> Self {
        Self(Mutex::new(Waker::noop().clone()))
    }

    /// Notes who polls. `known` is the poller's copy of what was noted last.
    pub(crate) fn note(&self, known: &mut Waker, cx: &Context<'_>) {
        if known.will_wake(cx.waker()) {
            return;
        }
        known.clone_from(cx.waker());
        let before = std::mem::replace(&mut *self.0.lock(), cx.waker().clone());
        // Without the lock: what a waker does when dropped is not known here either.
        drop(before);
    }

    pub(crate) fn wake(&self) {
        // Without the lock: what a waker does is not known here.
        let task = self.0.lock().clone();
        task.wake();
    }
}

/// A task of a test: how often it was woken.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Count(crate::sync::AtomicU64);

#[cfg(test)]
impl Count {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(crate::sync::Ordering::Relaxed)
    }
}

#[cfg(test)]
impl std::task::Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, crate::sync::Ordering::Relaxed);
    }
}
