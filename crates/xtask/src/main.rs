//! The repository's own commands, as `cargo xtask <command>`:
//!
//! - `generate [--check]` writes what follows from the registries in `protocol/`;
//! - `tidy` checks the rules of the house that no compiler knows;
//! - `fuzz [TARGET]… [--seconds N] [--keep]` runs the fuzz targets;
//! - `test [--install] [--only STEP]… [--list]` runs everything, in steps with a time budget each.

mod fuzz;
mod generate;
mod problem;
mod registry;
mod repository;
mod rust_source;
mod test;
mod tidy;

use std::error::Error;
use std::process::ExitCode;

use repository::Repository;

/// What went wrong in a command of this tool, told to a person and to nobody else.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: cargo xtask <command>

  generate          write the generated tables and constants from protocol/*.toml
  generate --check  fail if they are stale
  tidy              check the rules of the repository
  fuzz [TARGET]…    run fuzz targets, all unless some are named; fails if one finds something
    --seconds N     each for this long (10)
    --keep          then keep what they have collected, in fuzz/kept/
  test              run every step; fails if one does
    --install       first install what is missing (with apt-get; also when CI=true)
    --only STEP     run only this step (may be given several times)
    --list          list the steps and their time budgets";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the command; false when it ran and what it checked does not hold.
fn run(arguments: &[String]) -> Result<bool> {
    let Some((command, options)) = arguments.split_first() else {
        return Err(USAGE.into());
    };
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    match (command.as_str(), options.as_slice()) {
        ("generate", []) => generate::write(&Repository::open()?),
        ("generate", ["--check"]) => generate::check(&Repository::open()?),
        ("tidy", []) => tidy::run(&Repository::open()?),
        ("fuzz", options) => fuzz::run(&fuzz::Options::parse(options)?),
        ("test", options) => test::run(&test::Options::parse(options)?),
        _ => Err(USAGE.into()),
    }
}
