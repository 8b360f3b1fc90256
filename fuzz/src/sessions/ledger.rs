//! What was pushed and what arrived, in both orders that are promised: that of frames which ask,
//! and that of answers.

use super::frames::{Making, Number};

/// The frames that an end has pushed, in order.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    asking: Vec<Asking>,
    answering: Vec<u64>,
}

/// A frame that asks.
#[derive(Clone, Copy, Debug)]
struct Asking {
    number: u64,
    /// It may have been dropped while it had no number of its session.
    may_be_dropped: bool,
}

/// How far the other end has come in them.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    asking: usize,
    answering: usize,
    /// Frames that were passed over, since they were dropped.
    dropped: u64,
}

impl Pushed {
    pub(super) fn note(&mut self, number: Number) {
        match number {
            Number::Asking(number) => self.asking.push(Asking {
                number,
                may_be_dropped: Making::may_be_dropped(number),
            }),
            Number::Answering(number) => self.answering.push(number),
        }
    }

    /// Any event among them may have been discarded.
    pub(super) fn events_may_be_discarded(&mut self) {
        for asking in &mut self.asking {
            asking.may_be_dropped |= Making::is_event(asking.number);
        }
    }

    /// All have arrived but those that were dropped, of which there are so many.
    pub(super) fn check_all(&self, arrived: &Arrived, dropped: u64) {
        assert_eq!(
            arrived.answering,
            self.answering.len(),
            "answers are missing"
        );
        self.check_lost(arrived, &[], &[], dropped);
    }

    /// What did not arrive was handed back, or dropped.
    pub(super) fn check_lost(
        &self,
        arrived: &Arrived,
        unconfirmed: &[u64],
        queued: &[u64],
        dropped: u64,
    ) {
        let handed_back: Vec<u64> = unconfirmed.iter().chain(queued).copied().collect();
        assert!(
            handed_back.is_sorted(),
            "handed back out of order: {handed_back:?}"
        );
        let missing = &self.asking[arrived.asking..];
        let is_missing = |number: &u64| missing.iter().any(|asking| asking.number == *number);
        assert!(
            queued.iter().all(is_missing),
            "{queued:?} arrived without a number"
        );
        let mut found = arrived.dropped;
        for asking in missing {
            if handed_back.binary_search(&asking.number).is_err() {
                assert!(asking.may_be_dropped, "{asking:?} is lost without a word");
                found += 1;
            }
        }
        assert_eq!(found, dropped, "frames that were dropped, and counted");
    }
}

impl Arrived {
    /// A frame has arrived; it must be the next of its kind.
    pub(super) fn take(&mut self, number: Number, pushed: &Pushed) {
        match number {
            Number::Asking(number) => {
                while let Some(next) = pushed.asking.get(self.asking) {
                    self.asking += 1;
                    if next.number == number {
                        return;
                    }
                    assert!(next.may_be_dropped, "{next:?} was to come before {number}");
                    self.dropped += 1;
                }
                panic!("{number} comes twice, or was never pushed");
            }
            Number::Answering(number) => {
                let next = pushed.answering.get(self.answering);
                assert_eq!(Some(&number), next, "out of order, twice, or never pushed");
                self.answering += 1;
            }
        }
    }
}
