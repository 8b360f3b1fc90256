//! MessagePack written token by token, each in its shortest format.
//!
//! These wrap `rmp`, whose errors are those of the writer: a `Vec` has none.

use rmp::encode;

const NEVER_FAILS: &str = "a Vec takes whatever it is given";

pub(crate) fn nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub(crate) fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub(crate) fn unsigned(out: &mut Vec<u8>, number: u64) {
    encode::write_uint(out, number).expect(NEVER_FAILS);
}

pub(crate) fn signed(out: &mut Vec<u8>, number: i64) {
    encode::write_sint(out, number).expect(NEVER_FAILS);
}

pub(crate) fn float(out: &mut Vec<u8>, number: f64) {
    encode::write_f64(out, number).expect(NEVER_FAILS);
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    encode::write_str(out, text).expect(NEVER_FAILS);
}

pub(crate) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    encode::write_bin(out, bytes).expect(NEVER_FAILS);
}

pub(crate) fn array(out: &mut Vec<u8>, count: u32) {
    encode::write_array_len(out, count).expect(NEVER_FAILS);
}

pub(crate) fn map(out: &mut Vec<u8>, count: u32) {
    encode::write_map_len(out, count).expect(NEVER_FAILS);
}
