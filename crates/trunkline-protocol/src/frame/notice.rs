//! GOAWAY and CLOSE: the frames that announce an end.

use super::HeaderError;
use super::map::{MapWriter, ProtocolMap};
use super::raw::RawValue;
use crate::message_pack::write;
use crate::{Code, Encoding, Kind, MAX_REASON_BYTES, Value};

/// Asks the client to reconnect.
///
/// Specification: frames.md, GOAWAY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// Why, for people.
    pub reason: String,
    /// Reconnect this long from now, in ms.
    pub slot: u64,
    /// Reconnect at the latest this long from now, in ms.
    pub deadline: u64,
    /// Reconnect there instead.
    pub url: Option<String>,
}

/// Ends the connection; the code says whether the session survives.
///
/// Specification: frames.md, CLOSE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Why, and what to do about it.
    pub code: Code,
    /// Why, for people.
    pub reason: String,
    /// Come back no sooner than this, in ms.
    pub retry_after: Option<u64>,
    /// Come back there instead.
    pub url: Option<String>,
    /// The attach that won, for `superseded`.
    pub attach: Option<u64>,
    /// More for the application; nil if there is nothing.
    pub data: Value,
}

impl Close {
    /// A CLOSE with a code and a reason, and nothing more.
    #[must_use]
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            retry_after: None,
            url: None,
            attach: None,
            data: Value::nil(),
        }
    }

    /// Makes the reason one that can be kept and logged: control characters are replaced, and it is cut
    /// to [`MAX_REASON_BYTES`] at a character's boundary.
    pub fn tame_reason(&mut self) {
        let reason = &mut self.reason;
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        if reason.contains(char::is_control) {
            *reason = reason.replace(char::is_control, "\u{fffd}");
            reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        }
    }

    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut map = MapWriter::default();
        map.member("code", |out| {
            write::unsigned(out, self.code.number().into())
        });
        map.member("reason", |out| write::text(out, &self.reason));
        map.optional("retry_after", self.retry_after, write::unsigned);
        map.optional("url", self.url.as_deref(), write::text);
        map.optional("attach", self.attach, write::unsigned);
        map.content("data", &self.data);
        map.into_frame(Kind::CLOSE, encoding)
    }

    pub(super) fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            code: map.required("code", read_code)?,
            reason: map.required("reason", RawValue::owned_text)?,
            retry_after: map.optional("retry_after", RawValue::integer)?,
            url: map.optional("url", RawValue::owned_text)?,
            attach: map.optional("attach", RawValue::integer)?,
            data: map.optional("data", RawValue::content)?.unwrap_or_default(),
        })
    }
}

impl GoAway {
    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut map = MapWriter::default();
        map.member("reason", |out| write::text(out, &self.reason));
        map.member("slot", |out| write::unsigned(out, self.slot));
        map.member("deadline", |out| write::unsigned(out, self.deadline));
        map.optional("url", self.url.as_deref(), write::text);
        map.into_frame(Kind::GOAWAY, encoding)
    }

    pub(super) fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            reason: map.required("reason", RawValue::owned_text)?,
            slot: map.required("slot", RawValue::integer)?,
            deadline: map.required("deadline", RawValue::integer)?,
            url: map.optional("url", RawValue::owned_text)?,
        })
    }
}

fn read_code(value: RawValue<'_>) -> Option<Code> {
    value
        .integer()
        .and_then(|number| u16::try_from(number).ok())
        .map(Code::new)
}
