//! What a build with few features must not compile: the promises that README and the crates'
//! documentation make about them.

use std::process::Command;

use crate::Result;
use crate::problem::Problem;
use crate::repository::Repository;

/// Features of `trunkline`, without its default ones, and the crates that a build with them has not.
const PROMISES: [(&str, &[&str]); 4] = [
    ("client,websocket", &["hyper", "rustls", "trunkline-server"]),
    (
        "client,websocket,tls",
        &["hyper", "rcgen", "trunkline-server"],
    ),
    (
        "server,client,websocket",
        &["axum", "h2", "rcgen", "ring", "rustls", "tower-service"],
    ),
    ("tower", &["axum", "rustls", "trunkline-client"]),
];

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for (features, absent) in PROMISES {
        let output = Command::new("cargo")
            .args([
                "tree",
                "--locked",
                "-p",
                "trunkline",
                "--no-default-features",
            ])
            .args(["--features", features, "--edges", "normal"])
            .args(["--prefix", "none", "--format", "{p}"])
            .current_dir(repository.root())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let tree = String::from_utf8_lossy(&output.stdout);
        problems.extend(broken(features, absent, &tree));
    }
    Ok(problems)
}

/// `tree` has a package a line, its name first.
fn broken<'a>(
    features: &'a str,
    absent: &'a [&str],
    tree: &'a str,
) -> impl Iterator<Item = Problem> + 'a {
    let is_there = move |name: &str| {
        let mut packages = tree.lines().filter_map(|line| line.split(' ').next());
        packages.any(|package| package == name)
    };
    let present = absent.iter().filter(move |name| is_there(name));
    present.map(move |name| {
        let message = format!("a build with the features {features} compiles {name}");
        Problem::of_file("crates/trunkline/Cargo.toml", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "trunkline v0.1.0 (/src)\nhyper v1.0.0\nhyper-util v0.1.0 (*)\n";

    #[test]
    fn a_crate_that_must_not_be_there_is_found_by_its_whole_name() {
        assert_eq!(broken("server", &["hyper"], TREE).count(), 1);
        assert_eq!(
            broken("server", &["hype", "util", "rustls"], TREE).count(),
            0
        );
    }
}
