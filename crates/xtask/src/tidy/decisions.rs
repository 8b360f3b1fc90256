//! Entries of `docs/decisions/` have a number of their own and stand in its list.

use std::collections::HashMap;

use crate::problem::Problem;
use crate::repository::Repository;

const FOLDER: &str = "docs/decisions/";
const INDEX: &str = "docs/decisions/README.md";
/// Digits at the start of an entry's name.
const DIGITS: usize = 4;

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let index = repository.text(INDEX).unwrap_or_default();
    let mut numbers: HashMap<&str, &str> = HashMap::new();
    let mut problems = Vec::new();
    for (path, _) in repository.files_ending(".md") {
        let Some(name) = path.strip_prefix(FOLDER).filter(|_| path != INDEX) else {
            continue;
        };
        let Some(number) = number(name) else {
            let message = "the name is not NNNN-what-was-decided.md";
            problems.push(Problem::of_file(path, message));
            continue;
        };
        if let Some(other) = numbers.insert(number, path) {
            problems.push(Problem::of_file(
                path,
                format!("{other} has the same number"),
            ));
        }
        if !index.contains(&format!("]({name})")) {
            problems.push(Problem::of_file(path, format!("is not listed in {INDEX}")));
        }
    }
    problems
}

fn number(name: &str) -> Option<&str> {
    let (number, rest) = name.split_once('-')?;
    let digits = number.len() == DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
    (digits && rest != ".md").then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(entries: &[&str], index: &str) -> usize {
        let paths: Vec<String> = entries
            .iter()
            .map(|name| format!("{FOLDER}{name}"))
            .collect();
        let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        files.push((INDEX, index));
        check(&Repository::of(&files)).len()
    }

    #[test]
    fn an_entry_is_listed_by_its_name() {
        assert_eq!(problems(&["0001-a.md"], "- [1](0001-a.md)"), 0);
        assert_eq!(problems(&["0001-a.md"], ""), 1);
    }

    #[test]
    fn numbers_are_given_once_and_have_four_digits() {
        let index = "[1](0001-a.md) [1](0001-b.md) [2](2-c.md)";
        assert_eq!(problems(&["0001-a.md", "0001-b.md"], index), 1);
        assert_eq!(problems(&["2-c.md"], index), 1);
    }
}
