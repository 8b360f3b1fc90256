//! What a server counts, and what it tells of it.

use trunkline_driver::sync::{AtomicU64, Ordering};
use trunkline_driver::{Flow, Ignored};
use trunkline_protocol::{Code, Drops, Lost};

use super::{Server, ServerInner};
use crate::holdings::Holdings;

/// What a server holds at the moment, and what it has counted since it was built.
///
/// [`figures`](Self::figures) gives it as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections, those in their handshake included, of HTTP and of a session.
    pub connections: usize,
    /// Sessions, attached or waiting to be resumed.
    pub sessions: usize,
    /// Namespaces: those made by name, and those of patterns that exist.
    pub namespaces: usize,
    /// CONNECTs refused since as many namespaces of a pattern existed as its limit allows.
    pub refused_namespaces: u64,
    /// Sessions with a connection; the others wait to be resumed.
    pub sessions_attached: usize,
    /// Sockets: sessions in a namespace, once for each.
    pub sockets: usize,
    /// Rooms that anybody is in.
    pub rooms: usize,
    /// Bytes that wait to be sent to clients, with 64 more for each frame.
    pub queued_bytes: usize,
    /// Bytes kept for clients in all: what waits, and what was sent and is not confirmed. The
    /// server's [`replay_budget`](crate::Builder::replay_budget) is about these.
    pub kept_bytes: usize,
    /// Acks that clients owe.
    pub pending_acks: usize,
    /// Connections that came in. Those that are neither refused nor closed are there now.
    pub connections_opened: u64,
    /// Connections refused in their handshake, by the code they were told. Of 128 different codes on,
    /// others are counted as 0.
    pub connections_refused: Vec<(Code, u64)>,
    /// Connections that ended, by code, counted likewise: 1006 where the link broke, or no HELLO came
    /// before it did.
    pub connections_closed: Vec<(Code, u64)>,
    /// Sessions that began.
    pub sessions_begun: u64,
    /// Times that a session was resumed.
    pub resumes: u64,
    /// Offers to resume that were answered with a fresh session, or none, by reason. Those refused by
    /// CLOSE are among `connections_refused`.
    pub resumes_refused: Vec<(&'static str, u64)>,
    /// What came from clients.
    pub received: Flow,
    /// What was sent to clients: handed to a connection. What waits is counted when it leaves, and
    /// what is dropped before that is counted as that.
    pub sent: Flow,
    /// Handlers and hooks that failed without meaning to: with an error that was no
    /// [`Failure`](crate::Failure) made on purpose.
    pub handlers_failed: u64,
    /// Handlers and hooks that panicked.
    pub handlers_panicked: u64,
    /// Frames that sessions had sent without receipt when they ended: whether they arrived is
    /// unknown.
    pub lost_unconfirmed: u64,
    /// Frames that had not been sent when their session ended.
    pub lost_queued: u64,
    /// Events that had not been sent when their client left the namespace, was refused there, or was
    /// locked out at a resume.
    pub discarded_events: u64,
    /// Events to clients that were dropped while they waited, since more waited than may: of
    /// namespaces whose [`Overflow`](crate::Overflow) says so.
    pub dropped_events: u64,
    /// Best-effort events to clients that were dropped, by cause: volatile ones, datagrams and latest
    /// values.
    pub unsent_best_effort: Drops,
    /// Best-effort events of clients that were dropped, by cause.
    pub ignored_best_effort: Ignored,
    /// Handlers and hooks that were ended because they outlived their socket by
    /// [`FAREWELL_LIMIT`](crate::FAREWELL_LIMIT), or that what decides about a CONNECT or a room took
    /// longer than [`Builder::authentication_timeout`](crate::Builder::authentication_timeout).
    pub aborted_handlers: u64,
    /// Events that had arrived, and whose handlers never began: they waited behind a handler that was
    /// ended so. Their senders have receipts for them; only acks say that they came to nothing.
    pub unhandled_events: u64,
    /// Requests that [`Builder::before_upgrade`](crate::Builder::before_upgrade) refused.
    pub upgrades_refused: u64,
    /// Credentials that [`Builder::authenticate`](crate::Builder::authenticate) refused, in a HELLO
    /// or in a refresh; those of another principal than the session's are among the latter.
    pub authentications_refused: u64,
    /// Credentials that it did not judge: it failed, panicked, or took too long.
    pub authentications_failed: u64,
    /// Sessions that ended since no fresh credentials came in time.
    pub credentials_expired: u64,
    /// Connections refused since there were as many as
    /// [`FloodLimits::connections`](crate::FloodLimits::connections).
    pub refused_full: u64,
    /// Connections refused since their address had
    /// [`FloodLimits::connections_per_address`](crate::FloodLimits::connections_per_address).
    pub refused_full_of_address: u64,
    /// Attempts refused by the rate [`FloodLimits::attempts`](crate::FloodLimits::attempts).
    pub refused_attempts: u64,
    /// Offers to resume refused by the rate
    /// [`FloodLimits::failed_resumes`](crate::FloodLimits::failed_resumes).
    pub refused_resumes: u64,
    /// Connections closed by the rate [`FloodLimits::frames`](crate::FloodLimits::frames) or
    /// [`FloodLimits::bytes`](crate::FloodLimits::bytes).
    pub closed_too_fast: u64,
    /// CONNECTs refused by the rate [`FloodLimits::connects`](crate::FloodLimits::connects).
    pub refused_connects: u64,
    /// Joins refused by the rate [`FloodLimits::joins`](crate::FloodLimits::joins).
    pub refused_joins: u64,
    /// Times that addresses were forgotten with what they had done lately, since more came than
    /// [`FloodLimits::addresses`](crate::FloodLimits::addresses).
    pub forgotten_addresses: u64,
    /// Connections that listeners turned away since no file descriptors were left.
    pub connections_shed: u64,
    /// Errors of listening sockets after which accepting paused.
    pub accept_errors: u64,
    /// Times that as many clients were shaking hands with a listener as may at once.
    pub handshakes_full: u64,
    /// Handshakes with a listener that failed or took too long.
    pub handshakes_failed: u64,
}

impl Server {
    /// What the server holds at the moment, and what it has counted since it was built.
    ///
    /// Nothing is counted twice or forgotten, but the figures are not of one instant. It looks at
    /// every session, in about a microsecond each: for every few seconds, not for every event.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.inner.counters;
        let turned = &self.inner.door.turned;
        let mut sessions = Vec::new();
        self.inner.registry.all(&mut sessions);
        let (of_patterns, refused_namespaces) = self.inner.patterns.counts();
        let holdings = Holdings::of(&sessions);
        let activity = &self.inner.activity;
        let traffic = self.inner.registry.traffic();
        let listeners = self.inner.listeners.counts();
        Stats {
            connections: self.inner.presence.connections(),
            sessions: sessions.len(),
            namespaces: self.inner.namespaces.len() + of_patterns,
            refused_namespaces,
            sessions_attached: holdings.attached,
            sockets: holdings.sockets,
            rooms: holdings.rooms,
            queued_bytes: holdings.queued_bytes,
            kept_bytes: holdings.kept_bytes,
            connections_opened: activity.connections_opened.value(),
            connections_refused: activity.connections_refused.counts(),
            connections_closed: activity.connections_closed.counts(),
            sessions_begun: activity.sessions_begun.value(),
            resumes: activity.resumes.value(),
            resumes_refused: activity.refusals(),
            received: traffic.received,
            sent: traffic.sent,
            handlers_failed: activity.handlers_failed.value(),
            handlers_panicked: activity.handlers_panicked.value(),
            pending_acks: sessions
                .iter()
                .map(|context| context.acks.lock().len())
                .sum(),
            lost_unconfirmed: counters.lost_unconfirmed.load(Ordering::Relaxed),
            lost_queued: counters.lost_queued.load(Ordering::Relaxed),
            discarded_events: counters.discarded_events.load(Ordering::Relaxed),
            dropped_events: traffic.dropped_events,
            unsent_best_effort: traffic.drops,
            ignored_best_effort: traffic.ignored,
            aborted_handlers: counters.aborted_handlers.load(Ordering::Relaxed),
            unhandled_events: counters.unhandled_events.load(Ordering::Relaxed),
            upgrades_refused: counters.upgrades_refused.load(Ordering::Relaxed),
            authentications_refused: counters.authentications_refused.load(Ordering::Relaxed),
            authentications_failed: counters.authentications_failed.load(Ordering::Relaxed),
            credentials_expired: counters.credentials_expired.load(Ordering::Relaxed),
            refused_full: turned.full.load(Ordering::Relaxed),
            refused_full_of_address: turned.full_of_address.load(Ordering::Relaxed),
            refused_attempts: turned.attempts.load(Ordering::Relaxed),
            refused_resumes: turned.resumes.load(Ordering::Relaxed),
            closed_too_fast: counters.closed_too_fast.load(Ordering::Relaxed),
            refused_connects: counters.refused_connects.load(Ordering::Relaxed),
            refused_joins: counters.refused_joins.load(Ordering::Relaxed),
            forgotten_addresses: self.inner.door.forgotten_addresses(),
            connections_shed: listeners.shed,
            accept_errors: listeners.accept_errors,
            handshakes_full: listeners.full,
            handshakes_failed: listeners.failed,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    lost_unconfirmed: AtomicU64,
    lost_queued: AtomicU64,
    discarded_events: AtomicU64,
    aborted_handlers: AtomicU64,
    unhandled_events: AtomicU64,
    pub(super) upgrades_refused: AtomicU64,
    authentications_refused: AtomicU64,
    authentications_failed: AtomicU64,
    credentials_expired: AtomicU64,
    closed_too_fast: AtomicU64,
    refused_connects: AtomicU64,
    refused_joins: AtomicU64,
}

impl ServerInner {
    pub(crate) fn count_authentication_refused(&self) {
        count(&self.counters.authentications_refused);
    }

    pub(crate) fn count_authentication_failed(&self) {
        count(&self.counters.authentications_failed);
    }

    pub(crate) fn count_closed_too_fast(&self) {
        count(&self.counters.closed_too_fast);
    }

    pub(crate) fn count_refused_connect(&self) {
        count(&self.counters.refused_connects);
    }

    pub(crate) fn count_refused_join(&self) {
        count(&self.counters.refused_joins);
    }

    pub(crate) fn count_credentials_expired(&self) {
        count(&self.counters.credentials_expired);
    }

    pub(crate) fn count_aborted_handler(&self) {
        let aborted = &self.counters.aborted_handlers;
        aborted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_unhandled_events(&self, events: usize) {
        let unhandled = &self.counters.unhandled_events;
        unhandled.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_discarded_events(&self, events: usize) {
        if events > 0 {
            let discarded = &self.counters.discarded_events;
            discarded.fetch_add(events as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_lost(&self, lost: &Lost) {
        let counters = &self.counters;
        let unconfirmed = lost.unconfirmed.len() + lost.unconfirmed_answers;
        counters
            .lost_unconfirmed
            .fetch_add(unconfirmed as u64, Ordering::Relaxed);
        counters
            .lost_queued
            .fetch_add(lost.queued.len() as u64, Ordering::Relaxed);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
