//! The end of a session, and of a client.
//!
//! Specification: session.md, "Losing the connection, losing the session".

use trunkline_driver::Session;
use trunkline_driver::sync::{Arc, Ordering};
use trunkline_protocol::{AckId, Close, Code, Datagrams, NamespaceName, Prepared};

use crate::book::{Answered, Book, Phase, offline_len};
use crate::lost::{LossReason, LostEvent, SessionLost};
use crate::membership::closed_here;
use crate::namespace::Namespace;
use crate::run::End;
use crate::shared::Shared;
use crate::stats::count;
use crate::{AckError, ConnectError, DropReason, EventsDropped, SocketState, State};

/// What stands before a namespace that is attached.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    /// How many hooks for lost sessions must be done.
    pub(crate) losses: u64,
    /// Which session it is attached in: `Book::sessions`.
    pub(crate) session: u64,
}

/// Events of a lost session, sorted by what becomes of them.
#[derive(Default)]
struct Sorted {
    /// What the application is told.
    told: Vec<LostEvent>,
    /// What goes on in the fresh session, in order.
    kept: Vec<(NamespaceName, Option<AckId>, Prepared)>,
}

impl Shared {
    /// The session is lost, and another one is to follow. What it never sent waits for that one.
    pub(crate) fn lose(self: &Arc<Self>, reason: LossReason, farewell: Option<Close>) {
        let mut book = self.book.lock();
        let Some(session) = book.session.take() else {
            return;
        };
        count(&self.counters.sessions_lost);
        let resend = self.config.settings.resend_lost;
        let answered = std::mem::take(&mut book.answered);
        let code = loss_code(&reason);
        let goes_on = |event: &LostEvent| {
            let member = book.members.get(&*event.namespace);
            (!event.sent || resend) && member.is_some_and(|member| member.wanted)
        };
        let sorted = self.sort(&session, &answered, code, farewell, goes_on);
        book.count_session(&session);
        settle_acks(&mut book, &sorted);
        for member in book.members.values_mut() {
            member.reattaching =
                member.wanted && (member.reattaching || member.connected.is_some());
            member.forget_session();
            if member.wanted {
                member.namespace.state.send_replace(SocketState::Connecting);
            }
        }
        put_back(&mut book, sorted.kept);
        book.lightened.notify_waiters();
        book.forget_connection();
        let number = book.losses + 1;
        let told = self.on_lost.lock().clone();
        if told.is_some() {
            book.losses = number;
        }
        drop(book);
        tracing::info!(?reason, unknown = sorted.told.len(), "the session was lost");
        if let Some(hook) = told {
            let lost = SessionLost {
                reason,
                events: sorted.told,
            };
            self.run_lost_hook(number, hook(lost));
        }
    }

    /// The client is at its end, until the application connects again if it may.
    pub(crate) fn finish(self: &Arc<Self>, end: End) {
        let mut book = self.book.lock();
        let mut sorted = Sorted::default();
        let session = book.session.take();
        if let Some(session) = &session {
            if !end.is_by_us() {
                count(&self.counters.sessions_lost);
            }
            let answered = std::mem::take(&mut book.answered);
            sorted = self.sort(session, &answered, end.code(), None, |_: &LostEvent| false);
            book.count_session(session);
        }
        let error = end.to_connect_error();
        let socket_state = SocketState::Disconnected {
            code: end.code(),
            reason: end.reason(),
        };
        for member in book.members.values_mut() {
            for frame in std::mem::take(&mut member.offline) {
                sorted.told.extend(LostEvent::read_unsent(&frame));
            }
            if member.wanted {
                member.end(socket_state.clone(), &error);
            }
            member.forget_session();
            member.accepting = false;
        }
        book.offline_bytes = 0;
        book.lightened.notify_waiters();
        for waiter in book.acks.drain() {
            let _ = waiter.send(Err(end.ack_error()));
        }
        book.forget_connection();
        let closed = end.is_by_us();
        book.phase = if closed { Phase::Closed } else { Phase::Idle };
        let namespaces = book.namespaces();
        self.state.send_replace(end.state());
        drop(book);
        if closed {
            // Handlers may hold handles, which would keep all of this in memory.
            namespaces
                .iter()
                .for_each(|namespace| namespace.clear(self));
            drop(self.on_lost.lock().take());
            drop(self.on_dropped.lock().take());
            return;
        }
        self.tell_last(end.loss(), session.is_some(), sorted.told);
    }

    /// Ends the client's task quietly if nothing is left for it to do.
    pub(crate) fn try_idle(&self) -> bool {
        let mut book = self.book.lock();
        if book.is_closing() || !book.wants_nothing() {
            return false;
        }
        if book
            .session
            .as_ref()
            .is_some_and(|session| !session.is_settled())
        {
            return false;
        }
        if let Some(session) = book.session.take() {
            session.end(Code::NORMAL, None);
            book.count_session(&session);
        }
        for member in book.members.values_mut() {
            member.forget_session();
        }
        book.lightened.notify_waiters();
        book.forget_connection();
        book.phase = Phase::Idle;
        self.state.send_replace(State::Idle);
        true
    }

    /// Opens a namespace once the hooks that stand before it are done.
    pub(crate) fn open_after_hooks(
        self: &Arc<Self>,
        session: &Arc<Session>,
        namespace: &Arc<Namespace>,
        reattached: bool,
        due: Due,
    ) {
        let losses = due.losses;
        let hook = reattached
            .then(|| namespace.on_reattach.lock().clone())
            .flatten();
        let told = *self.hooks_done.borrow() >= losses;
        let opening = Opening {
            shared: Arc::clone(self),
            session: Arc::clone(session),
            name: namespace.name.clone(),
        };
        if hook.is_none() && told {
            // Nothing stands before it.
            return drop(opening);
        }
        let namespace = Arc::clone(namespace);
        let mut done = self.hooks_done.subscribe();
        self.tasks.spawn(async move {
            let opening = opening;
            // The sender lives as long as what it is part of, which this task holds.
            let _ = done.wait_for(|done| *done >= losses).await;
            let Some(hook) = hook else { return };
            let socket = opening.shared.socket(&namespace, Some(due.session));
            if let Some(socket) = socket {
                hook(socket).await;
            }
        });
    }

    fn sort(
        &self,
        session: &Session,
        answered: &Answered,
        code: Code,
        farewell: Option<Close>,
        goes_on: impl Fn(&LostEvent) -> bool,
    ) -> Sorted {
        let lost = session.end(code, farewell);
        let unconfirmed = lost.unconfirmed.into_iter().map(|frame| (true, frame));
        let queued = lost.queued.into_iter().map(|frame| (false, frame));
        let mut sorted = Sorted::default();
        for (sent, frame) in unconfirmed.chain(queued) {
            let Some((mut event, ack_id)) = LostEvent::read(&frame) else {
                continue;
            };
            if ack_id.is_some_and(|ack_id| answered.contains(ack_id)) {
                continue;
            }
            event.sent = sent;
            let goes_on = goes_on(&event);
            event.resent = sent && goes_on;
            if goes_on {
                sorted.kept.push((event.namespace.clone(), ack_id, frame));
            }
            if sent || !goes_on {
                sorted.told.push(event);
            }
        }
        sorted
    }

    /// Tells of events that were taken and will not be sent.
    pub(crate) fn tell_dropped(
        &self,
        reason: DropReason,
        frames: impl IntoIterator<Item = Prepared>,
    ) {
        self.tell_gone(reason, [], frames);
    }

    /// Tells of events that have left, and that their socket may not have had any more; and of those that
    /// will not be sent.
    pub(crate) fn tell_gone(
        &self,
        reason: DropReason,
        unknown: impl IntoIterator<Item = Prepared>,
        unsent: impl IntoIterator<Item = Prepared>,
    ) {
        let unknown = unknown.into_iter();
        let unknown = unknown.filter_map(|frame| Some(LostEvent::read(&frame)?.0));
        let unsent = unsent.into_iter();
        let unsent = unsent.filter_map(|frame| LostEvent::read_unsent(&frame));
        let mut events: Vec<_> = unknown.collect();
        let left = events.len();
        events.extend(unsent);
        if events.is_empty() {
            return;
        }
        let dropped = events.len() - left;
        let counter = &self.counters.events_dropped;
        counter.fetch_add(dropped as u64, Ordering::Relaxed);
        tracing::warn!(
            ?reason,
            dropped,
            unknown = left,
            "events are dropped, or unknown"
        );
        let told = self.on_dropped.lock().clone();
        if let Some(hook) = told {
            self.tasks.spawn(hook(EventsDropped { reason, events }));
        }
    }

    fn run_lost_hook(self: &Arc<Self>, number: u64, hook: crate::lost::HookFuture) {
        let done = HookDone {
            shared: Arc::clone(self),
            number,
        };
        let mut before = self.hooks_done.subscribe();
        self.tasks.spawn(async move {
            let done = done;
            // One after the other, as they were lost.
            let _ = before.wait_for(|before| *before + 1 >= done.number).await;
            hook.await;
        });
    }

    /// Tells of what a client that is at its end had under way.
    fn tell_last(self: &Arc<Self>, reason: LossReason, had_session: bool, events: Vec<LostEvent>) {
        if !had_session && events.is_empty() {
            return;
        }
        let Some(hook) = self.on_lost.lock().clone() else {
            return;
        };
        let number = {
            let mut book = self.book.lock();
            book.losses += 1;
            book.losses
        };
        self.run_lost_hook(number, hook(SessionLost { reason, events }));
    }
}

impl Book {
    /// What belongs to one connection or session, and not to the next.
    pub(crate) fn forget_connection(&mut self) {
        self.broken = None;
        self.go_away = None;
    }

    /// A connection became the session's, on which best-effort frames travel so.
    pub(crate) fn connected_with(&mut self, datagrams: Datagrams) {
        self.forget_connection();
        self.datagrams = datagrams;
    }
}

/// Opens a namespace when it is dropped: also after a hook that panicked.
struct Opening {
    shared: Arc<Shared>,
    session: Arc<Session>,
    name: NamespaceName,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.shared.open(&self.session, &self.name);
    }
}

/// Counts a hook as done when it is dropped: also after it panicked.
struct HookDone {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for HookDone {
    fn drop(&mut self) {
        let number = self.number;
        self.shared
            .hooks_done
            .send_modify(|done| *done = number.max(*done));
    }
}

/// Ends the pending acks but those whose events go on.
fn settle_acks(book: &mut Book, sorted: &Sorted) {
    let mut going_on = Vec::new();
    for (namespace, ack_id, _) in &sorted.kept {
        let Some(ack_id) = *ack_id else { continue };
        going_on.extend(
            book.acks
                .forget(ack_id)
                .map(|waiter| (ack_id, namespace, waiter)),
        );
    }
    // Events that never got into the session have theirs too.
    let waiting: Vec<_> = book.members.values().flat_map(waiting_acks).collect();
    for (ack_id, namespace) in &waiting {
        going_on.extend(
            book.acks
                .forget(*ack_id)
                .map(|waiter| (*ack_id, namespace, waiter)),
        );
    }
    for waiter in book.acks.drain() {
        let _ = waiter.send(Err(AckError::SessionLost));
    }
    for (ack_id, namespace, waiter) in going_on {
        // The table held them a moment ago.
        let _ = book.acks.insert(ack_id, namespace.clone(), waiter);
    }
}

fn waiting_acks(member: &crate::book::Member) -> Vec<(AckId, NamespaceName)> {
    let ids = member
        .offline
        .iter()
        .filter_map(|frame| LostEvent::read(frame)?.1);
    ids.map(|ack_id| (ack_id, member.namespace.name.clone()))
        .collect()
}

/// Puts events ahead of those that wait already, in order.
fn put_back(book: &mut Book, kept: Vec<(NamespaceName, Option<AckId>, Prepared)>) {
    for (namespace, _, frame) in kept.into_iter().rev() {
        // What goes on is of namespaces that are wanted, and so are there.
        if let Some(member) = book.members.get_mut(&*namespace) {
            book.offline_bytes += offline_len(&frame);
            member.offline.push_front(frame);
        }
    }
}

const fn loss_code(reason: &LossReason) -> Code {
    match reason {
        LossReason::Ended(code) => *code,
        LossReason::Twin => Code::SUPERSEDED,
        LossReason::NotResumed(_) => Code::SESSION_UNKNOWN,
        LossReason::GaveUp => Code::ABNORMAL,
    }
}

impl End {
    const fn is_by_us(&self) -> bool {
        matches!(self, Self::ByUs | Self::Aborted)
    }

    fn code(&self) -> Code {
        match self {
            Self::ByUs => Code::NORMAL,
            Self::Closed(close) => close.code,
            Self::Aborted | Self::Credentials(_) | Self::Dial(_) | Self::GaveUp { .. } => {
                Code::ABNORMAL
            }
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::ByUs => String::new(),
            Self::Aborted => "aborted".to_owned(),
            Self::Closed(close) => close.reason.clone(),
            Self::Credentials(error) => error.to_string(),
            Self::Dial(error) => error.to_string(),
            Self::GaveUp { last, .. } => last.clone(),
        }
    }

    fn state(&self) -> State {
        match self {
            Self::GaveUp { attempts, last } => State::GaveUp {
                attempts: *attempts,
                cause: last.clone(),
            },
            _ => State::Closed {
                code: self.code(),
                reason: self.reason(),
            },
        }
    }

    fn loss(&self) -> LossReason {
        match self {
            Self::GaveUp { .. } => LossReason::GaveUp,
            _ => LossReason::Ended(self.code()),
        }
    }

    const fn ack_error(&self) -> AckError {
        match self {
            Self::ByUs | Self::Aborted => AckError::Disconnected,
            _ => AckError::SessionLost,
        }
    }

    fn to_connect_error(&self) -> ConnectError {
        match self {
            Self::ByUs | Self::Aborted => closed_here(),
            Self::Closed(close) if close.code == Code::UNAUTHORIZED => ConnectError::Unauthorized {
                reason: close.reason.clone(),
                data: close.data.clone(),
            },
            Self::Closed(close) => ConnectError::Closed {
                code: close.code,
                reason: close.reason.clone(),
                data: close.data.clone(),
            },
            Self::Credentials(error) => ConnectError::Credentials(error.clone()),
            Self::Dial(error) => ConnectError::Dial(error.clone()),
            Self::GaveUp { attempts, last } => ConnectError::GaveUp {
                attempts: *attempts,
                last: last.clone(),
            },
        }
    }
}
