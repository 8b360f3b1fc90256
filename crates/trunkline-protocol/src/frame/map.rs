//! The maps of session frames: read by key, written in the specification's order.

use std::borrow::Cow;

use super::HeaderError;
use super::raw::RawValue;
use crate::json::{split, unquote};
use crate::message_pack::{Reader, Token, write};
use crate::{BadArgs, Encoding, Kind, Value};

/// A map of the protocol, by key. Unknown keys need only be well formed; a nil value is an absent
/// one.
pub(super) struct ProtocolMap<'m> {
    /// Sorted by key, so that neither looking up nor finding duplicates is quadratic.
    members: Vec<(Cow<'m, str>, RawValue<'m>)>,
}

/// How a key's value is read; `None` if it has another type or range.
type Read<'m, T> = fn(RawValue<'m>) -> Option<T>;

impl<'m> ProtocolMap<'m> {
    /// Opens a map in MessagePack. Nothing may follow it.
    pub(super) fn from_message_pack(bytes: &'m [u8]) -> Result<Self, HeaderError> {
        let mut reader = Reader::new(bytes);
        let Token::Map(count) = reader.token().map_err(malformed)? else {
            return Err(HeaderError::Map);
        };
        let mut members = Vec::new();
        for _ in 0..count {
            let Token::Text(key) = reader.token().map_err(malformed)? else {
                return Err(HeaderError::Map);
            };
            let key = std::str::from_utf8(key).map_err(|_| HeaderError::Map)?;
            let value = reader.value().map_err(malformed)?;
            members.push((Cow::Borrowed(key), RawValue::message_pack(value)));
        }
        if reader.rest().is_empty() {
            Self::new(members)
        } else {
            Err(HeaderError::TrailingBytes)
        }
    }

    /// Opens a map in JSON, where its members are plain: a "$" means nothing in their keys.
    pub(super) fn from_json(text: &'m str) -> Result<Self, HeaderError> {
        if !text.starts_with('{') {
            return Err(HeaderError::Map);
        }
        let mut members = Vec::new();
        split(text, |key, value| {
            members.push((unquote(key), RawValue::json(value)))
        })?;
        let unquoted = members.into_iter().map(|(key, value)| Ok((key?, value)));
        let members: Result<_, BadArgs> = unquoted.collect();
        Self::new(members.map_err(|_| HeaderError::Map)?)
    }

    fn new(mut members: Vec<(Cow<'m, str>, RawValue<'m>)>) -> Result<Self, HeaderError> {
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if members
            .array_windows()
            .any(|[(one, _), (next, _)]| one == next)
        {
            return Err(HeaderError::DuplicateKey);
        }
        Ok(Self { members })
    }

    fn find(&self, key: &str) -> Option<RawValue<'m>> {
        let found = self
            .members
            .binary_search_by(|(name, _)| (**name).cmp(key))
            .ok()?;
        Some(self.members[found].1).filter(|value| !value.is_nil())
    }

    /// Reads a key that may be absent.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: Read<'m, T>,
    ) -> Result<Option<T>, HeaderError> {
        self.find(key)
            .map(|value| read(value).ok_or(HeaderError::Value { key }))
            .transpose()
    }

    /// Reads a key that must be there.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        read: Read<'m, T>,
    ) -> Result<T, HeaderError> {
        self.optional(key, read)?
            .ok_or(HeaderError::MissingKey { key })
    }

    /// Opens a map of the protocol within this one that may be absent.
    pub(super) fn optional_map(&self, key: &'static str) -> Result<Option<Self>, HeaderError> {
        let Some(value) = self.find(key) else {
            return Ok(None);
        };
        value.map()?.ok_or(HeaderError::Value { key }).map(Some)
    }
}

fn malformed(problem: BadArgs) -> HeaderError {
    match problem {
        BadArgs::Truncated => HeaderError::Truncated,
        _ => HeaderError::Map,
    }
}

/// A map that is being written.
#[derive(Default)]
pub(super) struct MapWriter {
    count: u32,
    members: Vec<u8>,
}

impl MapWriter {
    /// Writes a member.
    pub(super) fn member(&mut self, key: &str, write_value: impl FnOnce(&mut Vec<u8>)) {
        self.count += 1;
        write::text(&mut self.members, key);
        write_value(&mut self.members);
    }

    /// Writes a member if there is a value.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        value: Option<T>,
        write_value: impl FnOnce(&mut Vec<u8>, T),
    ) {
        if let Some(value) = value {
            self.member(key, |out| write_value(out, value));
        }
    }

    /// Writes a member unless it is nil.
    pub(super) fn content(&mut self, key: &str, value: &Value) {
        if !value.is_nil() {
            self.member(key, |out| out.extend_from_slice(value.as_message_pack()));
        }
    }

    /// Appends the map.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        write::map(out, self.count);
        out.extend_from_slice(&self.members);
    }

    /// The map as the only field of a frame.
    pub(super) fn into_frame(self, kind: Kind, encoding: Encoding) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.members.len() + 8);
        write::array(&mut out, 2);
        write::unsigned(&mut out, kind.number().into());
        self.finish(&mut out);
        match encoding {
            Encoding::MessagePack => out,
            Encoding::Json => crate::to_json(&out).into_bytes(),
        }
    }
}

/// Writes an array of strings.
pub(super) fn write_texts(out: &mut Vec<u8>, texts: &[String]) {
    write::array(out, u32::try_from(texts.len()).unwrap_or(u32::MAX));
    texts.iter().for_each(|text| write::text(out, text));
}
