//! Locks and atomics of this crate, in one place.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError};

/// A lock that a panic elsewhere does not poison.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(StdMutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(guarded: T) -> Self {
        Self(StdMutex::new(guarded))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // What it guards is changed in single steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
