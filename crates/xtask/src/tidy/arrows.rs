//! Which crate may depend on which: the table of ARCHITECTURE.md.

use std::process::Command;

use serde::Deserialize;

use crate::Result;
use crate::problem::Problem;
use crate::repository::Repository;

/// Crates and the ones of ours they may depend on. What is not listed may depend on all but the
/// crates for tests; see [`FOR_TESTS`].
const ARROWS: [(&str, &[&str]); 14] = [
    ("trunkline-protocol", &[]),
    ("trunkline-transport", &[]),
    ("trunkline-netem", &[]),
    ("trunkline-tls", &[]),
    (
        "trunkline-websocket",
        &["trunkline-tls", "trunkline-transport"],
    ),
    ("trunkline-quic", &["trunkline-tls", "trunkline-transport"]),
    (
        "trunkline-webtransport",
        &["trunkline-quic", "trunkline-tls", "trunkline-transport"],
    ),
    (
        "trunkline-wtransport",
        &["trunkline-quic", "trunkline-tls", "trunkline-transport"],
    ),
    (
        "trunkline-driver",
        &["trunkline-protocol", "trunkline-transport"],
    ),
    (
        "trunkline-client",
        &[
            "trunkline-driver",
            "trunkline-protocol",
            "trunkline-transport",
        ],
    ),
    (
        "trunkline-server",
        &[
            "trunkline-driver",
            "trunkline-protocol",
            "trunkline-transport",
        ],
    ),
    (
        "trunkline-testkit",
        &[
            "trunkline-netem",
            "trunkline-quic",
            "trunkline-tls",
            "trunkline-transport",
        ],
    ),
    (
        "trunkline",
        &[
            "trunkline-client",
            "trunkline-driver",
            "trunkline-protocol",
            "trunkline-quic",
            "trunkline-server",
            "trunkline-tls",
            "trunkline-transport",
            "trunkline-websocket",
            "trunkline-webtransport",
        ],
    ),
    // Its link is bad on purpose, by the relays of the testkit.
    (
        "example-arena",
        &["trunkline", "trunkline-netem", "trunkline-testkit"],
    ),
];

/// Crates that others take as dev-dependencies only, but for [`TOOLS`].
const FOR_TESTS: [&str; 2] = ["trunkline-netem", "trunkline-testkit"];

/// What is no part of anything that is shipped, and measures over the links of tests.
const TOOLS: [&str; 1] = ["trunkline-bench"];

/// Dependencies from elsewhere that a crate must not have, not even for its tests' sake.
const BANNED: [(&str, &[&str]); 2] = [
    ("trunkline-protocol", &["tokio", "getrandom", "rand"]),
    ("trunkline-netem", &["tokio", "getrandom", "rand"]),
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// None for a normal dependency, else "dev" or "build".
    kind: Option<String>,
}

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(repository.root())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(broken(&metadata.packages))
}

fn broken(packages: &[Package]) -> Vec<Problem> {
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut problems = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let refused = if ours(&dependency.name) {
                refuses_ours(package, dependency)
            } else {
                refuses_foreign(package, dependency)
            };
            if let Some(why) = refused {
                let message = format!("depends on {}: {why}", dependency.name);
                problems.push(Problem::of_file(&package.name, message));
            }
        }
    }
    problems
}

fn refuses_ours(package: &Package, dependency: &Dependency) -> Option<&'static str> {
    let for_tests = FOR_TESTS.contains(&dependency.name.as_str());
    let listed = ARROWS.iter().find(|(name, _)| *name == package.name);
    match listed {
        _ if dependency.kind.as_deref() == Some("dev") => None,
        _ if TOOLS.contains(&package.name.as_str()) => None,
        Some((_, allowed)) if allowed.contains(&dependency.name.as_str()) => None,
        _ if for_tests => Some("it is for tests: a dev-dependency only"),
        Some(_) => Some("no such arrow in ARCHITECTURE.md"),
        None => None,
    }
}

fn refuses_foreign(package: &Package, dependency: &Dependency) -> Option<&'static str> {
    let (_, banned) = BANNED.iter().find(|(name, _)| *name == package.name)?;
    banned
        .contains(&dependency.name.as_str())
        .then_some("no clock, randomness or runtime here")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let own = |&(name, kind): &(&str, Option<&str>)| Dependency {
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
        };
        Package {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(own).collect(),
        }
    }

    fn problems(name: &str, dependency: &str, kind: Option<&str>) -> usize {
        broken(&[
            package(name, &[(dependency, kind)]),
            package(dependency, &[]),
        ])
        .len()
    }

    #[test]
    fn an_arrow_of_the_table_may_be_drawn() {
        assert_eq!(problems("trunkline-driver", "trunkline-protocol", None), 0);
        assert_eq!(problems("example-chat", "trunkline", None), 0);
    }

    #[test]
    fn server_and_client_do_not_know_each_other() {
        assert_eq!(problems("trunkline-server", "trunkline-client", None), 1);
        assert_eq!(problems("trunkline-client", "trunkline-websocket", None), 1);
    }

    #[test]
    fn crates_for_tests_are_dev_dependencies_only() {
        assert_eq!(
            problems("trunkline-protocol", "trunkline-netem", Some("dev")),
            0
        );
        assert_eq!(problems("trunkline-protocol", "trunkline-netem", None), 1);
        assert_eq!(problems("example-chat", "trunkline-testkit", None), 1);
        assert_eq!(problems("trunkline-bench", "trunkline-testkit", None), 0);
    }

    #[test]
    fn the_protocol_takes_no_runtime_even_for_tests() {
        let protocol = package(
            "trunkline-protocol",
            &[("tokio", Some("dev")), ("serde", None)],
        );
        assert_eq!(broken(&[protocol]).len(), 1);
    }
}
