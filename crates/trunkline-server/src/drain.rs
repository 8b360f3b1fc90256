//! Going down so that nothing is lost unannounced.

use std::time::Duration;

use tokio::time::Instant;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Close, Code, GoAway, Hold};

use crate::Server;
use crate::context::SessionContext;

/// How a server takes its leave: see [`Server::drain`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "`Server::drain` takes it"]
pub struct Drain {
    spread: Duration,
    deadline: Duration,
    reason: String,
    url: Option<String>,
}

/// What came of a [`drain`](Server::drain).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Sessions whose clients left by themselves, with both sides' work done.
    pub left: usize,
    /// Sessions that were ended at the deadline. What they had not delivered, their sockets'
    /// `on_disconnect` was told: see [`DisconnectReason::SessionEnded`](crate::DisconnectReason).
    pub cut: usize,
}

impl Drain {
    /// Clients are asked to leave over 5 s, and may take 30 s from the beginning.
    pub fn new() -> Self {
        Self {
            spread: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
            reason: "the server restarts".into(),
            url: None,
        }
    }

    /// The time over which clients are asked to leave, one after the other, so that they do not all
    /// come to the next server at once. Default 5 s; at most half of the
    /// [deadline](Self::deadline), so that the last ones asked have the other half to finish.
    pub fn spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// When sessions that are still there are ended, from the beginning on. Default 30 s. It must be
    /// less than whatever ends the process after its signal.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Why, for people. Default "the server restarts".
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Sends clients to another address, once. Default: they dial their own again. A client follows it
    /// to another host only if its application allows that.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

/// A leave-taking under way.
#[derive(Debug)]
pub(crate) struct Farewells {
    reason: String,
    url: Option<String>,
    deadline: Instant,
}

impl Farewells {
    /// What a client is told whose turn has come: its slot is at once. One that came back, since its
    /// address still leads here, looks again after a quarter of what is left.
    fn go_away(&self, came_back: bool) -> GoAway {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        GoAway {
            reason: self.reason.clone(),
            slot: if came_back { left / 4 } else { 0 },
            deadline: left,
            url: self.url.clone(),
        }
    }
}

impl Server {
    /// Has every client finish its work and leave, then shuts down.
    ///
    /// From now on the server is not [ready](Self::is_ready) and refuses fresh sessions with 1012;
    /// sessions may still be resumed. Client by client is asked to go: neither side begins anything new
    /// then, answers that are due are still given, and when all that was sent is confirmed, the client
    /// connects anew, wherever its address leads by then. So nothing of its is lost. What was emitted
    /// to it in that moment and could not be sent any more is handed to `on_disconnect`, event by
    /// event. At the deadline those that are still there are ended as by
    /// [`shut_down`](Self::shut_down).
    ///
    /// Listeners go on meanwhile. A second call asks once more, with what it is given.
    /// Specification: session.md, SES-057 to SES-061.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the server draining: it refuses fresh sessions, and asks nobody else
    /// to leave.
    pub async fn drain(&self, drain: Drain) -> Drained {
        let begin = Instant::now();
        let deadline = begin + drain.deadline;
        let presence = &self.inner().presence;
        presence.drain(Farewells {
            reason: drain.reason,
            url: drain.url,
            deadline,
        });
        let spread = drain.spread.min(drain.deadline / 2);
        let mut sessions = Vec::new();
        self.inner().registry.all(&mut sessions);
        let all = sessions.len();
        tracing::info!(
            sessions = all,
            deadline_ms = drain.deadline.as_millis(),
            "draining"
        );
        let goodbyes = async {
            for (number, context) in sessions.into_iter().enumerate() {
                let share = spread.mul_f64(number as f64 / all as f64);
                tokio::time::sleep_until(begin + share).await;
                context.ask_to_leave(false);
            }
            presence.until(|_| self.inner().registry.is_empty()).await;
        };
        let _ = tokio::time::timeout_at(deadline, goodbyes).await;
        let mut rest = Vec::new();
        self.inner().registry.all(&mut rest);
        let cut = rest.len();
        self.shut_down();
        let drained = Drained {
            left: all.saturating_sub(cut),
            cut,
        };
        tracing::info!(?drained, "drained");
        drained
    }
}

impl SessionContext {
    /// If the server takes its leave, so does the session: nothing new is begun on it.
    pub(crate) fn ask_to_leave(self: &Arc<Self>, came_back: bool) {
        if let Some(farewells) = self.server.presence.farewells() {
            self.session.hold(Hold::EventsAndConnects);
            self.session.go_away(farewells.go_away(came_back));
        }
    }
}

/// What a client is told that would begin a session on a server that is going.
pub(crate) fn refusal() -> Close {
    Close::new(Code::SERVICE_RESTART, "the server is about to shut down")
}
