//! Virtual time.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A moment of virtual time: microseconds since the start of the test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The start of the test.
    pub const ZERO: Self = Self(0);

    /// The moment `milliseconds` after the start; saturates at the end of time.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000))
    }

    /// The moment `microseconds` after the start.
    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// Whole milliseconds since the start, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// The time between two moments; zero when the second is the later one.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1_000, self.0 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_in_microseconds_and_saturates() {
        let moment = Time::from_millis(2) + Duration::from_micros(5);
        assert_eq!(moment.as_micros(), 2_005);
        assert_eq!(moment.as_millis(), 2);
        assert_eq!(moment.to_string(), "2.005 ms");
        assert_eq!(moment - Time::from_millis(1), Duration::from_micros(1_005));
        assert_eq!(Time::ZERO - moment, Duration::ZERO);
        assert_eq!(
            Time::from_millis(u64::MAX) + Duration::MAX,
            Time::from_micros(u64::MAX)
        );
    }
}
