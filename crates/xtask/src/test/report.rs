//! The table at the end, and the count below it.

use std::fmt;
use std::time::Duration;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed(String),
    /// Not run, for the reason given; neither passed nor failed.
    Skipped(String),
    /// Killed at its deadline; whose deadline it was, the caller knows.
    OverBudget,
}

/// A step that was run.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) budget: Duration,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_secs_f32();
        match &self.outcome {
            Outcome::Passed => write!(f, "passed in {took:.1} s"),
            Outcome::Failed(why) => write!(f, "FAILED after {took:.1} s: {why}"),
            Outcome::Skipped(why) => write!(f, "skipped: {why}"),
            Outcome::OverBudget => write!(f, "FAILED after {took:.1} s: over budget"),
        }
    }
}

/// Prints the table and the count of steps; true when none failed.
pub(super) fn print(entries: &[Entry], took: Duration) -> bool {
    println!("\n{}", table(entries, took));
    let (passed, failed) = count(entries);
    println!("{passed} passed, {failed} failed");
    failed == 0
}

fn table(entries: &[Entry], took: Duration) -> String {
    let width = entries
        .iter()
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    let mut table = format!(
        "{:<width$}  {:>8}  {:>8}  outcome\n",
        "step", "took", "budget"
    );
    for entry in entries {
        let (took, budget) = (entry.took.as_secs_f32(), entry.budget.as_secs());
        let outcome = match &entry.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
            Outcome::Failed(why) => format!("FAILED: {why}"),
            Outcome::OverBudget => "FAILED".to_owned(),
        };
        table += &format!(
            "{:<width$}  {took:>6.1} s  {budget:>6} s  {outcome}\n",
            entry.name
        );
    }
    table + &format!("{:<width$}  {:>6.1} s\n", "all", took.as_secs_f32())
}

fn count(entries: &[Entry]) -> (usize, usize) {
    let passed = entries
        .iter()
        .filter(|entry| entry.outcome == Outcome::Passed)
        .count();
    let skipped = |entry: &&Entry| matches!(entry.outcome, Outcome::Skipped(_));
    let skipped = entries.iter().filter(skipped).count();
    (passed, entries.len() - passed - skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, outcome: Outcome) -> Entry {
        let (budget, took) = (Duration::from_secs(60), Duration::from_millis(1_250));
        Entry {
            name: name.to_owned(),
            budget,
            took,
            outcome,
        }
    }

    #[test]
    fn skipped_steps_count_on_neither_side() {
        let entries = [
            entry("a", Outcome::Passed),
            entry("b", Outcome::Skipped("no".to_owned())),
            entry("c", Outcome::Failed("why".to_owned())),
            entry("d", Outcome::OverBudget),
        ];
        assert_eq!(count(&entries), (1, 2));
    }

    #[test]
    fn the_table_tells_times_and_reasons() {
        let entries = [entry("clippy", Outcome::Failed("exit status 1".to_owned()))];
        let table = table(&entries, Duration::from_secs(2));
        assert!(
            table.contains("clippy     1.2 s      60 s  FAILED: exit status 1\n"),
            "{table}"
        );
    }
}
