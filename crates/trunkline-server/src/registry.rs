//! The sessions of a server, by id, and what is left of those that ended.

use std::collections::VecDeque;

use dashmap::DashMap;
use trunkline_driver::Traffic;
use trunkline_driver::sync::{Arc, Mutex};
use trunkline_protocol::{Code, Secret, SecretHash, SessionId, Time};

use crate::Principal;
use crate::context::SessionContext;

/// The sessions of a server, by id.
///
/// No guard of the map leaves a method: whoever needs a session gets its `Arc`.
#[derive(Default)]
pub(crate) struct Registry {
    sessions: DashMap<SessionId, Arc<SessionContext>>,
    /// What sessions moved that are no longer among them.
    ended: Mutex<Traffic>,
    graves: DashMap<SessionId, Grave>,
    /// The graves, oldest first.
    order: Mutex<VecDeque<SessionId>>,
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

    /// Takes a session out that ended.
    pub(crate) fn remove(&self, context: &SessionContext) {
        let mut ended = self.ended.lock();
        if self.sessions.remove(&context.id).is_some() {
            *ended += context.session.traffic();
        }
    }

    /// Notes the code of a session that ends, for whoever comes late, until then.
    pub(crate) fn bury(&self, context: &SessionContext, code: Code, until: Time) {
        let grave = Grave {
            secret: context.secret,
            principal: context.principal(),
            code,
            until,
        };
        self.graves.insert(context.id.clone(), grave);
        let oldest = {
            let mut order = self.order.lock();
            order.push_back(context.id.clone());
            (order.len() > GRAVES_MAX).then(|| order.pop_front())
        };
        if let Some(oldest) = oldest.flatten() {
            self.graves.remove(&oldest);
        }
    }

    /// Forgets what nobody will ask for any longer.
    pub(crate) fn clear_graves(&self, now: Time) {
        // They lie in the order of their time, since all have the same window.
        let mut order = self.order.lock();
        while let Some(oldest) = order.front() {
            let over = self
                .graves
                .get(oldest)
                .is_none_or(|grave| grave.until <= now);
            if !over {
                return;
            }
            self.graves.remove(oldest);
            order.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// What all sessions have moved, those that ended included. It never goes down: each session is
    /// counted once, whether it ends meanwhile or not.
    pub(crate) fn traffic(&self) -> Traffic {
        let ended = self.ended.lock();
        let mut traffic = *ended;
        for session in &self.sessions {
            traffic += session.session.traffic();
        }
        traffic
    }

    /// All sessions, copied out so that no lock is held while they are looked at.
    pub(crate) fn all(&self, into: &mut Vec<Arc<SessionContext>>) {
        into.clear();
        into.extend(self.sessions.iter().map(|entry| Arc::clone(&entry)));
    }
}

/// Ended sessions that are remembered, the newest ones; of others a late resume is told `unknown`.
const GRAVES_MAX: usize = 10_000;
