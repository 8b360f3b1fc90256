//! How much somebody may still do.

use std::time::Duration;

/// What fills up with time, to a limit, and is taken from. It bears bursts: what was held up on the way
/// arrives at once, and is no fault of its sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    per_second: f32,
    most: f32,
    left: f32,
    since: Duration,
}

impl Allowance {
    /// It is full at first.
    pub(crate) const fn new(per_second: f32, most: f32, now: Duration) -> Self {
        Self {
            per_second,
            most,
            left: most,
            since: now,
        }
    }

    /// How much may be taken.
    pub(crate) fn left(&mut self, now: Duration) -> f32 {
        let passed = now.saturating_sub(self.since).as_secs_f32();
        self.left = self.per_second.mul_add(passed, self.left).min(self.most);
        self.since = self.since.max(now);
        self.left
    }

    /// Takes that much, if it is there.
    pub(crate) fn take(&mut self, amount: f32, now: Duration) -> bool {
        let is_there = self.left(now) >= amount;
        if is_there {
            self.left -= amount;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back_with_time_up_to_the_limit() {
        let mut shots = Allowance::new(2.0, 3.0, Duration::ZERO);
        for _ in 0..3 {
            assert!(shots.take(1.0, Duration::ZERO));
        }
        assert!(!shots.take(1.0, Duration::from_millis(400)));
        assert!(shots.take(1.0, Duration::from_millis(600)));
        assert!(shots.left(Duration::from_secs(60)) <= 3.0);
    }

    #[test]
    fn time_that_seems_to_go_back_gives_nothing() {
        let mut shots = Allowance::new(1.0, 1.0, Duration::from_secs(10));
        assert!(shots.take(1.0, Duration::from_secs(10)));
        assert!(!shots.take(1.0, Duration::from_secs(5)));
        assert!(!shots.take(1.0, Duration::from_secs(10)));
        assert!(shots.take(1.0, Duration::from_secs(11)));
    }
}
