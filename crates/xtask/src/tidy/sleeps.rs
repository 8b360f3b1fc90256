//! No sleep in tests: a sleep means that a clock or a gate is missing. One on tokio's paused clock
//! is none, it takes no time: allowed where every test of the file has that clock.

use crate::problem::Problem;
use crate::repository::Repository;
use crate::rust_source::{code_only, finds_word};

/// Where not even a reason helps.
const NEVER: [&str; 2] = ["crates/trunkline-protocol/", "crates/trunkline-driver/"];
/// What allows a sleep, on its line or the one above, with a reason behind it.
const ALLOWANCE: &str = "tidy: allow sleep: ";
/// Crates that are all test.
const TEST_CRATES: [&str; 2] = ["crates/trunkline-testkit/", "crates/trunkline-netem/"];

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    repository
        .files_ending(".rs")
        .flat_map(|(path, text)| in_file(path, text))
        .collect()
}

fn in_file(path: &str, text: &str) -> Vec<Problem> {
    let code = code_only(text);
    let lines: Vec<&str> = text.lines().collect();
    let first_test_line = first_test_line(path, &code);
    let paused = only_paused_tests(&code);
    let never = NEVER.iter().any(|folder| path.starts_with(folder));
    let mut problems = Vec::new();
    for (index, line) in code.lines().enumerate().skip(first_test_line) {
        let allowed = !never && is_allowed(&lines[index.saturating_sub(1)..=index]);
        let virtual_time = paused && !never && !line.contains("thread::sleep");
        if sleeps(line) && !allowed && !virtual_time {
            problems.push(Problem::at_line(path, index + 1, message(never)));
        }
    }
    problems
}

const fn message(never: bool) -> &'static str {
    match never {
        true => "a sleep in a test of this crate: pass the time in, or use a gate",
        false => {
            "a sleep in a test: use a gate or virtual time, or say why not in a comment \
                  `tidy: allow sleep: <reason>`"
        }
    }
}

/// The file has tests, and tokio's clock is paused in all of them.
fn only_paused_tests(code: &str) -> bool {
    let is_test = |line: &&str| *line == "#[test]" || line.starts_with("#[tokio::test");
    let mut tests = code.lines().map(str::trim).filter(is_test).peekable();
    tests.peek().is_some() && tests.all(|line| line.contains("start_paused = true"))
}

fn sleeps(line: &str) -> bool {
    ["sleep", "sleep_until"]
        .iter()
        .any(|name| line.contains(&format!("{name}(")) && finds_word(line, name))
}

/// The index of the first line that is test code; beyond the last one when none is.
fn first_test_line(path: &str, code: &str) -> usize {
    let in_test_file = path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || TEST_CRATES.iter().any(|folder| path.starts_with(folder));
    match in_test_file {
        true => 0,
        // By the house's order of a file, tests come last.
        false => code
            .lines()
            .position(|line| line.contains("#[cfg(test)]"))
            .unwrap_or(usize::MAX),
    }
}

fn is_allowed(lines: &[&str]) -> bool {
    let reason = |line: &&str| {
        line.split_once(ALLOWANCE)
            .map(|(_, reason)| reason.trim().len())
    };
    lines.iter().filter_map(reason).any(|length| length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(&Repository::of(&[(path, text)])).len()
    }

    const SLEEP: &str = "fn f() {\n    sleep(x).await;\n}\n";

    #[test]
    fn a_sleep_in_a_test_needs_a_reason() {
        assert_eq!(problems("crates/trunkline-server/tests/rooms.rs", SLEEP), 1);
        let allowed = SLEEP.replace("sleep", "// tidy: allow sleep: real socket\n    sleep");
        assert_eq!(
            problems("crates/trunkline-server/tests/rooms.rs", &allowed),
            0
        );
        let no_reason = SLEEP.replace("sleep", "// tidy: allow sleep: \n    sleep");
        assert_eq!(
            problems("crates/trunkline-server/tests/rooms.rs", &no_reason),
            1
        );
    }

    #[test]
    fn the_driver_has_no_reason_to_sleep_in_a_test() {
        let allowed = SLEEP.replace("sleep", "// tidy: allow sleep: lazy\n    sleep");
        assert_eq!(
            problems("crates/trunkline-driver/tests/cork.rs", &allowed),
            1
        );
    }

    #[test]
    fn a_sleep_on_a_paused_clock_takes_no_time() {
        let paused = format!("#[tokio::test(start_paused = true)]\n{SLEEP}");
        assert_eq!(
            problems("crates/trunkline-client/tests/waits.rs", &paused),
            0
        );
        assert_eq!(
            problems("crates/trunkline-driver/tests/waits.rs", &paused),
            1
        );
        let mixed = format!("{paused}#[tokio::test]\nfn g() {{}}\n");
        assert_eq!(
            problems("crates/trunkline-client/tests/waits.rs", &mixed),
            1
        );
        let blocking = paused.replace("sleep", "std::thread::sleep");
        assert_eq!(
            problems("crates/trunkline-client/tests/waits.rs", &blocking),
            1
        );
    }

    #[test]
    fn only_the_tests_of_a_source_file_are_read() {
        let path = "crates/trunkline-client/src/reconnect.rs";
        assert_eq!(problems(path, SLEEP), 0);
        assert_eq!(
            problems(path, &format!("#[cfg(test)]\nmod tests {{\n{SLEEP}}}\n")),
            1
        );
    }

    #[test]
    fn names_and_comments_about_sleep_do_not_count() {
        let text = "fn f() {\n    wakes_from_sleep();\n    // sleep(x)\n    no_sleep();\n}\n";
        assert_eq!(problems("crates/trunkline-server/tests/rooms.rs", text), 0);
    }
}
