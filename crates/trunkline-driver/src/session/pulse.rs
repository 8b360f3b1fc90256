//! Signs of life, either way.

use std::time::Duration;

use trunkline_protocol::{Beat, Close, Code, Role, Time};

use super::Session;
use super::sending::Pulse;
use crate::sync::{Arc, Ordering};

impl Session {
    /// Looks at the time: heartbeat and receipts. Call it for every session, at least as often as
    /// the heartbeat's times demand.
    pub fn sweep(self: &Arc<Self>, now: Time) {
        self.confirm_if_due(self.inbound.lock(), now);
        let received = self.received.load(Ordering::Relaxed);
        let mut sending = self.outbound.lock();
        sending.machine.release_memory();
        let Some(link) = &sending.link else { return };
        let life = received.wrapping_add(link.written_while_blocked());
        let beat = match &mut sending.pulse {
            Pulse::None => Beat::Nothing,
            Pulse::Asking(heartbeat) => heartbeat.poll(now, life),
            Pulse::Watching(watchdog) => watchdog.poll(now, life),
        };
        match beat {
            Beat::Nothing => {}
            Beat::Ping => {
                sending.ping(now);
                let attach = sending.attach;
                drop(sending);
                self.now_and_then_ignorable(attach);
            }
            Beat::Dead => {
                let close = Close::new(Code::PING_TIMEOUT, "no sign of life in time");
                sending.machine.close(close);
                sending.transmit();
                sending.wake();
            }
        }
    }

    /// Asks the peer for a sign of life at once, with the time-out for its answer: for waking up.
    pub fn probe(&self, now: Time) {
        let mut sending = self.outbound.lock();
        if let Pulse::Watching(watchdog) = &mut sending.pulse {
            watchdog.probe(now);
        }
        sending.ping(now);
    }

    /// When a client must [`sweep`](Self::sweep) next for its watchdog; none while detached.
    #[must_use]
    pub fn watchdog_due(&self) -> Option<Time> {
        let sending = self.outbound.lock();
        match &sending.pulse {
            Pulse::Watching(watchdog) if sending.link.is_some() => Some(watchdog.due()),
            _ => None,
        }
    }

    /// Answers a PING of connection `attach` on that connection, or not at all.
    pub(crate) fn pong(self: &Arc<Self>, attach: u64, t: u64) {
        let mut receiving = self.inbound.lock();
        let mut sending = self.outbound.lock();
        if sending.attach != attach {
            return;
        }
        let received = receiving.machine.confirm();
        drop(receiving);
        sending.machine.set_receipt(received);
        sending.machine.pong(t);
        self.written_soon(sending);
        if self.role == Role::Client {
            self.now_and_then_ignorable(attach);
        }
    }

    /// How long the last PING of connection `attach` was under way, if this PONG is its answer: one
    /// that answers no PING, or a second time, tells nothing.
    pub(crate) fn take_pong(&self, attach: u64, t: u64) -> Option<Duration> {
        let mut sending = self.outbound.lock();
        if sending.attach != attach {
            return None;
        }
        let (_, left) = sending.pinged.take_if(|(pinged, _)| *pinged == t)?;
        Some(left.elapsed())
    }
}
