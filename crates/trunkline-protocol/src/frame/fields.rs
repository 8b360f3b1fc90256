//! A frame's fields, read in order in either encoding.

use std::borrow::Cow;

use super::HeaderError;
use crate::json::{Event, NotJson, Parser, to_message_pack, unquote};
use crate::limits::DEFAULT_DEPTH;
use crate::message_pack::{Reader, Token, walk};
use crate::name::{ROOT, check_length};
use crate::{AckId, BadArgs, Body, Code, Encoding, InvalidName, MAX_INTEGER};

/// A source of a frame's fields. Each call reads the next field.
///
/// The array's length is checked before any field is read, so that there always is a next one.
pub(super) trait Fields<'a>: Sized {
    /// An integer of the protocol, or `None` if the field is anything else but nil.
    fn integer_or_nil(&mut self) -> Result<Option<Option<u64>>, HeaderError>;

    /// A string, `Some(None)` for nil, or `None` if the field is anything else.
    fn text_or_nil(&mut self) -> Result<Option<Option<Cow<'a, str>>>, HeaderError>;

    /// A map of the protocol as MessagePack, walked. It is the last field.
    fn map(self) -> Result<Cow<'a, [u8]>, HeaderError>;

    /// The last field, not looked at.
    fn body(self) -> Body<'a>;

    /// To be called when there is no body: nothing may follow.
    fn finish(self) -> Result<(), HeaderError>;

    /// An integer from 0 to 2^53-1.
    fn integer(&mut self, field: &'static str) -> Result<u64, HeaderError> {
        self.integer_or_nil()?
            .flatten()
            .ok_or(HeaderError::Integer { field })
    }

    /// The frame's number.
    fn seq(&mut self) -> Result<u64, HeaderError> {
        match self.integer("seq")? {
            0 => Err(HeaderError::Seq),
            seq => Ok(seq),
        }
    }

    /// An ack's id, which may be nil.
    fn ack_id_or_nil(&mut self) -> Result<Option<AckId>, HeaderError> {
        let number = self
            .integer_or_nil()?
            .ok_or(HeaderError::Integer { field: "ack_id" })?;
        Ok(number.and_then(AckId::new))
    }

    /// An ack's id.
    fn ack_id(&mut self) -> Result<AckId, HeaderError> {
        self.ack_id_or_nil()?
            .ok_or(HeaderError::Integer { field: "ack_id" })
    }

    /// A code of 16 bits.
    fn code(&mut self) -> Result<Code, HeaderError> {
        let found = self.integer("code")?;
        u16::try_from(found)
            .map(Code::new)
            .map_err(|_| HeaderError::Code { found })
    }

    /// A string.
    fn text(&mut self, field: &'static str) -> Result<Cow<'a, str>, HeaderError> {
        self.text_or_nil()?
            .flatten()
            .ok_or(HeaderError::Text { field })
    }

    /// A string of 1 to 255 bytes.
    fn name(&mut self, field: &'static str) -> Result<Cow<'a, str>, HeaderError> {
        let name = self.text(field)?;
        check_length(&name).map_err(|problem| HeaderError::Name { field, problem })?;
        Ok(name)
    }

    /// A namespace's name, "/" for nil.
    fn namespace(&mut self) -> Result<Cow<'a, str>, HeaderError> {
        let field = "ns";
        let Some(name) = self.text_or_nil()?.ok_or(HeaderError::Text { field })? else {
            return Ok(Cow::Borrowed(ROOT));
        };
        let invalid = |problem| HeaderError::Name { field, problem };
        check_length(&name).map_err(invalid)?;
        match &*name {
            ROOT => Err(HeaderError::RootAsString),
            name if !name.starts_with('/') => Err(invalid(InvalidName::NoSlash)),
            _ => Ok(name),
        }
    }
}

/// Fields in MessagePack, read in place.
pub(super) struct MessagePackFields<'a> {
    reader: Reader<'a>,
}

impl<'a> MessagePackFields<'a> {
    /// Opens a message: its array's length, and its fields from the kind on.
    pub(super) fn open(message: &'a [u8]) -> Result<(u32, Self), HeaderError> {
        let mut reader = Reader::new(message);
        match reader.token() {
            Ok(Token::Array(length)) => Ok((length, Self { reader })),
            Err(BadArgs::Truncated) if message.is_empty() => Err(HeaderError::Empty),
            Err(BadArgs::Truncated) => Err(HeaderError::Truncated),
            _ => Err(HeaderError::NotAnArray),
        }
    }

    /// The next token; `None` for a byte that begins no value of the model.
    fn token(&mut self) -> Result<Option<Token<'a>>, HeaderError> {
        match self.reader.token() {
            Ok(token) => Ok(Some(token)),
            Err(BadArgs::Truncated) => Err(HeaderError::Truncated),
            Err(_) => Ok(None),
        }
    }
}

impl<'a> Fields<'a> for MessagePackFields<'a> {
    fn integer_or_nil(&mut self) -> Result<Option<Option<u64>>, HeaderError> {
        Ok(match self.token()? {
            Some(Token::Unsigned(number)) if number <= MAX_INTEGER => Some(Some(number)),
            Some(Token::Nil) => Some(None),
            _ => None,
        })
    }

    fn text_or_nil(&mut self) -> Result<Option<Option<Cow<'a, str>>>, HeaderError> {
        Ok(match self.token()? {
            Some(Token::Text(text)) => std::str::from_utf8(text)
                .ok()
                .map(|text| Some(Cow::Borrowed(text))),
            Some(Token::Nil) => Some(None),
            _ => None,
        })
    }

    fn map(self) -> Result<Cow<'a, [u8]>, HeaderError> {
        let bytes = self.reader.rest();
        check_map(bytes)?;
        Ok(Cow::Borrowed(bytes))
    }

    fn body(self) -> Body<'a> {
        Body::new(Encoding::MessagePack, self.reader.rest())
    }

    fn finish(self) -> Result<(), HeaderError> {
        if self.reader.rest().is_empty() {
            Ok(())
        } else {
            Err(HeaderError::TrailingBytes)
        }
    }
}

/// The longest array of any kind whose fields are read.
const MOST_FIELDS: usize = 7;

/// Fields in JSON, each a slice of the text. The grammar is checked to the message's end before any
/// is read, as it is by whoever reads the text with a JSON library.
pub(super) struct JsonFields<'a> {
    fields: [&'a str; MOST_FIELDS],
    next: usize,
}

impl<'a> JsonFields<'a> {
    /// Opens a message: its array's length, and its fields from the kind on.
    pub(super) fn open(message: &'a [u8]) -> Result<(u32, Self), HeaderError> {
        if message.is_empty() {
            return Err(HeaderError::Empty);
        }
        let source = std::str::from_utf8(message).map_err(|error| HeaderError::NotJson {
            offset: error.valid_up_to(),
        })?;
        let mut parser = Parser::new(source);
        let is_array = parser.next()? == Some(Event::ArrayStart);
        let mut length = 0;
        let mut fields = [""; MOST_FIELDS];
        let mut start = parser.event_end();
        while let Some(event) = parser.next()? {
            let is_start = matches!(event, Event::ArrayStart | Event::ObjectStart);
            if parser.depth() == 1 + usize::from(is_start) && !is_end(event) {
                start = parser.event_start();
            }
            if parser.depth() == 1 && is_array {
                if let Some(field) = fields.get_mut(length) {
                    *field = &source[start..parser.event_end()];
                }
                length += 1;
            }
        }
        if !is_array {
            return Err(HeaderError::NotAnArray);
        }
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Ok((length, Self { fields, next: 0 }))
    }

    fn take(&mut self) -> &'a str {
        let field = self.fields.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        field
    }
}

const fn is_end(event: Event<'_>) -> bool {
    matches!(event, Event::ArrayEnd | Event::ObjectEnd)
}

impl<'a> Fields<'a> for JsonFields<'a> {
    fn integer_or_nil(&mut self) -> Result<Option<Option<u64>>, HeaderError> {
        Ok(match self.take() {
            "null" => Some(None),
            // No sign, fraction or exponent; the grammar leaves nothing else that is all digits.
            field if field.bytes().all(|byte| byte.is_ascii_digit()) => field
                .parse()
                .ok()
                .filter(|number| *number <= MAX_INTEGER)
                .map(Some),
            _ => None,
        })
    }

    fn text_or_nil(&mut self) -> Result<Option<Option<Cow<'a, str>>>, HeaderError> {
        Ok(match self.take() {
            "null" => Some(None),
            field if field.starts_with('"') => unquote(field).ok().map(Some),
            _ => None,
        })
    }

    fn map(mut self) -> Result<Cow<'a, [u8]>, HeaderError> {
        let field = self.take();
        if !field.starts_with('{') {
            return Err(HeaderError::Map);
        }
        let bytes = to_message_pack(field, DEFAULT_DEPTH).map_err(HeaderError::ValueModel)?;
        check_map(&bytes)?;
        Ok(Cow::Owned(bytes))
    }

    fn body(mut self) -> Body<'a> {
        Body::new(Encoding::Json, self.take().as_bytes())
    }

    fn finish(self) -> Result<(), HeaderError> {
        Ok(())
    }
}

/// Checks that `bytes` are exactly one map of the protocol.
fn check_map(bytes: &[u8]) -> Result<(), HeaderError> {
    match Reader::new(bytes).token() {
        Ok(Token::Map(_)) => {}
        Err(BadArgs::Truncated) => return Err(HeaderError::Truncated),
        _ => return Err(HeaderError::Map),
    }
    match walk(bytes, DEFAULT_DEPTH) {
        Ok(_) => Ok(()),
        Err(BadArgs::Truncated) => Err(HeaderError::Truncated),
        Err(BadArgs::TrailingBytes) => Err(HeaderError::TrailingBytes),
        Err(BadArgs::KeyNotAString) => Err(HeaderError::Map),
        Err(BadArgs::DuplicateKey) => Err(HeaderError::DuplicateKey),
        Err(other) => Err(HeaderError::ValueModel(other)),
    }
}

impl From<NotJson> for HeaderError {
    fn from(NotJson { offset }: NotJson) -> Self {
        Self::NotJson { offset }
    }
}
