//! MessagePack in place: what is read is borrowed from the message.

use rmp::{Marker, decode};

use super::DialectError;

/// A cursor over one message.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    pub(super) fn array(&mut self) -> Result<u32, DialectError> {
        decode::read_array_len(&mut self.0).map_err(|_| DialectError::Malformed("not an array"))
    }

    pub(super) fn integer(&mut self) -> Result<u64, DialectError> {
        decode::read_int(&mut self.0).map_err(|_| DialectError::Malformed("not an integer"))
    }

    pub(super) fn string(&mut self) -> Result<&'a str, DialectError> {
        let (text, rest) = decode::read_str_from_slice(self.0)
            .map_err(|_| DialectError::Malformed("not a string"))?;
        self.0 = rest;
        Ok(text)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DialectError> {
        let malformed = DialectError::Malformed("not a byte string");
        let Ok(length) = decode::read_bin_len(&mut self.0) else {
            return Err(malformed);
        };
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.0.split_at_checked(length));
        let Some((bytes, rest)) = taken else {
            return Err(malformed);
        };
        self.0 = rest;
        Ok(bytes)
    }

    /// Steps over nil, if it is next.
    pub(super) fn nil(&mut self) -> bool {
        let is_nil = self.next_is(|marker| marker == Marker::Null);
        if is_nil {
            self.0 = &self.0[1..];
        }
        is_nil
    }

    pub(super) fn next_is_string(&self) -> bool {
        self.next_is(|marker| {
            matches!(
                marker,
                Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32
            )
        })
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self) -> Result<(), DialectError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DialectError::Malformed("trailing bytes"))
        }
    }

    fn next_is(&self, test: impl FnOnce(Marker) -> bool) -> bool {
        self.0
            .first()
            .is_some_and(|&byte| test(Marker::from_u8(byte)))
    }
}
