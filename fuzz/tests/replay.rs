//! Every input that is kept: what once broke something, and what is worth starting from.

use std::fs;
use std::path::{Path, PathBuf};

use trunkline_fuzz::TARGETS;

/// The inputs of a target in a folder; none if there is no such folder.
fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(target);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    paths
}

fn replay(folder: &str) -> usize {
    let mut count = 0;
    for (target, run) in TARGETS {
        for path in inputs(folder, target) {
            println!("{}", path.display());
            run(&fs::read(&path).expect("the input can be read"));
            count += 1;
        }
    }
    count
}

#[test]
fn what_once_broke_something_breaks_nothing() {
    replay("regressions");
}

#[test]
fn the_corpus_breaks_nothing_and_has_something_for_every_target_without_vectors() {
    assert!(replay("corpus") > 0);
    for target in [
        "sessions",
        "server",
        "client",
        "accept",
        "dial",
        "proxy-header",
    ] {
        assert!(!inputs("corpus", target).is_empty(), "{target}");
    }
}
