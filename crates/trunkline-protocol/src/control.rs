//! The unnumbered frames that wait for a connection: heartbeat, receipt, credentials, farewell.

use crate::frame::{encode_ping, encode_pong, encode_received};
use crate::{Auth, Close, Encoding, GoAway};

/// At most one of each unnumbered frame, for the present connection.
///
/// That bounds what a peer can make this side hold: of several PINGs that came while writing was
/// blocked only the last is answered (specification: heartbeat.md).
#[derive(Debug, Default)]
pub(crate) struct Control {
    ping: Option<u64>,
    pong: Option<u64>,
    receipt: bool,
    auth: Option<Box<Auth>>,
    go_away: Option<Box<GoAway>>,
    close: Option<Box<Close>>,
    /// The farewell waits for nothing.
    hurried: bool,
    /// The farewell has been written.
    closed: bool,
}

impl Control {
    pub(crate) fn ping(&mut self, t: u64) {
        self.ping = Some(t);
    }

    pub(crate) fn pong(&mut self, t: u64) {
        self.pong = Some(t);
    }

    pub(crate) fn receipt(&mut self) {
        self.receipt = true;
    }

    pub(crate) fn auth(&mut self, auth: Auth) {
        self.auth = Some(Box::new(auth));
    }

    pub(crate) fn go_away(&mut self, go_away: GoAway) {
        self.go_away = Some(Box::new(go_away));
    }

    /// Sets the farewell; the first one stands.
    pub(crate) fn close(&mut self, close: Close) {
        self.close.get_or_insert_with(|| Box::new(close));
    }

    /// Sets the farewell in place of one that waits; no effect once that has been written.
    pub(crate) fn close_instead(&mut self, close: Close) {
        if !self.closed {
            self.close = Some(Box::new(close));
        }
    }

    /// Sets the farewell, if there is none yet, and lets it go ahead of all numbered frames.
    pub(crate) fn close_at_once(&mut self, close: Close) {
        self.close(close);
        self.hurried = true;
    }

    /// Whether the farewell waits for nothing.
    pub(crate) const fn is_hurried(&self) -> bool {
        self.hurried
    }

    /// Whether a farewell waits or has been written.
    pub(crate) const fn is_closing(&self) -> bool {
        self.close.is_some()
    }

    pub(crate) fn farewell(&self) -> Option<&Close> {
        self.close.as_deref()
    }

    /// Whether the farewell has been written: nothing may follow it.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether no frame waits.
    pub(crate) const fn is_idle(&self) -> bool {
        self.pong.is_none()
            && self.ping.is_none()
            && !self.receipt
            && self.auth.is_none()
            && self.go_away.is_none()
            && (self.close.is_none() || self.closed)
    }

    /// Encodes the next frame that goes ahead of everything else; each carries the receipt.
    pub(crate) fn next(&mut self, encoding: Encoding, received: u64, into: &mut Vec<u8>) -> bool {
        if let Some(t) = self.pong.take() {
            encode_pong(encoding, t, received, into);
            self.receipt = false;
        } else if let Some(t) = self.ping.take() {
            encode_ping(encoding, t, received, into);
            self.receipt = false;
        } else if std::mem::take(&mut self.receipt) {
            encode_received(encoding, received, into);
        } else if let Some(auth) = self.auth.take() {
            into.extend_from_slice(&auth.encode(encoding));
        } else if let Some(go_away) = self.go_away.take() {
            into.extend_from_slice(&go_away.encode(encoding));
        } else {
            return false;
        }
        true
    }

    /// Encodes the farewell, once nothing else can go before it.
    pub(crate) fn last(&mut self, encoding: Encoding, into: &mut Vec<u8>) -> bool {
        let Some(close) = self.close.as_ref().filter(|_| !self.closed) else {
            return false;
        };
        into.extend_from_slice(&close.encode(encoding));
        self.closed = true;
        true
    }
}
