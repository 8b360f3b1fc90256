//! What a session holds, and what it has moved.

use trunkline_protocol::{Code, Drops, Prepared};

use super::Session;
use crate::sync::Ordering;
use crate::{Flow, Ignored, TooLarge, Traffic, message_len};

impl Session {
    /// The length in bytes of the message that a frame becomes here, counted with the longest number
    /// that it may get.
    ///
    /// # Errors
    /// It is more than the peer takes: sent all the same, it would end the session.
    pub fn message_len(&self, frame: &Prepared) -> Result<usize, TooLarge> {
        message_len(frame, self.encoding, self.peers.frame as usize)
    }

    /// Whether a connection is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.outbound.lock().machine.is_attached()
    }

    /// The code the session ended with, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Code> {
        self.outbound.lock().machine.ended()
    }

    /// Whether nothing waits for the peer and all that was sent is confirmed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.outbound.lock().machine.is_settled()
    }

    /// Whether the peer has confirmed anything: only then is a session kept after a cut.
    #[must_use]
    pub fn has_receipt(&self) -> bool {
        self.outbound.lock().machine.has_receipt()
    }

    /// Bytes that wait for a number, with [`FRAME_BYTES`](trunkline_protocol::FRAME_BYTES) for each
    /// frame.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.outbound.lock().machine.queued_bytes()
    }

    /// How many frames wait for a number.
    #[must_use]
    pub fn queued_frames(&self) -> usize {
        self.outbound.lock().machine.queued_frames()
    }

    /// Whether all that came is confirmed to the peer.
    #[must_use]
    pub fn has_confirmed_all(&self) -> bool {
        self.inbound.lock().machine.is_confirmed()
    }

    /// Bytes of messages that are numbered and not confirmed.
    #[must_use]
    pub fn unconfirmed_bytes(&self) -> usize {
        self.outbound.lock().machine.unconfirmed_bytes()
    }

    /// Bytes kept for the peer in all: waiting and unconfirmed, with
    /// [`FRAME_BYTES`](trunkline_protocol::FRAME_BYTES) for each frame.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.outbound.lock().machine.kept_bytes()
    }

    /// Best-effort frames for the peer that were dropped since the session began, by cause.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.outbound.lock().machine.drops()
    }

    /// Best-effort frames of the peer that were dropped since the session began, by cause.
    #[must_use]
    pub fn ignored(&self) -> Ignored {
        self.inbound.lock().ignored
    }

    /// Counts a best-effort frame of the peer that is dropped. Not to be called while a lock of the
    /// session's is held.
    pub fn ignore(&self, cause: impl FnOnce(&mut Ignored) -> &mut u64) {
        *cause(&mut self.inbound.lock().ignored) += 1;
    }

    /// How much was moved since the session began. Bytes of a connection's end may be missing.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let (flow, ignored) = {
            let receiving = self.inbound.lock();
            (receiving.flow, receiving.ignored)
        };
        let received = Flow {
            best_effort: self.received_best_effort.load(Ordering::Relaxed),
            bytes: self.received_bytes.load(Ordering::Relaxed),
            ..flow
        };
        let sending = self.outbound.lock();
        Traffic {
            received,
            sent: sending.flow(),
            dropped_events: sending.machine.dropped_events(),
            drops: sending.machine.drops(),
            ignored,
        }
    }

    pub(crate) fn count_best_effort(&self) {
        self.received_best_effort.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the present connection has brought `received` bytes so far, `news` of them since
    /// the last time.
    pub(crate) fn note_life(&self, received: u64, news: u64) {
        self.received.store(received, Ordering::Relaxed);
        if news > 0 {
            self.received_bytes.fetch_add(news, Ordering::Relaxed);
        }
    }
}
