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
    for (key, field) in KEYS {
        if let Some(figure) = map.optional(key, RawValue::integer)? {
            *field(&mut limits) = u32::try_from(figure).unwrap_or(u32::MAX);
        }
    }
    Ok(Some(limits))
}

/// Writes all limits.
pub(super) fn write_limits(out: &mut Vec<u8>, limits: &Limits) {
    let mut limits = *limits;
    let mut map = MapWriter::default();
    for (key, field) in KEYS {
        map.member(key, |out| {
            write::unsigned(out, (*field(&mut limits)).into())
        });
    }
    map.finish(out);
}

type Field = fn(&mut Limits) -> &mut u32;

/// The keys in the specification's order.
const KEYS: [(&str, Field); 11] = [
    ("frame", |limits| &mut limits.frame),
    ("datagram", |limits| &mut limits.datagram),
    ("replay", |limits| &mut limits.replay),
    ("inbound", |limits| &mut limits.inbound),
    ("queue", |limits| &mut limits.queue),
    ("name", |limits| &mut limits.name),
    ("depth", |limits| &mut limits.depth),
    ("namespaces", |limits| &mut limits.namespaces),
    ("rooms", |limits| &mut limits.rooms),
    ("pending_acks", |limits| &mut limits.pending_acks),
    ("latest_keys", |limits| &mut limits.latest_keys),
];
