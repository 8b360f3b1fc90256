//! One task that looks at every session now and then: heartbeats, receipts, expiry.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use trunkline_driver::sync::Arc;
use trunkline_driver::{Turn, clock};
use trunkline_protocol::{Close, Code, Time};

use crate::context::{Life, SessionContext};
use crate::server::{Config, ServerInner};

/// Sweeps until the server is gone; no session has a timer of its own.
pub(crate) async fn sweep(server: std::sync::Weak<ServerInner>, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sessions = Vec::new();
    loop {
        ticks.tick().await;
        let Some(server) = server.upgrade() else {
            return;
        };
        sweep_once(&server, &mut sessions, clock::now());
        sessions.clear();
    }
}

/// How often to sweep: each second, or often enough for shorter heartbeats.
pub(crate) fn period(config: &Config) -> Duration {
    let shortest = config
        .ping_interval
        .min(config.ping_timeout)
        .min(config.resume_window);
    (shortest / 4).clamp(PERIOD_MIN, PERIOD_MAX)
}

fn sweep_once(server: &Arc<ServerInner>, sessions: &mut Vec<Arc<SessionContext>>, now: Time) {
    server.registry.all(sessions);
    let mut detached = Vec::new();
    let mut kept_bytes = 0;
    for context in &*sessions {
        let life = *context.life.lock();
        match life {
            Life::Attached { idle_since } => {
                if idle_since
                    .is_some_and(|since| now.since(since) >= server.config.namespace_timeout)
                {
                    let reason = "attached to no namespace for too long";
                    context.end(Close::new(Code::NO_NAMESPACE, reason));
                } else if !context.has_credentials(now) {
                    context.expire();
                } else {
                    let _turn = Turn::enter();
                    context.session.sweep(now);
                    context.look_behind(now);
                    kept_bytes += context.session.kept_bytes();
                }
            }
            Life::Detached { since } if now.since(since) >= server.config.resume_window => {
                context.give_up(since, Code::SESSION_EXPIRED, "not resumed in time");
            }
            Life::Detached { since } => {
                context.look_behind(now);
                let bytes = context.session.kept_bytes() + DETACHED_BYTES;
                kept_bytes += bytes;
                detached.push((since, bytes, context));
            }
            Life::Ended => {}
        }
    }
    evict(server.config.replay_budget, kept_bytes, detached);
    server.registry.clear_graves(now);
}

/// Past the global budget, which all sessions share, those that were detached first go first. Attached
/// ones are bounded by their own limits.
fn evict(budget: usize, mut kept: usize, mut detached: Vec<(Time, usize, &Arc<SessionContext>)>) {
    if kept <= budget {
        return;
    }
    detached.sort_by_key(|&(since, ..)| since);
    for (since, bytes, context) in detached {
        if kept <= budget {
            return;
        }
        kept -= bytes;
        let peer = context.peer();
        tracing::warn!(session = %context.id, ?peer, bytes, budget, "session ended: the server's replay budget is used up");
        context.give_up(
            since,
            Code::OVERFLOW,
            "the server's replay budget is used up",
        );
    }
}

/// What a session that waits to be resumed counts beside what it keeps for its client, so that the budget
/// bounds their number too: about what one takes with a namespace and a room.
pub const DETACHED_BYTES: usize = 4096;

const PERIOD_MAX: Duration = Duration::from_secs(1);
const PERIOD_MIN: Duration = Duration::from_millis(10);
