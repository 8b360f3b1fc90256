//! MessagePack read token by token, borrowed from its bytes.

use rmp::Marker;

use crate::BadArgs;

/// One MessagePack token. A container's token is its header: its members are the tokens after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Nil,
    Boolean(bool),
    /// Any integer that is not negative, whatever its width and sign on the wire.
    Unsigned(u64),
    Negative(i64),
    Float32(f32),
    Float64(f64),
    /// Not yet checked to be UTF-8.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Array(u32),
    Map(u32),
    /// No value of the model; only what nobody looks at may hold one.
    Extension,
}

/// A cursor over MessagePack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads one token.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'a>, BadArgs> {
        let [marker] = self.chunk()?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Token::Nil,
            Marker::False => Token::Boolean(false),
            Marker::True => Token::Boolean(true),
            Marker::FixPos(number) => Token::Unsigned(number.into()),
            Marker::U8 => Token::Unsigned(self.length_8()? as u64),
            Marker::U16 => Token::Unsigned(u16::from_be_bytes(self.chunk()?).into()),
            Marker::U32 => Token::Unsigned(u32::from_be_bytes(self.chunk()?).into()),
            Marker::U64 => Token::Unsigned(u64::from_be_bytes(self.chunk()?)),
            Marker::FixNeg(number) => signed(number.into()),
            Marker::I8 => signed(i8::from_be_bytes(self.chunk()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.chunk()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.chunk()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.chunk()?)),
            Marker::F32 => Token::Float32(f32::from_be_bytes(self.chunk()?)),
            Marker::F64 => Token::Float64(f64::from_be_bytes(self.chunk()?)),
            Marker::FixStr(length) => Token::Text(self.take(length.into())?),
            Marker::Str8 => Token::Text(self.length_8().and_then(|length| self.take(length))?),
            Marker::Str16 => Token::Text(self.length_16().and_then(|length| self.take(length))?),
            Marker::Str32 => Token::Text(self.length_32().and_then(|length| self.take(length))?),
            Marker::Bin8 => Token::Bytes(self.length_8().and_then(|length| self.take(length))?),
            Marker::Bin16 => Token::Bytes(self.length_16().and_then(|length| self.take(length))?),
            Marker::Bin32 => Token::Bytes(self.length_32().and_then(|length| self.take(length))?),
            Marker::FixArray(count) => Token::Array(count.into()),
            Marker::Array16 => Token::Array(u16::from_be_bytes(self.chunk()?).into()),
            Marker::Array32 => Token::Array(u32::from_be_bytes(self.chunk()?)),
            Marker::FixMap(count) => Token::Map(count.into()),
            Marker::Map16 => Token::Map(u16::from_be_bytes(self.chunk()?).into()),
            Marker::Map32 => Token::Map(u32::from_be_bytes(self.chunk()?)),
            Marker::Reserved => return Err(BadArgs::UnusedMarker),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.length_8().and_then(|length| self.extension(length))?,
            Marker::Ext16 => self.length_16().and_then(|length| self.extension(length))?,
            Marker::Ext32 => self.length_32().and_then(|length| self.extension(length))?,
        })
    }

    /// Reads one value with all that is in it, and returns its bytes.
    ///
    /// Checks no more than that the bytes suffice.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], BadArgs> {
        let before = self.rest;
        let mut due: u64 = 1;
        while due > 0 {
            due -= 1;
            due += match self.token()? {
                Token::Array(count) => count.into(),
                Token::Map(count) => 2 * u64::from(count),
                _ => 0,
            };
        }
        Ok(&before[..before.len() - self.rest.len()])
    }

    /// Skips an extension's type and content.
    fn extension(&mut self, length: usize) -> Result<Token<'a>, BadArgs> {
        let [_type] = self.chunk()?;
        self.take(length)?;
        Ok(Token::Extension)
    }

    fn length_8(&mut self) -> Result<usize, BadArgs> {
        self.chunk().map(|[length]| length.into())
    }

    fn length_16(&mut self) -> Result<usize, BadArgs> {
        self.chunk().map(|length| u16::from_be_bytes(length).into())
    }

    fn length_32(&mut self) -> Result<usize, BadArgs> {
        self.chunk()
            .map(|length| u32::from_be_bytes(length) as usize)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], BadArgs> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(BadArgs::Truncated)?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], BadArgs> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(BadArgs::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// The token of an integer in a signed format.
const fn signed<'a>(number: i64) -> Token<'a> {
    if number < 0 {
        Token::Negative(number)
    } else {
        Token::Unsigned(number.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_format_are_one_token() {
        let formats: &[&[u8]] = &[
            &[5],
            &[0xcc, 5],
            &[0xcd, 0, 5],
            &[0xce, 0, 0, 0, 5],
            &[0xcf, 0, 0, 0, 0, 0, 0, 0, 5],
            &[0xd0, 5],
            &[0xd1, 0, 5],
            &[0xd2, 0, 0, 0, 5],
            &[0xd3, 0, 0, 0, 0, 0, 0, 0, 5],
        ];
        for bytes in formats {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.token(), Ok(Token::Unsigned(5)));
            assert_eq!(reader.token(), Err(BadArgs::Truncated));
        }
        assert_eq!(Reader::new(&[0xff]).token(), Ok(Token::Negative(-1)));
        assert_eq!(
            Reader::new(&[0xd1, 0xff, 0xff]).token(),
            Ok(Token::Negative(-1))
        );
    }

    #[test]
    fn a_value_ends_where_its_last_member_ends() {
        let bytes = [0x92, 0x81, 0xa1, b'a', 0x90, 0x01, 0xc0];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.value(), Ok(&bytes[..6]));
        assert_eq!(reader.rest(), &[0xc0]);
        assert_eq!(Reader::new(&bytes[..4]).value(), Err(BadArgs::Truncated));
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        assert_eq!(
            Reader::new(&[0xdf, 0xff, 0xff, 0xff, 0xff]).value(),
            Err(BadArgs::Truncated)
        );
        assert_eq!(
            Reader::new(&[0xc6, 0xff, 0xff, 0xff, 0xff]).value(),
            Err(BadArgs::Truncated)
        );
    }
}
