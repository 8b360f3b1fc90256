//! Normative sentences of the specification begin with an id, such as `**ENC-001**`, that is theirs
//! alone; what mentions one elsewhere (in bold or not) names a sentence that is there.

use std::collections::HashMap;

use crate::problem::Problem;
use crate::repository::Repository;

/// An id has a prefix for its document and this many digits.
const DIGITS: usize = 3;

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut defined: HashMap<&str, (&str, usize)> = HashMap::new();
    let mut documents: HashMap<&str, &str> = HashMap::new();
    for (path, line, text) in specification(repository) {
        for id in bold(text).filter_map(parse) {
            let known = *documents.entry(id.prefix).or_insert(path);
            if let Some((other, at)) = defined.insert(id.text, (path, line)) {
                problems.push(Problem::at_line(
                    path,
                    line,
                    format!("{} is defined at {other}:{at}", id.text),
                ));
            } else if known != path {
                problems.push(Problem::at_line(
                    path,
                    line,
                    format!("{}- belongs to {known}", id.prefix),
                ));
            } else if id.digits != DIGITS {
                problems.push(Problem::at_line(
                    path,
                    line,
                    format!("{} has not {DIGITS} digits", id.text),
                ));
            }
        }
    }
    for (path, line, text) in mentions(repository) {
        let prefixed = words(text)
            .filter_map(parse)
            .filter(|id| documents.contains_key(id.prefix));
        let unknown = prefixed.filter(|id| !defined.contains_key(id.text));
        problems.extend(
            unknown.map(|id| Problem::at_line(path, line, format!("{} is not defined", id.text))),
        );
    }
    problems
}

/// The lines of the documents in `protocol/`.
fn specification(repository: &Repository) -> impl Iterator<Item = (&str, usize, &str)> {
    let documents = repository
        .files_ending(".md")
        .filter(|(path, _)| path.starts_with("protocol/"));
    documents.flat_map(|(path, text)| lines(path, text))
}

/// The lines that may mention an id: documents and code.
fn mentions(repository: &Repository) -> impl Iterator<Item = (&str, usize, &str)> {
    let ends = [".md", ".rs", ".py", ".js", ".mjs", ".ts"];
    let files = repository
        .files()
        .filter(move |(path, _)| ends.iter().any(|end| path.ends_with(end)));
    let files = files.filter(|(path, _)| !path.starts_with("crates/xtask/"));
    files.flat_map(|(path, text)| lines(path, text))
}

fn lines<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = (&'a str, usize, &'a str)> {
    text.lines()
        .enumerate()
        .map(move |(index, line)| (path, index + 1, line))
}

struct Id<'a> {
    text: &'a str,
    prefix: &'a str,
    digits: usize,
}

/// Reads capitals, a hyphen and digits.
fn parse(text: &str) -> Option<Id<'_>> {
    let (prefix, number) = text.split_once('-')?;
    let capitals = prefix.len() >= 2 && prefix.bytes().all(|byte| byte.is_ascii_uppercase());
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (capitals && digits).then_some(Id {
        text,
        prefix,
        digits: number.len(),
    })
}

/// What a line that defines has in bold at its start, after the mark of a list or a table.
fn bold(line: &str) -> impl Iterator<Item = &str> {
    let start = line.trim_start_matches([' ', '-', '*', '|']);
    let offset = line.len() - start.len();
    let is_bold = line[..offset].ends_with("**");
    start
        .split_once("**")
        .filter(|_| is_bold)
        .map(|(text, _)| text)
        .into_iter()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINED: &str = "- **ENC-001** One message MUST hold one frame.\n| **ENC-002** | x |\n";

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        check(&Repository::of(files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_id_is_defined_once() {
        assert_eq!(problems(&[("protocol/encoding.md", DEFINED)]), [""; 0]);
        let twice = format!("{DEFINED}**ENC-001** Again.\n");
        let found = problems(&[("protocol/encoding.md", &twice)]);
        assert_eq!(
            found,
            ["protocol/encoding.md:3: ENC-001 is defined at protocol/encoding.md:1"]
        );
    }

    #[test]
    fn a_prefix_belongs_to_one_document_and_a_number_has_three_digits() {
        let other = "- **ENC-003** Elsewhere.\n";
        let found = problems(&[("protocol/a.md", DEFINED), ("protocol/b.md", other)]);
        assert_eq!(found, ["protocol/b.md:1: ENC- belongs to protocol/a.md"]);
        assert_eq!(problems(&[("protocol/a.md", "- **ENC-03** x\n")]).len(), 1);
    }

    #[test]
    fn what_is_mentioned_is_there() {
        let code = "// ENC-002 says so, and SHA-256 is no id.\n// ENC-009 does not.\n";
        let found = problems(&[
            ("protocol/encoding.md", DEFINED),
            ("crates/a/src/b.rs", code),
        ]);
        assert_eq!(found, ["crates/a/src/b.rs:2: ENC-009 is not defined"]);
    }
}
