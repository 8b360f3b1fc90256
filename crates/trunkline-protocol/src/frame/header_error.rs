//! What a peer can do wrong in a frame's header.

use crate::{Code, InvalidName};

/// Why a message is no frame of this protocol. Each ends the session.
///
/// Specification: encoding.md, ENC-011.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The message is empty.
    #[error("the message is empty")]
    Empty,
    /// The text breaks JSON's grammar.
    #[error("not JSON at byte {offset}")]
    NotJson {
        /// Where, in bytes from the message's start.
        offset: usize,
    },
    /// The message is not an array.
    #[error("the frame is not an array")]
    NotAnArray,
    /// The message ends inside the header.
    #[error("the message ends inside the header")]
    Truncated,
    /// Bytes follow the frame.
    #[error("bytes follow the frame")]
    TrailingBytes,
    /// The array has not the length its kind demands.
    #[error("an array of {found}, where its kind has {expected}")]
    Length {
        /// The length its kind demands; for ignorable kinds the least.
        expected: u32,
        /// The length it has.
        found: u32,
    },
    /// The kind is not an integer of the protocol.
    #[error("the kind is no integer from 0 to 2^53-1")]
    Kind,
    /// The kind is unknown and not one to be ignored.
    #[error("kind {0} is unknown")]
    UnknownKind(u64),
    /// A field is not an integer of the protocol: of another type, negative, a float, beyond 2^53-1.
    #[error("`{field}` is no integer from 0 to 2^53-1")]
    Integer {
        /// The field's name in the specification.
        field: &'static str,
    },
    /// A frame is numbered 0; numbers begin with 1.
    #[error("`seq` is 0")]
    Seq,
    /// A code does not fit 16 bits.
    #[error("`code` is {found}, above 65535")]
    Code {
        /// The number that came.
        found: u64,
    },
    /// A field is no string, or not UTF-8.
    #[error("`{field}` is no UTF-8 string")]
    Text {
        /// The field's name in the specification.
        field: &'static str,
    },
    /// A name or an id is empty, too long, or a namespace without its "/".
    #[error("`{field}`: {problem}")]
    Name {
        /// The field's name in the specification.
        field: &'static str,
        /// What is wrong with it.
        problem: InvalidName,
    },
    /// The root namespace is nil, never the string "/".
    #[error("`ns`: the root namespace is nil, not \"/\"")]
    RootAsString,
    /// The field that should be a map is none, or one whose keys are not strings.
    #[error("the frame's field is no map with strings as keys")]
    Map,
    /// A map in the frame holds a key twice.
    #[error("a map holds a key twice")]
    DuplicateKey,
    /// A map lacks a key.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A key of a map holds another type or range than it should, or content that breaks the value
    /// model.
    #[error("`{key}` has the wrong type or range")]
    Value {
        /// The key.
        key: &'static str,
    },
}

impl HeaderError {
    /// The code that closes the connection.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::PROTOCOL_ERROR
    }

    /// A short and stable word for the cause, as the vectors have it.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Empty => "empty-message",
            Self::NotJson { .. } => "not-json",
            Self::NotAnArray => "not-an-array",
            Self::Truncated => "truncated",
            Self::TrailingBytes => "trailing-bytes",
            Self::Length { .. } => "array-length",
            Self::Kind => "bad-kind",
            Self::UnknownKind(_) => "unknown-kind",
            Self::Integer { .. } => "bad-integer",
            Self::Seq => "bad-seq",
            Self::Code { .. } => "bad-code",
            Self::Text { .. } => "bad-string",
            Self::Name { .. } | Self::RootAsString => "bad-name",
            Self::Map => "bad-map",
            Self::DuplicateKey => "duplicate-key",
            Self::MissingKey { .. } => "missing-key",
            Self::Value { .. } => "bad-value",
        }
    }
}
