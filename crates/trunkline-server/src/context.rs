//! One session as the server sees it.

mod entering;
mod inbox;
mod leaving;
mod life;

use std::net::SocketAddr;

use trunkline_driver::sync::{Arc, AtomicBool, Mutex};
use trunkline_driver::{Session, clock};
use trunkline_protocol::{
    AckTable, Attachment, Close, Code, Prepared, PushError, SecretHash, ServerNamespaces,
    SessionId, Time,
};

pub(crate) use self::inbox::Inbox;
pub(crate) use self::life::Life;
use crate::ack::AckWaiter;
use crate::auth::Handshake;
use crate::flood::Wishes;
use crate::refresh::Standing;
use crate::server::ServerInner;
use crate::socket::Socket;
use crate::{Admission, EmitError};

/// One session as the server sees it: its sockets, its pending acks, and whose it is.
///
/// Locks are taken in the order of the fields, then the session's own; none is held while a handler
/// or a hook runs.
pub(crate) struct SessionContext {
    pub(crate) id: SessionId,
    pub(crate) secret: SecretHash,
    pub(crate) handshake: Arc<Handshake>,
    pub(crate) server: Arc<ServerInner>,
    pub(crate) session: Arc<Session>,
    /// Held from a change between attached and detached until its hooks are in the sockets' lines,
    /// so that they stand there in the order of the changes.
    pub(crate) moments: Mutex<()>,
    pub(crate) attachment: Mutex<Attachment>,
    pub(crate) namespaces: Mutex<ServerNamespaces<Socket>>,
    pub(crate) life: Mutex<Life>,
    pub(crate) acks: Mutex<AckTable<AckWaiter>>,
    pub(crate) standing: Mutex<Standing>,
    waiting: Mutex<Waiting>,
    /// Where its newest connection comes from.
    peer: Mutex<Option<SocketAddr>>,
    /// Since when it is behind, as far as was looked.
    behind_since: Mutex<Option<Time>>,
    /// What its client asked for lately.
    pub(crate) wishes: Mutex<Wishes>,
}

/// What waits for handlers.
#[derive(Debug, Default)]
struct Waiting {
    bytes: usize,
    /// Receipts are withheld because too much waits.
    holding: bool,
}

impl SessionContext {
    pub(crate) fn new(
        id: SessionId,
        secret: SecretHash,
        admission: Admission,
        handshake: Arc<Handshake>,
        server: Arc<ServerInner>,
        session: Session,
    ) -> Self {
        let limits = *session.limits();
        let now = clock::now();
        let lead = server.config.refresh_lead;
        Self {
            id,
            secret,
            moments: Mutex::new(()),
            attachment: Mutex::new(Attachment::new(secret, handshake.encoding)),
            peer: Mutex::new(handshake.peer),
            handshake,
            server,
            session: Arc::new(session),
            life: Mutex::new(Life::Attached {
                idle_since: Some(now),
            }),
            namespaces: Mutex::new(ServerNamespaces::new(limits.namespaces as usize)),
            acks: Mutex::new(AckTable::new(limits.pending_acks as usize)),
            standing: Mutex::new(Standing::new(admission, lead, now)),
            waiting: Mutex::default(),
            behind_since: Mutex::default(),
            wishes: Mutex::default(),
        }
    }

    /// Pushes a sequenced frame. A session that cannot hold it ends here, with `overflow`: that is
    /// its own affair and never the business of others in a room.
    pub(crate) fn push(self: &Arc<Self>, frame: Prepared) -> Result<(), EmitError> {
        let pushed = self.session.push(frame);
        pushed.map_err(|error| self.not_taken(error))
    }

    /// As [`push`](Self::push), for a socket that has not left its namespace.
    pub(crate) fn push_unless(
        self: &Arc<Self>,
        is_over: &AtomicBool,
        frame: Prepared,
    ) -> Result<(), EmitError> {
        match self.session.push_unless(is_over, frame) {
            Ok(true) => Ok(()),
            Ok(false) => Err(EmitError::Disconnected),
            Err(error) => Err(self.not_taken(error)),
        }
    }

    /// What the sender of a frame is told that the session did not take, and what becomes of the session.
    pub(crate) fn not_taken(self: &Arc<Self>, error: PushError) -> EmitError {
        if let PushError::Overflow { .. } = error {
            tracing::warn!(session = %self.id, peer = ?self.peer(), %error, "session ended");
            let close = Close::new(Code::OVERFLOW, error.to_string());
            // Told now, or the end of this turn would tell the client that it is slow, and kept.
            self.session.close(close.clone());
            self.end_soon(close);
        }
        EmitError::from(error)
    }

    /// Notes that events of `added` bytes wait for handlers now, and of `removed` no more. While
    /// more wait than `limits.inbound`, receipts are withheld, so that the rest waits at the peer.
    pub(crate) fn queued(&self, added: usize, removed: usize) {
        // Told under the lock, or two threads that cross the limit could tell it in the wrong order.
        let mut waiting = self.waiting.lock();
        waiting.bytes = (waiting.bytes + added).saturating_sub(removed);
        let hold = waiting.bytes > self.session.limits().inbound as usize;
        if waiting.holding != hold {
            waiting.holding = hold;
            self.session.hold_receipts(hold, clock::now());
        }
    }

    /// Looks whether the client is behind: by how many bytes, and since when it was seen so.
    pub(crate) fn look_behind(&self, now: Time) -> Option<(usize, Time)> {
        let session = &self.session;
        let window = session.limits().replay.min(session.peer_limits().inbound) as usize;
        let bytes = session.unconfirmed_bytes() + session.queued_bytes();
        let mut since = self.behind_since.lock();
        if bytes <= window / BEHIND {
            *since = None;
            return None;
        }
        Some((bytes, *since.get_or_insert(now)))
    }

    /// The address of its newest connection, for the log: the first one's is in its handshake.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        *self.peer.lock()
    }

    /// A connection from `peer` has taken the session over.
    pub(crate) fn came_from(&self, peer: Option<SocketAddr>) {
        *self.peer.lock() = peer;
    }

    /// Whether the session was taken over by a later connection than its first.
    pub(crate) fn is_resumed(&self) -> bool {
        self.attachment.lock().current() > 0
    }

    pub(crate) fn sockets(&self) -> Vec<Socket> {
        self.namespaces.lock().sockets().cloned().collect()
    }

    fn note_idle(&self, idle: bool) {
        if let Life::Attached { idle_since } = &mut *self.life.lock() {
            *idle_since = idle.then(clock::now);
        }
    }

    fn depth(&self) -> u32 {
        self.session.limits().depth
    }
}

/// A client is behind when more than this part of the send window is on its way to it: four times
/// what one that keeps up confirms at.
const BEHIND: usize = 16;
