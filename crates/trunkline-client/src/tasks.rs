//! The tasks a client has besides its one: handlers that wait, hooks, farewells.

use tokio::task::JoinSet;
use trunkline_driver::sync::Mutex;

/// Tasks that end with the client.
///
/// There are at most as many as sockets have running handlers, hooks under way, and connections
/// that say farewell.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Runs a future until it is done or the client is gone.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }

    /// Cancels all.
    pub(crate) fn abort(&self) {
        self.0.lock().abort_all();
    }
}
