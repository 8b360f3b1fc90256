//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! Each rule is a file of its own: a function from the [`Repository`] to what breaks it.

mod arrows;
mod banned_words;
mod code_length;
mod decisions;
mod guide;
mod lean_builds;
mod leftovers;
mod links;
mod machine_traces;
mod manifests;
mod normative_ids;
mod sleeps;
mod vectors;

use crate::problem::Problem;
use crate::repository::Repository;
use crate::{Result, generate};

/// What a rule found: what breaks it, and what is only worth a word.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl From<Vec<Problem>> for Findings {
    fn from(problems: Vec<Problem>) -> Self {
        Self {
            problems,
            warnings: Vec::new(),
        }
    }
}

type Rule = fn(&Repository) -> Result<Findings>;

const RULES: [(&str, Rule); 14] = [
    ("dependency arrows", |repository| {
        Ok(arrows::check(repository)?.into())
    }),
    ("lean builds", |repository| {
        Ok(lean_builds::check(repository)?.into())
    }),
    ("banned words", |repository| {
        Ok(banned_words::check(repository).into())
    }),
    ("sleeps in tests", |repository| {
        Ok(sleeps::check(repository).into())
    }),
    ("vectors", |repository| {
        Ok(vectors::check(repository)?.into())
    }),
    ("generated files", |repository| {
        Ok(generate::stale(repository)?.into())
    }),
    ("normative ids", |repository| {
        Ok(normative_ids::check(repository).into())
    }),
    ("leftovers", |repository| {
        Ok(leftovers::check(repository).into())
    }),
    ("lengths", code_length::check),
    ("links", |repository| Ok(links::check(repository).into())),
    ("guide", |repository| Ok(guide::check(repository).into())),
    ("manifests", |repository| {
        Ok(manifests::check(repository)?.into())
    }),
    ("machine traces", |repository| {
        Ok(machine_traces::check(repository).into())
    }),
    ("decisions", |repository| {
        Ok(decisions::check(repository).into())
    }),
];

/// Runs every rule; true when none is broken. A rule that cannot run is broken.
pub(crate) fn run(repository: &Repository) -> Result<bool> {
    let mut all_kept = true;
    for (name, rule) in RULES {
        match rule(repository) {
            Ok(findings) => {
                for warning in &findings.warnings {
                    println!("warning: {name}: {warning}");
                }
                for problem in &findings.problems {
                    println!("{name}: {problem}");
                }
                all_kept &= findings.problems.is_empty();
            }
            Err(error) => {
                println!("{name}: {error}");
                all_kept = false;
            }
        }
    }
    if all_kept {
        println!("tidy: {} rules kept", RULES.len());
    }
    Ok(all_kept)
}

/// Prints the problems; true when there are none.
pub(crate) fn report(problems: &[Problem]) -> bool {
    for problem in problems {
        println!("{problem}");
    }
    problems.is_empty()
}
