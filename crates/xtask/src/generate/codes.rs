//! From `protocol/codes.toml`.

use std::fmt::Write;

use super::{cell, rust_header};
use crate::registry::{CODES_PATH, Codes};

/// The constants of `Code` and the list of names.
pub(super) fn rust(registry: &Codes) -> String {
    let mut text = rust_header(CODES_PATH) + "use super::Code;\n\nimpl Code {\n";
    for (index, code) in registry.codes.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let constant = code.name.replace('-', "_").to_uppercase();
        let _ = writeln!(text, "{gap}    /// {}", code.meaning);
        let _ = writeln!(
            text,
            "    pub const {constant}: Self = Self({});",
            code.number
        );
    }
    text += "}\n\n/// Every code of the registry, by number.\n";
    text += "pub(super) const REGISTRY: &[(u16, &str)] = &[\n";
    for code in &registry.codes {
        let _ = writeln!(text, "    ({}, \"{}\"),", code.number, code.name);
    }
    text + "];\n"
}

/// The table of codes.md.
pub(super) fn table(registry: &Codes) -> String {
    let mut text =
        "| code | name | appears in | meaning | remedy |\n|---|---|---|---|---|\n".to_owned();
    for code in &registry.codes {
        let places = code.places.join(", ");
        let (meaning, remedy) = (cell(&code.meaning), cell(&code.remedy));
        let _ = writeln!(
            text,
            "| {} | `{}` | {places} | {meaning} | {remedy} |",
            code.number, code.name
        );
    }
    text
}
