//! The arena's time, as somebody knows it who can only ask.

use std::time::Instant;

/// What a player makes of the answers to [`CLOCK`](crate::words::CLOCK).
///
/// An answer is half a way old when it arrives, if both ways take the same time; how wrong that may be is
/// half of the round trip. So the quickest of the last answers is believed, and the others are not.
#[derive(Debug)]
pub struct ArenaClock {
    /// From here local time is counted.
    started: Instant,
    /// The last answers: the round trip, and what is to be added to local time, milliseconds.
    answers: [Option<(f64, f64)>; ANSWERS],
    next: usize,
}

impl ArenaClock {
    /// A clock that knows nothing yet.
    #[must_use]
    pub const fn new(started: Instant) -> Self {
        Self {
            started,
            answers: [None; ANSWERS],
            next: 0,
        }
    }

    /// Takes an answer: what the server said, when it was asked and when its answer was there.
    pub fn answered(&mut self, told: f64, asked: Instant, arrived: Instant) {
        let (asked, arrived) = (self.local(asked), self.local(arrived));
        let offset = told - f64::midpoint(asked, arrived);
        self.answers[self.next] = Some((arrived - asked, offset));
        self.next = (self.next + 1) % ANSWERS;
    }

    /// The arena's time in milliseconds; none before the first answer.
    #[must_use]
    pub fn time(&self, now: Instant) -> Option<f64> {
        let answers = self.answers.iter().flatten();
        let (_, offset) = answers.min_by(|(one, _), (other, _)| one.total_cmp(other))?;
        Some(self.local(now) + offset)
    }

    fn local(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.started).as_secs_f64() * 1_000.0
    }
}

/// How many answers are remembered: those of a minute. A clock does not go wrong so fast as a link does.
const ANSWERS: usize = 60;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn after(started: Instant, ms: u64) -> Instant {
        started + Duration::from_millis(ms)
    }

    #[test]
    fn nothing_is_known_before_an_answer() {
        let started = Instant::now();
        assert_eq!(ArenaClock::new(started).time(started), None);
    }

    #[test]
    fn the_quickest_answer_is_believed() {
        let started = Instant::now();
        let mut clock = ArenaClock::new(started);
        // The server is 5,000 ms ahead; the first answer took 400 ms on its way back.
        clock.answered(5_100.0, after(started, 100), after(started, 500));
        assert_eq!(clock.time(after(started, 500)), Some(5_300.0));
        clock.answered(5_610.0, after(started, 600), after(started, 620));
        assert_eq!(clock.time(after(started, 1_000)), Some(6_000.0));
        clock.answered(5_700.0, after(started, 700), after(started, 1_100));
        assert_eq!(clock.time(after(started, 1_100)), Some(6_100.0));
    }

    #[test]
    fn an_answer_is_forgotten_after_sixty_more() {
        let started = Instant::now();
        let mut clock = ArenaClock::new(started);
        clock.answered(0.0, started, started);
        for _ in 0..ANSWERS {
            clock.answered(5_010.0, started, after(started, 20));
        }
        assert_eq!(clock.time(started), Some(5_000.0));
    }
}
