//! How often something may happen: token buckets, with the time as an argument.

use std::fmt;
use std::time::Duration;

use crate::Time;

/// How much may happen: a sustained rate, and how much of it at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        per_second: u32::MAX,
        burst: u32::MAX,
    };

    /// `per_second` in the long run, and up to `burst` at once. Of either at least 1.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second };
        let burst = if burst == 0 { 1 } else { burst };
        Self { per_second, burst }
    }

    /// Whether it limits nothing.
    #[must_use]
    pub const fn is_unlimited(self) -> bool {
        self.burst == u32::MAX
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} a second, {} at once", self.per_second, self.burst)
    }
}

/// What has been used of a [`Rate`] lately. 16 bytes; a fresh one has used nothing.
///
/// ```text
///   used ── take, charge ──> more used ── time ──> less, down to nothing
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Thousandths, so that a millisecond gives back a whole number.
    used: u64,
    at: Time,
}

impl Bucket {
    /// Uses `amount` if that much is left.
    ///
    /// # Errors
    /// How long until it would be; nothing was used.
    pub fn take(&mut self, rate: Rate, amount: u64, now: Time) -> Result<(), Duration> {
        let before = self.recovered(rate, now);
        let after = before.saturating_add(amount.saturating_mul(1000));
        self.at = now;
        self.used = before;
        wait(rate, after)?;
        self.used = after;
        Ok(())
    }

    /// Uses `amount` that has been used already, whether it was left or not.
    ///
    /// # Errors
    /// It was not: how long until the bucket is within its bound again.
    pub fn charge(&mut self, rate: Rate, amount: u64, now: Time) -> Result<(), Duration> {
        let before = self.recovered(rate, now);
        self.at = now;
        self.used = before.saturating_add(amount.saturating_mul(1000));
        wait(rate, self.used)
    }

    fn recovered(&self, rate: Rate, now: Time) -> u64 {
        let elapsed = now.since(self.at).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.used
            .saturating_sub(elapsed.saturating_mul(u64::from(rate.per_second)))
    }
}

fn wait(rate: Rate, used: u64) -> Result<(), Duration> {
    let excess = used.saturating_sub(u64::from(rate.burst) * 1000);
    if excess == 0 || rate.is_unlimited() {
        return Ok(());
    }
    Err(Duration::from_millis(
        excess.div_ceil(u64::from(rate.per_second)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(10, 3);

    fn at(ms: u64) -> Time {
        Time::from_ms(ms)
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_at_a_time() {
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(RATE, 1, at(5)), Ok(()));
        }
        let wait = Duration::from_millis(100);
        assert_eq!(bucket.take(RATE, 1, at(5)), Err(wait));
        assert_eq!(
            bucket.take(RATE, 1, at(104)),
            Err(Duration::from_millis(1)),
            "what is refused uses nothing"
        );
        assert_eq!(bucket.take(RATE, 1, at(105)), Ok(()));
        assert!(bucket.take(RATE, 1, at(105)).is_err());
    }

    #[test]
    fn rest_gives_back_no_more_than_the_burst() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(RATE, 3, at(0)), Ok(()));
        assert_eq!(bucket.take(RATE, 3, at(1_000_000)), Ok(()));
        assert!(bucket.take(RATE, 1, at(1_000_000)).is_err());
    }

    #[test]
    fn what_is_charged_counts_even_beyond_the_bound() {
        let mut bucket = Bucket::default();
        let wait = Duration::from_millis(700);
        assert_eq!(bucket.charge(RATE, 10, at(0)), Err(wait));
        assert!(bucket.take(RATE, 1, at(700)).is_err());
        assert_eq!(bucket.take(RATE, 1, at(800)), Ok(()));
    }

    #[test]
    fn the_largest_numbers_neither_overflow_nor_free_anybody() {
        let mut bucket = Bucket::default();
        assert!(bucket.charge(RATE, u64::MAX, at(u64::MAX)).is_err());
        assert!(bucket.charge(RATE, u64::MAX, at(0)).is_err());
        assert_eq!(bucket.take(Rate::UNLIMITED, u64::MAX, at(0)), Ok(()));
        assert_eq!(Rate::new(0, 0), Rate::new(1, 1));
    }
}
