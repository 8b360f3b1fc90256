//! The client's one task: attempts, connections, and the waits between them.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, Span};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Ended, spans};
use trunkline_protocol::{Close, Code, Disposition, Role};
use trunkline_transport::{DialError, TransportKind};

use crate::address::Address;
use crate::attempt::{Attached, Kept, Trouble, attempt};
use crate::back_off::BackOff;
use crate::dial::dial;
use crate::drive::{Drive, Driven};
use crate::lost::LossReason;
use crate::shared::Shared;
use crate::stats::count;
use crate::switch::{Switched, Upgrades, Wish, died_silently, switch};
use crate::transports::Hosts;
use crate::{CredentialsError, STANDING, State, SwitchError};

/// Why a client's task ends.
pub(crate) enum End {
    /// The application closed the client.
    ByUs,
    /// The application closed it without telling the server.
    Aborted,
    /// The server said a code after which nobody retries.
    Closed(Box<Close>),
    /// There will be no credentials.
    Credentials(CredentialsError),
    /// The transport says that trying again is of no use.
    Dial(DialError),
    /// The limit of attempts or of time was reached.
    GaveUp {
        /// Attempts in a row that came to nothing.
        attempts: u32,
        /// What ended the last one.
        last: String,
    },
}

/// Runs a client from its first connect until nothing is left to do.
pub(crate) async fn run(shared: Arc<Shared>) {
    let settings = &shared.config.settings;
    let mut task = Task {
        back_off: BackOff::new(settings.back_off_base, settings.back_off_cap),
        kept: None,
        moved: None,
        hosts: Hosts::default(),
        upgrades: Upgrades::new(),
        granted: None,
        failed: 0,
        down_since: Instant::now(),
        span: Span::none(),
        shared: Arc::clone(&shared),
    };
    let end = tokio::select! {
        biased;
        // What the task holds goes with it: the connection, or the dial.
        () = shared.aborted() => Some(End::Aborted),
        end = task.run() => end,
    };
    drop(task);
    shared.transport.send_replace(None);
    shared.drop_switch();
    if let Some(end) = end {
        shared.finish(end);
    }
}

struct Task {
    shared: Arc<Shared>,
    kept: Option<Kept>,
    /// Where the server sent this client, until that fails.
    moved: Option<Address>,
    hosts: Hosts,
    upgrades: Upgrades,
    /// Whoever asked for the switch that was made last.
    granted: Option<oneshot::Sender<Result<(), SwitchError>>>,
    back_off: BackOff,
    /// Attempts in a row that came to nothing.
    failed: u32,
    down_since: Instant,
    /// Of the connection that was made last.
    span: Span,
}

impl Task {
    /// None if the task ended quietly.
    async fn run(&mut self) -> Option<End> {
        loop {
            let trouble = match self.attempt_within_limit().await {
                Ok(attached) => self.drive(attached).await,
                Err(trouble) => {
                    self.failed = self.failed.saturating_add(1);
                    trouble
                }
            };
            if self.shared.is_closing() {
                return Some(End::ByUs);
            }
            tracing::debug!(%trouble, "no connection");
            let delay = match self.judge(&trouble) {
                Ok(delay) => delay,
                Err(end) => return Some(end),
            };
            if self.shared.try_idle() {
                return None;
            }
            if let Some(end) = self.limit_reached(delay, &trouble) {
                return Some(end);
            }
            self.wait(delay, &trouble).await;
            if self.shared.is_closing() {
                return Some(End::ByUs);
            }
            if self.shared.try_idle() {
                return None;
            }
        }
    }

    /// An attempt that ends with the time after which the client gives up.
    async fn attempt_within_limit(&mut self) -> Result<Attached, Trouble> {
        let limit = self.shared.config.settings.give_up_after;
        let until = limit.and_then(|limit| self.down_since.checked_add(limit));
        match until {
            Some(until) => {
                let attempt = timeout_at(until, self.attempt()).await;
                attempt.unwrap_or(Err(Trouble::OutOfTime))
            }
            None => self.attempt().await,
        }
    }

    async fn attempt(&mut self) -> Result<Attached, Trouble> {
        // For this dial only: whoever moved the client once would else have it for good.
        let moved = self.moved.take();
        let address = moved.as_ref().unwrap_or(&self.shared.config.address);
        let candidates = self.hosts.candidates(&self.shared.config, address);
        let span = spans::dialled(address);
        let shared = &self.shared;
        let mut over = None;
        let attempted = async {
            let dialled = dial(shared, address, &candidates).await?;
            over = Some(dialled.connection.transport);
            spans::record_transport(&Span::current(), dialled.connection.transport);
            attempt(shared, &mut self.kept, dialled, false).await
        };
        let attempted = attempted.instrument(span.clone()).await;
        if let (Err(trouble @ Trouble::WelcomeTimeout), Some(TransportKind::WebTransport)) =
            (&attempted, over)
        {
            self.hosts.died(address, trouble);
        }
        if attempted.is_ok() {
            if let Some(kept) = &self.kept {
                spans::record_session(&span, kept.id());
            }
            self.span = span;
        }
        attempted
    }

    /// Drives connections until one ends without a successor.
    async fn drive(&mut self, mut attached: Attached) -> Trouble {
        loop {
            self.attached(&attached);
            let Attached {
                driver,
                transport,
                address,
                ..
            } = attached;
            let mut drive = Drive::new(Arc::clone(&self.shared), driver);
            let ended = self.drive_one(&mut drive, transport, &address).await;
            let stood = drive.since.elapsed();
            if stood >= STANDING {
                self.back_off.reset();
            }
            self.upgrades.stood(transport, stood);
            match ended {
                Ok(successor) => {
                    attached = successor;
                    if let Some(former) = drive.into_driver() {
                        // It only says farewell now, within the driver's limit.
                        self.shared.tasks.spawn(async move {
                            let _ = former.await;
                        });
                    }
                }
                Err(ended) => {
                    self.down_since = Instant::now();
                    self.upgrades.forget_choice();
                    if transport == TransportKind::WebTransport && died_silently(&ended) {
                        self.hosts.died(&address, &ended);
                    }
                    self.shared.transport.send_replace(None);
                    self.shared.drop_switch();
                    return Trouble::Ended(ended);
                }
            }
        }
    }

    /// Notes a connection that was made, and tells who watches.
    fn attached(&mut self, attached: &Attached) {
        self.failed = 0;
        let shared = &self.shared;
        count(&shared.counters.connections);
        if attached.resumed {
            count(&shared.counters.resumed);
        }
        let Attached {
            resumed,
            transport,
            address,
            ..
        } = attached;
        let passed_over = attached.passed_over.clone();
        let passed_over = self.hosts.connected(address, *transport, passed_over);
        self.hosts.told(address, *transport, &attached.alternatives);
        let wants_upgrade = shared.wants_upgrade(&self.hosts, address, *transport);
        let jitter = Arc::clone(&shared.config.settings.jitter);
        self.upgrades.plan(wants_upgrade, &*jitter);
        shared
            .transport
            .send_replace(Some(attached.shown(passed_over)));
        shared.state.send_replace(State::Connected {
            resumed: *resumed,
            transport: *transport,
        });
        if let Some(reply) = self.granted.take() {
            // Whoever gave up waiting needs no answer.
            let _ = reply.send(Ok(()));
        }
    }

    /// Drives a connection until it ends, or another has taken its place.
    async fn drive_one(
        &mut self,
        drive: &mut Drive,
        transport: TransportKind,
        address: &Address,
    ) -> Result<Attached, Ended> {
        let span = self.span.clone();
        loop {
            let shared = Arc::clone(&self.shared);
            let wish = shared.next_wish(self.upgrades.due());
            let wish = match drive.beside(wish).instrument(span.clone()).await {
                Ok(Driven::Ended(ended)) => return Err(ended),
                Ok(Driven::Leave) => {
                    self.upgrades.forget_choice();
                    return self.switch(drive).instrument(span).await;
                }
                Err(wish) => wish,
            };
            let outcome = self.grant(drive, transport, address, wish);
            if let Some(outcome) = outcome.instrument(span.clone()).await {
                return outcome;
            }
        }
    }

    /// Moves to another transport; none if the session stays where it is.
    async fn grant(
        &mut self,
        drive: &mut Drive,
        present: TransportKind,
        address: &Address,
        wish: Wish,
    ) -> Option<Result<Attached, Ended>> {
        let (wanted, reply) = match wish {
            Wish::Upgrade => (TransportKind::WebTransport, None),
            Wish::Switch(wish) => (wish.transport, Some(wish.reply)),
        };
        let is_chosen = reply.is_some();
        let shared = Arc::clone(&self.shared);
        let answer = |reply: Option<oneshot::Sender<_>>, answer| {
            // Whoever gave up waiting needs no answer.
            let _ = reply.map(|reply| reply.send(answer));
        };
        if wanted == present {
            self.upgrades.chosen();
            answer(reply, Ok(()));
            return None;
        }
        let switched = match shared.candidate(&self.hosts, address, wanted) {
            Some(candidate) => switch(&shared, &mut self.kept, drive, address, candidate).await,
            None => Switched::Stayed(SwitchError::Unavailable { transport: wanted }),
        };
        match switched {
            Switched::Done(attached) => {
                tracing::info!(from = %present, to = %wanted, "the session moved to another transport");
                self.granted = reply;
                if is_chosen {
                    self.upgrades.chosen();
                }
                self.span = self.span_of(address, wanted);
                Some(Ok(*attached))
            }
            Switched::Stayed(error) => {
                tracing::debug!(to = %wanted, %error, "the session stays on its transport");
                if !is_chosen {
                    let jitter = Arc::clone(&shared.config.settings.jitter);
                    self.upgrades.plan(true, &*jitter);
                }
                answer(reply, Err(error));
                None
            }
            Switched::Ended(ended) => {
                answer(reply, Err(SwitchError::NotConnected));
                Some(Err(ended))
            }
        }
    }

    /// The span of a connection that the session has moved to.
    fn span_of(&self, address: &Address, transport: TransportKind) -> Span {
        let span = spans::dialled(address);
        spans::record_transport(&span, transport);
        if let Some(kept) = &self.kept {
            spans::record_session(&span, kept.id());
        }
        span
    }

    /// Makes a successor while the connection lives, as GOAWAY asks. What fails is tried again.
    ///
    /// The first is made at once. A server that asks each successor to leave too is not dialled any
    /// faster than one that closes each: the back-off begins anew only once a connection has stood.
    async fn switch(&mut self, drive: &mut Drive) -> Result<Attached, Ended> {
        drive.leave();
        self.hosts.forget_told();
        let notice = self.shared.book.lock().go_away.clone();
        self.moved = notice.and_then(|notice| self.moved_to(notice.url.as_deref()));
        if drive.since.elapsed() >= STANDING {
            self.back_off.reset();
        }
        let mut delay = self.next_delay(true);
        loop {
            if delay.is_zero() {
                if let Some(outcome) = self.attempt_beside(drive).await {
                    return outcome;
                }
                delay = self.next_delay(false);
            }
            match drive.beside(sleep(delay)).await {
                Ok(Driven::Ended(ended)) => return Err(ended),
                Ok(Driven::Leave) | Err(()) => delay = Duration::ZERO,
            }
        }
    }

    /// One attempt while the connection lives; none if it came to nothing and that still does.
    async fn attempt_beside(&mut self, drive: &mut Drive) -> Option<Result<Attached, Ended>> {
        let mut attempt = pin!(self.attempt());
        match drive.beside(attempt.as_mut()).await {
            // It may be the attempt itself that ended it: then the answer is on its way.
            Ok(Driven::Ended(ended)) if ended.keeps_session(Role::Client) => {
                Some(attempt.await.map_err(|_trouble| ended))
            }
            Ok(Driven::Ended(ended)) => Some(Err(ended)),
            Ok(Driven::Leave) | Err(Err(_)) => None,
            Err(Ok(attached)) => Some(Ok(attached)),
        }
    }

    /// Decides what becomes of the session and when the next attempt is.
    fn judge(&mut self, trouble: &Trouble) -> Result<Duration, End> {
        match trouble {
            Trouble::Closing => Err(End::ByUs),
            Trouble::Credentials(error) if error.is_final() => Err(End::Credentials(error.clone())),
            Trouble::Credentials(_)
            | Trouble::DialTimeout
            | Trouble::WelcomeTimeout
            | Trouble::OutOfTime => Ok(self.next_delay(false)),
            Trouble::Dial(error) => self.judge_dials([error]),
            Trouble::Race(failures) => {
                let errors = failures.iter().filter_map(|(_, trouble)| match trouble {
                    Trouble::Dial(error) => Some(error),
                    _ => None,
                });
                // What cannot be dialled is no hindrance where the other transport can.
                let is_url = |error: &&DialError| matches!(error, DialError::Url { .. });
                let (urls, others): (Vec<_>, Vec<_>) = errors.partition(is_url);
                self.judge_dials(if others.is_empty() { urls } else { others })
            }
            Trouble::Greeting(ended) => self.judge_end(ended, false),
            Trouble::Ended(ended) => self.judge_end(ended, true),
        }
    }

    /// What one transport, or several in a race, came to. An answer that says "never" counts, whatever
    /// became of the other: who cannot be reached says nothing.
    fn judge_dials<'a>(
        &mut self,
        errors: impl IntoIterator<Item = &'a DialError>,
    ) -> Result<Duration, End> {
        let mut retry_after = None;
        for error in errors {
            let (status, after) = match error {
                DialError::Url { .. } => return Err(End::Dial(error.clone())),
                DialError::Redirected {
                    status,
                    retry_after_s,
                    ..
                }
                | DialError::Refused {
                    status,
                    retry_after_s,
                    ..
                }
                | DialError::Proxy {
                    status: Some(status),
                    retry_after_s,
                    ..
                } => (*status, *retry_after_s),
                _ => continue,
            };
            if is_hopeless(status) {
                return Err(End::Dial(error.clone()));
            }
            retry_after = retry_after.max(after);
        }
        Ok(self.no_sooner_than(retry_after.map(Duration::from_secs)))
    }

    /// `stood`: after WELCOME, so that a resume is tried at once.
    fn judge_end(&mut self, ended: &Ended, stood: bool) -> Result<Duration, End> {
        let close = match ended {
            Ended::ByPeer(close) => Some(&**close),
            _ => None,
        };
        if let Some(close) = close {
            if let Some(moved) = self.moved_to(close.url.as_deref()) {
                self.moved = Some(moved);
            }
            if close.code == Code::STALE_ATTACH
                && let (Some(kept), Some(_)) = (&mut self.kept, close.attach)
            {
                kept.raise_attach(close.attach);
                return Ok(self.next_delay(false));
            }
            if self.is_twin(close) {
                self.lose(LossReason::Twin);
                return Ok(self.next_delay(false));
            }
        }
        let retry_after = close.and_then(|close| close.retry_after);
        let retry_after = retry_after.map(Duration::from_millis);
        match ended.disposition(Role::Client) {
            Disposition::Over => Err(End::Closed(Box::new(as_close(ended)))),
            Disposition::Fresh => {
                self.lose(LossReason::Ended(ended.code()));
                Ok(self.no_sooner_than(retry_after))
            }
            Disposition::Resume => Ok(self.next_delay(stood)),
            Disposition::ResumeLater => Ok(self.no_sooner_than(retry_after)),
        }
    }

    /// Whether somebody else resumed the session. There is never a newer attempt of this client's
    /// while it reads a connection, except in a switch, whose attach is the counter's.
    ///
    /// Specification: SES-040.
    fn is_twin(&self, close: &Close) -> bool {
        let Some(kept) = &self.kept else { return false };
        close.code == Code::SUPERSEDED && close.attach.is_none_or(|winner| winner > kept.attach)
    }

    fn lose(&mut self, reason: LossReason) {
        self.kept = None;
        self.shared.lose(reason, None);
    }

    fn moved_to(&self, url: Option<&str>) -> Option<Address> {
        self.shared.config.address.moved_to(url?)
    }

    fn next_delay(&mut self, at_once: bool) -> Duration {
        let jitter = Arc::clone(&self.shared.config.settings.jitter);
        self.back_off.next(at_once, &*jitter)
    }

    /// What the server asked for, and back-off on top: all clients it asked would else come at once
    /// (LIM-008).
    fn no_sooner_than(&mut self, retry_after: Option<Duration>) -> Duration {
        retry_after
            .unwrap_or_default()
            .min(RETRY_AFTER_MAX)
            .saturating_add(self.next_delay(false))
    }

    fn limit_reached(&self, delay: Duration, trouble: &Trouble) -> Option<End> {
        let settings = &self.shared.config.settings;
        let tired = settings.attempts_max.is_some_and(|max| self.failed >= max);
        let late = settings
            .give_up_after
            .is_some_and(|limit| self.down_since.elapsed().saturating_add(delay) >= limit);
        (tired || late).then(|| End::GaveUp {
            attempts: self.failed,
            last: match trouble {
                Trouble::Credentials(error) => error.to_string(),
                _ => trouble.to_string(),
            },
        })
    }

    /// Waits for the next attempt, unless the application asks for one, or closes.
    async fn wait(&mut self, delay: Duration, trouble: &Trouble) {
        self.shared.book.lock().hurry = false;
        self.shared.state.send_replace(State::Reconnecting {
            attempt: self.back_off.attempts(),
            delay,
            cause: trouble.to_string(),
        });
        let mut waiting = pin!(sleep(delay));
        loop {
            tokio::select! {
                biased;
                () = self.shared.bell.notified() => {}
                () = &mut waiting => return,
            }
            let mut book = self.shared.book.lock();
            let broken = book.broken.take();
            let stop = book.hurry || book.is_closing() || book.wants_nothing();
            drop(book);
            if let Some(close) = broken {
                self.lose(LossReason::Ended(close.code));
            }
            if stop {
                return;
            }
        }
    }
}

/// Whether an HTTP status says that the same request will never do (specification: TRN-029).
///
/// 301 and 308 say, with a target or without, that the server will never be where it was dialled.
/// Other redirects may be a network's own, such as a log-in page, and pass.
const fn is_hopeless(status: u16) -> bool {
    matches!(status, 301 | 308 | 400..=499) && !matches!(status, 408 | 421 | 425 | 429)
}

fn as_close(ended: &Ended) -> Close {
    match ended {
        Ended::ByPeer(close) | Ended::Here(close) => (**close).clone(),
        _ => Close::new(ended.code(), ended.to_string()),
    }
}

/// The longest wait that a server can ask for, with CLOSE or `Retry-After`: more is taken for this, or
/// a slip of its would silence its clients for good (specification: LIM-009).
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
