//! How long a session's credentials hold, and how it gets fresh ones.
//!
//! Specification: session.md, "Refreshing credentials".

use std::time::Duration;

use tracing::Instrument as _;
use trunkline_driver::clock;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Auth, Close, Code, Kind, Time, Violation};

use crate::context::SessionContext;
use crate::credentials::{Credentials, Judgement, refusal};
use crate::{Admission, Principal};

/// What the last verdict on a session's credentials said, and how far the next one is.
///
/// ```text
///   Never <──no end── renew ──an end──> Due ──its time, AUTH──> Asked ──AUTH──> Judging
///                       ^                ^                                      │
///                       └────admitted────┼──────────────────────────────────────┤
///                                        └────────────not judged────────────────┘
/// ```
///
/// A new connection brings a verdict of its own, whatever was under way on the one before.
pub(crate) struct Standing {
    pub(crate) principal: Option<Principal>,
    expires: Option<Time>,
    next: Next,
    /// The connection that the verdict is of.
    attach: u64,
}

/// The next step towards fresh credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Never,
    Due(Time),
    Asked,
    Judging,
}

impl Standing {
    pub(crate) fn new(admission: Admission, lead: Duration, now: Time) -> Self {
        let mut standing = Self {
            principal: None,
            expires: None,
            next: Next::Never,
            attach: 0,
        };
        standing.renew(admission, 0, lead, now);
        standing
    }

    /// Takes a verdict of connection `attach`.
    pub(crate) fn renew(&mut self, admission: Admission, attach: u64, lead: Duration, now: Time) {
        let Admission {
            principal,
            valid_for,
        } = admission;
        let valid_for = valid_for.map(|valid_for| valid_for.min(VALID_MAX));
        self.principal = principal;
        self.expires = valid_for.map(|valid_for| now + valid_for);
        self.next = valid_for.map_or(Next::Never, |valid_for| {
            Next::Due(now + (valid_for - lead.min(valid_for / 2)))
        });
        self.attach = attach;
    }

    fn left_ms(&self, now: Time) -> Option<u64> {
        let left = self.expires?.since(now);
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}

impl SessionContext {
    /// On whose behalf the session acts, as the newest verdict says.
    pub(crate) fn principal(&self) -> Option<Principal> {
        self.standing.lock().principal.clone()
    }

    /// Takes the verdict on the HELLO that resumed the session.
    pub(crate) fn renew(&self, admission: Admission, attach: u64, now: Time) {
        let lead = self.server.config.refresh_lead;
        self.standing.lock().renew(admission, attach, lead, now);
    }

    /// Asks for fresh credentials when it is time to. False when the present ones have ended.
    pub(crate) fn has_credentials(&self, now: Time) -> bool {
        let mut standing = self.standing.lock();
        if standing.expires.is_some_and(|expires| expires <= now) {
            return false;
        }
        if matches!(standing.next, Next::Due(due) if due <= now) {
            let question = Auth {
                wanted: true,
                expires: standing.left_ms(now),
                ..Auth::default()
            };
            // Under the lock, so that an answer finds the question noted.
            if self.session.auth(standing.attach, question) {
                standing.next = Next::Asked;
            }
        }
        true
    }

    /// The session's credentials have ended.
    pub(crate) fn expire(self: &Arc<Self>) {
        tracing::info!(session = %self.id, peer = ?self.peer(), "session ended: its credentials have expired");
        self.server.count_credentials_expired();
        let reason = "no fresh credentials in time";
        self.lock_out(Close::new(Code::CREDENTIALS_EXPIRED, reason));
    }

    /// The client's answer on connection `attach`: judged in a task of its own, one at a time.
    ///
    /// # Errors
    /// Nobody asked.
    pub(crate) fn take_auth(self: &Arc<Self>, attach: u64, auth: Auth) -> Result<(), Violation> {
        let asked = {
            let mut standing = self.standing.lock();
            let asked = standing.attach == attach && standing.next == Next::Asked;
            if asked {
                standing.next = Next::Judging;
            }
            asked
        };
        let (true, Some(hook)) = (asked, self.server.authenticate.clone()) else {
            return Err(Violation::Unexpected {
                kind: Kind::AUTH,
                when: "without having been asked for",
            });
        };
        let context = Arc::clone(self);
        let credentials = Credentials::of_auth(Arc::clone(&self.handshake), auth.auth);
        let judged = async move {
            let limit = context.server.config.authentication_timeout;
            let judgement = hook.judge(credentials, context.peer(), limit).await;
            context.auth_judged(attach, judgement);
        };
        tokio::spawn(judged.in_current_span());
        Ok(())
    }

    fn auth_judged(self: &Arc<Self>, attach: u64, judgement: Judgement) {
        let now = clock::now();
        let mut standing = self.standing.lock();
        if standing.attach != attach || standing.next != Next::Judging {
            // A newer connection brought its own.
            return;
        }
        let close = match judgement {
            Judgement::Admitted(admission) if admission.principal == standing.principal => {
                let lead = self.server.config.refresh_lead;
                standing.renew(admission, attach, lead, now);
                let accepted = Auth {
                    expires: standing.left_ms(now),
                    ..Auth::default()
                };
                self.session.auth(attach, accepted);
                return;
            }
            Judgement::Failed => {
                standing.next = Next::Due(now + REFRESH_PAUSE);
                self.server.count_authentication_failed();
                return;
            }
            Judgement::Admitted(_) => Close::new(
                Code::UNAUTHORIZED,
                "the credentials are another principal's",
            ),
            Judgement::Refused(failure) => refusal(&failure),
        };
        drop(standing);
        self.server.count_authentication_refused();
        tracing::info!(session = %self.id, peer = ?self.peer(), code = %close.code, "fresh credentials refused");
        self.lock_out(close);
    }
}

/// How far ahead of the end of a session's credentials it is asked for fresh ones, unless
/// [`Builder::refresh_lead`](crate::Builder::refresh_lead) says otherwise.
pub const REFRESH_LEAD: Duration = Duration::from_secs(30);

/// How long after fresh credentials could not be judged they are asked for again.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);

/// The longest time that is told apart from for ever: a hundred years.
const VALID_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
