//! A session's machines, joined as the driver joins them.

use std::time::Duration;

use trunkline_netem::{End, Time};
use trunkline_protocol::{
    AckId, Arrival, Beat, Close, Code, Encoding, Frame, Heartbeat, Hold, Inbound, Limits, Lost,
    NamespaceName, Outbound, Payload, Prepared, PushError, Sequenced, Violation, Watchdog,
};

use super::Checked;
use super::line::Line;

/// The machines of one side of a session, and the line they write to.
pub(crate) struct Session {
    pub(crate) end: End,
    pub(crate) encoding: Encoding,
    pub(crate) ours: Limits,
    /// Twice the window, or a first flight, which was sent before the window was known.
    most_unconfirmed: usize,
    /// The longest message written.
    longest: usize,
    pub(crate) inbound: Inbound,
    /// The connection whose sequenced frames count.
    reads: u64,
    pub(crate) outbound: Outbound,
    pub(crate) attach: u64,
    pub(crate) line: Option<usize>,
    pulse: Pulse,
    life: u64,
    life_at_last_sweep: u64,
    /// Closed as a slow consumer's, and not again before the queue has been within its limit.
    slow: bool,
    pub(crate) held: Hold,
    /// The highest receipt taken.
    pub(crate) confirmed: u64,
}

enum Pulse {
    None,
    Asking(Heartbeat),
    Watching(Watchdog),
}

/// A connection that becomes the session's present one.
pub(crate) struct Attach {
    pub(crate) line: usize,
    pub(crate) attach: u64,
    pub(crate) received: u64,
    pub(crate) heartbeat: (Duration, Duration),
}

/// What a message was.
pub(crate) enum Handled<'a> {
    Nothing,
    Superseded,
    Sequenced { seq: u64, frame: Sequenced<'a> },
    Closed(Close),
    GoAway { slot: Duration },
}

impl Session {
    pub(crate) fn new(end: End, encoding: Encoding, ours: &Limits, peers: &Limits) -> Self {
        Self {
            end,
            encoding,
            ours: *ours,
            most_unconfirmed: 2 * ours.replay.min(peers.inbound) as usize,
            longest: 0,
            inbound: Inbound::new(ours, peers),
            reads: 0,
            outbound: Outbound::new(encoding, ours, peers),
            attach: 0,
            line: None,
            pulse: Pulse::None,
            life: 0,
            life_at_last_sweep: 0,
            slow: false,
            held: Hold::Nothing,
            confirmed: 0,
        }
    }

    /// Makes a line the present one; gives the older one, which has been told.
    pub(crate) fn attach(
        &mut self,
        lines: &mut [Line],
        attach: &Attach,
        now: Time,
        first: impl FnOnce(u64) -> Option<Vec<u8>>,
    ) -> Result<Option<usize>, String> {
        let refused = |violation| format!("refused at attach: {violation}");
        self.outbound
            .receive_receipt(attach.received)
            .map_err(refused)?;
        self.confirmed = self.confirmed.max(attach.received);
        let received = self.inbound.confirm();
        self.reads = attach.attach;
        let retired = self.retire(lines, attach.attach, now)?;
        self.attach = attach.attach;
        if let Some(message) = first(received) {
            lines[attach.line].send(self.end, now, &[&message])?;
        }
        self.outbound.attach(attach.received).map_err(refused)?;
        self.outbound.set_receipt(received);
        self.line = Some(attach.line);
        let (interval, timeout) = attach.heartbeat;
        let now = time(now);
        self.pulse = match self.end {
            End::Server => Pulse::Asking(Heartbeat::new(interval, timeout, now)),
            End::Client => Pulse::Watching(Watchdog::new(interval, timeout, now)),
        };
        self.life = 0;
        self.life_at_last_sweep = 0;
        Ok(retired)
    }

    fn retire(
        &mut self,
        lines: &mut [Line],
        winner: u64,
        now: Time,
    ) -> Result<Option<usize>, String> {
        let Some(line) = self.line.take() else {
            return Ok(None);
        };
        if !self.outbound.is_closed() {
            let close = Close {
                attach: Some(winner),
                ..Close::new(Code::SUPERSEDED, "a newer connection took the session over")
            };
            lines[line].send(self.end, now, &[&close.encode(self.encoding)])?;
        }
        Ok(Some(line))
    }

    /// Numbers what was sent ahead of WELCOME.
    pub(crate) fn adopt(&mut self, flight: Vec<Prepared>) {
        self.outbound.adopt(flight);
        self.most_unconfirmed = self.most_unconfirmed.max(self.outbound.unconfirmed_bytes());
    }

    pub(crate) fn push(
        &mut self,
        lines: &mut [Line],
        frame: Prepared,
        now: Time,
    ) -> Result<(), PushError> {
        self.outbound.push(frame)?;
        if self.outbound.is_over_limit() {
            // What comes of it is checked at the end of the turn.
            let _ = self.transmit(lines, now);
            if self.outbound.is_over_limit() && self.outbound.is_attached() && !self.slow {
                self.outbound.close(Close::new(Code::SLOW_CONSUMER, ""));
                self.slow = true;
            }
            return Ok(());
        }
        self.slow = false;
        Ok(())
    }

    /// Takes an ACK that need not wait; false if it has to.
    pub(crate) fn push_ack(
        &mut self,
        lines: &mut [Line],
        namespace: &NamespaceName,
        ack_id: AckId,
        args: &Payload,
    ) -> bool {
        let takes_more = (self.line).is_some_and(|line| !lines[line].is_blocked(self.end));
        takes_more && self.outbound.push_ack(namespace, ack_id, args)
    }

    /// Writes all that the machine gives and the line takes.
    pub(crate) fn transmit(&mut self, lines: &mut [Line], now: Time) -> Checked {
        let Some(line) = self.line else { return Ok(()) };
        let line = &mut lines[line];
        let mut written = Ok(());
        let mut longest = self.longest;
        while written.is_ok() && !line.is_blocked(self.end) {
            let end = self.end;
            if !self.outbound.transmit(&mut |parts| {
                longest = longest.max(parts.iter().map(|part| part.len()).sum());
                if written.is_ok() {
                    written = line.send(end, now, parts);
                }
            }) {
                break;
            }
        }
        written?;
        let numbered = self.outbound.numbered().saturating_sub(self.confirmed);
        let bytes = self.outbound.unconfirmed_bytes();
        self.longest = longest;
        // The last one may have gone while there was any room.
        self.longest = longest;
        if numbered > 1 && bytes > self.most_unconfirmed + longest {
            return Err(format!(
                "{numbered} unconfirmed frames hold {bytes} bytes, not {}",
                self.most_unconfirmed
            ));
        }
        Ok(())
    }

    /// One message of connection `attach`.
    pub(crate) fn handle<'a>(
        &mut self,
        attach: u64,
        message: &'a [u8],
        now: Time,
    ) -> Result<Handled<'a>, Violation> {
        let frame = Frame::decode(self.encoding, message)?;
        match frame {
            Frame::Sequenced { seq, frame } => {
                if self.reads != attach {
                    return Ok(Handled::Superseded);
                }
                return Ok(match self.inbound.accept(seq, message.len(), time(now))? {
                    Arrival::Repeated => Handled::Nothing,
                    Arrival::New => Handled::Sequenced { seq, frame },
                });
            }
            Frame::Ping { t, received } => {
                self.receive_receipt(received)?;
                if self.attach == attach {
                    let received = self.inbound.confirm();
                    self.outbound.set_receipt(received);
                    self.outbound.pong(t);
                }
            }
            Frame::Pong { received, .. } | Frame::Received { received } => {
                self.receive_receipt(received)?;
            }
            Frame::Close(close) => return Ok(Handled::Closed(*close)),
            Frame::Hello(_) | Frame::Welcome(_) => {
                let kind = frame.kind();
                return Err(Violation::Unexpected {
                    kind,
                    when: "after the handshake",
                });
            }
            Frame::GoAway(_) | Frame::Auth(_) | Frame::Datagram { .. } | Frame::Latest { .. }
                if self.reads != attach =>
            {
                return Ok(Handled::Superseded);
            }
            Frame::GoAway(go_away) => {
                let slot = Duration::from_millis(go_away.slot);
                return Ok(Handled::GoAway { slot });
            }
            Frame::Auth(_)
            | Frame::Datagram { .. }
            | Frame::Latest { .. }
            | Frame::Ignorable { .. } => {}
        }
        Ok(Handled::Nothing)
    }

    fn receive_receipt(&mut self, received: u64) -> Result<(), Violation> {
        self.outbound.receive_receipt(received)?;
        self.confirmed = self.confirmed.max(received);
        Ok(())
    }

    /// The end of a turn in which `line` was read.
    pub(crate) fn turn_ends(&mut self, attach: u64, line: &mut Line, now: Time) {
        if self.attach == attach {
            self.life = line.received(self.end);
        }
        self.confirm_if_due(now);
    }

    pub(crate) fn confirm_if_due(&mut self, now: Time) {
        if self.inbound.is_receipt_due(time(now)) {
            let received = self.inbound.confirm();
            self.outbound.send_receipt(received);
        }
    }

    pub(crate) fn hold_receipts(&mut self, held: bool, now: Time) {
        self.inbound.hold(held);
        self.confirm_if_due(now);
    }

    /// Heartbeat and receipts. With `only_when_idle`, which is against the rules, traffic stands for
    /// a PING.
    pub(crate) fn sweep(&mut self, lines: &mut [Line], now: Time, only_when_idle: bool) -> Beat {
        self.confirm_if_due(now);
        let Some(line) = self.line else {
            return Beat::Nothing;
        };
        let life = self.life.wrapping_add(lines[line].progress(self.end));
        let busy = life != std::mem::replace(&mut self.life_at_last_sweep, life);
        let beat = match &mut self.pulse {
            Pulse::None => Beat::Nothing,
            Pulse::Asking(_) if busy && only_when_idle => Beat::Nothing,
            Pulse::Asking(heartbeat) => heartbeat.poll(time(now), life),
            Pulse::Watching(watchdog) => watchdog.poll(time(now), life),
        };
        match beat {
            Beat::Nothing => {}
            Beat::Ping => self.outbound.ping(now.as_millis()),
            Beat::Dead => {
                self.outbound
                    .close(Close::new(Code::PING_TIMEOUT, "no sign of life in time"));
            }
        }
        beat
    }

    pub(crate) fn hold(&mut self, hold: Hold) {
        self.held = hold;
        self.outbound.hold(hold);
    }

    /// Lets go of connection `attach`; true if it was the present one.
    pub(crate) fn detach(&mut self, attach: u64) -> bool {
        let present = self.attach == attach && self.line.is_some();
        if present {
            self.outbound.detach();
            self.line = None;
            self.pulse = Pulse::None;
        }
        present
    }

    /// Ends the session; the present connection gets `farewell`.
    pub(crate) fn end(
        &mut self,
        lines: &mut [Line],
        code: Code,
        farewell: Option<Close>,
        now: Time,
    ) -> Result<Lost, String> {
        if let Some(close) = farewell {
            self.outbound.close(close);
            self.transmit(lines, now)?;
        }
        let lost = self.outbound.end(code);
        self.confirmed = self.outbound.numbered();
        self.transmit(lines, now)?;
        Ok(lost)
    }
}

/// The machines' time.
pub(crate) fn time(now: Time) -> trunkline_protocol::Time {
    trunkline_protocol::Time::from_ms(now.as_millis())
}
