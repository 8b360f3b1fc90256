//! How a target reads its bytes.

use trunkline_protocol::Encoding;

/// Bytes that are read from the front. Past their end everything is zero, so that each input means
/// something.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn encoding(&mut self) -> Encoding {
        Encoding::ALL[self.below(Encoding::ALL.len())]
    }

    /// The bytes up to a separator, which is skipped, or to the end.
    pub(crate) fn until(&mut self, separator: &[u8]) -> &'a [u8] {
        let found = self
            .0
            .windows(separator.len())
            .position(|window| window == separator);
        let (part, rest) = match found {
            Some(at) => (&self.0[..at], &self.0[at + separator.len()..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        part
    }

    /// The next so many bytes, or those that are left.
    pub(crate) fn up_to(&mut self, length: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        part
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
