//! A frame's fields, read in order in either encoding.

use std::borrow::Cow;

use super::HeaderError;
use super::map::ProtocolMap;
use super::raw::json_integer;
use crate::json::{NotJson, Shape, split, unquote};
use crate::message_pack::{Reader, Token};
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

    /// A map of the protocol. It is the last field.
    fn map(self) -> Result<ProtocolMap<'a>, HeaderError>;

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

    fn map(self) -> Result<ProtocolMap<'a>, HeaderError> {
        ProtocolMap::from_message_pack(self.reader.rest())
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
        let (mut length, mut fields) = (0_u32, [""; MOST_FIELDS]);
        let shape = split(source, |_, field| {
            if let Some(slot) = fields.get_mut(length as usize) {
                *slot = field;
            }
            length = length.saturating_add(1);
        })?;
        match shape {
            Shape::Array => Ok((length, Self { fields, next: 0 })),
            Shape::Object | Shape::Scalar => Err(HeaderError::NotAnArray),
        }
    }

    fn take(&mut self) -> &'a str {
        let field = self.fields.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        field
    }
}

impl<'a> Fields<'a> for JsonFields<'a> {
    fn integer_or_nil(&mut self) -> Result<Option<Option<u64>>, HeaderError> {
        Ok(match self.take() {
            "null" => Some(None),
            field => json_integer(field)
                .filter(|number| *number <= MAX_INTEGER)
                .map(Some),
        })
    }

    fn text_or_nil(&mut self) -> Result<Option<Option<Cow<'a, str>>>, HeaderError> {
        Ok(match self.take() {
            "null" => Some(None),
            field if field.starts_with('"') => unquote(field).ok().map(Some),
            _ => None,
        })
    }

    fn map(mut self) -> Result<ProtocolMap<'a>, HeaderError> {
        ProtocolMap::from_json(self.take())
    }

    fn body(mut self) -> Body<'a> {
        Body::new(Encoding::Json, self.take().as_bytes())
    }

    fn finish(self) -> Result<(), HeaderError> {
        Ok(())
    }
}

impl From<NotJson> for HeaderError {
    fn from(NotJson { offset }: NotJson) -> Self {
        Self::NotJson { offset }
    }
}
