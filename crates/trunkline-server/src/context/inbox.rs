//! What arrives in a session.

use std::task::Context;

use trunkline_driver::sync::Arc;
use trunkline_driver::{BestEffort, Dispatch, Session};
use trunkline_protocol::{AckId, Auth, Code, NamespaceName, Prepared, Sequenced, Value, Violation};

use super::SessionContext;
use super::leaving::Leaver;
use crate::Socket;
use crate::ack::AckWaiter;
use crate::socket::DisconnectReason;

/// The session's side of its driver. It is a handle of its own so that the context is known as an
/// `Arc` wherever frames arrive.
pub(crate) struct Inbox(pub(crate) Arc<SessionContext>);

impl Dispatch for Inbox {
    fn sequenced(
        &self,
        _session: &Arc<Session>,
        seq: u64,
        frame: Sequenced<'_>,
        cx: &mut Context<'_>,
    ) {
        let context = &self.0;
        match frame {
            Sequenced::Connect { namespace, auth } => {
                if let Ok(name) = NamespaceName::try_from(&*namespace) {
                    context.connect(name, seq, auth, cx);
                }
            }
            Sequenced::Disconnect {
                namespace,
                code,
                reason,
            } => {
                let reason = reason.into_owned();
                // The decoder has checked the name.
                if let Ok(namespace) = NamespaceName::try_from(&*namespace) {
                    let reason = DisconnectReason::ByPeer { code, reason };
                    context.leave(&namespace, reason, Leaver::Client);
                }
            }
            Sequenced::Event {
                namespace,
                ack_id,
                event,
                args,
            } => {
                let socket = context.namespaces.lock().get(&namespace).cloned();
                match socket {
                    Some(socket) => socket.event(&event, ack_id, args.args(context.depth())),
                    None => context.not_connected(&namespace, &event, ack_id),
                }
            }
            Sequenced::Ack {
                namespace,
                ack_id,
                args,
            } => {
                if let Some(waiter) = context.answered(ack_id, &namespace) {
                    match args.args(context.depth()) {
                        Ok(payload) => waiter.answer(payload),
                        Err(bad) => waiter.bad_answer(bad),
                    }
                }
            }
            Sequenced::Failed {
                namespace,
                ack_id,
                code,
                message,
                data,
            } => {
                if let Some(waiter) = context.answered(ack_id, &namespace) {
                    let data = data.value(context.depth()).unwrap_or_else(|_| Value::nil());
                    waiter.failed(code, message.into_owned(), data);
                }
            }
            // The driver lets none of these through to a server.
            Sequenced::Connected { .. }
            | Sequenced::Refused { .. }
            | Sequenced::Ignorable { .. } => {}
        }
    }

    fn auth(&self, _session: &Arc<Session>, attach: u64, auth: Auth) -> Result<(), Violation> {
        self.0.take_auth(attach, auth)
    }

    fn best_effort(
        &self,
        session: &Arc<Session>,
        frame: BestEffort<'_>,
        _cx: &mut Context<'_>,
    ) -> bool {
        let context = &self.0;
        let socket = context.namespaces.lock().get(frame.namespace).cloned();
        let Some(socket) = socket.filter(Socket::takes_events) else {
            session.ignore(|ignored| &mut ignored.not_connected);
            return false;
        };
        let Ok(args) = frame.args.args(context.depth()) else {
            session.ignore(|ignored| &mut ignored.malformed);
            return false;
        };
        socket.best_effort(frame.event, frame.class(), args);
        true
    }
}

impl SessionContext {
    /// Who waits for this answer; nobody if it is late, a repeat, or was never asked for.
    fn answered(&self, ack_id: AckId, namespace: &str) -> Option<AckWaiter> {
        let waiter = self.acks.lock().answer(ack_id, namespace);
        if waiter.is_none() {
            let peer = self.peer();
            tracing::debug!(session = %self.id, ?peer, namespace, ?ack_id, "an answer to nothing: ignored");
        }
        waiter
    }

    /// An event for a namespace that the session is not in: dropped, and said so if anybody waits.
    fn not_connected(self: &Arc<Self>, namespace: &str, event: &str, ack_id: Option<AckId>) {
        tracing::debug!(
            session = %self.id, peer = ?self.peer(), namespace, event,
            "event dropped: not connected",
        );
        // The decoder has checked the name.
        let (Some(ack_id), Ok(name)) = (ack_id, NamespaceName::try_from(namespace)) else {
            return;
        };
        let (code, nil) = (Code::NOT_CONNECTED, Value::nil());
        let _ = self.push(Prepared::failed(&name, ack_id, code, "not connected", &nil));
    }
}
