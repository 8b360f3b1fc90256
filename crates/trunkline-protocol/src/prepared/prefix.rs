//! What differs between the recipients of a frame.

use std::ops::Deref;

use crate::Kind;

/// The few bytes of a frame that differ between recipients, inline.
#[derive(Clone, Copy)]
pub struct Prefix {
    bytes: [u8; Self::CAPACITY],
    length: u8,
}

impl Prefix {
    /// `[127,9007199254740991` is the longest there is, at 21 bytes.
    const CAPACITY: usize = 23;

    pub(super) const fn empty() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        }
    }

    /// How a frame begins in MessagePack: the header of an array of `length` elements, its kind and, where
    /// the kind has one, its number.
    pub(super) fn message_pack(kind: Kind, length: u8, seq: u64) -> Self {
        let mut prefix = Self::empty();
        prefix.push(&[FIXARRAY | length, kind.number()]);
        if kind.is_numbered() {
            prefix.push_integer(seq);
        }
        prefix
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        let end = start + bytes.len();
        self.bytes[start..end].copy_from_slice(bytes);
        self.length = end as u8;
    }

    /// An integer in MessagePack's shortest format.
    pub(super) fn push_integer(&mut self, number: u64) {
        if number < 0x80 {
            self.push(&[number as u8]);
        } else if let Ok(number) = u8::try_from(number) {
            self.push(&[0xcc, number]);
        } else if let Ok(number) = u16::try_from(number) {
            self.push(&[0xcd]);
            self.push(&number.to_be_bytes());
        } else if let Ok(number) = u32::try_from(number) {
            self.push(&[0xce]);
            self.push(&number.to_be_bytes());
        } else {
            self.push(&[0xcf]);
            self.push(&number.to_be_bytes());
        }
    }

    /// MessagePack's nil.
    pub(super) fn push_nil(&mut self) {
        self.push(&[0xc0]);
    }

    /// What stands in MessagePack in front of a name of this many bytes, which are at most 255.
    pub(super) fn push_name_header(&mut self, bytes: u8) {
        match bytes {
            0..32 => self.push(&[0xa0 | bytes]),
            _ => self.push(&[0xd9, bytes]),
        }
    }

    /// An integer of the protocol in decimal digits.
    pub(super) fn push_digits(&mut self, mut number: u64) {
        const MOST: usize = 16;
        debug_assert!(
            number <= crate::MAX_INTEGER,
            "{number} is no integer of the protocol"
        );
        let mut digits = [b'0'; MOST];
        let mut first = MOST;
        while first == MOST || (number > 0 && first > 0) {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.push(&digits[first..]);
    }
}

impl Deref for Prefix {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The length of an integer in its shortest MessagePack format.
pub(super) const fn unsigned_len(number: u64) -> usize {
    match number {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// The header of a MessagePack array of up to 15 elements; every frame has fewer.
const FIXARRAY: u8 = 0x90;
