//! JSON content read into MessagePack.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::parser::{Event, NotJson, Parser};
use crate::message_pack::{Reader, Token, write};
use crate::{BadArgs, MAX_INTEGER};
use std::borrow::Cow;

/// Transcodes one JSON value to MessagePack, resolving the `$` marks and escapes.
///
/// What it returns is to be walked: keys may repeat, and nesting may pass `depth` by one level,
/// since a mark is an object in JSON alone.
pub(crate) fn to_message_pack(source: &str, depth: u32) -> Result<Vec<u8>, BadArgs> {
    let mut transcoder = Transcoder {
        out: Vec::with_capacity(source.len()),
        open: Vec::new(),
    };
    let mut parser = Parser::new(source);
    while let Some(event) = parser.next()? {
        // Level 1 is the frame's array, which is not in `source`: this is `depth` and one more.
        if parser.depth() > depth as usize {
            return Err(BadArgs::TooDeep { limit: depth });
        }
        transcoder.event(event)?;
    }
    Ok(transcoder.out)
}

/// The text of a string in quotes.
pub(crate) fn unquote(quoted: &str) -> Result<Cow<'_, str>, BadArgs> {
    match quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(text) if !text.contains('\\') => Ok(Cow::Borrowed(text)),
        // The grammar is checked, so that only a lone surrogate can be wrong.
        _ => serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(|_| BadArgs::NotUtf8),
    }
}

impl From<NotJson> for BadArgs {
    fn from(NotJson { offset }: NotJson) -> Self {
        Self::NotJson { offset }
    }
}

struct Transcoder {
    out: Vec<u8>,
    open: Vec<Open>,
}

/// A container whose end is not reached.
struct Open {
    /// Where in the output its header is: one byte until the count is known.
    header: usize,
    count: u32,
}

impl Transcoder {
    fn event(&mut self, event: Event<'_>) -> Result<(), BadArgs> {
        match event {
            Event::Key(quoted) => {
                self.count_member();
                write::text(&mut self.out, &unquote(quoted)?);
            }
            Event::ArrayStart => self.start(ARRAY),
            Event::ObjectStart => self.start(MAP),
            Event::ArrayEnd | Event::ObjectEnd => self.end()?,
            Event::Text(quoted) => {
                self.count_element();
                write::text(&mut self.out, &unquote(quoted)?);
            }
            Event::Number(number) => {
                self.count_element();
                write_number(&mut self.out, number)?;
            }
            Event::Boolean(value) => {
                self.count_element();
                write::boolean(&mut self.out, value);
            }
            Event::Null => {
                self.count_element();
                write::nil(&mut self.out);
            }
        }
        Ok(())
    }

    fn start(&mut self, header: u8) {
        self.count_element();
        self.open.push(Open {
            header: self.out.len(),
            count: 0,
        });
        self.out.push(header);
    }

    /// Counts a value in the innermost array; in a map the keys were counted.
    fn count_element(&mut self) {
        if self
            .open
            .last()
            .is_some_and(|open| self.out[open.header] == ARRAY)
        {
            self.count_member();
        }
    }

    fn count_member(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.count += 1;
        }
    }

    fn end(&mut self) -> Result<(), BadArgs> {
        let Some(Open { header, count }) = self.open.pop() else {
            return Ok(());
        };
        if self.out[header] == MAP && count == 1 && resolve_mark(&mut self.out, header)? {
            return Ok(());
        }
        let mut whole = Vec::with_capacity(5);
        match self.out[header] {
            ARRAY => write::array(&mut whole, count),
            _ => write::map(&mut whole, count),
        }
        self.out.splice(header..=header, whole);
        Ok(())
    }
}

/// What stands for a header until the count is known: that of an empty container.
const ARRAY: u8 = 0x90;
const MAP: u8 = 0x80;

fn write_number(out: &mut Vec<u8>, number: &str) -> Result<(), BadArgs> {
    // Fractions, exponents and more digits than an i64 has do not parse as one.
    match number.parse::<i64>() {
        Ok(integer) if integer.unsigned_abs() <= MAX_INTEGER => write::signed(out, integer),
        _ => {
            let float = number.parse().unwrap_or(f64::INFINITY);
            if float.is_infinite() {
                return Err(BadArgs::NumberTooLarge);
            }
            write::float(out, float);
        }
    }
    Ok(())
}

/// Looks at the one-member map that begins at `header`. A mark is replaced by its value, and true
/// returned; an escaped key loses one "$", and the map stays to be completed.
fn resolve_mark(out: &mut Vec<u8>, header: usize) -> Result<bool, BadArgs> {
    let mut reader = Reader::new(&out[header + 1..]);
    let key = match reader.token()? {
        Token::Text(key) if key.starts_with(b"$") => key,
        _ => return Ok(false),
    };
    let value_start = out.len() - reader.rest().len();
    if key.starts_with(b"$$") {
        let unescaped = std::str::from_utf8(&key[1..]).map_err(|_| BadArgs::NotUtf8)?;
        let mut written = Vec::with_capacity(unescaped.len() + 5);
        write::text(&mut written, unescaped);
        out.splice(header + 1..value_start, written);
        return Ok(false);
    }
    let Token::Text(content) = reader.token()? else {
        return Err(BadArgs::BadMark);
    };
    let value = match key {
        b"$bin" => marked_bytes(content),
        b"$int" => marked_integer(content),
        b"$num" => marked_float(content),
        _ => None,
    };
    let value = value.ok_or(BadArgs::BadMark)?;
    out.truncate(header);
    out.extend_from_slice(&value);
    Ok(true)
}

fn marked_bytes(content: &[u8]) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(content).ok()?;
    let mut out = Vec::with_capacity(bytes.len() + 5);
    write::bytes(&mut out, &bytes);
    Some(out)
}

fn marked_integer(content: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Rust's own parsing takes a plus and leading zeros; one form is enough.
    if text != "0" && !digits.starts_with(|first: char| matches!(first, '1'..='9')) {
        return None;
    }
    let mut out = Vec::with_capacity(9);
    match text.parse::<u64>() {
        Ok(number) => write::unsigned(&mut out, number),
        Err(_) => write::signed(&mut out, text.parse().ok()?),
    }
    Some(out)
}

fn marked_float(content: &[u8]) -> Option<Vec<u8>> {
    let number = match content {
        b"NaN" => f64::NAN,
        b"Infinity" => f64::INFINITY,
        b"-Infinity" => f64::NEG_INFINITY,
        _ => return None,
    };
    let mut out = Vec::with_capacity(9);
    write::float(&mut out, number);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_a_byte_get_their_header_afterwards() {
        for count in [15_usize, 16, 65_535, 65_536] {
            let source = format!("[{}]", vec!["0"; count].join(","));
            let mut expected = Vec::new();
            write::array(&mut expected, count as u32);
            expected.resize(expected.len() + count, 0);
            assert_eq!(to_message_pack(&source, 64).unwrap(), expected, "{count}");
        }
    }

    #[test]
    fn a_mark_is_no_level_of_its_own() {
        assert!(to_message_pack("[{\"$bin\":\"\"}]", 2).is_ok());
        let deeper = to_message_pack("[[[]]]", 2);
        assert_eq!(deeper, Err(BadArgs::TooDeep { limit: 2 }));
    }

    #[test]
    fn numbers_keep_their_value() {
        let read = |source: &str| {
            let bytes = to_message_pack(source, 64).unwrap();
            format!("{:?}", Reader::new(&bytes).token().unwrap())
        };
        assert_eq!(read("-0"), "Unsigned(0)");
        assert_eq!(read("-0.0"), "Float64(-0.0)");
        assert_eq!(read("1.0"), "Float64(1.0)");
        assert_eq!(read("9007199254740991"), "Unsigned(9007199254740991)");
        assert_eq!(read("-9007199254740991"), "Negative(-9007199254740991)");
        assert_eq!(read("9007199254740992"), "Float64(9007199254740992.0)");
        assert_eq!(read("1e-400"), "Float64(0.0)");
    }
}
