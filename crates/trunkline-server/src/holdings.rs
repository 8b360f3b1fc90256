//! What the sessions of a server hold together.

use rustc_hash::FxHashSet;
use trunkline_driver::sync::Arc;

use crate::context::SessionContext;

/// What sessions hold together at the moment.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) attached: usize,
    pub(crate) sockets: usize,
    pub(crate) rooms: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) kept_bytes: usize,
}

impl Holdings {
    pub(crate) fn of(sessions: &[Arc<SessionContext>]) -> Self {
        let mut holdings = Self::default();
        // A room is somebody's, so that every namespace with rooms is found through its sockets.
        let mut namespaces = FxHashSet::default();
        for context in sessions {
            let session = &context.session;
            holdings.attached += usize::from(session.is_attached());
            holdings.queued_bytes += session.queued_bytes();
            holdings.kept_bytes += session.kept_bytes();
            for socket in context.sockets() {
                holdings.sockets += 1;
                let namespace = socket.namespace_inner();
                if namespaces.insert(Arc::as_ptr(namespace)) {
                    holdings.rooms += namespace.rooms().len();
                }
            }
        }
        holdings
    }
}
