//! A connection under way: its driver, its timers, and when to leave it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Driver, Ended, Session, clock};
use trunkline_protocol::{Close, Code, Time};

use crate::CLOSE_WAIT;
use crate::shared::Shared;

/// A connection under way.
pub(crate) struct Drive {
    shared: Arc<Shared>,
    driver: Driver,
    /// Since when it stands.
    pub(crate) since: Instant,
    sleep: Pin<Box<Sleep>>,
    /// The session's next sweep, and when that is.
    sweep_at: Option<(Time, Instant)>,
    closing_since: Option<Instant>,
    told: bool,
    /// It is being left: a switch is under way.
    leaving: bool,
    over: bool,
}

/// What a connection came to.
pub(crate) enum Driven {
    /// It is over.
    Ended(Ended),
    /// The server asked to be left, and it is time.
    Leave,
}

impl Drive {
    pub(crate) fn new(shared: Arc<Shared>, driver: Driver) -> Self {
        let now = Instant::now();
        Self {
            shared,
            driver,
            since: now,
            sleep: Box::pin(tokio::time::sleep_until(now)),
            sweep_at: None,
            closing_since: None,
            told: false,
            leaving: false,
            over: false,
        }
    }

    /// Drives the connection while something else is under way, which gives up if this ends first.
    pub(crate) async fn beside<R>(&mut self, other: impl Future<Output = R>) -> Result<Driven, R> {
        let shared = Arc::clone(&self.shared);
        let mut other = pin!(other);
        loop {
            let mut rung = pin!(shared.bell.notified());
            let found = poll_fn(|cx| {
                if let Poll::Ready(driven) = self.poll(cx) {
                    return Poll::Ready(Some(Ok(driven)));
                }
                if let Poll::Ready(result) = other.as_mut().poll(cx) {
                    return Poll::Ready(Some(Err(result)));
                }
                rung.as_mut().poll(cx).map(|()| None)
            });
            if let Some(found) = found.await {
                return found;
            }
        }
    }

    /// From now on it only has to last until its successor stands.
    pub(crate) fn leave(&mut self) {
        self.leaving = true;
    }

    /// It goes on after all.
    pub(crate) fn stay(&mut self) {
        self.leaving = false;
    }

    /// The driver, if its connection is not over.
    pub(crate) fn into_driver(self) -> Option<Driver> {
        (!self.over).then_some(self.driver)
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        self.driver.session()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Driven> {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut self.driver).poll(cx) {
                self.over = true;
                return Poll::Ready(Driven::Ended(ended));
            }
            let now = Instant::now();
            if self.says_farewell(now) {
                continue;
            }
            if !self.leaving && self.is_time_to_leave(now) {
                return Poll::Ready(Driven::Leave);
            }
            let Some(due) = self.due(now) else {
                return Poll::Pending;
            };
            if self.sleep.deadline() != due {
                self.sleep.as_mut().reset(due);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sweep(now);
        }
    }

    /// Says CLOSE if this side ends the connection; true if it did so now.
    fn says_farewell(&mut self, now: Instant) -> bool {
        if self.told {
            return false;
        }
        let broken = self.shared.book.lock().broken.take();
        if let Some(close) = broken {
            self.told = true;
            self.session().close(close);
            return true;
        }
        if !self.shared.is_closing() {
            return false;
        }
        let since = *self.closing_since.get_or_insert(now);
        self.told = self.session().queued_bytes() == 0 || now >= since + CLOSE_WAIT;
        if self.told {
            self.session().close(Close::new(Code::NORMAL, ""));
        }
        self.told
    }

    fn is_time_to_leave(&self, now: Instant) -> bool {
        let notice = self.shared.book.lock().go_away.clone();
        notice.is_some_and(|notice| {
            now >= notice.deadline || (now >= notice.slot && self.shared.is_settled(self.session()))
        })
    }

    /// When to look again, if nothing comes before.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        let sweep = self.sweep_due();
        if sweep != self.sweep_at.map(|(due, _)| due) {
            self.sweep_at = sweep.map(|due| (due, now + due.since(clock::now())));
        }
        let sweep = self.sweep_at.map(|(_, at)| at);
        let closing = self.closing_since.filter(|_| !self.told);
        let closing = closing.map(|since| since + CLOSE_WAIT);
        let notice = self.shared.book.lock().go_away.clone();
        let leaving = notice.filter(|_| !self.leaving).map(|notice| {
            if now < notice.slot {
                notice.slot
            } else {
                notice.deadline
            }
        });
        [sweep, closing, leaving].into_iter().flatten().min()
    }

    fn sweep(&mut self, now: Instant) {
        self.session().sweep(clock::now());
        // One that left something due must not be repeated without end.
        let pause = |due: Time| due.since(clock::now()).max(SWEEP_PAUSE_MIN);
        self.sweep_at = self.sweep_due().map(|due| (due, now + pause(due)));
    }

    fn sweep_due(&self) -> Option<Time> {
        let session = self.session();
        let due = [session.watchdog_due(), session.receipt_due()];
        due.into_iter().flatten().min()
    }
}

/// The least time between two sweeps.
const SWEEP_PAUSE_MIN: Duration = Duration::from_millis(10);
