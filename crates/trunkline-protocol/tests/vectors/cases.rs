//! The vector files, as they are described in `protocol/vectors/README.md`.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;
use trunkline_protocol::Encoding;

/// One frame, or one message that is none.
#[derive(Deserialize)]
pub(crate) struct Case {
    #[serde(default)]
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) frame: Json,
    #[serde(rename = "messagepack")]
    pub(crate) message_pack: Option<String>,
    pub(crate) json: Option<String>,
    #[serde(default)]
    pub(crate) decode_only: bool,
    /// What a negative case is refused with.
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) cause: String,
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

impl Case {
    /// The messages of the case, in each encoding it has.
    pub(crate) fn messages(&self) -> Vec<(Encoding, Vec<u8>)> {
        let message_pack = self.message_pack.as_deref().map(from_hex);
        let json = self.json.as_ref().map(|text| text.clone().into_bytes());
        let message_pack = message_pack.map(|message| (Encoding::MessagePack, message));
        message_pack
            .into_iter()
            .chain(json.map(|message| (Encoding::Json, message)))
            .collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.name)
    }
}

/// Every case of a frame, from all files but the negative ones.
pub(crate) fn all_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the vectors are in the repository") {
        let path = entry.expect("the folder can be listed").path();
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        if is_json && path.file_stem().is_some_and(|stem| stem != "negative") {
            cases.extend(read(&path));
        }
    }
    assert!(
        cases.len() > 200,
        "only {} cases: are files missing?",
        cases.len()
    );
    cases
}

/// The negative cases that end in `error`.
pub(crate) fn negative_cases(error: &str) -> Vec<Case> {
    let mut cases = read(&folder().join("negative.json"));
    cases.retain(|case| case.error == error);
    assert!(cases.len() > 50, "only {} cases of {error}", cases.len());
    cases
}

fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).expect("a vector file can be read");
    let file: File =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.cases
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/vectors")
}

fn from_hex(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&hex[start..start + 2], 16).expect("hexadecimal"))
        .collect()
}
