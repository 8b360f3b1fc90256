//! Datagrams: native where the connection has them, emulated where not.

use trunkline_protocol::Prepared;

use super::Session;
use crate::sync::{Arc, AtomicBool, Ordering};

/// A best-effort frame that is larger than a datagram may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a datagram of {size} bytes where {limit} may be")]
pub struct DatagramTooLarge {
    /// The frame, bytes.
    pub size: usize,
    /// What is taken, bytes.
    pub limit: usize,
}

impl Session {
    /// Checks a best-effort frame against the one limit that is the same for every recipient: what the
    /// peer announced as `limits.datagram`. Specification: best-effort.md, BEF-005.
    ///
    /// # Errors
    /// It is larger.
    pub fn check_datagram(&self, frame: &Prepared) -> Result<(), DatagramTooLarge> {
        let (size, limit) = (frame_len(self, frame), self.peers.datagram as usize);
        match size > limit {
            true => Err(DatagramTooLarge { size, limit }),
            false => Ok(()),
        }
    }

    /// Sends a DATAGRAM or a LATEST: in a datagram of the present connection, or, where it has none, on
    /// the message channel as soon as that is nearly drained. It is dropped and counted when there is no
    /// connection, when newer ones displace it, and when `is_over` is set. Gives whether it was taken.
    ///
    /// # Errors
    /// It is larger than the present connection's datagrams are now.
    pub fn push_datagram_unless(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        frame: Prepared,
    ) -> Result<bool, DatagramTooLarge> {
        let _ = frame.suffix(self.encoding);
        let mut sending = self.outbound.lock();
        // The lock orders it with the pushes of whoever has set it.
        if is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if !sending.has_datagrams() {
            let taken = sending.machine.emulate(frame);
            self.written_soon(sending);
            return Ok(taken);
        }
        sending.send_datagram(&frame)
    }

    /// Whether the present connection has datagrams of its own.
    #[must_use]
    pub fn has_datagrams(&self) -> bool {
        self.outbound.lock().has_datagrams()
    }

    pub(crate) fn count_malformed_best_effort(&self) {
        self.malformed_best_effort.fetch_add(1, Ordering::Relaxed);
    }
}

fn frame_len(session: &Session, frame: &Prepared) -> usize {
    frame.prefix(session.encoding, 0).len() + frame.len(session.encoding)
}
