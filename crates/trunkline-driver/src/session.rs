//! A session: what survives connections, shared by its task, rooms and handles.

mod datagrams;
mod figures;
mod pulse;
mod pushing;
mod receipts;
mod sending;

use std::fmt;
use std::time::Duration;

use trunkline_protocol::{
    Auth, Close, Code, Encoding, GoAway, Heartbeat, Hold, Inbound, Limits, Lost, Outbound,
    Prepared, Role, Time, Violation, Watchdog,
};
use trunkline_transport::Connection;

use self::sending::{Pulse, Sending};
use crate::driver::{Driver, Reading};
use crate::intake::{Intake, Pace};
use crate::link::Link;
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::turn::Mark;
use crate::{Dispatch, Flow, Ignored, Turn, clock};

/// Both machines of a session and the present connection's write half.
///
/// Any thread may push. Locks are short, and never held over an await or a user's code; where both
/// are needed, the inbound one is taken first.
pub struct Session {
    role: Role,
    encoding: Encoding,
    ours: Limits,
    peers: Limits,
    inbound: Mutex<Receiving>,
    outbound: Mutex<Sending>,
    /// Bytes received on the present connection's message channel: signs of life.
    received: AtomicU64,
    /// Bytes received on all connections.
    received_bytes: AtomicU64,
    received_best_effort: AtomicU64,
    /// Whether frames without a meaning go along with heartbeats now and then.
    pub(crate) sends_ignorable: bool,
    /// How fast the peer may send; at any speed if none.
    pub(crate) pace: Option<Pace>,
}

struct Receiving {
    machine: Inbound,
    /// The connection that counts; whoever drops one frame of an older one stops reading it.
    attach: u64,
    /// What counted, without bytes.
    flow: Flow,
    ignored: Ignored,
    /// Of the connection before.
    intake: Intake,
}

/// A connection that is to become a session's present one.
#[derive(Debug)]
pub struct Attach {
    /// The connection, its handshake done or about to be completed by `first`.
    pub connection: Connection,
    /// The client's counter; 0 for a fresh session's first connection.
    pub attach: u64,
    /// What the peer has received, as its HELLO or WELCOME says.
    pub received: u64,
    /// The heartbeat's interval and time-out.
    pub heartbeat: (Duration, Duration),
}

impl Session {
    /// A fresh session, attached to nothing yet, for what both sides announced.
    #[must_use]
    pub fn new(role: Role, encoding: Encoding, ours: &Limits, peers: &Limits) -> Self {
        Self {
            role,
            encoding,
            ours: *ours,
            peers: *peers,
            inbound: Mutex::new(Receiving {
                machine: Inbound::new(ours, peers),
                attach: 0,
                flow: Flow::default(),
                ignored: Ignored::default(),
                intake: Intake::default(),
            }),
            outbound: Mutex::new(Sending::new(Outbound::new(encoding, ours, peers))),
            received: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            received_best_effort: AtomicU64::new(0),
            sends_ignorable: false,
            pace: None,
        }
    }

    /// Closes a connection whose peer sends faster, with `rate-limited`. The session stays.
    #[must_use]
    pub const fn paced(mut self, pace: Pace) -> Self {
        self.pace = match pace.frames.is_unlimited() && pace.bytes.is_unlimited() {
            true => None,
            false => Some(pace),
        };
        self
    }

    /// Makes a connection the present one, in one step: an older one gets CLOSE `superseded`, the
    /// peer's receipt trims the log, and the rest is replayed ahead of anything new.
    ///
    /// `first` makes the message that goes first (a server's WELCOME) out of what this side has
    /// received. The returned future must be polled by one task to its end.
    ///
    /// # Errors
    /// The peer confirms frames that were never sent; the session and its present connection are
    /// untouched, the connection is handed back.
    pub fn attach(
        self: &Arc<Self>,
        attach: Attach,
        dispatch: Arc<dyn Dispatch>,
        now: Time,
        first: impl FnOnce(u64) -> Option<Vec<u8>>,
    ) -> Result<Driver, (Violation, Connection)> {
        let mut receiving = self.inbound.lock();
        let mut sending = self.outbound.lock();
        if let Err(violation) = sending.machine.receive_receipt(attach.received) {
            return Err((violation, attach.connection));
        }
        let received = receiving.machine.confirm();
        receiving.attach = attach.attach;
        sending.retire(self.encoding, attach.attach);
        sending.attach = attach.attach;
        let Connection {
            sender,
            receiver,
            capabilities,
            ..
        } = attach.connection;
        let mut link = Link::new(sender, capabilities.datagrams);
        if let Some(message) = first(received) {
            link.push(self.encoding, &message);
        }
        // The receipt was taken above.
        let _ = sending.machine.attach(attach.received);
        sending.machine.set_receipt(received);
        sending.link = Some(link);
        let (interval, timeout) = attach.heartbeat;
        sending.pulse = match self.role {
            Role::Server => Pulse::Asking(Heartbeat::new(interval, timeout, now)),
            Role::Client => Pulse::Watching(Watchdog::new(interval, timeout, now)),
        };
        sending.pinged = None;
        self.received.store(0, Ordering::Relaxed);
        let intake = receiving.intake;
        Ok(Driver::new(
            Arc::clone(self),
            Reading {
                receiver,
                has_datagrams: capabilities.datagrams,
            },
            dispatch,
            attach.attach,
            intake,
        ))
    }

    /// As [`attach`](Self::attach) for a session that no connection has had: it cannot fail, since
    /// nothing has been sent that a peer could confirm.
    pub fn attach_first(
        self: &Arc<Self>,
        attach: Attach,
        dispatch: Arc<dyn Dispatch>,
        now: Time,
        first: impl FnOnce(u64) -> Option<Vec<u8>>,
    ) -> Driver {
        match self.attach(
            Attach {
                received: 0,
                ..attach
            },
            dispatch,
            now,
            first,
        ) {
            Ok(driver) => driver,
            Err((violation, _)) => unreachable!("a receipt for nothing: {violation}"),
        }
    }

    /// Numbers frames that were sent ahead of the handshake's end, as if [`push`](Self::push)ed and
    /// handed to the present connection already.
    pub fn adopt(&self, frames: Vec<Prepared>) {
        self.outbound.lock().machine.adopt(frames);
    }

    /// The CONNECTs that took a number since this was called last: see
    /// [`Outbound::take_connects`].
    #[must_use]
    pub fn take_connects(&self) -> Vec<(u64, Prepared)> {
        self.outbound.lock().machine.take_connects()
    }

    /// Ends the present connection with a CLOSE, after all that may still be sent on it; the code
    /// says whether the session survives. The first one stands, unless it still waits, and says that the
    /// session survives where this one says that it does not. No effect while detached.
    pub fn close(&self, close: Close) {
        let mut sending = self.outbound.lock();
        sending.close(self.role, close);
        sending.transmit();
        sending.wake();
    }

    /// As [`close`](Self::close), ahead of all that the connection has not been handed: for a peer that is
    /// to have nothing more on it.
    pub fn close_at_once(&self, close: Close) {
        let mut sending = self.outbound.lock();
        sending.machine.close_at_once(close);
        sending.transmit();
        sending.wake();
    }

    /// Asks the peer to reconnect.
    pub fn go_away(&self, go_away: GoAway) {
        let mut sending = self.outbound.lock();
        sending.machine.go_away(go_away);
        sending.transmit();
    }

    /// Sends AUTH on connection `attach`; false, and no effect, if that is not the present one any
    /// more.
    pub fn auth(&self, attach: u64, auth: Auth) -> bool {
        let mut sending = self.outbound.lock();
        let is_present = sending.attach == attach && sending.link.is_some();
        if is_present {
            sending.machine.auth(auth);
            sending.transmit();
        }
        is_present
    }

    /// Keeps some kinds of frames from being sent for the time being. After GOAWAY receipts are told at
    /// once too, since both sides wait for them. Specification: session.md, SES-057, SES-070.
    pub fn hold(&self, hold: Hold) {
        let mut receiving = self.inbound.lock();
        receiving.machine.hurry(hold == Hold::EventsAndConnects);
        self.confirm_if_due(receiving, clock::now());
        let mut sending = self.outbound.lock();
        sending.machine.hold(hold);
        sending.transmit();
    }

    /// Ends the session: nothing more is taken, and what it kept is handed back. The present
    /// connection gets `farewell`, as by [`close`](Self::close).
    pub fn end(&self, code: Code, farewell: Option<Close>) -> Lost {
        let mut sending = self.outbound.lock();
        if let Some(close) = farewell {
            // What may still be sent goes first.
            sending.close(self.role, close);
            sending.transmit();
        }
        let lost = sending.machine.end(code);
        sending.transmit();
        sending.tell_lightened();
        sending.wake();
        lost
    }

    /// Which side this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How its frames are written.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The limits this side announced.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.ours
    }

    /// The limits the peer announced.
    #[must_use]
    pub const fn peer_limits(&self) -> &Limits {
        &self.peers
    }

    /// Whether connection `attach` is the present one.
    pub(crate) fn is_present(&self, attach: u64) -> bool {
        self.inbound.lock().attach == attach
    }

    /// Tells connection `attach` how it broke the protocol, whether or not it is the present one.
    pub(crate) fn accuse(&self, attach: u64, violation: &Violation) {
        let close = violation.to_close();
        self.with_link(attach, |link, machine| match machine {
            Some(machine) => machine.close(close),
            None => link.push(self.encoding, &close.encode(self.encoding)),
        });
    }

    /// Keeps what a connection's peer has sent lately, for the next one.
    pub(crate) fn keep_intake(&self, attach: u64, intake: Intake) {
        let mut receiving = self.inbound.lock();
        if receiving.attach == attach {
            receiving.intake = intake;
        }
    }

    /// Runs `with` on the write half of connection `attach`, present or superseded.
    pub(crate) fn with_link<R>(
        &self,
        attach: u64,
        with: impl FnOnce(&mut Link, Option<&mut Outbound>) -> R,
    ) -> Option<R> {
        let sending = &mut *self.outbound.lock();
        if sending.attach == attach {
            let result = with(sending.link.as_mut()?, Some(&mut sending.machine));
            sending.tell_lightened();
            return Some(result);
        }
        match &mut sending.retired {
            Some((retired, link)) if *retired == attach => Some(with(link, None)),
            _ => None,
        }
    }

    /// Lets go of connection `attach`; true if it was the present one, so that the session is
    /// detached.
    pub(crate) fn detach(&self, attach: u64) -> bool {
        let mut sending = self.outbound.lock();
        let present = sending.attach == attach;
        if present {
            sending.machine.detach();
            sending.count_written();
            sending.link = None;
            sending.pulse = Pulse::None;
        } else if sending
            .retired
            .as_ref()
            .is_some_and(|(retired, _)| *retired == attach)
        {
            sending.retired = None;
        }
        present
    }

    /// Writes what the turn that just ended pushed.
    pub(crate) fn flush_marked(&self) {
        let mut sending = self.outbound.lock();
        sending.marked = false;
        sending.transmit();
    }

    /// Writes at the end of the turn, or now if none is under way.
    fn written_soon(self: &Arc<Self>, mut sending: MutexGuard<'_, Sending>) {
        if sending.link.is_none() || sending.marked {
            return;
        }
        match Turn::mark(self) {
            Mark::NoTurn => sending.transmit(),
            Mark::Listed => sending.marked = true,
            Mark::Own => {}
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}
