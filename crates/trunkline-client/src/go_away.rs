//! GOAWAY: when to leave a connection for another.
//!
//! Specification: session.md, SES-057 to SES-061.

use std::time::Duration;

use tokio::time::Instant;
use trunkline_driver::Session;
use trunkline_driver::sync::{Arc, Ordering};
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
    /// When the connection's first one came: one that is told again and again must not keep the client
    /// from sending for good.
    since: Instant,
}

impl Notice {
    /// One that replaces `former`, if that came before it on this connection (SES-061).
    fn new(go_away: GoAway, former: Option<&Self>, now: Instant) -> Self {
        let since = former.map_or(now, |former| former.since);
        let from_now = |ms| {
            let told = now + Duration::from_millis(ms).min(GO_AWAY_MAX);
            told.min(since + GO_AWAY_MAX)
        };
        let (slot, deadline) = (from_now(go_away.slot), from_now(go_away.deadline));
        Self {
            slot: slot.min(deadline),
            deadline,
            url: go_away.url,
            since,
        }
    }
}

impl Shared {
    /// Takes a GOAWAY: events and CONNECTs wait for the next connection, answers go on.
    pub(crate) fn take_go_away(&self, session: &Session, go_away: GoAway) {
        tracing::info!(reason = %go_away.reason, slot_ms = go_away.slot, "the server asks to be left");
        session.hold(Hold::EventsAndConnects);
        self.draining.store(true, Ordering::Relaxed);
        let mut book = self.book.lock();
        let notice = Notice::new(go_away, book.go_away.as_ref(), Instant::now());
        book.go_away = Some(notice);
    }

    /// Whether neither side would miss anything if the session went no further than this: all that
    /// was sent is confirmed, so is all that came, no handler is under way, and no answer to the server
    /// is still due, also not for an event that nobody has read yet.
    pub(crate) fn is_settled(&self, session: &Arc<Session>) -> bool {
        if session.unconfirmed_bytes() > 0
            || !session.has_confirmed_all()
            || self.owes_answers(session)
        {
            return false;
        }
        let book = self.book.lock();
        let mut members = book.members.values();
        members.all(|member| member.namespace.inbox.is_idle())
    }
}

/// The longest that a client stays where the server asks it to leave, from the first GOAWAY on; a later
/// slot or deadline is taken for this.
///
/// From GOAWAY on the client begins nothing new on its connection: events wait for the next one. It
/// leaves at the slot it was given, or as soon after it as all it sent is confirmed, all it received is
/// confirmed (no receipt is withheld for events that nobody handles or reads), no handler is under way,
/// and every event that asks for an ack has its answer, those in unread [streams](crate::EventStream)
/// too. At the deadline it leaves in any case. Nothing is lost or repeated by that where the session
/// goes on; where it does not, what is unsettled is unknown to its sender: see
/// [`SessionLost`](crate::SessionLost).
///
/// Specification: session.md, SES-058; limits.md, LIM-016.
pub const GO_AWAY_MAX: Duration = Duration::from_secs(60 * 60);
