//! Moving a session that goes on to another transport: on demand, and in the background.
//!
//! A switch is a strict resume on a second connection while the first goes on. Specification:
//! session.md, SES-037; wire states "Switching".

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Ended, Session};
use trunkline_protocol::{Code, Role};
use trunkline_transport::{ConnectionEnd, TransportKind};

use crate::address::Address;
use crate::attempt::{Attached, Kept, Trouble, attempt};
use crate::back_off::BackOff;
use crate::dial::dial;
use crate::drive::{Drive, Driven};
use crate::shared::Shared;
use crate::transports::{Candidate, Hosts, Transports};
use crate::{Jitter, SwitchError};

/// A call of [`Client::switch_to`](crate::Client::switch_to) that waits for its end.
pub(crate) struct SwitchWish {
    pub(crate) transport: TransportKind,
    pub(crate) reply: oneshot::Sender<Result<(), SwitchError>>,
}

/// Why a connection is to be left for another one.
pub(crate) enum Wish {
    /// The application wants it.
    Switch(SwitchWish),
    /// It is time to see whether WebTransport is reachable.
    Upgrade,
}

/// What came of a switch.
pub(crate) enum Switched {
    /// The session goes on here.
    Done(Box<Attached>),
    /// It goes on where it was.
    Stayed(SwitchError),
    /// Its connection ended meanwhile.
    Ended(Ended),
}

/// When WebTransport is tried in the background.
pub(crate) struct Upgrades {
    back_off: BackOff,
    due: Option<Instant>,
    /// The application chose the transport of this connection.
    is_chosen: bool,
}

impl Upgrades {
    pub(crate) const fn new() -> Self {
        Self {
            back_off: BackOff::new(UPGRADE_BASE, UPGRADE_CAP),
            due: None,
            is_chosen: false,
        }
    }

    /// After a connection was made, or a try has failed: `is_wanted` if another is to follow.
    pub(crate) fn plan(&mut self, is_wanted: bool, jitter: &dyn Jitter) {
        let is_wanted = is_wanted && !self.is_chosen;
        self.due = is_wanted.then(|| Instant::now() + self.back_off.next(false, jitter));
    }

    /// When to try, if at all.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The application chose the transport of the present connection: it is not left by itself.
    pub(crate) const fn chosen(&mut self) {
        self.is_chosen = true;
        self.due = None;
    }

    /// The connection whose transport was chosen is over, or is to be.
    pub(crate) const fn forget_choice(&mut self) {
        self.is_chosen = false;
    }

    /// A connection over `transport` is over that stood for so long.
    pub(crate) fn stood(&mut self, transport: TransportKind, stood: Duration) {
        if transport == TransportKind::WebTransport && stood >= UPGRADE_STANDING {
            self.back_off.reset();
        }
    }
}

impl Shared {
    /// The next reason to leave a connection; never any if there is none.
    pub(crate) async fn next_wish(&self, upgrade_due: Option<Instant>) -> Wish {
        let upgrade = async {
            match upgrade_due {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            wish = self.next_switch() => Wish::Switch(wish),
            () = upgrade => Wish::Upgrade,
        }
    }

    async fn next_switch(&self) -> SwitchWish {
        loop {
            // Listening comes first, or the bell could ring between looking and listening.
            let mut rung = pin!(self.switching.notified());
            rung.as_mut().enable();
            let wish = self.book.lock().switch.take();
            if let Some(wish) = wish {
                return wish;
            }
            rung.await;
        }
    }

    /// Takes a wish of the application's, in place of one that waits.
    pub(crate) fn wish_switch(&self, wish: SwitchWish) -> Result<(), SwitchError> {
        let mut book = self.book.lock();
        if book.is_closing()
            || !book
                .session
                .as_ref()
                .is_some_and(|session| session.is_attached())
        {
            return Err(SwitchError::NotConnected);
        }
        let former = book.switch.replace(wish);
        drop(book);
        if let Some(former) = former {
            // Whoever gave up waiting needs no answer.
            let _ = former.reply.send(Err(SwitchError::Replaced));
        }
        self.switching.notify_waiters();
        Ok(())
    }

    /// The connection that a wish was for is over.
    pub(crate) fn drop_switch(&self) {
        let wish = self.book.lock().switch.take();
        if let Some(wish) = wish {
            // As above.
            let _ = wish.reply.send(Err(SwitchError::NotConnected));
        }
    }

    /// Where a transport can be reached for the address of the present connection.
    pub(crate) fn candidate(
        &self,
        hosts: &Hosts,
        address: &Address,
        transport: TransportKind,
    ) -> Option<Candidate> {
        let config = &self.config;
        let mut dialers = config.dialers.iter();
        let dialer = dialers.find(|dialer| dialer.transport() == transport)?;
        hosts.candidate(config, address, dialer)
    }

    /// Whether a session on this connection is to move to WebTransport by itself.
    pub(crate) fn wants_upgrade(
        &self,
        hosts: &Hosts,
        address: &Address,
        transport: TransportKind,
    ) -> bool {
        transport == TransportKind::WebSocket
            && self.config.settings.transports == Transports::Auto
            && self
                .candidate(hosts, address, TransportKind::WebTransport)
                .is_some()
    }
}

/// Moves the session to another transport while its connection goes on.
pub(crate) async fn switch(
    shared: &Arc<Shared>,
    kept: &mut Option<Kept>,
    drive: &mut Drive,
    address: &Address,
    candidate: Candidate,
) -> Switched {
    if kept.is_none() {
        return Switched::Stayed(SwitchError::NotResumable);
    }
    let transport = candidate.transport();
    let failed = |trouble: &Trouble| SwitchError::Failed {
        transport,
        cause: trouble.to_string(),
    };
    let candidates = [candidate];
    let dialled = match drive.beside(dial(shared, address, &candidates)).await {
        Ok(Driven::Ended(ended)) => return Switched::Ended(ended),
        // It is about to be left anyway.
        Ok(Driven::Leave) => return Switched::Stayed(SwitchError::GoingAway),
        Err(Err(trouble)) => return Switched::Stayed(failed(&trouble)),
        Err(Ok(dialled)) => dialled,
    };
    let session = Arc::clone(drive.session());
    let outcome = {
        let mut attempt = pin!(attempt(shared, kept, dialled, true));
        loop {
            match drive.beside(attempt.as_mut()).await {
                // This switch serves for the one that the server asks for (SES-057).
                Ok(Driven::Leave) => drive.leave(),
                // It may be the attempt itself that ended it: then the answer is on its way.
                Ok(Driven::Ended(ended)) if ended.keeps_session(Role::Client) => {
                    return match attempt.await {
                        Ok(attached) => Switched::Done(Box::new(attached)),
                        Err(_trouble) => Switched::Ended(ended),
                    };
                }
                Ok(Driven::Ended(ended)) => return Switched::Ended(ended),
                Err(outcome) => break outcome,
            }
        }
    };
    match outcome {
        Ok(attached) => Switched::Done(Box::new(attached)),
        Err(trouble) => {
            drive.stay();
            note_failure(kept, &session, &trouble);
            Switched::Stayed(failed(&trouble))
        }
    }
}

/// What a failed attempt says beside that it failed.
fn note_failure(kept: &mut Option<Kept>, session: &Arc<Session>, trouble: &Trouble) {
    match trouble {
        Trouble::Greeting(Ended::ByPeer(close)) => {
            if let (Some(kept), Code::STALE_ATTACH) = (kept, close.code) {
                kept.raise_attach(close.attach);
            }
        }
        // Whoever answers so has lost count of the session: it ends on the old connection too.
        Trouble::Greeting(Ended::Violation(violation)) => session.close(violation.to_close()),
        _ => {}
    }
}

/// Whether a connection ended as one does whose packets nobody takes any more.
pub(crate) fn died_silently(ended: &Ended) -> bool {
    match ended {
        Ended::Here(close) => close.code == Code::PING_TIMEOUT,
        Ended::Transport(ConnectionEnd::Cut(_) | ConnectionEnd::Closed { code: None, .. }) => true,
        _ => false,
    }
}

/// The longest wait before a client on WebSocket first tries WebTransport in the background; each that
/// fails doubles it, up to [`UPGRADE_CAP`]. The wait is drawn from zero to that.
pub const UPGRADE_BASE: Duration = Duration::from_secs(1);

/// The longest wait between two tries of WebTransport in the background.
pub const UPGRADE_CAP: Duration = Duration::from_secs(5 * 60);

/// How long a connection over WebTransport must stand for the next try in the background to come as
/// soon as the first: a network that lets it live for a minute only is not moved to again and again.
pub const UPGRADE_STANDING: Duration = Duration::from_secs(2 * 60);
