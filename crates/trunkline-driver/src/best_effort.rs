//! How an event travels that may be lost.

use std::time::Duration;

use trunkline_protocol::{
    Encoding, EventName, InvalidName, Key, MAX_DATAGRAM_TO_MANY, NamespaceName, Payload, Prepared,
    Time,
};

use crate::TooLarge;
use crate::clock::now;
use crate::sync::{AtomicU64, Ordering};

/// How an event travels that may be lost: as a volatile one, as a datagram, or as the latest value of
/// something.
///
/// Specification: best-effort.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    class: Class<'a>,
    max_age: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class<'a> {
    Volatile,
    Datagram,
    Latest(&'a str),
}

impl<'a> Delivery<'a> {
    /// On the message channel, now or never (BEF-012).
    pub const VOLATILE: Self = Self::of(Class::Volatile);

    /// As a DATAGRAM.
    pub const DATAGRAM: Self = Self::of(Class::Datagram);

    /// As a LATEST for this key.
    #[must_use]
    pub const fn latest(key: &'a str) -> Self {
        Self::of(Class::Latest(key))
    }

    const fn of(class: Class<'a>) -> Self {
        let max_age = None;
        Self { class, max_age }
    }

    /// Not sent any more once it has waited for this long on this side. Volatile events never wait.
    #[must_use]
    pub const fn max_age(self, limit: Duration) -> Self {
        Self {
            max_age: Some(limit),
            ..self
        }
    }

    /// Makes the frame, of this moment's age; a LATEST gets the next version.
    ///
    /// # Errors
    /// The key is no name.
    pub fn frame(
        &self,
        namespace: &NamespaceName,
        event: &EventName,
        args: &Payload,
    ) -> Result<BestEffortFrame, InvalidName> {
        let frame = match self.class {
            Class::Volatile | Class::Datagram => Prepared::datagram(namespace, event, args),
            Class::Latest(key) => {
                let version = VERSION.fetch_add(1, Ordering::Relaxed);
                Prepared::latest(namespace, event, &Key::try_from(key)?, version, args)
            }
        };
        Ok(BestEffortFrame {
            is_volatile: self.class == Class::Volatile,
            until: self.max_age.map(|limit| now() + limit),
            ..BestEffortFrame::datagram(frame)
        })
    }
}

/// A best-effort frame for one session or for many.
#[derive(Clone, Debug)]
pub struct BestEffortFrame {
    pub(crate) frame: Prepared,
    pub(crate) is_volatile: bool,
    /// From here on it is not sent.
    pub(crate) until: Option<Time>,
    pub(crate) is_for_many: bool,
}

impl BestEffortFrame {
    /// Of a frame that was made elsewhere, sent as a volatile one.
    #[must_use]
    pub fn volatile(frame: Prepared) -> Self {
        Self {
            is_volatile: true,
            ..Self::datagram(frame)
        }
    }

    /// Of a frame that was made elsewhere, sent as a datagram.
    #[must_use]
    pub const fn datagram(frame: Prepared) -> Self {
        Self {
            frame,
            is_volatile: false,
            until: None,
            is_for_many: false,
        }
    }

    /// Makes it one for a fan-out: whatever the members' connections carry, the limit is the same.
    /// Specification: best-effort.md, BEF-005.
    ///
    /// # Errors
    /// It is no volatile one, and above the limit.
    pub fn for_many(self) -> Result<Self, TooLarge> {
        let (size, limit) = (self.len(Encoding::MessagePack), MAX_DATAGRAM_TO_MANY);
        if !self.is_volatile && size > limit {
            return Err(TooLarge { size, limit });
        }
        Ok(Self {
            is_for_many: true,
            ..self
        })
    }

    /// The length of its message, bytes.
    pub(crate) fn len(&self, encoding: Encoding) -> usize {
        self.frame.prefix(encoding, 0).len() + self.frame.len(encoding)
    }
}

/// The next LATEST's version: one counter for all sessions, so that a frame that is encoded once is
/// right for each of them (BEF-008).
static VERSION: AtomicU64 = AtomicU64::new(1);
