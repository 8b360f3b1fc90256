//! Close codes as HTTP/3 carries them (draft-ietf-webtrans-http3, section 4.4): those of sessions
//! are spread over a range of its own, around the values that HTTP/3 keeps free.

const FIRST: u64 = 0x52e4_a40f_a8db;
const LAST: u64 = 0x52e5_ac98_3162;

/// The HTTP/3 code for a session's.
pub(crate) const fn to_http3(code: u16) -> u64 {
    let code = code as u64;
    FIRST + code + code / 0x1e
}

/// The session's code for an HTTP/3 one, if it is one.
pub(crate) fn from_http3(code: u64) -> Option<u32> {
    let reserved = code.wrapping_sub(0x21).is_multiple_of(0x1f);
    if !(FIRST..=LAST).contains(&code) || reserved {
        return None;
    }
    let shifted = code - FIRST;
    u32::try_from(shifted - shifted / 0x1f).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_and_none_is_one_that_http3_keeps_free() {
        for code in 0..=u16::MAX {
            let carried = to_http3(code);
            assert_eq!(from_http3(carried), Some(code.into()));
        }
        assert_eq!(to_http3(0), FIRST);
        assert_eq!(
            (from_http3(0), from_http3(0x100), from_http3(LAST + 1)),
            (None, None, None)
        );
    }
}
