//! From when until when a certificate is valid: all that is read of X.509 here. What else there is to
//! judge is rustls's.

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Validity {
    /// Of a certificate in DER (RFC 5280, section 4.1); none if it is malformed, or if it ends before
    /// it begins.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = element(certificate, SEQUENCE)?;
        let (mut fields, _) = element(certificate, SEQUENCE)?;
        if fields.first() == Some(&VERSION) {
            fields = element(fields, VERSION)?.1;
        }
        // The serial number, the signature's algorithm, the issuer.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            fields = element(fields, tag)?.1;
        }
        let (validity, _) = element(fields, SEQUENCE)?;
        let (from, rest) = time(validity)?;
        let (until, _) = time(rest)?;
        (from <= until).then_some(Self { from, until })
    }
}

/// The content of the element in front, if it has this tag, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // No certificate is longer than four bytes of length can say.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            let length = bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            (length, rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// The time in front, as seconds since 1970, and what follows it (RFC 5280, section 4.1.2.5).
fn time(input: &[u8]) -> Option<(u64, &[u8])> {
    let (text, rest) = match *input.first()? {
        UTC_TIME => element(input, UTC_TIME)?,
        _ => element(input, GENERALIZED_TIME)?,
    };
    let (year, text) = match text.len() {
        // 50 to 99 are of the last century.
        13 => match digits(&text[..2])? {
            year @ 0..50 => (2000 + year, &text[2..]),
            year => (1900 + year, &text[2..]),
        },
        15 => (digits(&text[..4])?, &text[4..]),
        _ => return None,
    };
    let field = |at: usize| digits(&text[at..at + 2]);
    let (month, day) = (field(0)?, field(2)?);
    let (hour, minute, second) = (field(4)?, field(6)?, field(8)?);
    let is_time = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && text[10] == b'Z';
    let days = is_time.then(|| days_since_1970(year, month, day))?;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second, rest))
}

/// Of a date of the Gregorian calendar, with years that begin in March, so that the day that is not
/// always there comes last.
const fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = match month {
        3.. => (year, month - 3),
        _ => (year - 1, month + 9),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400;
    days + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(sum * 10 + digit)
    })
}

/// From the first of March of the year 0.
const DAYS_TO_1970: u64 = 719_468;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "also the helpers here are tests")]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Option<u64> {
        let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
        der.extend(text.as_bytes());
        time(&der).map(|(time, _)| time)
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(read(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(read(UTC_TIME, "000229235959Z"), Some(951_868_799));
        assert_eq!(read(UTC_TIME, "261127221500Z"), Some(1_795_817_700));
        assert_eq!(
            read(GENERALIZED_TIME, "20500301000000Z"),
            Some(2_529_705_600)
        );
        for wrong in [
            "691231235959Z",
            "261327221500Z",
            "2611272215Z",
            "26112722150 Z",
            "2611272215000",
        ] {
            assert_eq!(read(UTC_TIME, wrong), None, "{wrong}");
        }
    }
}
