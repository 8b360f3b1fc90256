//! Whether the server takes connections, and how many it has.

use tokio::sync::Notify;
use trunkline_driver::sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering};
use trunkline_protocol::{Close, Code};

use crate::door::Taken;
use crate::drain::Farewells;
use crate::server::ServerInner;

/// ```text
///   ready ── drain ──> draining ── shut_down ──> shut down ── the last connection ended ──> closed
///     └───────────────── shut_down ─────────────────^
/// ```
#[derive(Debug, Default)]
pub(crate) struct Presence {
    farewells: Mutex<Option<Arc<Farewells>>>,
    shut_down: AtomicBool,
    connections: AtomicUsize,
    /// Sockets that were let in and whose `on_disconnect` has not ended.
    sockets: AtomicUsize,
    /// Told when the server is shut down, and when its last connection or socket after that has ended;
    /// while it drains, when a session has ended.
    changed: Notify,
}

impl Presence {
    pub(crate) fn drain(&self, farewells: Farewells) {
        *self.farewells.lock() = Some(Arc::new(farewells));
    }

    /// What clients are told, if the server takes its leave.
    pub(crate) fn farewells(&self) -> Option<Arc<Farewells>> {
        self.farewells.lock().clone()
    }

    /// Whether sessions may begin.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_shut_down() && self.farewells.lock().is_none()
    }

    pub(crate) fn session_ended(&self) {
        if self.farewells.lock().is_some() {
            self.changed.notify_waiters();
        }
    }

    pub(crate) fn shut_down(&self) {
        self.shut_down.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Whether it is shut down and nothing of it is left.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_shut_down() && self.connections() == 0 && self.sockets.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn socket_began(&self) {
        self.sockets.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn socket_ended(&self) {
        self.one_less(&self.sockets);
    }

    fn one_less(&self, counter: &AtomicUsize) {
        let before = counter.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.is_shut_down() {
            self.changed.notify_waiters();
        }
    }

    /// Waits until it is so; looks anew whenever something has changed.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before looking, or a change in between would be missed.
            changed.as_mut().enable();
            if is_so(self) {
                return;
            }
            changed.await;
        }
    }
}

/// A socket that counts as there while it is judged whether it may enter.
pub(crate) struct Entering(Arc<ServerInner>);

impl Entering {
    pub(crate) fn of(server: &Arc<ServerInner>) -> Self {
        server.presence.socket_began();
        Self(Arc::clone(server))
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        self.0.presence.socket_ended();
    }
}

/// A connection that counts as there, from its being granted to its end.
pub(crate) struct Guest {
    server: Arc<ServerInner>,
    _taken: Option<Taken>,
}

impl Guest {
    /// A connection with a place of its own, or with one beside those that are limited.
    pub(crate) fn of(server: &Arc<ServerInner>, taken: Option<Taken>) -> Self {
        let connections = &server.presence.connections;
        connections.fetch_add(1, Ordering::SeqCst);
        Self {
            server: Arc::clone(server),
            _taken: taken,
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let presence = &self.server.presence;
        presence.one_less(&presence.connections);
    }
}

/// What sessions and newcomers are told once the server is shut down.
pub(crate) fn farewell() -> Close {
    Close::new(Code::SERVICE_RESTART, "the server shuts down")
}
