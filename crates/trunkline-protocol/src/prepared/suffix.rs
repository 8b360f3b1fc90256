//! What all recipients of a frame share, as it is written.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::{Prepared, Shared};
use crate::json::write_value;
use crate::message_pack::{Reader, write};
use crate::{Kind, NamespaceName, Overflow, Payload, Value};

/// A suffix that is being written, field by field.
pub(super) struct Suffix {
    kind: Kind,
    overflow: Overflow,
    /// The fields so far, `kind` and `seq` included.
    length: u8,
    bytes: Vec<u8>,
}

impl Suffix {
    /// `usual` is the length of texts and content; the rest of a header fits in the room beside it.
    pub(super) fn new(kind: Kind, usual: usize) -> Self {
        const ROOM: usize = 32;
        let length = if kind.is_numbered() { 2 } else { 1 };
        Self {
            kind,
            overflow: Overflow::Disconnect,
            length,
            bytes: take_scratch(usual + ROOM),
        }
    }

    pub(super) fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    fn field(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.length += 1;
        write(&mut self.bytes);
        self
    }

    pub(super) fn nil(self) -> Self {
        self.field(write::nil)
    }

    pub(super) fn integer(self, number: u64) -> Self {
        self.field(|out| write::unsigned(out, number))
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.field(|out| write::text(out, text))
    }

    pub(super) fn namespace(self, namespace: &NamespaceName) -> Self {
        if namespace.is_root() {
            self.nil()
        } else {
            self.text(namespace)
        }
    }

    pub(super) fn args(self, args: &Payload) -> Self {
        self.field(|out| out.extend_from_slice(args.as_message_pack()))
    }

    pub(super) fn value(self, value: &Value) -> Self {
        self.field(|out| out.extend_from_slice(value.as_message_pack()))
    }

    pub(super) fn finish(self) -> Prepared {
        let Self {
            kind,
            overflow,
            length,
            bytes,
        } = self;
        let message_pack = SmallVec::from_slice(&bytes);
        SCRATCH.set(bytes);
        Prepared(Arc::new(Shared {
            kind,
            length,
            overflow,
            message_pack,
            json: OnceLock::new(),
        }))
    }
}

thread_local! {
    /// Where a suffix is put together, so that only what is kept is allocated.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn take_scratch(room: usize) -> Vec<u8> {
    let mut scratch = SCRATCH.take();
    scratch.clear();
    scratch.shrink_to(SCRATCH_BYTES);
    scratch.reserve(room);
    scratch
}

/// Bytes of scratch that a thread keeps after a larger frame.
const SCRATCH_BYTES: usize = 4096;

/// The suffix in JSON: the same fields, each after a comma, and the array's end.
pub(super) fn json_suffix(message_pack: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message_pack.len() * 2);
    let mut reader = Reader::new(message_pack);
    while !reader.rest().is_empty() {
        out.push(b',');
        write_value(&mut reader, &mut out).expect("names and content were checked when made");
    }
    out.push(b']');
    out
}

/// Bytes of MessagePack that need no allocation of their own.
pub(super) const INLINE_BYTES: usize = 96;
