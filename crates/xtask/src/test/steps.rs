//! The steps: what is run, in which order, and how long each may take.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::needs::{Needs, answers};
use super::process::Invocation;
use super::wasm32::Wasm32;
use crate::Result;

/// One step of the run.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) purpose: &'static str,
    pub(super) budget: Duration,
    pub(super) action: Action,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Action {
    Needs(Needs),
    Wasm32(Wasm32),
    /// Commands in a row; all must succeed.
    Commands(Vec<Invocation>),
    /// A command that must print `N passed, N failed`.
    Counted(Invocation),
    /// Cannot be run, for this reason.
    Fail(String),
}

/// Every step, in order: what fails fast comes first.
pub(super) fn all(root: &Path, install: bool) -> Result<Vec<Step>> {
    let mut steps = vec![
        step(
            "needs",
            "what the other steps use",
            420,
            Action::Needs(Needs { install }),
        ),
        step("fmt", "formatting", 60, cargo(&["fmt", "--all", "--check"])),
        step("tidy", "the repository's own rules", 60, tidy()?),
        step("clippy", "lints", 600, cargo(&CLIPPY)),
        step("tests", "unit and integration tests", 900, tests()),
        step(
            "long",
            "tests that take minutes: switches of transport with 1,000 seeds, a million names",
            1_200,
            cargo(&LONG),
        ),
        step(
            "doctests",
            "examples in documentation",
            480,
            cargo(&DOCTESTS),
        ),
        step("docs", "documentation without warnings", 360, docs()),
        step(
            "wasm32",
            "the protocol without an operating system",
            120,
            Action::Wasm32(Wasm32 { install }),
        ),
        step(
            "vectors",
            "the vectors are what their generator writes",
            60,
            vectors(root),
        ),
        step(
            "features",
            "the facade with few features and with all, without warnings",
            180,
            features(),
        ),
        step(
            "package",
            "every crate that is published can be packaged; needs the registry's index",
            120,
            cargo(&PACKAGE),
        ),
        step(
            "fuzz",
            "the fuzz targets, each for a short while",
            400,
            fuzz()?,
        ),
        step(
            "release",
            "the programs that the next steps run",
            900,
            programs(root),
        ),
    ];
    steps.extend(interop(root)?);
    Ok(steps)
}

/// What is not by default, so that only those compile it who measure, and is tested all the same. The
/// steps have it in common, or each would build anew what it changes.
const MEASURED: &str = "trunkline-bench/socketioxide";
const CLIPPY: [&str; 9] = [
    "clippy",
    "--locked",
    "--workspace",
    "--features",
    MEASURED,
    "--all-targets",
    "--",
    "-D",
    "warnings",
];
const LONG: [&str; 11] = [
    "test",
    "--locked",
    "--workspace",
    "--features",
    MEASURED,
    "--test",
    "switching",
    "--test",
    "bad_input",
    "--",
    "--ignored",
];
const DOCTESTS: [&str; 6] = [
    "test",
    "--locked",
    "--workspace",
    "--features",
    MEASURED,
    "--doc",
];
/// Without a build of each package: that is every crate compiled once more, from files that are the
/// same as those of the other steps.
const PACKAGE: [&str; 6] = [
    "publish",
    "--locked",
    "--workspace",
    "--dry-run",
    "--no-verify",
    "--allow-dirty",
];
/// What users build the facade with, besides its default features.
const FEATURE_SETS: [&[&str]; 6] = [
    &["--no-default-features"],
    &["--no-default-features", "--features", "server,websocket"],
    &["--no-default-features", "--features", "client,websocket"],
    &["--no-default-features", "--features", "server,webtransport"],
    &["--no-default-features", "--features", "client,webtransport"],
    &["--all-features"],
];

fn step(name: &str, purpose: &'static str, budget_seconds: u64, action: Action) -> Step {
    Step {
        name: name.to_owned(),
        purpose,
        budget: Duration::from_secs(budget_seconds),
        action,
    }
}

fn cargo(arguments: &[&str]) -> Action {
    Action::Commands(vec![Invocation::new("cargo", arguments)])
}

fn tidy() -> Result<Action> {
    this_program(&["tidy"])
}

fn fuzz() -> Result<Action> {
    this_program(&["fuzz", "--seconds", "10"])
}

/// This program again, so that what it does runs within a budget like everything else.
fn this_program(arguments: &[&str]) -> Result<Action> {
    let this = env::current_exe()?;
    Ok(Action::Commands(vec![Invocation::new(
        &this.to_string_lossy(),
        arguments,
    )]))
}

/// With cargo-nextest where it is installed: faster, and a test that hangs is named.
fn tests() -> Action {
    match answers("cargo", &["nextest", "--version"]) {
        true => cargo(&[
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--features",
            MEASURED,
            "--no-fail-fast",
        ]),
        false => cargo(&[
            "test",
            "--locked",
            "--workspace",
            "--features",
            MEASURED,
            "--all-targets",
            "--no-fail-fast",
        ]),
    }
}

fn docs() -> Action {
    let doc = ["doc", "--locked", "--no-deps"];
    // Links may lead from one feature to another, but not from what is always there to what is not.
    let commands = [
        &["--workspace"][..],
        &["--package", "trunkline", "--all-features"],
    ];
    let documented = commands.map(|of| {
        Invocation::new("cargo", &[&doc, of].concat()).set("RUSTDOCFLAGS", "-D warnings")
    });
    Action::Commands(documented.into())
}

/// The generator is Python with one package, in an environment of its own.
fn vectors(root: &Path) -> Action {
    let environment = target_folder(root)
        .join("vectors-venv")
        .to_string_lossy()
        .into_owned();
    let python = format!("{environment}/bin/python");
    let generator = root
        .join("protocol/vectors/generate.py")
        .to_string_lossy()
        .into_owned();
    Action::Commands(vec![
        Invocation::new("python3", &["-m", "venv", &environment]),
        Invocation::new(
            &python,
            &["-m", "pip", "install", "--quiet", "msgpack==1.1.2"],
        ),
        Invocation::new(&python, &[&generator, "--check"]),
    ])
}

/// Each builds alone. What it must not compile is the rule of tidy on lean builds.
fn features() -> Action {
    let clippy = |set: &&[&str]| {
        let mut arguments = vec!["clippy", "--locked", "-p", "trunkline"];
        arguments.extend_from_slice(set);
        arguments.extend(["--", "-D", "warnings"]);
        Invocation::new("cargo", &arguments)
    };
    Action::Commands(FEATURE_SETS.iter().map(clippy).collect())
}

fn programs(root: &Path) -> Action {
    let script = root.join("interop-tests/programs.sh");
    Action::Commands(vec![Invocation::new(&script.to_string_lossy(), &[])])
}

/// Every `interop-tests/*/run.sh`, by name.
fn interop(root: &Path) -> Result<Vec<Step>> {
    let folder = root.join("interop-tests");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if entry.path().join("run.sh").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let target = target_folder(root).to_string_lossy().into_owned();
    let steps = names.iter().map(|name| {
        let action = interop_action(&folder.join(name), &target);
        step(
            &format!("interop-{name}"),
            "real processes, talking",
            300,
            action,
        )
    });
    Ok(steps.collect())
}

fn interop_action(folder: &Path, target: &str) -> Action {
    let script = folder.join("run.sh");
    let mode = script
        .metadata()
        .map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o111 == 0 {
        return Action::Fail("run.sh is not executable".to_owned());
    }
    let run = Invocation::new(&script.to_string_lossy(), &[]);
    let run = run.in_folder(&folder.to_string_lossy());
    Action::Counted(run.set("CARGO_TARGET_DIR", target))
}

/// Where cargo builds: shared, so that nothing is built twice.
fn target_folder(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn every_step_has_a_name_of_its_own_and_a_budget() {
        let steps = all(&repository::root().unwrap(), false).unwrap();
        let mut names: Vec<_> = steps.iter().map(|step| step.name.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), steps.len());
        assert!(steps.iter().all(|step| step.budget > Duration::ZERO));
    }

    #[test]
    fn a_script_that_cannot_be_run_fails_instead_of_being_left_out() {
        let folder = env::temp_dir().join(format!("xtask-interop-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let script = folder.join("run.sh");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(interop_action(&folder, "target"), Action::Fail(_)));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            interop_action(&folder, "target"),
            Action::Counted(_)
        ));
        fs::remove_dir_all(&folder).unwrap();
    }
}
