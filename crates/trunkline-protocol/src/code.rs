//! Codes: why something ended or was refused, and what to do about it.

mod generated;

use std::fmt;

/// A number that says why a connection closed or an operation was refused.
///
/// 3000 to 3999 are the protocol's own (the constants here), 4000 to 4999 the application's, and
/// those below are RFC 6455's. The number alone tells what to do, see
/// [`disposition`](Self::disposition), so that a code this side does not know is safe.
///
/// Specification: codes.md.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that dialled.
    Client,
    /// The side that accepted.
    Server,
}

impl Role {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a code means for the session, and what the client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// The session is over, and the client does not retry.
    Over,
    /// The session is over; the client backs off and starts a fresh one.
    Fresh,
    /// The session is kept; the client resumes at once, then with back-off.
    Resume,
    /// The session is kept; the client resumes after `retry_after`, or backs off.
    ResumeLater,
}

impl Disposition {
    /// Whether the session survives.
    #[must_use]
    pub const fn keeps_session(self) -> bool {
        matches!(self, Self::Resume | Self::ResumeLater)
    }
}

impl Code {
    /// RFC 6455: a normal end.
    pub const NORMAL: Self = Self(1000);
    /// RFC 6455: the page or the server goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// RFC 6455: no code came with the close.
    pub const NO_STATUS: Self = Self(1005);
    /// RFC 6455: the connection ended without a close.
    pub const ABNORMAL: Self = Self(1006);
    /// RFC 6455: the server failed.
    pub const SERVER_ERROR: Self = Self(1011);
    /// RFC 6455's registry: the service restarts. A draining server refuses new sessions with it.
    pub const SERVICE_RESTART: Self = Self(1012);

    /// The code with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The code's number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The code's name in the registry, such as "protocol-error".
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let found = generated::REGISTRY.binary_search_by_key(&self.0, |&(number, _)| number);
        found.ok().map(|index| generated::REGISTRY[index].1)
    }

    /// What the code means when `sender` closed with it: 1001 differs between the two ends.
    #[must_use]
    pub const fn disposition(self, sender: Role) -> Disposition {
        match (self.0, sender) {
            (1001, Role::Server) => Disposition::ResumeLater,
            (1000 | 1001 | 1008 | 1010, _) => Disposition::Over,
            (1005 | 1006 | 1015, _) => Disposition::Resume,
            (1012..=1014, _) => Disposition::ResumeLater,
            (3000..=4999, _) => Self::of_range(self.0 % 1000),
            _ => Disposition::Fresh,
        }
    }

    const fn of_range(last_three_digits: u16) -> Disposition {
        match last_three_digits {
            0..200 => Disposition::Over,
            400..600 => Disposition::Resume,
            600..800 => Disposition::ResumeLater,
            _ => Disposition::Fresh,
        }
    }
}

impl fmt::Display for Code {
    /// The number, with the name where there is one: "3200 protocol-error".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_sorted_so_that_every_name_is_found() {
        assert!(generated::REGISTRY.is_sorted_by_key(|&(number, _)| number));
        for &(number, name) in generated::REGISTRY {
            assert_eq!(Code::new(number).name(), Some(name));
        }
        assert_eq!(Code::new(4000).name(), None);
        assert_eq!(Code::PROTOCOL_ERROR.to_string(), "3200 protocol-error");
    }

    #[test]
    fn the_last_three_digits_tell_what_to_do() {
        let dispositions = [
            (3000, Disposition::Over),
            (3199, Disposition::Over),
            (4200, Disposition::Fresh),
            (3399, Disposition::Fresh),
            (3400, Disposition::Resume),
            (4599, Disposition::Resume),
            (3600, Disposition::ResumeLater),
            (3799, Disposition::ResumeLater),
            (3800, Disposition::Fresh),
            (4999, Disposition::Fresh),
        ];
        for (number, disposition) in dispositions {
            assert_eq!(
                Code::new(number).disposition(Role::Server),
                disposition,
                "{number}"
            );
        }
    }

    #[test]
    fn rfc_6455_codes_have_their_own_table() {
        let dispositions = [
            (1000, Disposition::Over),
            (1002, Disposition::Fresh),
            (1003, Disposition::Fresh),
            (1005, Disposition::Resume),
            (1006, Disposition::Resume),
            (1007, Disposition::Fresh),
            (1008, Disposition::Over),
            (1009, Disposition::Fresh),
            (1010, Disposition::Over),
            (1011, Disposition::Fresh),
            (1012, Disposition::ResumeLater),
            (1013, Disposition::ResumeLater),
            (1014, Disposition::ResumeLater),
            (1015, Disposition::Resume),
            (2000, Disposition::Fresh),
        ];
        for (number, disposition) in dispositions {
            assert_eq!(
                Code::new(number).disposition(Role::Server),
                disposition,
                "{number}"
            );
        }
        assert_eq!(
            Code::GOING_AWAY.disposition(Role::Client),
            Disposition::Over
        );
        assert_eq!(
            Code::GOING_AWAY.disposition(Role::Server),
            Disposition::ResumeLater
        );
    }
}
