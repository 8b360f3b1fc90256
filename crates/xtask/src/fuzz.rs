//! `cargo xtask fuzz`: builds the fuzz targets for libFuzzer and runs them for a while.
//!
//! On the stable toolchain: the compiler's passes are asked for the coverage that libFuzzer needs,
//! for everything that is built for the target (so that build scripts and macros stay as they are).

mod kept;
mod seeds;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Result, repository};

/// Every target; each is the program `fuzz-NAME`.
const TARGETS: [&str; 9] = [
    "frames",
    "args",
    "handshakes",
    "sessions",
    "server",
    "client",
    "accept",
    "dial",
    "proxy-header",
];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    targets: Vec<&'static str>,
    seconds: u64,
    /// What it has collected is to be kept in the repository.
    keep: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            targets: Vec::new(),
            seconds: SECONDS,
            keep: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if *argument == "--seconds" {
                let seconds = arguments.next().ok_or("--seconds needs a number")?;
                options.seconds = seconds
                    .parse()
                    .map_err(|_| format!("--seconds needs a number, not {seconds}"))?;
                continue;
            }
            if *argument == "--keep" {
                options.keep = true;
                continue;
            }
            let target = TARGETS.iter().find(|target| *target == argument);
            let known = || format!("no target {argument}: there are {}", TARGETS.join(", "));
            options.targets.push(target.ok_or_else(known)?);
        }
        if options.targets.is_empty() {
            options.targets = TARGETS.to_vec();
        }
        Ok(options)
    }
}

/// Builds and runs; true when no target found anything.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let root = repository::root()?;
    let folder = root.join("target/fuzz");
    seeds::write(&root, &folder.join("seeds"))?;
    let programs = build(&root, &folder)?;
    let jobs = std::thread::available_parallelism()?.get();
    let mut all_passed = true;
    for targets in options.targets.chunks(jobs) {
        let running: Vec<_> = targets
            .iter()
            .map(|target| Running::start(&root, &folder, &programs, target, options.seconds))
            .collect::<Result<_>>()?;
        for running in running {
            all_passed &= running.finish()?;
        }
    }
    if options.keep && all_passed {
        for target in &options.targets {
            let program = programs.join(format!("fuzz-{target}"));
            let corpora = corpora(&root, &folder, target)?;
            kept::pack(&root, &folder, &program, target, &corpora)?;
        }
    }
    Ok(all_passed)
}

/// Builds the programs with coverage; gives their folder.
fn build(root: &Path, folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    let status = Command::new("cargo")
        .args(["build", "--locked", "--profile", "fuzz", "--bins"])
        .args(["-p", "trunkline-fuzz", "--features", "libfuzzer"])
        .args(["--target", &host])
        .env("CARGO_TARGET_DIR", folder)
        .env("RUSTFLAGS", COVERAGE.join(" "))
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("the fuzz targets do not build".into());
    }
    Ok(folder.join(host).join("fuzz"))
}

/// This machine's target: named to cargo, so that the flags are for the programs alone.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not say its host")?.to_owned())
}

/// A target under libFuzzer.
struct Running {
    target: &'static str,
    log: PathBuf,
    child: Child,
}

impl Running {
    fn start(
        root: &Path,
        folder: &Path,
        programs: &Path,
        target: &'static str,
        seconds: u64,
    ) -> Result<Self> {
        let log = folder.join(format!("{target}.log"));
        let output = File::create(&log)?;
        let corpora = corpora(root, folder, target)?;
        let artifacts = regressions(root, target);
        let artifacts = format!("-artifact_prefix={}/", artifacts.display());
        let child = Command::new(programs.join(format!("fuzz-{target}")))
            .args(LIMITS)
            .arg(format!("-max_total_time={seconds}"))
            .arg(artifacts)
            .args(&corpora)
            // The frames of libFuzzer and the runtime would hide what is said above them.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { target, log, child })
    }

    /// Waits; true when nothing was found.
    fn finish(mut self) -> Result<bool> {
        let status = self.child.wait()?;
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let target = self.target;
        if status.success() {
            println!("{target:<12} {}", last_figures(&log));
            return Ok(true);
        }
        let tail: Vec<&str> = log.lines().rev().take(TAIL_LINES).collect();
        for line in tail.iter().rev() {
            println!("    {line}");
        }
        println!(
            "{target} found something ({status}): its input is in fuzz/regressions/{target}/, \
             where the test `replay` runs it too; all it said is in {}",
            self.log.display()
        );
        Ok(false)
    }
}

/// What a target begins with. The first one grows; the others are read.
fn corpora(root: &Path, folder: &Path, target: &str) -> Result<Vec<PathBuf>> {
    let corpora = vec![
        folder.join("corpus").join(target),
        folder.join("seeds").join(target),
        kept::unpack(root, folder, target)?,
        root.join("fuzz/corpus").join(target),
        regressions(root, target),
    ];
    for corpus in &corpora {
        fs::create_dir_all(corpus)?;
    }
    Ok(corpora)
}

fn regressions(root: &Path, target: &str) -> PathBuf {
    root.join("fuzz/regressions").join(target)
}

/// How much was run, and how much of the code it reached.
fn last_figures(log: &str) -> &str {
    let figures = log.lines().rev().find(|line| line.contains(" cov: "));
    figures.unwrap_or("nothing was run").trim()
}

/// How long a target runs when nothing else is asked for.
const SECONDS: u64 = 10;

/// What the compiler adds for libFuzzer. The branches stay as they are written, since each is one
/// that an input may be found for.
const COVERAGE: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// What an input may take: seconds, MiB, bytes.
const LIMITS: [&str; 4] = [
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-malloc_limit_mb=256",
    "-max_len=4096",
];

/// Lines of its log that a target which found something is shown with.
const TAIL_LINES: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_seconds_are_read_in_any_order() {
        let options = Options::parse(&["args", "--seconds", "5", "dial"]).unwrap();
        assert_eq!(
            (options.targets, options.seconds),
            (vec!["args", "dial"], 5)
        );
        assert_eq!(Options::parse(&[]).unwrap().targets, TARGETS);
        for wrong in [&["argz"][..], &["--seconds"], &["--seconds", "long"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_target_has_a_program_and_is_run() {
        let manifest = fs::read_to_string(repository::root().unwrap().join("fuzz/Cargo.toml"));
        let manifest = manifest.unwrap();
        for target in TARGETS {
            assert!(
                manifest.contains(&format!("name = \"fuzz-{target}\"")),
                "{target}"
            );
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }

    #[test]
    fn the_last_figures_are_shown() {
        let log = "INFO\n#1\tINITED cov: 3 ft: 4\n#9\tDONE   cov: 5 ft: 6\nDone 9 runs\n";
        assert_eq!(last_figures(log), "#9\tDONE   cov: 5 ft: 6");
    }
}
