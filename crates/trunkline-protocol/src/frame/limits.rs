//! The map of limits in HELLO and WELCOME.

use super::HeaderError;
use super::map::{MapWriter, ProtocolMap};
use super::raw::RawValue;
use crate::Limits;
use crate::message_pack::write;

/// Reads the limits of HELLO or WELCOME, which may be absent; absent keys have their defaults.
pub(super) fn read_limits(frame: &ProtocolMap<'_>) -> Result<Option<Limits>, HeaderError> {
    let Some(map) = frame.optional_map("limits")? else {
        return Ok(None);
    };
    let mut limits = Limits::default();
    for (key, _, field) in KEYS {
        if let Some(figure) = map.optional(key, RawValue::integer)? {
            *field(&mut limits) = u32::try_from(figure).unwrap_or(u32::MAX);
        }
    }
    Ok(Some(limits))
}

/// Reads what is below the least as the least (LIM-001).
///
/// For a client's limits: what a server sends it does not fit, and is in its log as a failure, where
/// a client says that it takes next to nothing.
pub(super) fn raise_to_least(mut limits: Limits) -> Limits {
    for (_, least, field) in KEYS {
        let figure = field(&mut limits);
        *figure = least.max(*figure);
    }
    limits
}

/// Writes all limits.
pub(super) fn write_limits(out: &mut Vec<u8>, limits: &Limits) {
    let mut limits = *limits;
    let mut map = MapWriter::default();
    for (key, _, field) in KEYS {
        map.member(key, |out| {
            write::unsigned(out, (*field(&mut limits)).into())
        });
    }
    map.finish(out);
}

type Field = fn(&mut Limits) -> &mut u32;

/// The keys in the specification's order, with the least that a peer may tell.
const KEYS: [(&str, u32, Field); 11] = [
    ("frame", 16_384, |limits| &mut limits.frame),
    ("datagram", 1_000, |limits| &mut limits.datagram),
    ("replay", 16_384, |limits| &mut limits.replay),
    ("inbound", 16_384, |limits| &mut limits.inbound),
    ("queue", 0, |limits| &mut limits.queue),
    ("name", 255, |limits| &mut limits.name),
    ("depth", 64, |limits| &mut limits.depth),
    ("namespaces", 1, |limits| &mut limits.namespaces),
    ("rooms", 0, |limits| &mut limits.rooms),
    ("pending_acks", 0, |limits| &mut limits.pending_acks),
    ("latest_keys", 1, |limits| &mut limits.latest_keys),
];
