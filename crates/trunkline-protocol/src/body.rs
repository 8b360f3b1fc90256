//! The last field of a frame: application content that is not decoded yet.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::json::to_message_pack;
use crate::message_pack::{is_array, walk};
use crate::{BadArgs, Encoding, Payload, Value};

/// Application content as it came, borrowed from its frame.
///
/// A frame's header decodes without looking at it, so that an event is routed, and counted, before
/// anyone knows whether its content is good.
///
/// Specification: encoding.md.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Body<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl<'a> Body<'a> {
    pub(crate) const fn new(encoding: Encoding, bytes: &'a [u8]) -> Self {
        Self { bytes, encoding }
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The encoding the bytes are in.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The length in bytes, as it came.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing came at all. That is no value: even no args are an empty array.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The content as args: one array of values, and nothing after it.
    ///
    /// `depth` is the limit on nesting; the frame's array is level 1, the args' is level 2.
    ///
    /// # Errors
    /// The content is no array, or breaks the value model.
    pub fn args(&self, depth: u32) -> Result<Payload, BadArgs> {
        let bytes = self.checked(depth, check_array)?;
        Ok(Payload::from_checked(bytes))
    }

    /// The content as one value of any type, and nothing after it (`auth`, `data`).
    ///
    /// `depth` is the limit on nesting; the frame's array is level 1.
    ///
    /// # Errors
    /// The content is no value, or breaks the value model.
    pub fn value(&self, depth: u32) -> Result<Value, BadArgs> {
        let bytes = self.checked(depth, |_| Ok(()))?;
        Ok(Value::from_checked(bytes))
    }

    /// The content as MessagePack, walked. `check` sees it first.
    fn checked(
        &self,
        depth: u32,
        check: fn(&[u8]) -> Result<(), BadArgs>,
    ) -> Result<Bytes, BadArgs> {
        match self.encoding {
            Encoding::MessagePack => {
                check(self.bytes)?;
                walk(self.bytes, depth)?;
                Ok(copied(self.bytes))
            }
            Encoding::Json => {
                let text = std::str::from_utf8(self.bytes).map_err(|_| BadArgs::NotUtf8)?;
                let bytes = to_message_pack(text, depth)?;
                check(&bytes)?;
                walk(&bytes, depth)?;
                // A long one is not copied: it has memory of its own.
                match bytes.len() {
                    0..=SHORT => Ok(copied(&bytes)),
                    _ => Ok(bytes.into_boxed_slice().into()),
                }
            }
        }
    }
}

/// A copy, and not a part of the message, so that content which is kept keeps nothing else.
///
/// The first clone of what `Bytes` copies by itself is a second allocation; a short copy, as most are,
/// comes with its counter, in 48 bytes or in 120.
fn copied(bytes: &[u8]) -> Bytes {
    match bytes.len() {
        0..=24 => with_counter::<24>(bytes),
        25..=SHORT => with_counter::<SHORT>(bytes),
        _ => Bytes::copy_from_slice(bytes),
    }
}

fn with_counter<const ROOM: usize>(bytes: &[u8]) -> Bytes
where
    [u8; ROOM]: smallvec::Array<Item = u8>,
{
    Bytes::from_owner(SmallVec::<[u8; ROOM]>::from_slice(bytes))
}

/// Bytes of content for which a copy has a fixed size.
const SHORT: usize = 96;

fn check_array(bytes: &[u8]) -> Result<(), BadArgs> {
    match bytes {
        [] => Err(BadArgs::Truncated),
        _ if is_array(bytes) => Ok(()),
        _ => Err(BadArgs::NotAnArray),
    }
}

impl std::fmt::Debug for Body<'_> {
    /// The length alone: content does not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes of {:?})", self.bytes.len(), self.encoding)
    }
}
