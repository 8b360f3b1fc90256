//! One end of a session: its machines, joined as the driver joins them.

use std::collections::VecDeque;

use trunkline_protocol::{
    Arrival, Close, Code, Encoding, Frame, Inbound, Limits, NamespaceName, Outbound, Prepared,
    PushError, Time,
};

use super::frames::{Number, number_of, number_of_prepared};
use super::ledger::{Arrived, Pushed};

pub(super) struct End {
    encoding: Encoding,
    pub(super) outbound: Outbound,
    pub(super) inbound: Inbound,
    window: usize,
    queue_limit: usize,
    /// The longest message it has written.
    longest: usize,
    /// Its connection takes nothing for the moment.
    pub(super) blocked: bool,
    /// It withholds receipts.
    pub(super) held: bool,
    /// Closed as a slow consumer's, and not again before the queue has been within its limit.
    slow: bool,
    /// Events that were discarded since the other end had left.
    discarded: u64,
    pushed: Pushed,
    /// What came from the other end.
    pub(super) arrived: Arrived,
}

/// What a message was.
pub(super) enum Received {
    Frame,
    Close,
}

impl End {
    pub(super) fn new(encoding: Encoding, ours: &Limits, peers: &Limits) -> Self {
        Self {
            encoding,
            outbound: Outbound::new(encoding, ours, peers),
            inbound: Inbound::new(ours, peers),
            window: ours.replay.min(peers.inbound) as usize,
            queue_limit: ours.queue as usize,
            longest: 0,
            blocked: false,
            held: false,
            slow: false,
            discarded: 0,
            pushed: Pushed::default(),
            arrived: Arrived::default(),
        }
    }

    /// Begins on a connection whose peer has received this much; gives what this end has.
    pub(super) fn attach(&mut self, received: u64) -> u64 {
        let ours = self.inbound.confirm();
        self.outbound
            .attach(received)
            .expect("the peer confirms what was sent");
        self.outbound.set_receipt(ours);
        ours
    }

    /// As the driver: a queue over its limit drops what may be dropped, and else ends the connection;
    /// over twice its limit it ends the session.
    pub(super) fn push(&mut self, frame: Prepared) -> Result<(), PushError> {
        let number = number_of_prepared(&frame);
        self.outbound.push(frame)?;
        self.pushed.note(number);
        self.outbound.shed();
        let over = self.outbound.is_over_limit();
        if over && self.outbound.is_attached() && !self.slow {
            self.outbound.close(Close::new(Code::SLOW_CONSUMER, ""));
        }
        self.slow = over;
        Ok(())
    }

    /// Hands all that may be sent to the connection.
    pub(super) fn write(&mut self, wire: &mut VecDeque<Vec<u8>>) {
        while !self.blocked
            && self
                .outbound
                .transmit(&mut |parts| wire.push_back(parts.concat()))
        {
            self.longest = self.longest.max(wire.back().map_or(0, Vec::len));
        }
    }

    pub(super) fn receive(&mut self, message: &[u8], from: &mut Self, now: Time) -> Received {
        let frame = Frame::decode(self.encoding, message).expect("what a peer of ours writes");
        match frame {
            Frame::Sequenced { seq, frame } => {
                let arrival = self.inbound.accept(seq, message.len(), now);
                if arrival.expect("a peer of ours keeps the rules") == Arrival::New {
                    self.arrived.take(number_of(&frame), &from.pushed);
                }
            }
            Frame::Ping { t, received } => {
                self.receive_receipt(received);
                let ours = self.inbound.confirm();
                self.outbound.set_receipt(ours);
                self.outbound.pong(t);
            }
            Frame::Pong { received, .. } | Frame::Received { received } => {
                self.receive_receipt(received);
            }
            Frame::Close(_) => return Received::Close,
            Frame::GoAway(_) | Frame::Datagram { .. } => {}
            other => panic!("nobody sends {other:?}"),
        }
        self.confirm_if_due(now);
        Received::Frame
    }

    fn receive_receipt(&mut self, received: u64) {
        self.outbound
            .receive_receipt(received)
            .expect("a receipt for what was sent");
    }

    pub(super) fn hold_receipts(&mut self, held: bool, now: Time) {
        self.held = held;
        self.inbound.hold(held);
        self.confirm_if_due(now);
    }

    pub(super) fn confirm_if_due(&mut self, now: Time) {
        if self.inbound.is_receipt_due(now) {
            let received = self.inbound.confirm();
            self.outbound.send_receipt(received);
        }
    }

    /// Nothing waits, and nothing is kept.
    pub(super) fn is_settled(&self) -> bool {
        self.outbound.is_settled()
    }

    pub(super) fn check_bounds(&self) {
        let unconfirmed = self.outbound.unconfirmed_bytes();
        let most = 2 * self.window + self.longest;
        assert!(
            unconfirmed <= most,
            "{unconfirmed} bytes are unconfirmed where {most} may be"
        );
        let queued = self.outbound.queued_bytes();
        let alone = self.longest.max(super::FRAME_MAX as usize) + trunkline_protocol::FRAME_BYTES;
        let most = (2 * self.queue_limit).max(alone);
        assert!(queued <= most, "{queued} bytes wait where {most} may");
    }

    /// The client has left: what it was to get goes.
    pub(super) fn discard_events(&mut self) {
        let discarded = self.outbound.discard_events(&NamespaceName::root());
        self.discarded += discarded.len() as u64;
        self.pushed.events_may_be_discarded();
    }

    /// Everything that was pushed has come to the other end.
    pub(super) fn check_all_arrived(&self, arrived: &Arrived) {
        self.pushed.check_all(arrived, self.dropped());
        assert_eq!(self.outbound.kept_bytes(), 0);
    }

    /// The session is over: what has not come to the other end is handed back.
    pub(super) fn check_lost(&mut self, arrived: &Arrived) {
        let lost = self.outbound.end(Code::ENDED);
        let asking = |frames: &[Prepared]| -> Vec<u64> {
            let numbers = frames.iter().map(number_of_prepared);
            numbers.filter_map(Number::asking).collect()
        };
        let (unconfirmed, queued) = (asking(&lost.unconfirmed), asking(&lost.queued));
        let dropped = self.dropped();
        self.pushed
            .check_lost(arrived, &unconfirmed, &queued, dropped);
        assert_eq!(self.outbound.kept_bytes(), 0);
    }

    fn dropped(&self) -> u64 {
        self.outbound.dropped_events() + self.discarded
    }
}
