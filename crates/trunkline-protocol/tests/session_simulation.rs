//! Thousands of seeds in which everything goes wrong that can: nothing is lost without a word.
//!
//! `TRUNKLINE_SEEDS` says how many; `TRUNKLINE_SEED` names one to see again, and with
//! `TRUNKLINE_TRACE=1` what happened in it is printed when it fails.

mod common;

use common::{Summary, run};
use trunkline_netem::Seed;

/// Seeds to run when `TRUNKLINE_SEEDS` does not say.
const SEEDS: u64 = 4_000;

fn number_of_seeds() -> u64 {
    let given = std::env::var("TRUNKLINE_SEEDS").ok();
    given.map_or(SEEDS, |given| {
        given.parse().expect("TRUNKLINE_SEEDS is a number")
    })
}

/// The one seed that `TRUNKLINE_SEED` names, for seeing a failure again.
fn only_seed() -> Option<Seed> {
    let given = std::env::var("TRUNKLINE_SEED").ok()?;
    Some(given.parse().expect("TRUNKLINE_SEED is a seed"))
}

fn add(sum: &mut Summary, other: &Summary) {
    sum.arrivals += other.arrivals;
    sum.lines += other.lines;
    sum.resumes += other.resumes;
    sum.switches += other.switches;
    sum.lost_sessions += other.lost_sessions;
    sum.strangers += other.strangers;
    sum.acks += other.acks;
    sum.ended_at += other.ended_at;
}

fn seeds_of(part: u64, parts: u64) -> Summary {
    let mut sum = Summary::default();
    for number in (part..number_of_seeds()).step_by(parts as usize) {
        let seed = Seed::new(number);
        match run(seed, None) {
            Ok(summary) => add(&mut sum, &summary),
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    sum
}

#[test]
fn every_event_arrives_once_and_in_order_or_is_said_to_be_lost() {
    if let Some(seed) = only_seed() {
        run(seed, None).unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        return;
    }
    let parts = 4;
    let sum = std::thread::scope(|scope| {
        let running: Vec<_> = (0..parts)
            .map(|part| scope.spawn(move || seeds_of(part, parts)))
            .collect();
        let mut sum = Summary::default();
        for part in running {
            match part.join() {
                Ok(summary) => add(&mut sum, &summary),
                Err(problem) => std::panic::resume_unwind(problem),
            }
        }
        sum
    });
    println!("{sum:?}");
    // A simulation in which nothing happens proves nothing.
    let seeds = number_of_seeds();
    assert!(sum.arrivals > 20 * seeds, "{sum:?}");
    assert!(sum.resumes > seeds && sum.switches > seeds / 4, "{sum:?}");
    assert!(
        sum.lost_sessions > seeds / 10 && sum.acks > seeds,
        "{sum:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for number in 0..20 {
        let seed = Seed::new(number);
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
}
