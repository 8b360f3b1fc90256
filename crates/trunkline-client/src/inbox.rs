//! A socket's events, in order, one at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Context;

use trunkline_driver::handler::{Guarded, Outcome, ack_frame, failed_frame};
use trunkline_driver::sync::{Arc, Mutex, Ordering};
use trunkline_driver::{BEST_EFFORT_BYTES, BEST_EFFORT_WAITING, DeliveryClass, Session, spans};
use trunkline_protocol::{AckId, Code, EventName, NamespaceName, Payload, Prepared, Value};

use crate::namespace::{Namespace, Route, Taker};
use crate::shared::Shared;
use crate::{Failure, Invocation, Socket, stream};

/// Events that wait for their handlers.
///
/// Bounded in bytes by what the server may send before it is confirmed: receipts are withheld while
/// more than `limits.inbound` waits. Best-effort events have their own bounds, [`BEST_EFFORT_WAITING`]
/// and [`BEST_EFFORT_BYTES`].
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
    pub(crate) class: DeliveryClass,
}

/// What became of an event that was put into the inbox.
enum Pushed {
    /// Somebody has to begin to work.
    First,
    Waits,
    /// It waits in the place of this older value of its key.
    Replaced(Incoming),
}

impl Inbox {
    /// Drops what waits. A handler under way goes on.
    pub(crate) fn clear(&self, shared: &Shared) {
        let events = std::mem::take(&mut self.0.lock().events);
        let unhandled = events.iter().filter(|event| event.is_best_effort()).count();
        shared.book.lock().ignored.not_connected += unhandled as u64;
        events.iter().for_each(|event| shared.handled(event.done()));
    }

    /// Whether no handler is under way and none waits.
    pub(crate) fn is_idle(&self) -> bool {
        !self.0.lock().running
    }

    /// Whether a best-effort event for `route` is handled now or may wait. Only a LATEST may: of what
    /// else piles up behind a slow handler, each is worth nothing when its turn comes.
    pub(crate) fn has_room_for(&self, incoming: &Incoming, route: Option<&Arc<Route>>) -> bool {
        let waiting = self.0.lock();
        !waiting.running || waiting.has_room_for(incoming, route)
    }

    fn push(&self, incoming: Incoming) -> Pushed {
        let mut waiting = self.0.lock();
        if let Some(older) = waiting.older_of(&incoming, incoming.route.as_ref()) {
            return Pushed::Replaced(std::mem::replace(&mut waiting.events[older], incoming));
        }
        waiting.events.push_back(incoming);
        match std::mem::replace(&mut waiting.running, true) {
            true => Pushed::Waits,
            false => Pushed::First,
        }
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

impl Waiting {
    fn has_room_for(&self, incoming: &Incoming, route: Option<&Arc<Route>>) -> bool {
        let older = self.older_of(incoming, route);
        let others = self.events.iter().enumerate().take(BEST_EFFORT_WAITING);
        let bytes: usize = others
            .filter(|(place, other)| other.is_best_effort() && Some(*place) != older)
            .map(|(_, other)| other.size())
            .sum();
        matches!(incoming.class, DeliveryClass::Latest(_))
            && (older.is_some() || self.events.len() < BEST_EFFORT_WAITING)
            && bytes + incoming.size() <= BEST_EFFORT_BYTES
    }

    /// The place of the value that a LATEST for `route` is newer than.
    fn older_of(&self, incoming: &Incoming, route: Option<&Arc<Route>>) -> Option<usize> {
        if !matches!(incoming.class, DeliveryClass::Latest(_)) {
            return None;
        }
        let mut others = self.events.iter().take(BEST_EFFORT_WAITING);
        others.position(|other| {
            other.class == incoming.class
                && other.event == incoming.event
                && other.route.as_ref().map(Arc::as_ptr) == route.map(Arc::as_ptr)
        })
    }
}

impl Incoming {
    fn is_best_effort(&self) -> bool {
        self.class != DeliveryClass::Reliable
    }

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
            class: self.class.clone(),
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

/// Takes an event; a best-effort one only where there is room for it. A stream has it at once; who sees
/// all does so in the order of what is handled. If nothing is before it, its handler is polled once here;
/// if that is not enough it goes on in a task, which ends when nothing waits any more.
pub(crate) fn deliver(
    shared: &Arc<Shared>,
    namespace: &Arc<Namespace>,
    incoming: Incoming,
    cx: &mut Context<'_>,
) {
    shared.queued(&incoming);
    if let Some(waiting) = incoming.stream() {
        // A stream takes many that would pile up here.
        let may_wait = !incoming.is_best_effort() || namespace.inbox.is_idle();
        if may_wait && namespace.any().is_some() {
            deliver(shared, namespace, incoming.to_be_seen(), cx);
        }
        return waiting.push(shared, &namespace.name, incoming);
    }
    match namespace.inbox.push(incoming) {
        Pushed::First => {}
        Pushed::Waits => return,
        Pushed::Replaced(older) => {
            shared.book.lock().ignored.conflated += 1;
            return shared.handled(older.done());
        }
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
