//! `cargo xtask test`: everything, in steps with a time budget each.

mod needs;
mod process;
mod report;
mod steps;
mod wasm32;

use std::time::{Duration, Instant};

use crate::{Result, repository};
use report::{Entry, Outcome};
use steps::{Action, Step};

/// The whole run ends within this time: steps that are not reached by then fail. On two quiet cores it
/// takes about half of it.
const BUDGET: Duration = Duration::from_secs(45 * 60);

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    install: bool,
    list: bool,
    only: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--install" => options.install = true,
                "--list" => options.list = true,
                "--only" => {
                    let step = arguments.next().ok_or("--only needs the name of a step")?;
                    options.only.push((*step).to_owned());
                }
                other => return Err(format!("unknown option {other}").into()),
            }
        }
        Ok(options)
    }
}

/// Runs the steps; true when none failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let root = repository::root()?;
    let continuous_integration = std::env::var("CI").is_ok_and(|value| value == "true");
    let install = options.install || continuous_integration;
    let steps = chosen(steps::all(&root, install)?, &options.only)?;
    if options.list {
        list(&steps);
        return Ok(true);
    }
    process::end_children_with_this_one()?;
    let started = Instant::now();
    let mut entries = Vec::new();
    for step in &steps {
        println!(
            "\n==> {}: {} (at most {} s)",
            step.name,
            step.purpose,
            step.budget.as_secs()
        );
        let entry = run_step(step, started + BUDGET);
        println!("<== {}: {entry}", step.name);
        entries.push(entry);
    }
    Ok(report::print(&entries, started.elapsed()))
}

fn chosen(steps: Vec<Step>, only: &[String]) -> Result<Vec<Step>> {
    if let Some(unknown) = only
        .iter()
        .find(|name| !steps.iter().any(|step| step.name == **name))
    {
        return Err(format!("no step {unknown}: see `cargo xtask test --list`").into());
    }
    Ok(steps
        .into_iter()
        .filter(|step| only.is_empty() || only.contains(&step.name))
        .collect())
}

fn list(steps: &[Step]) {
    for step in steps {
        println!(
            "{:<24} {:>4} s  {}",
            step.name,
            step.budget.as_secs(),
            step.purpose
        );
    }
}

fn run_step(step: &Step, run_ends: Instant) -> Entry {
    let started = Instant::now();
    let whole_run = run_ends <= started + step.budget;
    let deadline = run_ends.min(started + step.budget);
    let outcome = match &step.action {
        Action::Fail(why) => Outcome::Failed(why.clone()),
        Action::Needs(needs) => needs::run(needs, deadline),
        Action::Wasm32(step) => wasm32::run(step, deadline),
        Action::Commands(commands) => process::run_all(commands, deadline),
        Action::Counted(command) => process::run_counted(command, deadline),
    };
    let outcome = match outcome {
        Outcome::OverBudget if whole_run => Outcome::Failed(format!(
            "killed: the whole run's budget of {} s is spent",
            BUDGET.as_secs()
        )),
        Outcome::OverBudget => Outcome::Failed(format!(
            "killed: over its budget of {} s",
            step.budget.as_secs()
        )),
        outcome => outcome,
    };
    Entry {
        name: step.name.clone(),
        budget: step.budget,
        took: started.elapsed(),
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, budget: Duration, script: &str) -> Step {
        let command = process::Invocation::new("bash", &["-c", script]);
        Step {
            name: name.to_owned(),
            purpose: "test",
            budget,
            action: Action::Commands(vec![command]),
        }
    }

    #[test]
    fn options_are_read_in_any_order() {
        let options = Options::parse(&["--only", "fmt", "--install", "--only", "tidy"]).unwrap();
        assert!(options.install && !options.list);
        assert_eq!(options.only, ["fmt", "tidy"]);
        assert!(Options::parse(&["--only"]).is_err());
        assert!(Options::parse(&["--fast"]).is_err());
    }

    #[test]
    fn an_unknown_step_is_refused() {
        let steps = || vec![step("fmt", BUDGET, "true"), step("tidy", BUDGET, "true")];
        assert!(chosen(steps(), &["fnt".to_owned()]).is_err());
        assert_eq!(chosen(steps(), &["tidy".to_owned()]).unwrap().len(), 1);
        assert_eq!(chosen(steps(), &[]).unwrap().len(), 2);
    }

    #[test]
    fn a_step_over_its_budget_is_killed_and_fails_naming_the_budget() {
        let budget = Duration::from_millis(200);
        let entry = run_step(
            &step("slow", budget, "exec sleep 600"),
            Instant::now() + BUDGET,
        );
        assert_eq!(
            entry.outcome,
            Outcome::Failed("killed: over its budget of 0 s".to_owned())
        );
        assert!(entry.took < Duration::from_secs(60));
    }

    #[test]
    fn a_step_that_the_whole_run_has_no_time_for_fails() {
        let entry = run_step(&step("late", BUDGET, "exec sleep 600"), Instant::now());
        assert!(matches!(entry.outcome, Outcome::Failed(why) if why.contains("whole run")));
    }
}
