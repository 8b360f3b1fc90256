//! AUTH: the credentials of a session that goes on.

use super::HeaderError;
use super::map::{MapWriter, ProtocolMap};
use super::raw::RawValue;
use crate::message_pack::write;
use crate::{Encoding, Kind, Value};

/// Refreshes a session's credentials: a server asks and accepts, a client answers. Each side leaves
/// the other's fields alone.
///
/// Specification: frames.md, AUTH; session.md, "Refreshing credentials".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// From a client: its fresh credentials; nil if it has none.
    pub auth: Value,
    /// From a server: fresh credentials are asked for; else those that were sent are accepted.
    pub wanted: bool,
    /// From a server: how long the credentials that hold now are good for, in ms; none is without
    /// end.
    pub expires: Option<u64>,
}

impl Auth {
    /// A client's answer.
    #[must_use]
    pub fn answer(auth: Value) -> Self {
        Self {
            auth,
            ..Self::default()
        }
    }

    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut map = MapWriter::default();
        map.content("auth", &self.auth);
        if self.wanted {
            map.member("wanted", |out| write::boolean(out, true));
        }
        map.optional("expires", self.expires, write::unsigned);
        map.into_frame(Kind::AUTH, encoding)
    }

    pub(super) fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            auth: map.optional("auth", RawValue::content)?.unwrap_or_default(),
            wanted: map.optional("wanted", RawValue::boolean)?.unwrap_or(false),
            expires: map.optional("expires", RawValue::integer)?,
        })
    }
}
