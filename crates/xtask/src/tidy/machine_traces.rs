//! Nothing in the repository depends on, or tells of, the machine it was written on.

use crate::problem::Problem;
use crate::repository::Repository;

/// First folders of absolute paths that exist on one machine only.
const FOLDERS: [&str; 4] = ["work", "root", "home", "Users"];

/// Where a lock file may say that a package comes from.
const SOURCES: [&str; 2] = [
    "registry+https://github.com/rust-lang/crates.io-index",
    "https://registry.npmjs.org/",
];

/// Settings that send a package manager elsewhere.
const REGISTRY_SETTINGS: [&str; 5] = [
    "index-url",
    "replace-with",
    "registry=",
    "registry =",
    "--registry",
];

/// Files in which such settings work.
const SETTING_FILES: [&str; 6] = [
    ".npmrc",
    "pip.conf",
    "requirements.txt",
    "config.toml",
    "pyproject.toml",
    "run.sh",
];

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repository.files() {
        for (index, line) in text.lines().enumerate() {
            if let Some(trace) = trace(path, line) {
                problems.push(Problem::at_line(path, index + 1, trace));
            }
        }
    }
    problems
}

fn trace(path: &str, line: &str) -> Option<String> {
    if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
        return Some(format!("a path of one machine: /{folder}/"));
    }
    if path.ends_with("Cargo.lock") && line.starts_with("source = ") && !from_public_registry(line)
    {
        return Some(format!("a package from elsewhere: {line}"));
    }
    if path.ends_with("package-lock.json")
        && line.contains("\"resolved\":")
        && !from_public_registry(line)
    {
        return Some(format!("a package from elsewhere: {}", line.trim()));
    }
    let setting = REGISTRY_SETTINGS
        .iter()
        .find(|setting| line.contains(*setting))?;
    SETTING_FILES
        .iter()
        .any(|file| path.ends_with(file))
        .then(|| format!("a registry of one machine: `{setting}`"))
}

/// An absolute path that begins with the folder; `a/home/b` is none.
fn names_folder(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    let part_of_longer = |c: char| c.is_alphanumeric() || "/._-*}".contains(c);
    line.match_indices(&path)
        .any(|(at, _)| !line[..at].ends_with(part_of_longer))
}

fn from_public_registry(line: &str) -> bool {
    SOURCES.iter().any(|source| line.contains(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, line: &str) -> usize {
        check(&Repository::of(&[(path, line)])).len()
    }

    #[test]
    fn absolute_paths_of_a_machine_are_found() {
        for folder in FOLDERS {
            assert_eq!(problems("README.md", &format!("see /{folder}/x")), 1);
            assert_eq!(problems("README.md", &format!("see docs/{folder}/x")), 0);
        }
    }

    #[test]
    fn packages_come_from_public_registries() {
        let line = format!("source = \"{}\"", SOURCES[0]);
        assert_eq!(problems("Cargo.lock", &line), 0);
        assert_eq!(
            problems(
                "Cargo.lock",
                "source = \"registry+https://mirror.example/index\""
            ),
            1
        );
        assert_eq!(
            problems(
                "a/package-lock.json",
                "\"resolved\": \"https://mirror.example/x.tgz\""
            ),
            1
        );
    }

    #[test]
    fn package_managers_are_not_sent_elsewhere() {
        assert_eq!(
            problems(".cargo/config.toml", "replace-with = \"mirror\""),
            1
        );
        assert_eq!(
            problems("clients/.npmrc", "registry=https://mirror.example"),
            1
        );
        assert_eq!(problems("docs/a.md", "the index-url of pip"), 0);
    }
}
