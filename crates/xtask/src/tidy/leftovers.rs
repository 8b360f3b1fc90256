//! Nothing is left to do later without an issue for it.

use crate::problem::Problem;
use crate::repository::Repository;
use crate::rust_source::finds_word;

/// Built from halves, or this file would find itself.
const MARKS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];
const MACROS: [&str; 2] = [concat!("to", "do!("), concat!("unimple", "mented!(")];

/// Files that hold other people's text.
const EXEMPT_ENDS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repository.files() {
        if EXEMPT_ENDS.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(mark) = leftover(line) {
                let message = format!("`{mark}`: do it, or open an issue");
                problems.push(Problem::at_line(path, index + 1, message));
            }
        }
    }
    problems
}

fn leftover(line: &str) -> Option<&'static str> {
    let mark = MARKS.into_iter().find(|mark| finds_word(line, mark));
    mark.or_else(|| MACROS.into_iter().find(|name| line.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_as_words_in_any_file() {
        for mark in MARKS {
            let text = format!("fine\n# {mark}: later\n");
            assert_eq!(check(&Repository::of(&[("a.py", &text)])).len(), 1);
            let longer = format!("{mark}LIST\n");
            assert_eq!(check(&Repository::of(&[("a.py", &longer)])), []);
        }
    }

    #[test]
    fn unfinished_code_is_found() {
        let text = format!("fn f() {{ {}) }}\n", MACROS[0]);
        assert_eq!(check(&Repository::of(&[("a.rs", &text)])).len(), 1);
    }
}
