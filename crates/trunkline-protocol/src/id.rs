//! Ids that one side gives out and the other repeats.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smol_str::SmolStr;

use crate::MAX_INTEGER;
use crate::name::{InvalidName, check_length, name_traits, plain_name};

plain_name! {
    /// The id of a session. Opaque to whoever did not make it.
    SessionId
}
plain_name! {
    /// The public id of a socket. Opaque to whoever did not make it.
    SocketId
}

impl SessionId {
    /// The id made of 16 random bytes: 22 characters of base64url.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(base64url(bytes))
    }
}

impl SocketId {
    /// The id made of 16 random bytes: 22 characters of base64url.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(base64url(bytes))
    }
}

/// The text of an id, which is short enough to need no memory of its own.
fn base64url(bytes: [u8; 16]) -> SmolStr {
    let mut text = [0; 22];
    let encoded = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
    encoded.expect("16 bytes are 22 characters");
    SmolStr::new(std::str::from_utf8(&text).expect("base64 is ASCII"))
}

/// The number by which an answer finds the event that asked for it. Never reused in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckId(u64);

impl AckId {
    /// The id with this number, or `None` above [`MAX_INTEGER`].
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= MAX_INTEGER {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The id's number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_bytes_are_22_characters_of_base64url() {
        assert_eq!(SessionId::from_bytes([0xff; 16]), "_____________________w");
        let id = SocketId::from_bytes([0; 16]);
        assert_eq!(id, "AAAAAAAAAAAAAAAAAAAAAA");
        assert!(!id.0.is_heap_allocated());
    }

    #[test]
    fn ack_ids_end_at_the_largest_protocol_integer() {
        assert_eq!(
            AckId::new(MAX_INTEGER).map(AckId::number),
            Some(MAX_INTEGER)
        );
        assert_eq!(AckId::new(MAX_INTEGER + 1), None);
    }
}
