//! The guide: every chapter is in its table of contents and compiled, every test and every place of the
//! repository that it names is there.

use crate::problem::Problem;
use crate::repository::Repository;

const FOLDER: &str = "docs/guide/src/";
const SUMMARY: &str = "docs/guide/src/SUMMARY.md";
/// Where the chapters' code becomes doctests.
const COMPILED: &str = "crates/trunkline/src/guide.rs";
/// What begins so between backticks is a path from the root.
const PLACES: [&str; 5] = [
    "crates/",
    "docs/",
    "examples/",
    "interop-tests/",
    "protocol/",
];

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let summary = repository.text(SUMMARY).unwrap_or_default();
    let compiled = repository.text(COMPILED).unwrap_or_default();
    let mut problems = Vec::new();
    for (path, text) in repository.files_ending(".md") {
        let Some(chapter) = path.strip_prefix(FOLDER).filter(|_| path != SUMMARY) else {
            continue;
        };
        if !summary.contains(&format!("]({chapter})")) {
            problems.push(Problem::of_file(
                path,
                format!("is not listed in {SUMMARY}"),
            ));
        }
        let holds_code = text.lines().any(|line| line.starts_with("```rust"));
        if holds_code && !compiled.contains(&format!("\"{chapter}\"")) {
            let message = format!("has Rust in it that {COMPILED} does not compile");
            problems.push(Problem::of_file(path, message));
        }
        problems.extend(named(path, text, |code| missing_test(repository, code)));
        problems.extend(named(path, text, |code| missing_place(repository, code)));
    }
    problems
}

/// What is at fault with that which stands between backticks.
fn named(path: &str, text: &str, fault: impl Fn(&str) -> Option<String>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let faults = line.split('`').skip(1).step_by(2).filter_map(&fault);
        problems.extend(faults.map(|fault| Problem::at_line(path, index + 1, fault)));
    }
    problems
}

/// What stands as `path/to/file.rs::name` is a function of that name in that file, whose path is
/// from the root or from `crates/`.
fn missing_test(repository: &Repository, code: &str) -> Option<String> {
    let (file, name) = code.split_once(".rs::")?;
    let file = format!("{file}.rs");
    let source = repository
        .text(&file)
        .or_else(|| repository.text(&format!("crates/{file}")));
    match source {
        None => Some(format!("{file} is no file")),
        Some(source) if !source.contains(&format!("fn {name}(")) => {
            Some(format!("{file} has no test {name}"))
        }
        Some(_) => None,
    }
}

fn missing_place(repository: &Repository, code: &str) -> Option<String> {
    let is_path = PLACES.iter().any(|place| code.starts_with(place))
        && !code.contains("::")
        && !code.contains(char::is_whitespace);
    (is_path && !repository.holds(code)).then(|| format!("there is no {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(summary: &str, compiled: &str, chapter: &str) -> usize {
        let test = "#[test]\nfn it_works() {}\n";
        let files = [
            (SUMMARY, summary),
            (COMPILED, compiled),
            ("docs/guide/src/how-to/acks.md", chapter),
            ("crates/a/tests/b.rs", test),
            ("examples/c/tests/d.rs", test),
        ];
        check(&Repository::of(&files)).len()
    }

    const LISTED: &str = "- [Acks](how-to/acks.md)\n";

    #[test]
    fn a_chapter_stands_in_the_summary() {
        assert_eq!(problems(LISTED, "", "# Acks\n"), 0);
        assert_eq!(problems("", "", "# Acks\n"), 1);
    }

    #[test]
    fn a_chapter_with_code_is_compiled() {
        let chapter = "# Acks\n\n```rust,no_run\nlet a = 1;\n```\n";
        assert_eq!(
            problems(LISTED, "chapter!(\"how-to/acks.md\");", chapter),
            0
        );
        assert_eq!(problems(LISTED, "", chapter), 1);
    }

    #[test]
    fn the_tests_that_are_named_are_there() {
        let both = "| x | `a/tests/b.rs::it_works`, `examples/c/tests/d.rs::it_works` |\n";
        assert_eq!(problems(LISTED, "", both), 0);
        assert_eq!(problems(LISTED, "", "`a/tests/b.rs::it_does_not`\n"), 1);
        assert_eq!(problems(LISTED, "", "`a/tests/c.rs::it_works`\n"), 1);
    }

    #[test]
    fn the_places_that_are_named_are_there() {
        let there = "`examples/c`, `examples/c/tests/d.rs`, `crates/`, `examples/x y`\n";
        assert_eq!(problems(LISTED, "", there), 0);
        assert_eq!(problems(LISTED, "", "`interop-tests/e/run.sh`\n"), 1);
    }
}
