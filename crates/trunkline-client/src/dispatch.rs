//! What arrives in the session.

use std::task::Context;
use std::time::Duration;

use trunkline_driver::sync::Arc;
use trunkline_driver::{BestEffort, DeliveryClass, Dispatch, Session};
use trunkline_protocol::{AckId, Auth, Body, Code, EventName, GoAway, Sequenced, Value, Violation};

use crate::AckError;
use crate::inbox::{self, Incoming, UNKNOWN_EVENT};
use crate::membership::connected_as;
use crate::namespace::{Claim, Namespace};
use crate::shared::Shared;

/// A client's end of a session.
pub(crate) struct Inlet(pub(crate) Arc<Shared>);

impl Dispatch for Inlet {
    fn sequenced(
        &self,
        session: &Arc<Session>,
        _seq: u64,
        frame: Sequenced<'_>,
        cx: &mut Context<'_>,
    ) {
        let shared = &self.0;
        match frame {
            Sequenced::Connected {
                namespace,
                connect,
                socket_id,
                data,
            } => {
                // The decoder has checked the id.
                if let Some(connected) = connected_as(&socket_id, self.value(data)) {
                    shared.connected(session, &namespace, connect, connected);
                }
            }
            Sequenced::Refused {
                namespace,
                connect,
                code,
                message,
                data,
            } => {
                let data = self.value(data);
                shared.refused(session, &namespace, connect, code, &message, data);
            }
            Sequenced::Disconnect {
                namespace,
                code,
                reason,
            } => shared.disconnected(session, &namespace, code, &reason),
            Sequenced::Event {
                namespace,
                ack_id,
                event,
                args,
            } => self.event(session, &namespace, ack_id, &event, args, cx),
            Sequenced::Ack {
                namespace,
                ack_id,
                args,
            } => {
                let answer = args.args(self.depth()).map_err(AckError::BadArgs);
                self.answered(&namespace, ack_id, answer);
            }
            Sequenced::Failed {
                namespace,
                ack_id,
                code,
                message,
                data,
            } => {
                let failed = AckError::Failed {
                    code,
                    message: message.into_owned(),
                    data: self.value(data),
                };
                self.answered(&namespace, ack_id, Err(failed));
            }
            // The driver lets neither through to a client.
            Sequenced::Connect { .. } | Sequenced::Ignorable { .. } => {}
        }
    }

    fn best_effort(
        &self,
        session: &Arc<Session>,
        frame: BestEffort<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(namespace) = self.connected(session, frame.namespace) else {
            self.0.book.lock().ignored.not_connected += 1;
            return false;
        };
        let (event, args) = (EventName::try_from(frame.event), frame.args);
        let (Ok(event), Ok(args)) = (event, args.args(self.depth())) else {
            session.ignore(|ignored| &mut ignored.malformed);
            return false;
        };
        let mut incoming = Incoming {
            session: Arc::clone(session),
            route: None,
            event,
            ack_id: None,
            args,
            class: frame.class(),
        };
        let any = namespace.any();
        let is_seen = any.is_some() && namespace.inbox.has_room_for(&incoming, None);
        match namespace.claim_best_effort(&incoming) {
            Claim::Taken(route) => incoming.route = Some(route),
            Claim::Nobody if is_seen => {}
            Claim::Nobody if any.is_none() => {
                session.ignore(|ignored| &mut ignored.unknown_event);
            }
            Claim::Nobody | Claim::Busy => session.ignore(|ignored| &mut ignored.busy),
        }
        if incoming.route.is_some() || is_seen {
            inbox::deliver(&self.0, &namespace, incoming, cx);
        }
        true
    }

    fn auth(&self, session: &Arc<Session>, attach: u64, auth: Auth) -> Result<(), Violation> {
        self.0.take_auth(session, attach, &auth);
        Ok(())
    }

    fn go_away(&self, session: &Arc<Session>, go_away: GoAway) {
        self.0.take_go_away(session, go_away);
    }

    fn pong(&self, session: &Arc<Session>, round_trip: Duration) {
        self.0.note_round_trip(session, round_trip);
    }
}

impl Inlet {
    fn event(
        &self,
        session: &Arc<Session>,
        name: &str,
        ack_id: Option<AckId>,
        event: &str,
        args: Body<'_>,
        cx: &mut Context<'_>,
    ) {
        let fail = |code, message: &str| {
            tracing::debug!(namespace = name, event, %code, message, "an event is not handled");
            inbox::fail(&self.0, session, name, ack_id, (code, message));
        };
        let Some(namespace) = self.connected(session, name) else {
            return fail(Code::NOT_CONNECTED, "the namespace is not connected");
        };
        let args = match args.args(self.depth()) {
            Ok(args) => args,
            Err(problem) => return fail(Code::BAD_ARGS, &problem.to_string()),
        };
        let route = namespace.claim(event);
        let is_taken = route.is_some();
        if !is_taken {
            fail(Code::UNKNOWN_EVENT, UNKNOWN_EVENT);
        }
        if !is_taken && namespace.any().is_none() {
            return;
        }
        // The decoder has checked the name.
        let Ok(event) = EventName::try_from(event) else {
            return;
        };
        let incoming = Incoming {
            session: Arc::clone(session),
            route,
            event,
            ack_id: ack_id.filter(|_| is_taken),
            args,
            class: DeliveryClass::Reliable,
        };
        inbox::deliver(&self.0, &namespace, incoming, cx);
    }

    /// The namespace, if events of this session count in it.
    fn connected(&self, session: &Arc<Session>, name: &str) -> Option<Arc<Namespace>> {
        let book = self.0.book.lock();
        let member = book
            .members
            .get(name)
            .filter(|_| book.is_current(session))?;
        member
            .machine
            .is_connected()
            .then(|| Arc::clone(&member.namespace))
    }

    fn answered(
        &self,
        namespace: &str,
        ack_id: AckId,
        answer: Result<trunkline_protocol::Payload, AckError>,
    ) {
        let waiter = {
            let mut book = self.0.book.lock();
            book.answered.note(ack_id);
            book.acks.answer(ack_id, namespace)
        };
        // Whoever gave up waiting needs no answer.
        let _ = waiter.map(|waiter| waiter.send(answer));
    }

    /// A value that comes along. Bad content never ends anything: it counts as none.
    fn value(&self, body: Body<'_>) -> Value {
        body.value(self.depth()).unwrap_or_else(|problem| {
            tracing::warn!(%problem, "data that does not decode is dropped");
            Value::nil()
        })
    }

    fn depth(&self) -> u32 {
        self.0.config.settings.limits.depth
    }
}
