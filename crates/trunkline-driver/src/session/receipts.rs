//! What a session has received, and what it confirms.

use trunkline_protocol::{Arrival, Kind, Time, Violation};

use super::{Receiving, Session};
use crate::sync::{Arc, MutexGuard};

impl Session {
    /// Withholds receipts while the application's queue is full, and gives them again: the peer's
    /// events then wait on its side, while its acks and heartbeats still come.
    pub fn hold_receipts(&self, held: bool, now: Time) {
        let mut receiving = self.inbound.lock();
        receiving.machine.hold(held);
        self.confirm_if_due(receiving, now);
    }

    /// When a [`sweep`](Self::sweep) will find a receipt due by time; none while nothing is
    /// unconfirmed.
    #[must_use]
    pub fn receipt_due(&self) -> Option<Time> {
        self.inbound.lock().machine.receipt_due()
    }

    /// The receipt for a HELLO that offers to resume. What is due on the present connection stays
    /// due: HELLO may be lost.
    #[must_use]
    pub fn confirm_received(&self) -> u64 {
        self.inbound.lock().machine.receipt()
    }

    /// Counts a sequenced frame of connection `attach`, and says whether a receipt is due; none if
    /// that connection was superseded.
    pub(crate) fn accept(
        &self,
        attach: u64,
        (seq, kind): (u64, Kind),
        size: usize,
        now: Time,
    ) -> Result<Option<(Arrival, bool)>, Violation> {
        let mut receiving = self.inbound.lock();
        if receiving.attach != attach {
            return Ok(None);
        }
        let arrival = receiving.machine.accept(seq, size, now)?;
        if arrival == Arrival::New {
            receiving.flow.count(kind);
        }
        Ok(Some((arrival, receiving.machine.is_receipt_due(now))))
    }

    /// Takes a receipt, and writes what the window lets through.
    pub(crate) fn receive_receipt(self: &Arc<Self>, received: u64) -> Result<(), Violation> {
        let mut sending = self.outbound.lock();
        sending.machine.receive_receipt(received)?;
        self.written_soon(sending);
        Ok(())
    }

    pub(crate) fn confirm_if_due_at(&self, now: Time) {
        self.confirm_if_due(self.inbound.lock(), now);
    }

    pub(super) fn confirm_if_due(&self, mut receiving: MutexGuard<'_, Receiving>, now: Time) {
        if !receiving.machine.is_receipt_due(now) {
            return;
        }
        let received = receiving.machine.confirm();
        let mut sending = self.outbound.lock();
        drop(receiving);
        sending.machine.send_receipt(received);
        sending.transmit();
    }
}
