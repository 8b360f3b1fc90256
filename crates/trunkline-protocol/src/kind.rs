//! Kinds: what a frame is, as its first element says.

mod generated;

use std::fmt;

use crate::Role;

/// The kind of a frame.
///
/// Specification: frames.md, "The kinds".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u8);

/// What a kind's range says about its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Never numbered: handshake, heartbeat, receipts, close.
    Session,
    /// Numbered 1, 2, 3, … per session and direction, and replayed.
    Sequenced,
    /// Never numbered, never replayed.
    BestEffort,
    /// Of no meaning, to be tolerated. Not numbered.
    Ignorable,
    /// Of no meaning, to be tolerated. Numbered, and counted like any sequenced frame.
    IgnorableSequenced,
    /// Outside every range that may be used.
    Invalid,
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The kind's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The kind's name in the registry, such as "EVENT".
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|&(_, name, _)| name)
    }

    /// The class of the range the kind lies in, known or not.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.0 {
            0x00..=0x0f => Class::Session,
            0x10..=0x1f => Class::Sequenced,
            0x20..=0x2f => Class::BestEffort,
            0x40..=0x5f => Class::Ignorable,
            0x60..=0x7f => Class::IgnorableSequenced,
            _ => Class::Invalid,
        }
    }

    /// Whether frames of this kind carry a sequence number.
    #[must_use]
    pub const fn is_numbered(self) -> bool {
        matches!(self.class(), Class::Sequenced | Class::IgnorableSequenced)
    }

    /// Whether frames of this kind have no meaning and are to be tolerated.
    #[must_use]
    pub const fn is_ignorable(self) -> bool {
        matches!(self.class(), Class::Ignorable | Class::IgnorableSequenced)
    }

    /// Whether this end of a connection may send frames of this kind.
    ///
    /// Specification: FRM-004.
    #[must_use]
    pub const fn may_come_from(self, sender: Role) -> bool {
        match self {
            Self::HELLO | Self::CONNECT => matches!(sender, Role::Client),
            Self::WELCOME | Self::GOAWAY | Self::CONNECTED | Self::REFUSED => {
                matches!(sender, Role::Server)
            }
            _ => true,
        }
    }

    /// The length of the frame's array; for ignorable kinds the least there is. `None` for kinds
    /// that are unknown and not to be ignored.
    pub(crate) fn array_length(self) -> Option<u32> {
        match ARRAY_LENGTHS[usize::from(self.0)] {
            0 => None,
            length => Some(length.into()),
        }
    }

    fn entry(self) -> Option<&'static (u8, &'static str, u8)> {
        let found = generated::REGISTRY.binary_search_by_key(&self.0, |&(number, ..)| number);
        found.ok().map(|index| &generated::REGISTRY[index])
    }
}

impl fmt::Display for Kind {
    /// The name, or the number where there is none: "EVENT", "0x41".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#04x}", self.0),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({self})")
    }
}

/// The length of the array of each kind, 0 for unknown ones: looked up for every frame.
const ARRAY_LENGTHS: [u8; 256] = {
    let mut lengths = [0; 256];
    let mut number = 0;
    while number < lengths.len() {
        lengths[number] = match Kind::new(number as u8).class() {
            Class::Ignorable => 1,
            Class::IgnorableSequenced => 2,
            _ => 0,
        };
        number += 1;
    }
    let mut index = 0;
    while index < generated::REGISTRY.len() {
        let (number, _, length) = generated::REGISTRY[index];
        lengths[number as usize] = length;
        index += 1;
    }
    lengths
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_kind_is_found_by_number() {
        assert!(generated::REGISTRY.is_sorted_by_key(|&(number, ..)| number));
        for &(number, name, _) in generated::REGISTRY {
            assert_eq!(Kind::new(number).name(), Some(name));
        }
        assert!(Kind::HELLO.may_come_from(Role::Client) && Kind::EVENT.may_come_from(Role::Client));
        assert!(!Kind::HELLO.may_come_from(Role::Server));
        assert!(!Kind::CONNECTED.may_come_from(Role::Client));
        assert_eq!(Kind::EVENT.to_string(), "EVENT");
        assert_eq!(Kind::new(0x41).to_string(), "0x41");
    }
}
