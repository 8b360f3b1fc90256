//! What can be wrong with application content.

/// Why content does not decode or breaks the value model.
///
/// It never ends a session: it is reported locally, and answered with FAILED `bad-args` where an
/// ack was asked for. The texts never hold any of the content.
///
/// Specification: encoding.md, ENC-009.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BadArgs {
    /// The bytes end inside a value.
    #[error("the content ends inside a value")]
    Truncated,
    /// Bytes follow the value.
    #[error("bytes follow the value")]
    TrailingBytes,
    /// The args are not an array.
    #[error("args are not an array")]
    NotAnArray,
    /// Arrays and maps are nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit; the frame's array is level 1.
        limit: u32,
    },
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// A map's key is not a string.
    #[error("a map's key is not a string")]
    KeyNotAString,
    /// A map holds a key twice.
    #[error("a map holds a key twice")]
    DuplicateKey,
    /// A MessagePack extension type.
    #[error("extension types are not values")]
    Extension,
    /// A MessagePack byte that begins nothing.
    #[error("the byte 0xc1 begins no value")]
    UnusedMarker,
    /// The text breaks JSON's grammar.
    #[error("not JSON at byte {offset} of the content")]
    NotJson {
        /// Where, in bytes from the content's start.
        offset: usize,
    },
    /// A one-member JSON object whose key starts with "$" and is none of the known marks, or whose
    /// value does not fit its mark.
    #[error("a one-member object with a \"$\" key is no known mark")]
    BadMark,
    /// A JSON number beyond what a float64 holds.
    #[error("a number beyond float64")]
    NumberTooLarge,
}

impl BadArgs {
    /// A short and stable word for the cause, as the vectors have it.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::TrailingBytes => "trailing-bytes",
            Self::NotAnArray => "not-an-array",
            Self::TooDeep { .. } => "too-deep",
            Self::NotUtf8 => "bad-utf8",
            Self::KeyNotAString => "key-not-string",
            Self::DuplicateKey => "duplicate-key",
            Self::Extension => "extension-type",
            Self::UnusedMarker => "reserved-byte",
            Self::NotJson { .. } => "not-json",
            Self::BadMark => "bad-mark",
            Self::NumberTooLarge => "number-out-of-range",
        }
    }
}
