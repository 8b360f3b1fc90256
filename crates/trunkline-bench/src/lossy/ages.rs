//! How old the positions are that players see.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The newest position that each player has of each other one, as the moment at which it was sent.
#[derive(Debug)]
pub(super) struct Board {
    players: usize,
    /// Microseconds since `began`; 0 while there is none. One row for each player that sees.
    newest: Vec<AtomicU64>,
    arrivals: Mutex<Arrivals>,
    began: Instant,
}

/// What has arrived since it was last taken.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// Positions, at whomever.
    pub(super) count: u64,
    /// How old those were at that moment that were newer than what their player had.
    pub(super) ages: Histogram<u64>,
}

impl Arrivals {
    fn none() -> Self {
        Self {
            count: 0,
            ages: histogram(),
        }
    }
}

impl Board {
    pub(super) fn new(players: usize) -> Self {
        Self {
            players,
            newest: (0..players * players).map(|_| AtomicU64::new(0)).collect(),
            arrivals: Mutex::new(Arrivals::none()),
            began: Instant::now(),
        }
    }

    /// The stamp of what is sent now.
    pub(super) fn stamp(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Notes that `seer` has a position of `seen`, which was sent at `stamp`. One that is older than
    /// what it has changes nothing.
    pub(super) fn note(&self, seer: usize, seen: usize, stamp: u64) {
        let newest = self.newest.get(seer * self.players + seen);
        let before = newest.map_or(u64::MAX, |newest| {
            newest.fetch_max(stamp, Ordering::Relaxed)
        });
        let age = self.stamp().saturating_sub(stamp);
        let mut arrivals = self.arrivals();
        arrivals.count += 1;
        if before < stamp {
            arrivals.ages.saturating_record(age);
        }
    }

    /// Takes what has arrived since the last call.
    pub(super) fn take_arrivals(&self) -> Arrivals {
        mem::replace(&mut self.arrivals(), Arrivals::none())
    }

    fn arrivals(&self) -> std::sync::MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every player has a position of every other one.
    pub(super) fn is_complete(&self) -> bool {
        self.pairs().all(|newest| newest != 0)
    }

    /// Looks once at everything that every player sees.
    pub(super) fn look(&self, ages: &mut Histogram<u64>) {
        let now = self.stamp();
        for newest in self.pairs() {
            ages.saturating_record(now.saturating_sub(newest));
        }
    }

    /// What each player has of each other one.
    fn pairs(&self) -> impl Iterator<Item = u64> {
        let players = self.players;
        let others = self.newest.iter().enumerate();
        let others = others.filter(move |(at, _)| at / players != at % players);
        others.map(|(_, newest)| newest.load(Ordering::Relaxed))
    }
}

/// A histogram of ages in microseconds.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are constants, and valid")
}

/// The ages of one run, milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ages {
    /// Half of them are younger.
    pub median_ms: f64,
    /// 99 of 100 are.
    pub p99_ms: f64,
    /// The oldest one.
    pub max_ms: f64,
    /// How many there are.
    pub count: u64,
    /// Share of them, and the age that none of these exceeded, for the plot; none if it is not plotted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<(f64, f64)>,
}

impl Ages {
    pub(super) fn of(ages: &Histogram<u64>) -> Self {
        let at = |share: f64| ages.value_at_quantile(share) as f64 / 1e3;
        let tail = [0.995, 0.999, 1.0];
        let shares = (0..=99)
            .map(|percent| f64::from(percent) / 100.0)
            .chain(tail);
        Self {
            median_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            count: ages.len(),
            curve: shares.map(|share| (share, at(share))).collect(),
        }
    }

    pub(super) fn without_curve(self) -> Self {
        Self {
            curve: Vec::new(),
            ..self
        }
    }
}

/// How long after the last look comes the next one. It is no fraction of the time between two
/// positions, so that looks fall at every moment between them.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(7);

/// Ages above it count as this.
const LONGEST_US: u64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newer_position_of_another_player_is_seen() {
        let board = Board::new(2);
        board.note(0, 1, 900);
        board.note(0, 1, 500);
        assert!(!board.is_complete());
        board.note(1, 0, 700);
        assert!(board.is_complete());
        assert_eq!(board.pairs().collect::<Vec<_>>(), [900, 700]);
        let arrivals = board.take_arrivals();
        assert_eq!((arrivals.count, arrivals.ages.len()), (3, 2));
        assert_eq!(board.take_arrivals().count, 0);
    }

    #[test]
    fn a_look_counts_every_pair_of_players_once() {
        let board = Board::new(3);
        let mut ages = histogram();
        board.look(&mut ages);
        assert_eq!(ages.len(), 6);
    }

    #[test]
    fn ages_are_told_in_milliseconds() {
        let mut histogram = histogram();
        for age in 1..=100_u64 {
            histogram.record(age * 1_000).unwrap();
        }
        let ages = Ages::of(&histogram);
        assert!((ages.median_ms - 50.0).abs() < 0.1, "{ages:?}");
        assert!((ages.p99_ms - 99.0).abs() < 0.1, "{ages:?}");
        assert_eq!(ages.count, 100);
        assert!(ages.curve.is_sorted_by(|before, after| before <= after));
    }
}
