//! `Retry-After`, in both of its forms.

use std::time::{Duration, SystemTime};

use httpdate::parse_http_date;

/// Seconds to wait, by an answer's `Retry-After` (RFC 9110 section 10.2.3): a number, or until a time.
/// None if it is neither. Not bounded; that is for whoever waits.
///
/// A time is compared with the answer's own `Date`: two machines' clocks may differ. Without one it is
/// compared with `now`. One that is over is no wait.
pub(super) fn read(retry_after: &[u8], date: Option<&[u8]>, now: SystemTime) -> Option<u64> {
    let text = text(retry_after)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit asks for a long wait, and not for none.
        return Some(text.parse().unwrap_or(u64::MAX));
    }
    let until = parse_http_date(text).ok()?;
    let answered = date
        .and_then(self::text)
        .and_then(|date| parse_http_date(date).ok());
    let wait = until.duration_since(answered.unwrap_or(now));
    Some(whole_seconds(wait.unwrap_or_default()))
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(str::trim)
}

/// Rounded up: what is asked for is a least wait.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn read(retry_after: &str, date: Option<&[u8]>) -> Option<u64> {
        // 08:49:30 on that day, and a bit.
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_770_100);
        super::read(retry_after.as_bytes(), date, now)
    }

    #[test]
    fn a_number_is_seconds_however_many_digits_it_has() {
        assert_eq!(read("0", None), Some(0));
        assert_eq!(read(" 120 ", Some(DATE)), Some(120));
        assert_eq!(read("18446744073709551615", None), Some(u64::MAX));
        assert_eq!(read("99999999999999999999999", None), Some(u64::MAX));
    }

    #[test]
    fn a_time_is_compared_with_the_answers_date_or_else_with_the_clock() {
        let later = "Sun, 06 Nov 1994 08:50:00 GMT";
        assert_eq!(read(later, Some(DATE)), Some(23));
        assert_eq!(read(later, None), Some(30), "29.9 s, rounded up");
        assert_eq!(read(later, Some(b"never")), Some(30));
        let obsolete_forms = ["Sunday, 06-Nov-94 08:50:00 GMT", "Sun Nov  6 08:50:00 1994"];
        for later in obsolete_forms {
            assert_eq!(read(later, Some(DATE)), Some(23), "{later}");
        }
    }

    #[test]
    fn a_time_that_is_over_asks_for_no_wait_and_a_far_one_for_a_long_one() {
        let over = "Sun, 06 Nov 1994 08:49:00 GMT";
        assert_eq!(read(over, Some(DATE)), Some(0));
        let far = read("Fri, 31 Dec 9999 23:59:59 GMT", Some(DATE));
        assert!(far > Some(8_000 * 365 * 24 * 3600), "{far:?}");
    }

    #[test]
    fn what_is_neither_asks_for_nothing() {
        for neither in [
            "",
            "soon",
            "-1",
            "1.5",
            "+3",
            "Sun, 99 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(neither, Some(DATE)), None, "{neither}");
        }
        assert_eq!(super::read(b"\xff", None, SystemTime::UNIX_EPOCH), None);
    }
}
