//! Args and values in memory: checked MessagePack, whichever encoding they came in.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{BadArgs, DecodeError, EncodeError};

/// The args of an event: a MessagePack array that keeps the value model.
///
/// Cloning is cheap. `Debug` shows the length alone.
///
/// Specification: "Encoding".
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// No args: the empty array.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Bytes::from_static(&[0x90]))
    }

    /// Args that are MessagePack already.
    ///
    /// # Errors
    /// The bytes are not exactly one array, or break the value model.
    pub fn from_message_pack(bytes: Bytes) -> Result<Self, BadArgs> {
        todo!("{bytes:?}")
    }

    /// Args from bytes that the caller has checked.
    pub(crate) const fn from_checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes: one MessagePack array.
    #[must_use]
    pub const fn as_message_pack(&self) -> &Bytes {
        &self.0
    }

    /// How many args there are.
    #[must_use]
    pub fn count(&self) -> usize {
        todo!()
    }

    /// Whether there are no args.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// All args as one value: a tuple for args of different types, a `Vec` for any number.
    ///
    /// Integers and floats of equal value are interchangeable.
    ///
    /// # Errors
    /// The args do not fit `T`; the error names the place and holds nothing of the content.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        todo!()
    }

    /// The first arg; no args read as nil. Further args are ignored.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn first<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        todo!()
    }

    /// Each arg as a value of its own, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value> + '_ {
        std::iter::empty()
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// One value of any type in MessagePack that keeps the value model: `auth`, `data`, an arg.
///
/// Cloning is cheap. `Debug` shows the length alone.
///
/// Specification: "Encoding".
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Value(Bytes);

impl Value {
    /// Nil.
    #[must_use]
    pub const fn nil() -> Self {
        Self(Bytes::from_static(&[0xc0]))
    }

    /// Whether this is nil.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        *self.0 == [0xc0]
    }

    /// A value that is MessagePack already.
    ///
    /// # Errors
    /// The bytes are not exactly one value, or break the value model.
    pub fn from_message_pack(bytes: Bytes) -> Result<Self, BadArgs> {
        todo!("{bytes:?}")
    }

    /// A value from bytes that the caller has checked.
    pub(crate) const fn from_checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes: one MessagePack value.
    #[must_use]
    pub const fn as_message_pack(&self) -> &Bytes {
        &self.0
    }

    /// The value of `source`. Structs become maps.
    ///
    /// # Errors
    /// `source` does not serialise, or breaks the value model.
    pub fn encode<T: Serialize + ?Sized>(source: &T) -> Result<Self, EncodeError> {
        let _ = source;
        todo!()
    }

    /// The value as a `T`. Integers and floats of equal value are interchangeable.
    ///
    /// # Errors
    /// The value does not fit `T`; the error names the place and holds nothing of the content.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        todo!()
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::nil()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}
