//! The registries of `protocol/`: codes and frame kinds.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::Result;
use crate::repository::Repository;

pub(crate) const CODES_PATH: &str = "protocol/codes.toml";
pub(crate) const FRAMES_PATH: &str = "protocol/frames.toml";

/// Frames that a code may appear in.
const CODE_PLACES: [&str; 4] = ["CLOSE", "REFUSED", "FAILED", "DISCONNECT"];
/// WebSocket close codes of the protocol's range that IANA has given to others.
const CODES_OF_OTHERS: [u16; 3] = [3000, 3003, 3008];

/// `protocol/codes.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Codes {
    #[serde(rename = "code")]
    pub(crate) codes: Vec<Code>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    pub(crate) number: u16,
    pub(crate) name: String,
    #[serde(rename = "where")]
    pub(crate) places: Vec<String>,
    pub(crate) meaning: String,
    pub(crate) remedy: String,
}

/// `protocol/frames.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frames {
    #[serde(rename = "frame")]
    pub(crate) frames: Vec<Frame>,
    #[serde(default)]
    pub(crate) reserved: Vec<Reserved>,
    #[serde(default)]
    pub(crate) ignorable: Vec<Ignorable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) name: String,
    pub(crate) class: Class,
    pub(crate) from: Sender,
    /// The array's elements after the kind.
    pub(crate) fields: Vec<String>,
    /// The last field, where it is the application's and opaque.
    pub(crate) body: Option<String>,
    pub(crate) meaning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    Session,
    Sequenced,
    BestEffort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sender {
    Client,
    Server,
    Either,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reserved {
    /// First and last.
    pub(crate) kinds: [u8; 2],
    pub(crate) purpose: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ignorable {
    /// First and last.
    pub(crate) kinds: [u8; 2],
    pub(crate) numbered: bool,
}

impl Codes {
    /// Reads and checks the registry.
    pub(crate) fn load(repository: &Repository) -> Result<Self> {
        let registry: Self = toml::from_str(repository.expect_text(CODES_PATH)?)?;
        ascending(CODES_PATH, registry.codes.iter().map(|code| code.number))?;
        distinct(
            CODES_PATH,
            registry.codes.iter().map(|code| code.name.as_str()),
        )?;
        registry.codes.iter().try_for_each(Code::check)?;
        Ok(registry)
    }
}

impl Code {
    fn check(&self) -> Result<()> {
        let fail = |what: &str| {
            Err(format!("{CODES_PATH}: {} ({}): {what}", self.number, self.name).into())
        };
        let kebab = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        if !(3000..=3999).contains(&self.number) || CODES_OF_OTHERS.contains(&self.number) {
            return fail("the number is not one of the protocol's");
        }
        if self.name.is_empty() || !self.name.bytes().all(kebab) {
            return fail("the name is not in kebab-case");
        }
        if self.places.is_empty()
            || !self
                .places
                .iter()
                .all(|place| CODE_PLACES.contains(&place.as_str()))
        {
            return fail("`where` names no frame, or one that carries no code");
        }
        Ok(())
    }
}

impl Frames {
    /// Reads and checks the registry.
    pub(crate) fn load(repository: &Repository) -> Result<Self> {
        let registry: Self = toml::from_str(repository.expect_text(FRAMES_PATH)?)?;
        ascending(FRAMES_PATH, registry.frames.iter().map(|frame| frame.kind))?;
        distinct(
            FRAMES_PATH,
            registry.frames.iter().map(|frame| frame.name.as_str()),
        )?;
        registry.frames.iter().try_for_each(Frame::check)?;
        registry.check_reserved()?;
        Ok(registry)
    }

    fn check_reserved(&self) -> Result<()> {
        for Reserved {
            kinds: [first, last],
            purpose,
        } in &self.reserved
        {
            if let Some(taken) = self
                .frames
                .iter()
                .find(|frame| (*first..=*last).contains(&frame.kind))
            {
                return Err(
                    format!("{FRAMES_PATH}: {} is reserved for {purpose}", taken.name).into(),
                );
            }
        }
        Ok(())
    }
}

impl Frame {
    /// The elements of its array, the kind included.
    pub(crate) const fn array_length(&self) -> usize {
        self.fields.len() + 1
    }

    fn check(&self) -> Result<()> {
        let fail = |what: &str| Err(format!("{FRAMES_PATH}: {}: {what}", self.name).into());
        let numbered = self.fields.first().is_some_and(|field| field == "seq");
        if !self.class.kinds().contains(&self.kind) {
            return fail("the kind is outside the range of its class");
        }
        if numbered != (self.class == Class::Sequenced) {
            return fail("the first field is `seq` if and only if the class is sequenced");
        }
        if self.body.is_some() && self.body.as_ref() != self.fields.last() {
            return fail("the body is not the last field");
        }
        Ok(())
    }
}

impl Class {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Sequenced => "sequenced",
            Self::BestEffort => "best-effort",
        }
    }

    const fn kinds(self) -> RangeInclusive<u8> {
        match self {
            Self::Session => 0x00..=0x0f,
            Self::Sequenced => 0x10..=0x1f,
            Self::BestEffort => 0x20..=0x2f,
        }
    }
}

impl Sender {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Either => "either",
        }
    }
}

fn ascending<T: PartialOrd>(path: &str, numbers: impl Iterator<Item = T>) -> Result<()> {
    let numbers: Vec<T> = numbers.collect();
    match numbers.is_sorted_by(|first, second| first < second) {
        true => Ok(()),
        false => Err(format!("{path}: the numbers do not ascend").into()),
    }
}

fn distinct<'a>(path: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names
        .array_windows()
        .find(|[first, second]| first == second)
    {
        Some([name, _]) => Err(format!("{path}: the name {name} is there twice").into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes_error(toml: &str) -> String {
        Codes::load(&Repository::of(&[(CODES_PATH, toml)]))
            .unwrap_err()
            .to_string()
    }

    fn frames_error(toml: &str) -> String {
        Frames::load(&Repository::of(&[(FRAMES_PATH, toml)]))
            .unwrap_err()
            .to_string()
    }

    fn code(number: u16, name: &str) -> String {
        let rest = "where = [\"CLOSE\"]\nmeaning = \"m\"\nremedy = \"r\"";
        format!("[[code]]\nnumber = {number}\nname = \"{name}\"\n{rest}\n")
    }

    fn frame(kind: u8, class: &str, fields: &str) -> String {
        let rest = "from = \"either\"\nmeaning = \"m\"";
        format!(
            "[[frame]]\nkind = {kind}\nname = \"F{kind}\"\nclass = \"{class}\"\nfields = {fields}\n{rest}\n"
        )
    }

    #[test]
    fn codes_of_others_and_of_applications_are_refused() {
        for number in [2999, 3000, 3003, 3008, 4000] {
            assert!(codes_error(&code(number, "name")).contains("not one of the protocol's"));
        }
    }

    #[test]
    fn codes_out_of_order_or_named_twice_are_refused() {
        let unordered = code(3002, "a") + &code(3001, "b");
        assert!(codes_error(&unordered).contains("do not ascend"));
        let twice = code(3001, "a") + &code(3002, "a");
        assert!(codes_error(&twice).contains("a is there twice"));
    }

    #[test]
    fn a_kind_outside_its_class_is_refused() {
        assert!(frames_error(&frame(16, "session", "[\"t\"]")).contains("outside the range"));
    }

    #[test]
    fn only_sequenced_frames_start_with_a_number() {
        assert!(frames_error(&frame(16, "sequenced", "[\"ns\"]")).contains("`seq`"));
        assert!(frames_error(&frame(32, "best-effort", "[\"seq\"]")).contains("`seq`"));
    }

    #[test]
    fn a_reserved_kind_cannot_be_taken() {
        let reserved = "[[reserved]]\nkinds = [6, 8]\npurpose = \"later\"\n";
        let toml = frame(7, "session", "[\"t\"]") + reserved;
        assert!(frames_error(&toml).contains("reserved for later"));
    }
}
