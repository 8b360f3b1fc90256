//! A socket's events, in order, one at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Context;

use trunkline_driver::handler::{Guarded, Outcome, ack_frame, failed_frame};
use trunkline_driver::sync::{Arc, Mutex, Ordering};
use trunkline_driver::{Session, spans};
use trunkline_protocol::{AckId, Code, EventName, NamespaceName, Payload, Prepared, Value};

use crate::namespace::{Namespace, Route, Taker};
use crate::shared::Shared;
use crate::{Failure, Invocation, Socket, stream};

/// Events that wait for their handlers.
///
/// Bounded in bytes by what the server may send before it is confirmed: receipts are withheld while
/// more than `limits.inbound` waits.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<Incoming>,
    /// Somebody works on them.
    running: bool,
}

/// An event that somebody takes or sees.
pub(crate) struct Incoming {
    pub(crate) session: Arc<Session>,
    /// Who takes it. None if it is here only to be seen by who sees all: then no answer is due.
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) event: EventName,
    pub(crate) ack_id: Option<AckId>,
    pub(crate) args: Payload,
    pub(crate) is_best_effort: bool,
}

impl Inbox {
    /// Drops what waits. A handler under way goes on.
    pub(crate) fn clear(&self, shared: &Shared) {
        let events = std::mem::take(&mut self.0.lock().events);
        events.iter().for_each(|event| shared.handled(event.done()));
    }

    /// Whether no handler is under way and none waits.
    pub(crate) fn is_idle(&self) -> bool {
        !self.0.lock().running
    }

    /// Takes an event; true if somebody has to begin to work.
    fn push(&self, incoming: Incoming) -> bool {
        let mut waiting = self.0.lock();
        waiting.events.push_back(incoming);
        !std::mem::replace(&mut waiting.running, true)
    }

    fn next(&self) -> Option<Incoming> {
        let mut waiting = self.0.lock();
        let next = waiting.events.pop_front();
        if next.is_none() {
            *waiting = Waiting::default();
        }
        next
    }
}

impl Incoming {
    /// What it counts for in the backlog.
    pub(crate) fn size(&self) -> usize {
        self.args.as_message_pack().len() + self.event.len() + size_of::<Self>()
    }

    /// A copy for who sees all.
    fn to_be_seen(&self) -> Self {
        Self {
            session: Arc::clone(&self.session),
            route: None,
            event: self.event.clone(),
            ack_id: None,
            args: self.args.clone(),
            is_best_effort: self.is_best_effort,
        }
    }

    /// What reads it.
    fn stream(&self) -> Option<Arc<stream::Waiting>> {
        match &self.route.as_ref()?.taker {
            Taker::Stream(waiting) => Some(Arc::clone(waiting)),
            Taker::Handler(_) => None,
        }
    }

    /// What the backlog is to be told when it is done with.
    pub(crate) fn done(&self) -> Finished {
        Finished {
            session: Arc::clone(&self.session),
            size: self.size(),
            asked: self.ack_id.is_some(),
        }
    }
}

/// What an event that waited had counted for.
pub(crate) struct Finished {
    pub(crate) session: Arc<Session>,
    pub(crate) size: usize,
    /// An answer was due.
    pub(crate) asked: bool,
}

/// Takes an event. A stream has it at once; who sees all does so in the order of what is handled. If
/// nothing is before it, its handler is polled once here; if that is not enough it goes on in a task,
/// which ends when nothing waits any more.
pub(crate) fn deliver(
    shared: &Arc<Shared>,
    namespace: &Arc<Namespace>,
    incoming: Incoming,
    cx: &mut Context<'_>,
) {
    shared.queued(&incoming);
    if let Some(waiting) = incoming.stream() {
        // Nothing bounds best-effort events but that they never wait.
        let may_wait = !incoming.is_best_effort || namespace.inbox.is_idle();
        if may_wait && namespace.any().is_some() {
            deliver(shared, namespace, incoming.to_be_seen(), cx);
        }
        return waiting.push(shared, &namespace.name, incoming);
    }
    if !namespace.inbox.push(incoming) {
        return;
    }
    let mut work = Box::pin(work(Arc::clone(shared), Arc::clone(namespace)));
    if work.as_mut().poll(cx).is_pending() {
        shared.tasks.spawn(work);
    }
}

/// Says that an event has no answer, if one was asked for.
pub(crate) fn fail(
    shared: &Shared,
    session: &Arc<Session>,
    namespace: &str,
    ack_id: Option<AckId>,
    (code, message): (Code, &str),
) {
    // The decoder has checked the name.
    let (Some(ack_id), Ok(namespace)) = (ack_id, NamespaceName::try_from(namespace)) else {
        return;
    };
    let frame = Prepared::failed(&namespace, ack_id, code, message, &Value::nil());
    shared.answer(session, frame);
}

async fn work(shared: Arc<Shared>, namespace: Arc<Namespace>) {
    while let Some(incoming) = namespace.inbox.next() {
        let done = incoming.done();
        handle(&shared, &namespace, incoming).await;
        shared.handled(done);
    }
    if shared.draining.load(Ordering::Relaxed) {
        shared.bell.notify_one();
    }
}

async fn handle(shared: &Shared, namespace: &Arc<Namespace>, incoming: Incoming) {
    let Incoming {
        session,
        route,
        event,
        ack_id,
        args,
        ..
    } = incoming;
    // A client that is closed, or that nobody holds any more, handles nothing.
    let socket = || {
        let socket = shared.socket(namespace, None);
        socket.filter(|_| !shared.is_closing())
    };
    if let Some(any) = namespace.any() {
        let Some(socket) = socket() else { return };
        let (event, args) = (event.clone(), args.clone());
        show(&any, socket, event, args).await;
    }
    let Some(route) = route else { return };
    let Some(socket) = socket() else { return };
    let span = spans::handler(&namespace.name, &event, None);
    let mut handler = Guarded::begin_in(span, || {
        if route.is_cancelled() {
            return Err(Failure::unknown_event(UNKNOWN_EVENT));
        }
        // Gone before the handler waits: one that did not ask for the socket must not keep the client
        // alive.
        let invocation = Invocation {
            socket,
            event: event.clone(),
            args,
        };
        match &route.taker {
            Taker::Handler(handler) => handler(&invocation, ack_id.is_some()),
            // Those do not come here.
            Taker::Stream(_) => Err(Failure::unknown_event(UNKNOWN_EVENT)),
        }
    });
    let outcome = poll_fn(|cx| handler.poll(cx)).await;
    answer(shared, &session, &namespace.name, &event, ack_id, outcome);
}

/// Shows an event to who sees all. Whatever becomes of that is nobody's answer.
async fn show(any: &Route, socket: Socket, event: EventName, args: Payload) {
    let Taker::Handler(seeing) = &any.taker else {
        return;
    };
    let namespace = socket.namespace().clone();
    let span = spans::handler(&namespace, &event, None);
    let mut seeing = Guarded::begin_in(span, || {
        let invocation = Invocation {
            socket,
            event: event.clone(),
            args,
        };
        seeing(&invocation, false)
    });
    match poll_fn(|cx| seeing.poll(cx)).await {
        Outcome::Done(_) => {}
        Outcome::Failed(failure) => {
            tracing::warn!(%namespace, %event, %failure, "`on_any` failed");
        }
        Outcome::Panicked(panic) => {
            tracing::error!(%namespace, %event, panic, "`on_any` panicked");
        }
    }
}

/// Sends the ACK or FAILED, if one was asked for, and logs why there is none.
pub(crate) fn answer(
    shared: &Shared,
    session: &Arc<Session>,
    namespace: &NamespaceName,
    event: &EventName,
    ack_id: Option<AckId>,
    outcome: Outcome,
) {
    let acked = match outcome {
        Outcome::Done(args) => ack_id.map_or(Ok(None), |ack_id| {
            ack_frame(session, namespace, ack_id, &args).map(Some)
        }),
        Outcome::Failed(failure) => Err(failure),
        Outcome::Panicked(panic) => {
            tracing::error!(%namespace, %event, panic, "a handler panicked");
            Err(Failure::internal())
        }
    };
    let frame = acked.unwrap_or_else(|failure| {
        tracing::warn!(%namespace, %event, %failure, "a handler failed");
        ack_id.map(|ack_id| failed_frame(session, namespace, ack_id, &failure))
    });
    if let Some(frame) = frame {
        shared.answer(session, frame);
    }
}

/// What is told for an event without a handler.
pub(crate) const UNKNOWN_EVENT: &str = "no handler for this event";
