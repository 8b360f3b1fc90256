//! How long to wait before the next attempt.

use std::fmt;
use std::time::Duration;

/// Where the randomness of back-off comes from.
///
/// Tests put a deterministic one in its place.
pub trait Jitter: Send + Sync + 'static {
    /// A duration from zero to `at_most`, every one as likely as another.
    fn draw(&self, at_most: Duration) -> Duration;
}

/// Jitter from the operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomJitter;

impl Jitter for RandomJitter {
    fn draw(&self, at_most: Duration) -> Duration {
        // Without randomness the longest wait is the kindest to the server.
        let Ok(random) = getrandom::u64() else {
            return at_most;
        };
        let fraction = random as f64 / u64::MAX as f64;
        at_most.mul_f64(fraction)
    }
}

/// Full-jitter back-off: the n-th wait is drawn from zero to `base` times 2^n, at most `cap`.
///
/// A resume is tried at once first. Only a connection that stood for a while makes it forget.
pub(crate) struct BackOff {
    base: Duration,
    cap: Duration,
    attempts: u32,
    waits: u32,
}

impl BackOff {
    pub(crate) const fn new(base: Duration, cap: Duration) -> Self {
        Self {
            base,
            cap,
            attempts: 0,
            waits: 0,
        }
    }

    /// How many attempts have been granted since the last connection that stood.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The wait before the next attempt.
    pub(crate) fn next(&mut self, at_once: bool, jitter: &dyn Jitter) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        if at_once && self.attempts == 1 {
            return Duration::ZERO;
        }
        let window = self.base.saturating_mul(1 << self.waits.min(MAX_DOUBLINGS));
        self.waits = self.waits.saturating_add(1);
        let at_most = window.min(self.cap);
        jitter.draw(at_most).min(at_most)
    }

    /// A connection stood: the next trouble is a new one.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
        self.waits = 0;
    }
}

impl fmt::Debug for BackOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackOff(attempt {})", self.attempts)
    }
}

/// Doublings beyond which no window is computed; any cap is reached before.
const MAX_DOUBLINGS: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    struct Longest;

    impl Jitter for Longest {
        fn draw(&self, at_most: Duration) -> Duration {
            at_most
        }
    }

    fn windows(at_once: bool) -> Vec<u128> {
        let mut back_off = BackOff::new(Duration::from_millis(500), Duration::from_secs(3));
        (0..6)
            .map(|_| back_off.next(at_once, &Longest).as_millis())
            .collect()
    }

    #[test]
    fn windows_double_up_to_the_cap_after_a_first_attempt_at_once() {
        assert_eq!(windows(true), [0, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(windows(false), [500, 1000, 2000, 3000, 3000, 3000]);
    }

    #[test]
    fn random_jitter_stays_within_its_window() {
        let window = Duration::from_millis(10);
        let draws: Vec<_> = (0..100).map(|_| RandomJitter.draw(window)).collect();
        assert!(draws.iter().all(|draw| *draw <= window));
        assert!(draws.iter().any(|draw| *draw != draws[0]));
    }

    #[test]
    fn very_many_attempts_do_not_overflow() {
        let mut back_off = BackOff::new(Duration::MAX, Duration::from_secs(30));
        for _ in 0..100 {
            assert!(back_off.next(false, &Longest) <= Duration::from_secs(30));
        }
    }
}
