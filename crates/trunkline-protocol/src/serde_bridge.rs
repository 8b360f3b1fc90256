//! The one place where serde meets MessagePack.

use bytes::Bytes;
use rmp::Marker;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::DEFAULT_DEPTH;
use crate::message_pack::{Reader, Token, walk, write};
use crate::{BadArgs, DecodeError, EncodeError};

/// Room for most args without growing.
const USUAL_BYTES: usize = 128;

/// Serialises a value; `header` is what comes before it, in MessagePack.
///
/// Structs become maps, and types that have a form for people (addresses, UUIDs, times) take that
/// one: other languages and JSON can read it.
pub(crate) fn encode<T: Serialize + ?Sized>(
    header: &[u8],
    source: &T,
) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    out.extend_from_slice(header);
    let mut serializer = rmp_serde::Serializer::new(&mut out)
        .with_struct_map()
        .with_human_readable();
    source
        .serialize(&mut serializer)
        .map_err(|error| EncodeError::Serialize(error.to_string()))?;
    if walk(&out, DEFAULT_DEPTH)?.has_float_32 {
        out = rewrite_floats(&out, write::float)?;
    }
    Ok(out.into())
}

/// Deserialises a value that was walked.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    if let Ok(value) = deserialize(bytes) {
        return Ok(value);
    }
    // A peer whose language has one number type may have written 1 as 1.0. serde's own types take
    // an integer for a float, but not the reverse.
    let whole = rewrite_floats(bytes, write_whole).unwrap_or_else(|_| bytes.to_vec());
    deserialize(&whole).or_else(|_| explain(&whole))
}

fn deserialize<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, rmp_serde::decode::Error> {
    T::deserialize(&mut rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable())
}

/// Deserialises once more, to learn where it fails.
fn explain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        DecodeError::new(path, without_content(error.inner()))
    })
}

/// The error's text without what serde quotes of the content.
///
/// serde writes "invalid type: string \"…\", expected u32": what comes after the last ", expected "
/// is the type's own. A text of another form is some type's own error and may quote anything.
fn without_content(error: &rmp_serde::decode::Error) -> String {
    use rmp_serde::decode::Error;

    let text = match error {
        Error::Syntax(text) | Error::Uncategorized(text) => text,
        Error::LengthMismatch(_) => return "another number of members than expected".to_owned(),
        Error::TypeMismatch(found) => return format!("{} is not expected", type_name(*found)),
        Error::OutOfRange => return "a number out of range".to_owned(),
        _ => return "does not fit the type".to_owned(),
    };
    // Field names are the type's, not the content's.
    if text.starts_with("missing field `") || text.starts_with("duplicate field `") {
        return text.clone();
    }
    let quotes = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown ",
    ];
    match text.rsplit_once(", expected ") {
        Some((quote, expected)) if quotes.iter().any(|start| quote.starts_with(start)) => {
            format!("expected {expected}")
        }
        _ => "does not fit the type".to_owned(),
    }
}

/// What begins with this byte, for people.
const fn type_name(marker: Marker) -> &'static str {
    match marker {
        Marker::Null => "nil",
        Marker::True | Marker::False => "a boolean",
        Marker::F32 | Marker::F64 => "a float",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "a string",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "a byte string",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "an array",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "a map",
        _ => "an integer",
    }
}

/// Copies a value with each of its floats written by `write_float`.
fn rewrite_floats(bytes: &[u8], write_float: fn(&mut Vec<u8>, f64)) -> Result<Vec<u8>, BadArgs> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut reader = Reader::new(bytes);
    while !reader.rest().is_empty() {
        let before = reader.rest();
        match reader.token()? {
            Token::Float32(float) => write_float(&mut out, float.into()),
            Token::Float64(float) => write_float(&mut out, float),
            _ => out.extend_from_slice(&before[..before.len() - reader.rest().len()]),
        }
    }
    Ok(out)
}

/// Writes a float as an integer if it is one, in the range where floats hold integers exactly.
fn write_whole(out: &mut Vec<u8>, float: f64) {
    const EXACT: f64 = crate::MAX_INTEGER as f64;
    if float.fract() == 0.0 && float.abs() <= EXACT {
        write::signed(out, float as i64);
    } else {
        write::float(out, float);
    }
}
