//! The maps of session frames: read by key, written in the specification's order.

use bytes::Bytes;

use super::HeaderError;
use crate::message_pack::{Reader, Token, write};
use crate::{Encoding, Kind, MAX_INTEGER, Value};

/// A map whose bytes were walked, by key. A nil value is an absent one.
pub(super) struct ProtocolMap<'m> {
    entries: Vec<(&'m [u8], &'m [u8])>,
}

/// How a key's value is read; `None` if it has another type or range.
type Read<'m, T> = fn(&'m [u8]) -> Option<T>;

impl<'m> ProtocolMap<'m> {
    /// Opens a walked map; `None` if the value is none.
    pub(super) fn open(value: &'m [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let Token::Map(count) = reader.token().ok()? else {
            return None;
        };
        let entries = (0..count)
            .map_while(|_| {
                let Token::Text(key) = reader.token().ok()? else {
                    return None;
                };
                Some((key, reader.value().ok()?))
            })
            .collect();
        Some(Self { entries })
    }

    /// The value of a key; `None` if it is absent or nil.
    pub(super) fn find(&self, key: &'static str) -> Option<&'m [u8]> {
        let found = self
            .entries
            .iter()
            .find(|(name, _)| *name == key.as_bytes());
        found.map(|(_, value)| *value).filter(|value| *value != NIL)
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
}

const NIL: &[u8] = &[0xc0];

/// Reads an integer from 0 to 2^53-1.
pub(super) fn integer(value: &[u8]) -> Option<u64> {
    match Reader::new(value).token() {
        Ok(Token::Unsigned(number)) if number <= MAX_INTEGER => Some(number),
        _ => None,
    }
}

/// Reads a boolean.
pub(super) fn boolean(value: &[u8]) -> Option<bool> {
    match Reader::new(value).token() {
        Ok(Token::Boolean(value)) => Some(value),
        _ => None,
    }
}

/// Reads a string.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    match Reader::new(value).token() {
        Ok(Token::Text(text)) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

/// Reads a string to keep.
pub(super) fn owned_text(value: &[u8]) -> Option<String> {
    text(value).map(str::to_owned)
}

/// Reads bytes.
pub(super) fn bytes(value: &[u8]) -> Option<Vec<u8>> {
    match Reader::new(value).token() {
        Ok(Token::Bytes(bytes)) => Some(bytes.to_vec()),
        _ => None,
    }
}

/// Reads content of any type, which was walked with its map.
pub(super) fn content(value: &[u8]) -> Option<Value> {
    Some(Value::from_checked(Bytes::copy_from_slice(value)))
}

/// The elements of an array; `None` if the value is none.
pub(super) fn elements(value: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let mut reader = Reader::new(value);
    match reader.token() {
        Ok(Token::Array(count)) => Some((0..count).map_while(move |_| reader.value().ok())),
        _ => None,
    }
}

/// Reads an array of strings.
pub(super) fn texts(value: &[u8]) -> Option<Vec<String>> {
    elements(value)?.map(owned_text).collect()
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
