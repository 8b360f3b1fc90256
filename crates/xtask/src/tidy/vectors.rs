//! Each frame kind of the registry has vectors.

use serde::Deserialize;

use crate::Result;
use crate::problem::Problem;
use crate::registry::{Frame, Frames};
use crate::repository::Repository;

const FOLDER: &str = "protocol/vectors";
/// Files that belong to no one kind.
const OTHERS: [&str; 4] = ["ignorable", "integers", "negative", "values"];

#[derive(Debug, Deserialize)]
struct Vectors {
    kind: Option<String>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    json: Option<String>,
    #[serde(default)]
    decode_only: bool,
}

pub(super) fn check(repository: &Repository) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for frame in Frames::load(repository)?.frames {
        problems.extend(of_kind(repository, &frame));
    }
    for name in OTHERS {
        let path = format!("{FOLDER}/{name}.json");
        match read(repository, &path) {
            Ok(vectors) if vectors.cases.is_empty() => {
                problems.push(Problem::of_file(&path, "no cases"));
            }
            Ok(_) => {}
            Err(error) => problems.push(Problem::of_file(&path, error)),
        }
    }
    Ok(problems)
}

fn of_kind(repository: &Repository, frame: &Frame) -> Option<Problem> {
    let path = format!("{FOLDER}/{}.json", frame.name.to_lowercase());
    let fault = match read(repository, &path) {
        Ok(vectors) => fault(&vectors, frame)?,
        Err(error) => error,
    };
    Some(Problem::of_file(&path, fault))
}

fn read(repository: &Repository, path: &str) -> std::result::Result<Vectors, String> {
    let text = repository.text(path).ok_or("no vectors")?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn fault(vectors: &Vectors, frame: &Frame) -> Option<String> {
    if vectors.kind.as_ref() != Some(&frame.name) {
        return Some(format!("the file's kind is not {}", frame.name));
    }
    if vectors.cases.iter().all(|case| case.decode_only) {
        return Some("no case that is to be encoded".to_owned());
    }
    let start = format!("[{},", frame.kind);
    let other_kind = |case: &&Case| {
        case.json
            .as_ref()
            .is_some_and(|json| !json.starts_with(&start))
    };
    let case = vectors
        .cases
        .iter()
        .filter(|case| !case.decode_only)
        .find(other_kind)?;
    Some(format!(
        "the case \"{}\" is not of kind {}",
        case.name, frame.kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::FRAMES_PATH;

    const FRAMES: &str = "[[frame]]\nkind = 4\nname = \"RECEIVED\"\nclass = \"session\"\n\
                          from = \"either\"\nfields = [\"received\"]\nmeaning = \"m\"\n";

    fn problems(received: &str) -> String {
        let other = "{\"kind\": null, \"cases\": [{\"name\": \"n\"}]}";
        let repository = Repository::of(&[
            (FRAMES_PATH, FRAMES),
            ("protocol/vectors/received.json", received),
            ("protocol/vectors/ignorable.json", other),
            ("protocol/vectors/integers.json", other),
            ("protocol/vectors/negative.json", other),
            ("protocol/vectors/values.json", other),
        ]);
        check(&repository)
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn file(kind: &str, case: &str) -> String {
        format!("{{\"kind\": \"{kind}\", \"cases\": [{{\"name\": \"n\", {case}}}]}}")
    }

    #[test]
    fn a_kind_with_a_case_in_each_direction_is_covered() {
        assert_eq!(problems(&file("RECEIVED", "\"json\": \"[4,1]\"")), "");
    }

    #[test]
    fn a_kind_without_vectors_is_found() {
        let only_decoded = file("RECEIVED", "\"json\": \"[4,1]\", \"decode_only\": true");
        assert!(problems(&only_decoded).contains("to be encoded"));
        assert!(problems(&file("PING", "\"json\": \"[4,1]\"")).contains("not RECEIVED"));
        assert!(problems(&file("RECEIVED", "\"json\": \"[2,1]\"")).contains("not of kind 4"));
        assert!(problems("{}").contains("missing field"));
        let nothing = check(&Repository::of(&[(FRAMES_PATH, FRAMES)])).unwrap();
        assert_eq!(nothing.len(), 5);
    }
}
