//! MessagePack below serde: tokens, their writing, and the walk that checks content.

mod reader;
mod walk;
pub(crate) mod write;

pub(crate) use reader::{Reader, Token};
pub(crate) use walk::walk;

/// Whether a value begins as an array.
pub(crate) fn is_array(bytes: &[u8]) -> bool {
    matches!(bytes, [0x90..=0x9f | 0xdc | 0xdd, ..])
}
