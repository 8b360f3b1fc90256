//! What a client has counted.

use trunkline_driver::Ignored;
use trunkline_driver::sync::{AtomicU64, Ordering};
use trunkline_protocol::Drops;

use crate::shared::Shared;

/// What a client has done, dropped and refused since it was built, and what it holds now.
///
/// Taken one by one: figures of one moment may be of slightly different moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Dials begun: in a race of transports, one for each that was begun.
    pub dials: u64,
    /// Connections that WELCOME was read on.
    pub connections: u64,
    /// Of these, those that resumed the session.
    pub resumed: u64,
    /// Sessions that were lost, or ended by the server together with the client.
    pub sessions_lost: u64,
    /// Emits refused for a bound: [`QueueFull`](crate::EmitError::QueueFull),
    /// [`QueueLong`](crate::EmitError::QueueLong), [`Offline`](crate::EmitError::Offline),
    /// [`TooManyAcks`](crate::EmitError::TooManyAcks).
    pub emits_refused: u64,
    /// Events that were taken and then not sent, since the server did not let their socket in, disconnected
    /// it, or does not take them: see
    /// [`Client::on_events_dropped`](crate::Client::on_events_dropped).
    pub events_dropped: u64,
    /// Best-effort events that were dropped, by cause: volatile ones, datagrams and latest values.
    pub unsent_best_effort: Drops,
    /// Best-effort events of the server that were dropped, by cause.
    pub ignored_best_effort: Ignored,
    /// Answers that nobody waited for: late, a repeat, or never asked for.
    pub acks_ignored: u64,
    /// Bytes that wait for the server now, as [`Builder::queue_bytes`](crate::Builder::queue_bytes)
    /// counts them.
    pub queued_bytes: usize,
    /// Events that wait for the server now.
    pub queued_events: usize,
    /// Bytes of events that wait for their handlers and streams now: while they are more than
    /// `limits.inbound`, the server is told of no receipt.
    pub waiting_bytes: usize,
    /// Acks that are awaited now.
    pub pending_acks: usize,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) dials: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) resumed: AtomicU64,
    pub(crate) sessions_lost: AtomicU64,
    pub(crate) emits_refused: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Shared {
    pub(crate) fn stats(&self) -> Stats {
        let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let book = self.book.lock();
        Stats {
            dials: counted(&counters.dials),
            connections: counted(&counters.connections),
            resumed: counted(&counters.resumed),
            sessions_lost: counted(&counters.sessions_lost),
            emits_refused: counted(&counters.emits_refused),
            events_dropped: counted(&counters.events_dropped),
            unsent_best_effort: book.drops(),
            ignored_best_effort: book.ignored(),
            acks_ignored: book.acks.ignored(),
            queued_bytes: book.queued_bytes(),
            queued_events: book.queued_events(),
            waiting_bytes: self.backlog_bytes(),
            pending_acks: book.acks.len(),
        }
    }
}
