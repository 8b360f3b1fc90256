//! A value within a protocol map, read by the type its key demands.

use std::borrow::Cow;

use super::HeaderError;
use super::map::ProtocolMap;
use crate::json::{split, to_message_pack, unquote};
use crate::limits::DEFAULT_DEPTH;
use crate::message_pack::{Reader, Token};
use crate::{Body, Encoding, MAX_INTEGER, Value};

/// A value as it came. Each reading gives `None` if the value has another type or range.
#[derive(Clone, Copy)]
pub(super) struct RawValue<'m> {
    encoding: Encoding,
    bytes: &'m [u8],
}

impl<'m> RawValue<'m> {
    pub(super) const fn message_pack(bytes: &'m [u8]) -> Self {
        Self {
            encoding: Encoding::MessagePack,
            bytes,
        }
    }

    pub(super) const fn json(text: &'m str) -> Self {
        Self {
            encoding: Encoding::Json,
            bytes: text.as_bytes(),
        }
    }

    pub(super) fn is_nil(self) -> bool {
        match self.form() {
            Form::Token(token) => token == Token::Nil,
            Form::Text(text) => text == "null",
            Form::Broken => false,
        }
    }

    pub(super) fn integer(self) -> Option<u64> {
        match self.form() {
            Form::Token(Token::Unsigned(number)) => Some(number),
            Form::Text(text) => json_integer(text),
            _ => None,
        }
        .filter(|number| *number <= MAX_INTEGER)
    }

    pub(super) fn boolean(self) -> Option<bool> {
        match self.form() {
            Form::Token(Token::Boolean(value)) => Some(value),
            Form::Text("true") => Some(true),
            Form::Text("false") => Some(false),
            _ => None,
        }
    }

    pub(super) fn text(self) -> Option<Cow<'m, str>> {
        match self.form() {
            Form::Token(Token::Text(text)) => std::str::from_utf8(text).ok().map(Cow::Borrowed),
            Form::Text(text) if text.starts_with('"') => unquote(text).ok(),
            _ => None,
        }
    }

    pub(super) fn owned_text(self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        match self.form() {
            Form::Token(Token::Bytes(bytes)) => Some(bytes.to_vec()),
            Form::Text(text) => {
                let marked = to_message_pack(text, DEFAULT_DEPTH).ok()?;
                RawValue::message_pack(&marked).bytes()
            }
            _ => None,
        }
    }

    /// Content of any type, checked by the value model.
    pub(super) fn content(self) -> Option<Value> {
        // A body's own container is level 2; within the frame's map it is level 3.
        Body::new(self.encoding, self.bytes)
            .value(DEFAULT_DEPTH - 1)
            .ok()
    }

    pub(super) fn texts(self) -> Option<Vec<String>> {
        self.elements()?.into_iter().map(Self::owned_text).collect()
    }

    /// The elements of an array.
    pub(super) fn elements(self) -> Option<Vec<Self>> {
        match self.form() {
            Form::Token(Token::Array(count)) => {
                let mut reader = Reader::new(self.bytes);
                reader.token().ok()?;
                (0..count)
                    .map(|_| reader.value().ok().map(Self::message_pack))
                    .collect()
            }
            Form::Text(text) if text.starts_with('[') => {
                let mut elements = Vec::new();
                split(text, |_, element| elements.push(Self::json(element))).ok()?;
                Some(elements)
            }
            _ => None,
        }
    }

    /// The members of a map.
    ///
    /// # Errors
    /// It is a map, but not one of the protocol.
    pub(super) fn map(self) -> Result<Option<ProtocolMap<'m>>, HeaderError> {
        match self.form() {
            Form::Token(Token::Map(_)) => ProtocolMap::from_message_pack(self.bytes).map(Some),
            Form::Text(text) if text.starts_with('{') => ProtocolMap::from_json(text).map(Some),
            _ => Ok(None),
        }
    }

    fn form(self) -> Form<'m> {
        match self.encoding {
            Encoding::MessagePack => Reader::new(self.bytes)
                .token()
                .map_or(Form::Broken, Form::Token),
            Encoding::Json => std::str::from_utf8(self.bytes).map_or(Form::Broken, Form::Text),
        }
    }
}

/// How a value begins.
enum Form<'m> {
    /// Its first token in MessagePack.
    Token(Token<'m>),
    /// The whole of it in JSON, without white space around it.
    Text(&'m str),
    Broken,
}

/// An integer in JSON without sign, fraction and exponent; the grammar rules out leading zeros.
pub(super) fn json_integer(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
