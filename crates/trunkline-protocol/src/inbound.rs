//! The receiving machine: dedupe, receipts, credit.

use std::time::Duration;

use crate::{Limits, Time, Violation};

/// What arrives in a session: counts sequenced frames and says when a receipt is due.
///
/// It outlives connections. Specification: session.md, "Receiver".
#[derive(Debug)]
pub struct Inbound {
    counted: u64,
    credit: u64,
    unconfirmed_bytes: usize,
    /// Bytes of frames that came again, since the last receipt was told.
    repeated_bytes: usize,
    unconfirmed_since: Option<Time>,
    held: bool,
    hurried: bool,
    due_bytes: usize,
    limit_bytes: usize,
}

/// Whether a sequenced frame is to be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one: handle it.
    New,
    /// Seen before: drop it.
    Repeated,
}

impl Inbound {
    /// The machine of a fresh session, for what both sides announced.
    #[must_use]
    pub fn new(ours: &Limits, peers: &Limits) -> Self {
        let window = window(peers, ours);
        Self {
            counted: 0,
            credit: 0,
            unconfirmed_bytes: 0,
            repeated_bytes: 0,
            unconfirmed_since: None,
            held: false,
            hurried: false,
            due_bytes: window / RECEIPT_SHARE,
            limit_bytes: 2 * ours.inbound as usize + ours.frame as usize,
        }
    }

    /// Counts a sequenced frame whose header decoded; `size` is its message's length.
    ///
    /// # Errors
    /// A gap, or a peer that sends on beyond its window.
    pub fn accept(&mut self, seq: u64, size: usize, now: Time) -> Result<Arrival, Violation> {
        if seq <= self.counted {
            // The receipt for it went astray with an older connection: the peer's window must not
            // wait for the next heartbeat.
            self.repeated_bytes = self.repeated_bytes.saturating_add(size);
            self.unconfirmed_since.get_or_insert(now);
            return Ok(Arrival::Repeated);
        }
        if seq != self.counted + 1 {
            return Err(Violation::SequenceGap {
                expected: self.counted + 1,
                found: seq,
            });
        }
        let unconfirmed = self.unconfirmed_bytes + size;
        if unconfirmed > self.limit_bytes {
            return Err(Violation::WindowExceeded {
                unconfirmed,
                limit: self.limit_bytes,
            });
        }
        self.counted = seq;
        self.unconfirmed_bytes = unconfirmed;
        self.unconfirmed_since.get_or_insert(now);
        Ok(Arrival::New)
    }

    /// Withholds receipts while the application's queue is full, and gives them again.
    ///
    /// This is credit without a frame for it: the peer's window fills and its events wait there.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Has a receipt be due at once for whatever comes, while the peer waits for them: it is to leave,
    /// and does so when all that it sent is confirmed.
    pub fn hurry(&mut self, hurried: bool) {
        self.hurried = hurried;
    }

    /// Whether a RECEIVED frame is due: at once for a session's first frame, so that the peer knows
    /// early that the session is worth keeping; then at a sixty-fourth of the peer's window, or
    /// [`RECEIPT_DELAY`] after the first unconfirmed frame. Frames that came again count too.
    #[must_use]
    pub fn is_receipt_due(&self, now: Time) -> bool {
        !self.held
            && self.unconfirmed_since.is_some_and(|since| {
                self.credit == 0
                    || self.hurried
                    || self.unconfirmed_bytes.saturating_add(self.repeated_bytes) >= self.due_bytes
                    || now.since(since) >= RECEIPT_DELAY
            })
    }

    /// When a RECEIVED frame becomes due by time; none while nothing is unconfirmed or receipts are
    /// withheld. Bytes may make one due earlier.
    #[must_use]
    pub fn receipt_due(&self) -> Option<Time> {
        let since = self.unconfirmed_since.filter(|_| !self.held);
        since.map(|since| since + RECEIPT_DELAY)
    }

    /// The receipt to tell, on whatever frame carries one. It confirms all that has been counted,
    /// unless receipts are withheld.
    pub fn confirm(&mut self) -> u64 {
        if !self.held {
            self.credit = self.counted;
            self.unconfirmed_bytes = 0;
            self.repeated_bytes = 0;
            self.unconfirmed_since = None;
        }
        self.credit
    }

    /// The receipt for a HELLO. Unlike [`confirm`](Self::confirm) it leaves a receipt due that is
    /// due, since HELLO may be lost while an older connection goes on.
    #[must_use]
    pub const fn receipt(&self) -> u64 {
        if self.held { self.credit } else { self.counted }
    }

    /// Whether all that has been counted is confirmed.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.credit == self.counted
    }

    /// The highest number counted.
    #[must_use]
    pub const fn counted(&self) -> u64 {
        self.counted
    }
}

/// The bytes of unconfirmed frames that `sender` may have under way to `receiver`.
#[must_use]
pub(crate) fn window(sender: &Limits, receiver: &Limits) -> usize {
    sender.replay.min(receiver.inbound) as usize
}

/// The share of the window at which a receipt is due: often enough that the sender's log stays in its
/// processor's cache, seldom enough that receipts cost nothing.
const RECEIPT_SHARE: usize = 64;

/// The longest a receipt waits after the first frame it confirms.
pub const RECEIPT_DELAY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn inbound() -> Inbound {
        let limits = Limits {
            replay: 400,
            inbound: 400,
            frame: 100,
            ..Limits::default()
        };
        Inbound::new(&limits, &limits)
    }

    const NOW: Time = Time::from_ms(5);

    #[test]
    fn repeated_frames_are_told_apart_and_gaps_refused() {
        let mut inbound = inbound();
        assert_eq!(inbound.accept(1, 10, NOW), Ok(Arrival::New));
        assert_eq!(inbound.accept(1, 10, NOW), Ok(Arrival::Repeated));
        assert_eq!(
            inbound.accept(3, 10, NOW),
            Err(Violation::SequenceGap {
                expected: 2,
                found: 3
            })
        );
        assert_eq!(inbound.counted(), 1);
    }

    #[test]
    fn a_receipt_is_due_at_a_sixty_fourth_of_the_window_or_after_the_delay() {
        let mut inbound = inbound();
        inbound.accept(1, 10, NOW).unwrap();
        assert!(inbound.is_receipt_due(NOW), "the first one at once");
        assert_eq!(inbound.confirm(), 1);
        assert_eq!(inbound.receipt_due(), None);
        inbound.accept(2, 5, NOW).unwrap();
        assert_eq!(inbound.receipt_due(), Some(NOW + RECEIPT_DELAY));
        assert!(!inbound.is_receipt_due(NOW));
        assert!(inbound.is_receipt_due(NOW + RECEIPT_DELAY));
        inbound.accept(3, 1, NOW).unwrap();
        assert!(inbound.is_receipt_due(NOW));
        assert_eq!(inbound.confirm(), 3);
        assert!(!inbound.is_receipt_due(NOW + RECEIPT_DELAY));
    }

    #[test]
    fn a_peer_that_is_to_leave_gets_its_receipts_at_once() {
        let mut inbound = inbound();
        inbound.accept(1, 1, NOW).unwrap();
        inbound.confirm();
        inbound.accept(2, 1, NOW).unwrap();
        assert!(!inbound.is_receipt_due(NOW));
        inbound.hurry(true);
        assert!(inbound.is_receipt_due(NOW));
        inbound.confirm();
        assert!(!inbound.is_receipt_due(NOW), "there is nothing to confirm");
        inbound.hurry(false);
        inbound.accept(3, 1, NOW).unwrap();
        assert!(!inbound.is_receipt_due(NOW));
    }

    #[test]
    fn a_held_machine_tells_its_old_credit_until_it_is_released() {
        let mut inbound = inbound();
        inbound.accept(1, 100, NOW).unwrap();
        assert_eq!(inbound.confirm(), 1);
        inbound.hold(true);
        inbound.accept(2, 300, NOW).unwrap();
        assert!(!inbound.is_receipt_due(NOW + RECEIPT_DELAY));
        assert_eq!(inbound.confirm(), 1);
        assert!(!inbound.is_confirmed());
        inbound.hold(false);
        assert!(inbound.is_receipt_due(NOW));
        assert_eq!(inbound.confirm(), 2);
        assert!(inbound.is_confirmed());
    }

    #[test]
    fn a_peer_that_ignores_its_window_is_stopped() {
        let mut inbound = inbound();
        inbound.hold(true);
        for seq in 1..=9 {
            inbound.accept(seq, 100, NOW).unwrap();
        }
        assert_eq!(
            inbound.accept(10, 100, NOW),
            Err(Violation::WindowExceeded {
                unconfirmed: 1000,
                limit: 900
            })
        );
    }
}
