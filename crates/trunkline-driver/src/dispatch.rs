//! What a session tells the side it belongs to.

use std::task::Context;
use std::time::Duration;

use trunkline_protocol::{Auth, Body, GoAway, Key, Sequenced, Violation};

use crate::Session;
use crate::sync::Arc;

/// Takes what arrives in a session, in order; the server and the client each have one.
///
/// Called from the connection's task, inside a [`Turn`](crate::Turn), with no lock held. It must
/// not block.
pub trait Dispatch: Send + Sync + 'static {
    /// A sequenced frame that counts, number `seq`, delivered once and in order.
    ///
    /// `cx` is the connection task's, for polling a handler's future once.
    fn sequenced(
        &self,
        session: &Arc<Session>,
        seq: u64,
        frame: Sequenced<'_>,
        cx: &mut Context<'_>,
    );

    /// A best-effort frame, as it comes: a LATEST only if it is newer than all that were taken before
    /// it on the connection.
    ///
    /// Whether it is taken: its namespace is connected, and its body decodes. What the application
    /// makes of it does not matter.
    fn best_effort(
        &self,
        session: &Arc<Session>,
        frame: BestEffort<'_>,
        cx: &mut Context<'_>,
    ) -> bool;

    /// The server asks the client to reconnect.
    fn go_away(&self, session: &Arc<Session>, go_away: GoAway) {
        let _ = (session, go_away);
    }

    /// Credentials on connection `attach`, which is the present one: a server's question or its
    /// verdict, or a client's answer.
    ///
    /// # Errors
    /// The peer broke the protocol with it: the session ends.
    fn auth(&self, session: &Arc<Session>, attach: u64, auth: Auth) -> Result<(), Violation> {
        let _ = (session, attach, auth);
        Ok(())
    }

    /// The answer to the session's last PING, and how long it took. A PONG that answers none does not
    /// get here.
    fn pong(&self, session: &Arc<Session>, round_trip: Duration) {
        let _ = (session, round_trip);
    }
}

/// A frame that may be lost.
#[derive(Clone, Debug)]
pub struct BestEffort<'a> {
    /// The namespace's name.
    pub namespace: &'a str,
    /// The event's name.
    pub event: &'a str,
    /// For LATEST its key and version.
    pub latest: Option<(&'a str, u64)>,
    /// The args, not decoded.
    pub args: Body<'a>,
}

/// How an event came, and so whether it may be dropped rather than wait for its handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryClass {
    /// It waits, whatever that takes.
    Reliable,
    /// It may be dropped.
    Datagram,
    /// It may be dropped, and is when a newer one of its event and key comes.
    Latest(Key),
}

impl BestEffort<'_> {
    /// How it came.
    #[must_use]
    pub fn class(&self) -> DeliveryClass {
        // The decoder has checked the key.
        let key = self.latest.and_then(|(key, _)| Key::try_from(key).ok());
        key.map_or(DeliveryClass::Datagram, DeliveryClass::Latest)
    }
}

/// A best-effort event is dropped where this many events wait already for the same handler to end,
/// unless it takes the place of an older value. So those that wait are always among the first so many.
pub const BEST_EFFORT_WAITING: usize = 64;

/// What the best-effort events may count, bytes, that wait for the handlers of one socket; further ones
/// are dropped.
pub const BEST_EFFORT_BYTES: usize = 256 * 1024;
