//! What the listeners in front of a server have counted.

use std::fmt;
use std::ops::AddAssign;

use trunkline_driver::sync::{Arc, Mutex};

use crate::Server;

/// What a listener has counted of those who did not become connections, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerCounts {
    /// Turned away since no file descriptors were left.
    pub shed: u64,
    /// Errors of a listening socket after which accepting paused.
    pub accept_errors: u64,
    /// Times that as many were shaking hands as may, so that the next one had to wait or try again.
    pub full: u64,
    /// Handshakes that failed or took too long.
    pub failed: u64,
}

impl AddAssign for ListenerCounts {
    fn add_assign(&mut self, other: Self) {
        self.shed += other.shed;
        self.accept_errors += other.accept_errors;
        self.full += other.full;
        self.failed += other.failed;
    }
}

type Source = dyn Fn() -> ListenerCounts + Send + Sync;

/// Where the counts come from: one for each listener that there ever was.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<Arc<Source>>>);

impl Listeners {
    pub(crate) fn counts(&self) -> ListenerCounts {
        let sources = self.0.lock().clone();
        let mut counts = ListenerCounts::default();
        sources.iter().for_each(|source| counts += source());
        counts
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listeners")
            .field(&self.0.lock().len())
            .finish()
    }
}

impl Server {
    /// Has [`stats`](Self::stats) ask a listener for what it counts: for whoever writes a listener. Those
    /// of the `trunkline` crate do it. `source` is kept for the server's life, and must be quick.
    pub fn count_listener<F>(&self, source: F)
    where
        F: Fn() -> ListenerCounts + Send + Sync + 'static,
    {
        self.inner().listeners.0.lock().push(Arc::new(source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_listeners_are_in_the_servers_stats() {
        let server = Server::new();
        for shed in [2, 3] {
            server.count_listener(move || ListenerCounts {
                shed,
                accept_errors: 1,
                full: 4,
                failed: 5,
            });
        }
        let stats = server.stats();
        assert_eq!((stats.connections_shed, stats.accept_errors), (5, 2));
        assert_eq!((stats.handshakes_full, stats.handshakes_failed), (8, 10));
    }
}
