//! MessagePack content written as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smallvec::SmallVec;

use crate::message_pack::{Reader, Token};
use crate::{BadArgs, MAX_INTEGER};

/// Appends the next MessagePack value of `reader` as JSON, with the `$` marks and escapes.
///
/// # Errors
/// The bytes are no content that was walked. What was appended until then stays.
pub(crate) fn write_value(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), BadArgs> {
    let mut open: SmallVec<[Open; 8]> = SmallVec::new();
    loop {
        if let Some(container) = write_token(reader, out)? {
            open.push(container);
        }
        loop {
            let Some(innermost) = open.last_mut() else {
                return Ok(());
            };
            let Some(due) = innermost.due.checked_sub(1) else {
                out.push(if innermost.is_map { b'}' } else { b']' });
                open.pop();
                continue;
            };
            if due + 1 < innermost.count {
                out.push(b',');
            }
            innermost.due = due;
            if innermost.is_map {
                write_key(reader, innermost.count == 1, out)?;
            }
            break;
        }
    }
}

/// A container whose members are not all written.
struct Open {
    is_map: bool,
    count: u32,
    due: u32,
}

/// Writes a scalar, or the start of a container, which is returned.
fn write_token(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<Option<Open>, BadArgs> {
    match reader.token()? {
        Token::Nil => out.extend_from_slice(b"null"),
        Token::Boolean(true) => out.extend_from_slice(b"true"),
        Token::Boolean(false) => out.extend_from_slice(b"false"),
        Token::Unsigned(number) => write_integer(number.into(), out),
        Token::Negative(number) => write_integer(number.into(), out),
        Token::Float32(number) => write_float(number.into(), out),
        Token::Float64(number) => write_float(number, out),
        Token::Text(text) => write_text(utf8(text)?, out),
        Token::Bytes(bytes) => {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            append(out, format_args!("{{\"$bin\":\"{text}\"}}"));
        }
        Token::Extension => return Err(BadArgs::Extension),
        Token::Array(count) => {
            out.push(b'[');
            return Ok(Some(Open {
                is_map: false,
                count,
                due: count,
            }));
        }
        Token::Map(count) => {
            out.push(b'{');
            return Ok(Some(Open {
                is_map: true,
                count,
                due: count,
            }));
        }
    }
    Ok(None)
}

/// `alone` says that the map has no other key: only there a key can be taken for a mark.
fn write_key(reader: &mut Reader<'_>, alone: bool, out: &mut Vec<u8>) -> Result<(), BadArgs> {
    let Token::Text(key) = reader.token()? else {
        return Err(BadArgs::KeyNotAString);
    };
    let key = utf8(key)?;
    if alone && key.starts_with('$') {
        write_text(&format!("${key}"), out);
    } else {
        write_text(key, out);
    }
    out.push(b':');
    Ok(())
}

fn write_integer(number: i128, out: &mut Vec<u8>) {
    if number.unsigned_abs() <= MAX_INTEGER.into() {
        append(out, format_args!("{number}"));
    } else {
        append(out, format_args!("{{\"$int\":\"{number}\"}}"));
    }
}

fn write_float(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        // Rust's `{:?}` has the fewest digits that read back the same, and always a "." or an "e".
        append(out, format_args!("{number:?}"));
    } else if number.is_nan() {
        out.extend_from_slice(b"{\"$num\":\"NaN\"}");
    } else {
        let sign = if number < 0.0 { "-" } else { "" };
        append(out, format_args!("{{\"$num\":\"{sign}Infinity\"}}"));
    }
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string is always JSON, and a Vec takes it");
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    std::io::Write::write_fmt(out, text).expect("a Vec takes whatever it is given");
}

fn utf8(text: &[u8]) -> Result<&str, BadArgs> {
    std::str::from_utf8(text).map_err(|_| BadArgs::NotUtf8)
}
