//! The sessions of a server, by id, and what is left of those that ended.

use dashmap::DashMap;
use trunkline_driver::sync::{Arc, AtomicUsize, Ordering};
use trunkline_protocol::{Code, Secret, SecretHash, SessionId, Time};

use crate::auth::Principal;
use crate::context::SessionContext;

/// The sessions of a server, by id.
///
/// No guard of the map leaves a method: whoever needs a session gets its `Arc`.
#[derive(Default)]
pub(crate) struct Registry {
    sessions: DashMap<SessionId, Arc<SessionContext>>,
    graves: DashMap<SessionId, Grave>,
    graves_dropped: AtomicUsize,
}

/// What a session that ended leaves behind, so that a late resume learns why.
struct Grave {
    secret: SecretHash,
    principal: Option<Principal>,
    code: Code,
    until: Time,
}

impl Registry {
    pub(crate) fn insert(&self, context: &Arc<SessionContext>) {
        self.sessions
            .insert(context.id.clone(), Arc::clone(context));
    }

    pub(crate) fn session(&self, id: &SessionId) -> Option<Arc<SessionContext>> {
        self.sessions.get(id).map(|entry| Arc::clone(&entry))
    }

    /// Why a session ended, told only to whom it belonged.
    pub(crate) fn epitaph(
        &self,
        id: &SessionId,
        secret: &Secret,
        principal: Option<&Principal>,
    ) -> Option<Code> {
        let grave = self.graves.get(id)?;
        let owner = grave.secret.matches(secret) && grave.principal.as_ref() == principal;
        owner.then_some(grave.code)
    }

    /// Takes a session out that ended with `code`, and leaves that behind until `until`.
    pub(crate) fn bury(&self, context: &SessionContext, code: Code, until: Time) {
        if self.sessions.remove(&context.id).is_none() {
            return;
        }
        if self.graves.len() >= GRAVES_MAX {
            self.graves_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let grave = Grave {
            secret: context.secret,
            principal: context.principal.clone(),
            code,
            until,
        };
        self.graves.insert(context.id.clone(), grave);
    }

    /// Forgets what nobody will ask for any longer.
    pub(crate) fn clear_graves(&self, now: Time) {
        self.graves.retain(|_, grave| grave.until > now);
    }

    /// All sessions, copied out so that no lock is held while they are looked at.
    pub(crate) fn all(&self, into: &mut Vec<Arc<SessionContext>>) {
        into.clear();
        into.extend(self.sessions.iter().map(|entry| Arc::clone(&entry)));
    }
}

/// Ended sessions that are remembered; of more, a late resume is told `unknown`.
const GRAVES_MAX: usize = 10_000;
