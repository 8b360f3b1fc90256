//! Files and functions stay short.

use serde::Deserialize;

use super::Findings;
use crate::Result;
use crate::problem::Problem;
use crate::repository::Repository;
use crate::rust_source::code_only;

const FILE_LINES_MAX: usize = 1_000;
const FILE_LINES_WARNED: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are longer for now. A number here may only go down.
const RATCHET_PATH: &str = "crates/xtask/ratchet.toml";

/// The ends of files that count as source.
const SOURCE_ENDS: [&str; 8] = [".rs", ".js", ".mjs", ".ts", ".py", ".sh", ".html", ".css"];

/// What a program puts together from sources that are short themselves.
const MADE: [&str; 1] = ["clients/typescript/bundle/"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratchet {
    #[serde(default, rename = "function")]
    functions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    name: String,
    lines: usize,
}

/// A function as it stands in a file.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// Counted from 1.
    line: usize,
    lines: usize,
}

pub(super) fn check(repository: &Repository) -> Result<Findings> {
    let mut findings = Findings::default();
    for (path, text) in repository.files() {
        let is_made = MADE.iter().any(|folder| path.starts_with(folder));
        if !is_made && SOURCE_ENDS.iter().any(|end| path.ends_with(end)) {
            check_file(path, text, &mut findings);
        }
    }
    let ratchet: Ratchet = toml::from_str(repository.text(RATCHET_PATH).unwrap_or_default())?;
    findings
        .problems
        .extend(check_functions(repository, &ratchet));
    Ok(findings)
}

fn check_file(path: &str, text: &str, findings: &mut Findings) {
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines, over {FILE_LINES_MAX}: split it by concept");
        findings.problems.push(Problem::of_file(path, message));
    } else if lines > FILE_LINES_WARNED {
        let message = format!("{lines} lines, over {FILE_LINES_WARNED}");
        findings.warnings.push(Problem::of_file(path, message));
    }
}

fn check_functions(repository: &Repository, ratchet: &Ratchet) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut used = vec![false; ratchet.functions.len()];
    for (path, text) in repository.files_ending(".rs") {
        for function in functions(&code_only(text)) {
            let matches = |entry: &Exception| entry.path == path && entry.name == function.name;
            let exception = ratchet.functions.iter().position(matches);
            let allowed = exception.map_or(FUNCTION_LINES_MAX, |index| {
                used[index] |= function.lines > FUNCTION_LINES_MAX;
                ratchet.functions[index].lines
            });
            if function.lines > allowed {
                let message = format!(
                    "fn {}: {} lines, over {allowed}",
                    function.name, function.lines
                );
                problems.push(Problem::at_line(path, function.line, message));
            }
        }
    }
    for (entry, _) in ratchet.functions.iter().zip(used).filter(|(_, used)| !used) {
        let message = format!(
            "{} in {} is short now: remove it here",
            entry.name, entry.path
        );
        problems.push(Problem::of_file(RATCHET_PATH, message));
    }
    problems
}

/// The functions with a body. Goes by rustfmt's indentation: a body ends at the first closing brace
/// as far in as the line of its `fn`.
fn functions(code: &str) -> Vec<Function> {
    let lines: Vec<&str> = code.lines().collect();
    let mut functions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some(name) = function_name(line)
            && let Some(length) = function_length(&lines[index..])
        {
            functions.push(Function {
                name: name.to_owned(),
                line: index + 1,
                lines: length,
            });
        }
    }
    functions
}

/// The name in a line that begins a function.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let modifier = |word: &str| {
        word.starts_with("pub")
            || ["async", "const", "unsafe", "extern", "\"", "in", "super)"].contains(&word)
    };
    if !before.split_whitespace().all(modifier) {
        return None;
    }
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (end > 0).then(|| &after[..end])
}

fn function_length(lines: &[&str]) -> Option<usize> {
    let indent = indentation(lines.first()?);
    for (index, line) in lines.iter().enumerate() {
        let same_depth = indentation(line) == indent && !line.trim().is_empty();
        let end = line.trim_end();
        if same_depth && end.ends_with(';') {
            return None; // a declaration without a body
        }
        if same_depth && end.ends_with('}') && (index == 0 || end.trim_start() == "}") {
            return Some(index + 1);
        }
        if index > 0 && indentation(line) < indent && !line.trim().is_empty() {
            return None;
        }
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&Repository::of(files)).unwrap();
        findings.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn functions_are_measured_from_their_name_to_their_brace() {
        let code = "\
impl X {
    pub(crate) const fn one(&self) -> u8 { 1 }

    async fn two(
        &self,
    ) -> u8
    where
        Self: Sized,
    {
        let f = |x| {
            x
        };
        f(2)
    }

    fn declared(&self);
}
";
        let found = functions(code);
        let measured: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.line, f.lines))
            .collect();
        assert_eq!(measured, [("one", 2, 1), ("two", 4, 11)]);
    }

    #[test]
    fn types_of_functions_are_no_functions() {
        assert_eq!(
            functions("let f: fn (u8) = g;\ntype Handler = fn (u8);\n"),
            []
        );
    }

    #[test]
    fn a_function_over_the_limit_is_found() {
        assert_eq!(problems(&[("a.rs", &long_function(70))]), [""; 0]);
        assert_eq!(
            problems(&[("a.rs", &long_function(71))]),
            ["a.rs:1: fn long: 71 lines, over 70"]
        );
    }

    #[test]
    fn the_ratchet_allows_what_is_and_nothing_more() {
        let ratchet = "[[function]]\npath = \"a.rs\"\nname = \"long\"\nlines = 80\n";
        let with = |lines| problems(&[("a.rs", &long_function(lines)), (RATCHET_PATH, ratchet)]);
        assert_eq!(with(80), [""; 0]);
        assert_eq!(with(81).len(), 1);
        assert!(with(60)[0].contains("remove it here"));
    }

    #[test]
    fn a_file_that_is_put_together_may_be_long() {
        let path = format!("{}all.js", MADE[0]);
        assert_eq!(problems(&[(&path, &"x\n".repeat(2_000))]), [""; 0]);
    }

    #[test]
    fn a_long_file_is_warned_of_and_a_longer_one_refused() {
        let check = |lines| check(&Repository::of(&[("a.py", &"x\n".repeat(lines))])).unwrap();
        assert_eq!(
            (check(600).warnings.len(), check(601).warnings.len()),
            (0, 1)
        );
        assert_eq!(
            (check(1_000).problems.len(), check(1_001).problems.len()),
            (0, 1)
        );
    }
}
