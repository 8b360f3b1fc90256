//! What a session sends with: the machine, and the present connection's write half.

use tokio::sync::Notify;
use tokio::time::Instant;
use trunkline_protocol::{
    Close, Code, Encoding, Heartbeat, Limits, Outbound, Role, Time, Watchdog,
};

use crate::clock::now;
use crate::link::Link;
use crate::sync::Arc;
use crate::{BestEffortFrame, Flow};

pub(super) struct Sending {
    pub(super) machine: Outbound,
    pub(super) attach: u64,
    pub(super) link: Option<Link>,
    /// A superseded connection's write half, until its task fetches it to close it.
    pub(super) retired: Option<(u64, Link)>,
    pub(super) pulse: Pulse,
    /// The last PING's `t`, and when it left, until its PONG has come.
    pub(super) pinged: Option<(u64, Instant)>,
    /// On the list of the turn under way.
    pub(super) marked: bool,
    /// Those who wait for less to wait, if any.
    pub(super) lightened: Option<Arc<Notify>>,
    /// Closed as a slow consumer's: not again before the queue has been within its limit, or the
    /// connection that is to drain it would be closed too.
    pub(super) slow: bool,
    /// Bytes written to connections before the present one.
    written: u64,
}

#[derive(Debug)]
pub(super) enum Pulse {
    None,
    Asking(Heartbeat),
    Watching(Watchdog),
}

impl Sending {
    pub(super) const fn new(machine: Outbound) -> Self {
        Self {
            machine,
            attach: 0,
            link: None,
            retired: None,
            pulse: Pulse::None,
            pinged: None,
            marked: false,
            lightened: None,
            slow: false,
            written: 0,
        }
    }

    pub(super) fn transmit(&mut self) {
        if let Some(link) = &mut self.link {
            link.transmit(&mut self.machine);
            self.tell_lightened();
        }
    }

    /// Whether there is a connection that takes more, as far as is known.
    pub(super) fn takes_more(&self) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| !link.is_blocked() && link.end().is_none())
    }

    pub(super) fn has_datagrams(&self) -> bool {
        self.link.as_ref().is_some_and(Link::has_datagrams)
    }

    /// The largest datagram of the present connection.
    pub(super) fn max_datagram(&self) -> Option<usize> {
        self.link.as_ref()?.max_datagram()
    }

    pub(super) fn transmit_datagrams(&mut self) {
        if let Some(link) = &mut self.link {
            link.transmit_datagrams(&mut self.machine);
        }
    }

    /// Sends a best-effort frame as a datagram if it need not wait; false if it was not sent.
    pub(super) fn send_at_once(&mut self, frame: &BestEffortFrame) -> bool {
        let is_fresh = frame.until.is_none_or(|until| now() < until);
        match &mut self.link {
            Some(link) if is_fresh => link.send_at_once(&mut self.machine, &frame.frame),
            _ => false,
        }
    }

    /// Closes the present connection. A CLOSE that waits there and says that the session is kept makes
    /// way for one that says it is not.
    pub(super) fn close(&mut self, role: Role, close: Close) {
        let keeps = |close: &Close| close.code.disposition(role).keeps_session();
        if self.machine.farewell().is_some_and(keeps) && !keeps(&close) {
            self.machine.close_instead(close);
        } else {
            self.machine.close(close);
        }
    }

    /// What was sent so far, the present connection's bytes included.
    pub(super) fn flow(&self) -> Flow {
        let sent = self.machine.sent();
        Flow {
            events: sent.events,
            answers: sent.answers,
            best_effort: sent.best_effort,
            bytes: self.written + self.link.as_ref().map_or(0, Link::written),
        }
    }

    /// Keeps the count of a connection that is about to be let go.
    pub(super) fn count_written(&mut self) {
        self.written = self.flow().bytes;
    }

    /// Has those look again who wait for less to wait.
    pub(super) fn tell_lightened(&mut self) {
        if let Some(lightened) = self.lightened.take() {
            lightened.notify_waiters();
        }
    }

    /// Whether at most `bytes` wait; for none at all the connection must have taken everything.
    pub(super) fn is_lightened(&self, bytes: usize) -> bool {
        match &self.link {
            _ if self.machine.ended().is_some() => true,
            Some(link) if bytes == 0 => self.machine.is_handed_over() && !link.is_blocked(),
            _ => bytes > 0 && self.machine.lined_up_bytes() <= bytes,
        }
    }

    pub(super) fn wake(&self) {
        if let Some(link) = &self.link {
            link.wake();
        }
    }

    pub(super) fn ping(&mut self, now: Time) {
        let t = now.as_ms();
        self.pinged = Some((t, Instant::now()));
        self.machine.ping(t);
        self.transmit();
    }

    /// Takes the present connection out, with the news of its successor.
    pub(super) fn retire(&mut self, encoding: Encoding, winner: u64) {
        self.count_written();
        let Some(mut link) = self.link.take() else {
            return;
        };
        let close = Close {
            attach: Some(winner),
            ..Close::new(Code::SUPERSEDED, "a newer connection took the session over")
        };
        // Nothing follows a CLOSE that was said already.
        if !self.machine.is_closed() {
            link.push(encoding, &close.encode(encoding));
            link.flush();
        }
        link.wake();
        self.retired = Some((self.attach, link));
    }
}

pub(super) fn slow_consumer(machine: &Outbound, limits: &Limits) -> Close {
    let queued = machine.queued_bytes();
    let reason = format!("{queued} bytes wait where {} may", limits.queue);
    Close::new(Code::SLOW_CONSUMER, reason)
}
