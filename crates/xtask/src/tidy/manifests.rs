//! Every crate follows the workspace, and the lock file is there.

use toml::{Table, Value};

use crate::Result;
use crate::problem::Problem;
use crate::repository::Repository;

/// Keys of `[package]` that a crate takes from the workspace.
const INHERITED: [&str; 5] = [
    "version",
    "edition",
    "rust-version",
    "license",
    "repository",
];

/// Keys that a crate that is published takes from the workspace too: what registries show.
const PUBLISHED: [&str; 3] = ["readme", "keywords", "categories"];

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    if repository.text("Cargo.lock").is_none() {
        problems.push(Problem::of_file(
            "Cargo.lock",
            "is not under version control",
        ));
    }
    for (path, text) in repository.files_ending("/Cargo.toml") {
        let manifest: Table = toml::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        // A workspace of its own follows its own rules.
        if !manifest.contains_key("workspace") {
            problems.extend(faults(&manifest).map(|fault| Problem::of_file(path, fault)));
        }
    }
    Ok(problems)
}

fn faults(manifest: &Table) -> impl Iterator<Item = String> {
    let section = |name: &str| manifest.get(name).and_then(Value::as_table);
    let from_workspace = |value: Option<&Value>| {
        value
            .and_then(|value| value.get("workspace"))
            .and_then(Value::as_bool)
            == Some(true)
    };
    let lints = from_workspace(manifest.get("lints"));
    let package = section("package").cloned().unwrap_or_default();
    let published = package.get("publish").and_then(Value::as_bool) != Some(false);
    let described = package.get("description").is_some_and(Value::is_str);
    let description = (!described).then(|| "has no description".to_owned());
    let keys = INHERITED
        .into_iter()
        .chain(PUBLISHED.into_iter().filter(move |_| published))
        .filter(move |key| !from_workspace(package.get(*key)));
    let keys = keys.map(|key| format!("`{key}.workspace = true` is missing"));
    let lints = (!lints).then(|| "`[lints] workspace = true` is missing".to_owned());
    keys.chain(lints).chain(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"x\"\ndescription = \"y\"\npublish = false\nversion.workspace = true\nedition.workspace = true\n\
                        rust-version.workspace = true\nlicense.workspace = true\n\
                        repository.workspace = true\n[lints]\nworkspace = true\n";

    fn problems(manifest: &str) -> usize {
        check(&Repository::of(&[
            ("Cargo.lock", ""),
            ("crates/x/Cargo.toml", manifest),
        ]))
        .unwrap()
        .len()
    }

    #[test]
    fn a_crate_takes_its_lints_and_version_from_the_workspace() {
        assert_eq!(problems(GOOD), 0);
        assert_eq!(
            problems(&GOOD.replace("[lints]\nworkspace = true\n", "")),
            1
        );
        assert_eq!(
            problems(&GOOD.replace(
                "version.workspace = true\nedition",
                "version = \"1\"\nedition"
            )),
            1
        );
    }

    #[test]
    fn a_crate_that_is_published_says_what_registries_show() {
        let published = GOOD.replace("publish = false\n", "");
        assert_eq!(problems(&published), PUBLISHED.len());
        let inherited = "readme.workspace = true\nkeywords.workspace = true\n\
                         categories.workspace = true\n[lints]";
        assert_eq!(problems(&published.replace("[lints]", inherited)), 0);
        assert_eq!(problems(&GOOD.replace("description = \"y\"\n", "")), 1);
    }

    #[test]
    fn the_lock_file_is_committed() {
        assert_eq!(check(&Repository::of(&[])).unwrap().len(), 1);
    }
}
