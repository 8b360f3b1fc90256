//! GOAWAY: when to leave a connection for another.

use std::time::Duration;

use tokio::time::Instant;
use trunkline_driver::Session;
use trunkline_driver::sync::Ordering;
use trunkline_protocol::{GoAway, Hold};

use crate::shared::Shared;

/// A server's wish to be left.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// From then on as soon as all is settled; never before, since slots spread the clients.
    pub(crate) slot: Instant,
    /// Then in any case.
    pub(crate) deadline: Instant,
    /// Where to.
    pub(crate) url: Option<String>,
}

impl Notice {
    pub(crate) fn new(go_away: GoAway, now: Instant) -> Self {
        let slot = now + Duration::from_millis(go_away.slot.min(NOTICE_MS_MAX));
        let deadline = now + Duration::from_millis(go_away.deadline.min(NOTICE_MS_MAX));
        Self {
            slot: slot.min(deadline),
            deadline,
            url: go_away.url,
        }
    }
}

impl Shared {
    /// Takes a GOAWAY: events and CONNECTs wait for the next connection, answers go on.
    pub(crate) fn take_go_away(&self, session: &Session, go_away: GoAway) {
        tracing::info!(reason = %go_away.reason, slot_ms = go_away.slot, "the server asks to be left");
        session.hold(Hold::EventsAndConnects);
        self.draining.store(true, Ordering::Relaxed);
        self.book.lock().go_away = Some(Notice::new(go_away, Instant::now()));
    }

    /// Whether all that was sent is confirmed and no answer to the server is still due.
    pub(crate) fn is_settled(&self, session: &Session) -> bool {
        let confirmed = session.unconfirmed_bytes() == 0;
        let book = self.book.lock();
        confirmed
            && book
                .members
                .values()
                .all(|member| member.namespace.inbox.is_idle())
    }
}

/// A notice further ahead than a day counts as one of a day: clocks have their limits.
const NOTICE_MS_MAX: u64 = 24 * 60 * 60 * 1000;
