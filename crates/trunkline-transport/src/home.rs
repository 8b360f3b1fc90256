//! Where a connection's task runs.

use std::fmt;
use std::pin::Pin;

/// A task that a transport has for a connection in any case, and that takes in the connection's own.
///
/// The two are polled by turns then, each only when it has called: what computes or blocks in one of them
/// holds up the other.
pub struct Home(Box<dyn FnOnce(Tenant) + Send>);

type Tenant = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Home {
    /// One whose task is given what comes in, once.
    pub fn new(take_in: impl FnOnce(Tenant) + Send + 'static) -> Self {
        Self(Box::new(take_in))
    }

    /// Runs `task` to its end, in the transport's own task, or where that is over, as one of its own. It ends
    /// alone if it panics.
    ///
    /// # Panics
    /// Outside of the runtime that the transport runs on.
    pub fn spawn(self, task: impl Future<Output = ()> + Send + 'static) {
        (self.0)(Box::pin(task));
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").finish_non_exhaustive()
    }
}
