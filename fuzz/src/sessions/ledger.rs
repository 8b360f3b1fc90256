//! What was pushed and what arrived, in both orders that are promised: that of frames which ask,
//! and that of answers.

use super::frames::Number;

/// The numbers of the frames that an end has pushed, in order.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    asking: Vec<u64>,
    answering: Vec<u64>,
}

/// How many of them have come to the other end.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    asking: usize,
    answering: usize,
}

impl Pushed {
    pub(super) fn note(&mut self, number: Number) {
        match number {
            Number::Asking(number) => self.asking.push(number),
            Number::Answering(number) => self.answering.push(number),
        }
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        (self.asking.len(), self.answering.len())
    }

    /// The frames that ask and have not arrived.
    pub(super) fn asking_after(&self, arrived: &Arrived) -> &[u64] {
        &self.asking[arrived.asking..]
    }
}

impl Arrived {
    /// A frame has arrived; it must be the next of its kind.
    pub(super) fn take(&mut self, number: Number, pushed: &Pushed) {
        let (number, next) = match number {
            Number::Asking(number) => {
                self.asking += 1;
                (number, pushed.asking.get(self.asking - 1))
            }
            Number::Answering(number) => {
                self.answering += 1;
                (number, pushed.answering.get(self.answering - 1))
            }
        };
        assert_eq!(Some(&number), next, "out of order, twice, or never pushed");
    }

    pub(super) const fn counts(&self) -> (usize, usize) {
        (self.asking, self.answering)
    }
}
