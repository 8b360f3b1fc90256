//! Fresh credentials for a session that goes on.
//!
//! Specification: session.md, "Refreshing credentials".

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use trunkline_driver::Session;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Auth, MAX_AUTH_BYTES};

use crate::Occasion;
use crate::back_off::BackOff;
use crate::credentials::TooLong;
use crate::shared::Shared;

impl Shared {
    /// The server's question on connection `attach`, answered by a task; an earlier one's is done
    /// with. The server's verdict needs no answer.
    pub(crate) fn take_auth(self: &Arc<Self>, session: &Arc<Session>, attach: u64, auth: &Auth) {
        if !auth.wanted {
            return tracing::debug!(expires_ms = auth.expires, "fresh credentials are accepted");
        }
        tracing::debug!(expires_ms = auth.expires, "fresh credentials are asked for");
        let expires = auth.expires.map(Duration::from_millis);
        let (shared, session) = (Arc::clone(self), Arc::clone(session));
        let mut asked = self.asked.subscribe();
        let mut number = 0;
        // Wakes the one before it, which finds that another question has come.
        self.asked.send_modify(|latest| {
            *latest += 1;
            number = *latest;
        });
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                // The sender lives as long as what it is part of, which this task holds.
                _ = asked.wait_for(|latest| *latest > number) => {}
                () = shared.refresh(&session, attach, expires) => {}
            }
        });
    }

    /// Fetches credentials and sends them. What fails is tried again while those before hold, or for
    /// [`PATIENCE`]; after that the server ends the session with its own code.
    async fn refresh(&self, session: &Session, attach: u64, expires: Option<Duration>) {
        let settings = &self.config.settings;
        let mut back_off = BackOff::new(settings.back_off_base, settings.back_off_cap);
        let until = Instant::now() + expires.unwrap_or(PATIENCE).min(PATIENCE);
        let limit = settings.credentials_timeout;
        self.pace_refreshes().await;
        loop {
            let occasion = Occasion::Refresh { expires };
            let fetched = self.config.credentials.fetch(occasion, limit).await;
            let answer = fetched.and_then(|credentials| {
                let answer = Auth::answer(credentials.auth);
                TooLong::check(answer.encode(session.encoding()), MAX_AUTH_BYTES)?;
                Ok(answer)
            });
            let is_final = match answer {
                Ok(answer) => {
                    // Another connection has brought its own.
                    let _ = session.auth(attach, answer);
                    return;
                }
                Err(error) => error.is_final(),
            };
            let wait = back_off.next(false, &*settings.jitter);
            let is_over = is_final || !session.is_attached() || Instant::now() + wait >= until;
            tracing::warn!(is_over, "no fresh credentials for the session that goes on");
            if is_over {
                return;
            }
            sleep(wait).await;
        }
    }
}

impl Shared {
    /// Waits until [`REFRESH_LEAST`] after the last time: a server that asks again after each answer
    /// keeps no callback busy.
    async fn pace_refreshes(&self) {
        let last = *self.refreshed.lock();
        if let Some(last) = last {
            sleep_until(last + REFRESH_LEAST).await;
        }
        *self.refreshed.lock() = Some(Instant::now());
    }
}

/// The least time between two runs of the callback for fresh credentials, whatever the server asks.
pub const REFRESH_LEAST: Duration = Duration::from_secs(1);

/// How long fresh credentials are tried for at most.
const PATIENCE: Duration = Duration::from_secs(300);
