//! From `protocol/frames.toml`.

use std::fmt::Write;

use super::{cell, rust_header};
use crate::registry::{FRAMES_PATH, Frames};

/// The constants of `Kind` and the list of names and array lengths.
pub(super) fn rust(registry: &Frames) -> String {
    let mut text = rust_header(FRAMES_PATH) + "use super::Kind;\n\nimpl Kind {\n";
    for (index, frame) in registry.frames.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let _ = writeln!(text, "{gap}    /// {}", frame.meaning);
        let _ = writeln!(
            text,
            "    pub const {}: Self = Self({});",
            frame.name, frame.kind
        );
    }
    text += "}\n\n/// Every kind of the registry, by number: the kind, its name, the length of its array.\n";
    text += "pub(super) const REGISTRY: &[(u8, &str, u8)] = &[\n";
    for frame in &registry.frames {
        let _ = writeln!(
            text,
            "    ({}, \"{}\", {}),",
            frame.kind,
            frame.name,
            frame.array_length()
        );
    }
    text + "];\n"
}

/// The tables of frames.md: kinds in use, set aside, and to be tolerated.
pub(super) fn table(registry: &Frames) -> String {
    let mut text = used_kinds(registry);
    text += "\nSet aside for later versions; `protocol-error` until a feature defines them:\n\n";
    text += "| kinds | for |\n|---|---|\n";
    for reserved in &registry.reserved {
        let _ = writeln!(
            text,
            "| {} | {} |",
            range(reserved.kinds),
            cell(&reserved.purpose)
        );
    }
    text += "\nWithout meaning, and tolerated by every peer:\n\n| kinds | form |\n|---|---|\n";
    for ignorable in &registry.ignorable {
        let form = if ignorable.numbered {
            "`[kind, seq, …]`, counted"
        } else {
            "`[kind, …]`"
        };
        let _ = writeln!(text, "| {} | {form} |", range(ignorable.kinds));
    }
    text
}

fn used_kinds(registry: &Frames) -> String {
    let mut text = "| kind | name | class | sent by | form | body | meaning |\n".to_owned();
    text += "|---|---|---|---|---|---|---|\n";
    for frame in &registry.frames {
        let (kind, name) = (frame.kind, &frame.name);
        let (class, sender) = (frame.class.name(), frame.from.name());
        let body = frame
            .body
            .as_ref()
            .map_or("-".to_owned(), |body| format!("`{body}`"));
        let fields = frame.fields.join(", ");
        let form = cell(&format!("`[{kind}, {fields}]`"));
        let meaning = cell(&frame.meaning);
        let _ = writeln!(
            text,
            "| {kind} (0x{kind:02x}) | {name} | {class} | {sender} | {form} | {body} | {meaning} |"
        );
    }
    text
}

fn range([first, last]: [u8; 2]) -> String {
    match first == last {
        true => format!("{first} (0x{first:02x})"),
        false => format!("{first} to {last} (0x{first:02x} to 0x{last:02x})"),
    }
}
