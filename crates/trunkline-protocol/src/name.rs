//! The names applications choose: checked once, and cheap to clone, since a short one needs no memory of
//! its own and a longer one is shared.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The longest name in bytes (specification: limits.md).
pub const MAX_NAME_BYTES: usize = 255;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidName {
    /// The text is empty.
    #[error("a name is 1 to {MAX_NAME_BYTES} bytes long, this one is empty")]
    Empty,
    /// The text is longer than [`MAX_NAME_BYTES`].
    #[error("a name is 1 to {MAX_NAME_BYTES} bytes long, this one has {bytes}")]
    TooLong {
        /// The text's length in bytes.
        bytes: usize,
    },
    /// A namespace's name does not start with "/".
    #[error("a namespace's name starts with \"/\"")]
    NoSlash,
}

/// Checks the length that all names share.
pub(crate) fn check_length(text: &str) -> Result<(), InvalidName> {
    match text.len() {
        0 => Err(InvalidName::Empty),
        1..=MAX_NAME_BYTES => Ok(()),
        bytes => Err(InvalidName::TooLong { bytes }),
    }
}

/// The traits every name has: conversions from text, and all that makes it usable as a map's key.
macro_rules! name_traits {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::try_from(text.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_from(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl Eq for $name {}

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                **self == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                **self == **other
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                str::cmp(self, other)
            }
        }

        // By hand, since a map that is asked with `&str` needs the hash of the text alone.
        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                str::hash(self, state);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }
    };
}
pub(crate) use name_traits;

/// A name that is nothing but its length.
macro_rules! plain_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 255 bytes of UTF-8, compared bytewise. Cloning is cheap.
        #[derive(Clone)]
        pub struct $name(smol_str::SmolStr);

        impl TryFrom<&str> for $name {
            type Error = InvalidName;

            fn try_from(text: &str) -> Result<Self, InvalidName> {
                check_length(text)?;
                Ok(Self(text.into()))
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        name_traits!($name);
    };
}
pub(crate) use plain_name;

plain_name! {
    /// The name of an event.
    EventName
}
plain_name! {
    /// The name of a room.
    Room
}
plain_name! {
    /// The key of a LATEST event: what a newer value replaces.
    Key
}

/// The name of a namespace: "/", or a longer one that starts with "/".
///
/// 1 to 255 bytes of UTF-8, compared bytewise. Cloning is cheap, and [`root`](Self::root) allocates
/// nothing. On the wire "/" is nil.
#[derive(Clone, Default)]
pub struct NamespaceName(Option<Arc<str>>);

impl NamespaceName {
    /// The namespace "/".
    #[must_use]
    pub const fn root() -> Self {
        Self(None)
    }

    /// Whether this is "/".
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_none()
    }
}

impl TryFrom<&str> for NamespaceName {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, InvalidName> {
        check_length(text)?;
        if text == ROOT {
            return Ok(Self::root());
        }
        if !text.starts_with('/') {
            return Err(InvalidName::NoSlash);
        }
        Ok(Self(Some(text.into())))
    }
}

impl Deref for NamespaceName {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or(ROOT)
    }
}

name_traits!(NamespaceName);

/// The root namespace's name.
pub(crate) const ROOT: &str = "/";

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn names_are_1_to_255_bytes() {
        assert_eq!(EventName::try_from("").unwrap_err(), InvalidName::Empty);
        assert_eq!(EventName::try_from("a").unwrap(), "a");
        assert!(Room::try_from("x".repeat(255)).is_ok());
        let too_long = Key::try_from("é".repeat(128)).unwrap_err();
        assert_eq!(too_long, InvalidName::TooLong { bytes: 256 });
    }

    #[test]
    fn namespaces_start_with_a_slash() {
        assert!(NamespaceName::try_from("/").unwrap().is_root());
        assert_eq!(NamespaceName::try_from("/chat").unwrap(), "/chat");
        assert_eq!(
            NamespaceName::try_from("chat").unwrap_err(),
            InvalidName::NoSlash
        );
        assert_eq!(NamespaceName::root(), "/");
        assert_eq!(NamespaceName::default(), NamespaceName::root());
    }

    #[test]
    fn maps_are_asked_with_plain_text() {
        let mut map = HashMap::new();
        map.insert(NamespaceName::root(), 1);
        map.insert("/chat".parse().unwrap(), 2);
        assert_eq!(map.get("/"), Some(&1));
        assert_eq!(map.get("/chat"), Some(&2));
    }
}
