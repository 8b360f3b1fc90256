//! What a peer can do wrong in a frame's header.

use crate::{BadArgs, Code, InvalidName};

/// Why a message is no frame of this protocol. Each ends the session.
///
/// Specification: "Encoding".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The message is empty.
    #[error("the message is empty")]
    Empty,
    /// The message ends inside the header.
    #[error("the message ends inside the header")]
    Truncated,
    /// The message is not an array.
    #[error("the frame is not an array")]
    NotAnArray,
    /// The array has not the length its kind demands.
    #[error("the array has another length than its kind demands")]
    Length,
    /// The kind is unknown and not one to be ignored.
    #[error("kind {0} is unknown")]
    UnknownKind(u64),
    /// Bytes follow the frame.
    #[error("bytes follow the frame")]
    TrailingBytes,
    /// The text breaks JSON's grammar.
    #[error("not JSON at byte {offset}")]
    NotJson {
        /// Where, in bytes from the message's start.
        offset: usize,
    },
    /// A field has the wrong type, or is missing.
    #[error("`{field}` is missing or has the wrong type")]
    Type {
        /// The field's name in the specification.
        field: &'static str,
    },
    /// An integer is negative, a float, or beyond 2^53-1.
    #[error("`{field}` is no integer from 0 to 2^53-1")]
    Integer {
        /// The field's name in the specification.
        field: &'static str,
    },
    /// A string is not UTF-8.
    #[error("`{field}` is not UTF-8")]
    NotUtf8 {
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
    #[error("the root namespace is nil, not \"/\"")]
    RootAsString,
    /// A protocol map holds a key twice, or a value in it breaks the value model.
    #[error("the map: {0}")]
    Map(BadArgs),
}

impl HeaderError {
    /// The code that closes the connection.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::PROTOCOL_ERROR
    }
}
