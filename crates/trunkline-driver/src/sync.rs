//! Every lock and atomic of the driver and of what stands on it, in one place, so that a model
//! checker's versions can be put in their stead.

pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

pub use parking_lot::{Mutex, MutexGuard, RwLock};
