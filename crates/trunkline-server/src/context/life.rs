//! Where a session is in its life, and how it ends.

use std::collections::HashMap;
use std::net::SocketAddr;

use trunkline_driver::sync::Arc;
use trunkline_driver::{Ended, clock};
use trunkline_protocol::{Close, Code, Lost, NamespaceName, PreparedEvent, Time};

use super::SessionContext;
use crate::socket::{DisconnectReason, Socket, Undelivered};
use crate::worker::Worker;

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// A connection is attached; with no namespace since then, if that is so.
    Attached { idle_since: Option<Time> },
    /// Waiting to be resumed.
    Detached { since: Time },
    /// Over.
    Ended,
}

impl SessionContext {
    /// Closes the connection; the code says whether the session ends with it.
    pub(crate) fn close(self: &Arc<Self>, close: Close) {
        if close.code.disposition(self.session.role()).keeps_session() {
            self.session.close(close);
        } else {
            self.end(close);
        }
    }

    /// As [`close`](Self::close), ahead of all that waits: for a client that is locked out.
    pub(crate) fn lock_out(self: &Arc<Self>, close: Close) {
        self.session.close_at_once(close.clone());
        self.close(close);
    }

    /// Ends the session from this side, and the connection with it.
    pub(crate) fn end(self: &Arc<Self>, close: Close) {
        let code = close.code;
        let reason = close.reason.clone();
        self.finish(code, &reason, Some(close));
    }

    /// As [`end`](Self::end), but not from inside the push that brought it about: hooks run that may
    /// push themselves.
    pub(super) fn end_soon(self: &Arc<Self>, close: Close) {
        let context = Arc::clone(self);
        self.server.spawn(async move { context.end(close) });
    }

    /// A connection says its last words. A session that ends with it is over from here on: its peer has
    /// them before the connection is closed, and could come back for it meanwhile.
    pub(crate) fn connection_ending(self: &Arc<Self>, ended: &Ended) {
        if !ended.keeps_session(self.session.role()) {
            self.finish(ended.code(), &ended.to_string(), None);
        }
    }

    /// The connection from `peer` is over: what becomes of the session is said by how.
    pub(crate) fn connection_ended(self: &Arc<Self>, ended: &Ended, peer: Option<SocketAddr>) {
        self.server.activity.connections_closed.add(ended.code());
        if matches!(ended, Ended::Superseded) {
            return;
        }
        match ended {
            Ended::Here(close) if close.code == Code::RATE_LIMITED => {
                self.server.count_closed_too_fast();
                tracing::warn!(session = %self.id, ?peer, %ended, "peer sends too fast");
            }
            Ended::Violation(_) => {
                tracing::warn!(session = %self.id, ?peer, %ended, "peer broke the protocol")
            }
            _ => tracing::debug!(session = %self.id, ?peer, %ended, "connection ended"),
        }
        if !ended.keeps_session(self.session.role()) {
            self.finish(ended.code(), &ended.to_string(), None);
        } else if self.is_worth_keeping() {
            self.detached();
        } else if self.enter(Life::Ended) {
            self.wind_up(ended.code(), &ended.to_string(), None);
        }
    }

    /// Only a session whose client has confirmed something and is in a namespace is kept: others
    /// lose nothing by starting afresh, and cost a server under attack nothing.
    fn is_worth_keeping(&self) -> bool {
        self.session.has_receipt() && !self.namespaces.lock().is_empty()
    }

    fn detached(&self) {
        let since = clock::now();
        let hooks: Vec<_> = {
            let _moment = self.moments.lock();
            if !self.enter(Life::Detached { since }) {
                return;
            }
            let sockets = self.sockets();
            sockets.iter().filter_map(Socket::detached).collect()
        };
        hooks.into_iter().for_each(Worker::run);
    }

    /// Goes from attached to `next`, unless a newer connection has taken over meanwhile.
    fn enter(&self, next: Life) -> bool {
        let mut life = self.life.lock();
        let free = matches!(*life, Life::Attached { .. }) && !self.session.is_attached();
        if free {
            *life = next;
        }
        free
    }

    /// Ends a session that has waited to be resumed since then, unless it has been meanwhile.
    pub(crate) fn give_up(self: &Arc<Self>, since: Time, code: Code, reason: &str) {
        let waits = {
            let mut life = self.life.lock();
            let waits = *life == Life::Detached { since };
            if waits {
                *life = Life::Ended;
            }
            waits
        };
        if waits {
            self.wind_up(code, reason, None);
        }
    }

    /// Ends the session, once.
    pub(crate) fn finish(self: &Arc<Self>, code: Code, reason: &str, farewell: Option<Close>) {
        let before = std::mem::replace(&mut *self.life.lock(), Life::Ended);
        if before != Life::Ended {
            self.wind_up(code, reason, farewell);
        }
    }

    /// What follows a session's end: whatever waits learns of it.
    fn wind_up(self: &Arc<Self>, code: Code, reason: &str, farewell: Option<Close>) {
        // Nobody will come back for a session that would not have been kept.
        if self.is_worth_keeping() || farewell.is_some() {
            let until = clock::now() + self.server.config.resume_window;
            self.server.registry.bury(self, code, until);
        }
        let lost = self.session.end(code, farewell);
        // Only now is it known what the session has moved, and lost.
        self.server.registry.remove(self);
        self.server.count_lost(&lost);
        self.server.presence.session_ended();
        let waiters = self.acks.lock().drain();
        for waiter in waiters {
            waiter.session_lost();
        }
        let sockets = self.namespaces.lock().drain();
        let mut undelivered = self.undelivered(lost, &sockets);
        for socket in sockets {
            socket.ended(DisconnectReason::SessionEnded {
                code,
                reason: reason.to_owned(),
                undelivered: undelivered
                    .remove(socket.namespace_name())
                    .unwrap_or_default(),
            });
        }
    }

    /// What was lost of each namespace whose program wants to know.
    fn undelivered(
        &self,
        lost: Lost,
        sockets: &[Socket],
    ) -> HashMap<NamespaceName, Vec<Undelivered>> {
        let has_hook =
            |socket: &&Socket| socket.namespace_inner().hooks().disconnect.get().is_some();
        let name = |socket: &Socket| (socket.namespace_name().clone(), Vec::new());
        let mut told: HashMap<_, _> = sockets.iter().filter(has_hook).map(name).collect();
        if told.is_empty() {
            return told;
        }
        let unconfirmed = lost.unconfirmed.into_iter().map(|frame| (true, frame));
        let queued = lost.queued.into_iter().map(|frame| (false, frame));
        for (sent, frame) in unconfirmed.chain(queued) {
            if let Some(PreparedEvent {
                namespace,
                event,
                args,
                ..
            }) = frame.to_event(self.depth())
                && let Some(told) = told.get_mut(&namespace)
            {
                told.push(Undelivered { event, args, sent });
            }
        }
        told
    }
}
