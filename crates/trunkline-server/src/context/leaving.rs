//! How a socket leaves its namespace, by either side.

use trunkline_driver::sync::Arc;
use trunkline_protocol::{Code, NamespaceName, Prepared, Value};

use super::SessionContext;
use crate::socket::{DisconnectReason, Socket};

/// Which side ends a socket.
pub(super) enum Leaver<'a> {
    /// The client, which knows.
    Client,
    /// This side, which says so if the socket is attached.
    Server {
        socket: &'a Socket,
        disconnect: Prepared,
        /// The client is to have nothing more of the socket, not even what waits for it.
        locks_out: bool,
    },
}

impl Leaver<'_> {
    /// Whether the client is to have nothing more of the socket, or can have no use for it.
    const fn takes_nothing_more(&self) -> bool {
        match self {
            Self::Client => true,
            Self::Server { locks_out, .. } => *locks_out,
        }
    }
}

impl SessionContext {
    /// Ends a socket from this side, with DISCONNECT to the peer; not the one that has taken its place
    /// in the namespace.
    pub(crate) fn disconnect(self: &Arc<Self>, socket: &Socket, reason: &str) {
        self.end_socket(socket, Code::DISCONNECTED, reason, false);
    }

    /// As [`disconnect`](Self::disconnect), with `unauthorized`, and without what still waits for the
    /// socket's client.
    pub(crate) fn lock_out_of(self: &Arc<Self>, socket: &Socket, reason: &str) {
        self.end_socket(socket, Code::UNAUTHORIZED, reason, true);
    }

    fn end_socket(self: &Arc<Self>, socket: &Socket, code: Code, reason: &str, locks_out: bool) {
        let namespace = socket.namespace_name();
        let disconnect = Prepared::disconnect(namespace, code, reason);
        let reason = DisconnectReason::ByServer {
            code,
            reason: reason.to_owned(),
        };
        let leaver = Leaver::Server {
            socket,
            disconnect,
            locks_out,
        };
        self.leave(namespace, reason, leaver);
    }

    /// Sends nothing more of a socket that is about to be locked out, nor what waits; unless another
    /// one has taken its place.
    pub(crate) fn silence(self: &Arc<Self>, socket: &Socket) {
        let name = socket.namespace_name();
        let namespaces = self.namespaces.lock();
        if namespaces.get(name) == Some(socket) {
            socket.silence();
            self.discard_events(name);
        }
    }

    /// Takes a namespace's socket out, settles its acks and ends it. A CONNECT that has no answer yet
    /// gets its one answer now.
    pub(super) fn leave(
        self: &Arc<Self>,
        namespace: &NamespaceName,
        reason: DisconnectReason,
        leaver: Leaver<'_>,
    ) {
        let left = {
            let mut namespaces = self.namespaces.lock();
            if let Leaver::Server { socket, .. } = &leaver
                && namespaces.get(namespace) != Some(*socket)
            {
                return;
            }
            let left = namespaces.disconnect(namespace);
            if namespaces.is_empty() {
                self.note_idle(true);
            }
            if let Some((socket, pending)) = &left {
                // Under the lock, so that none of it can follow the CONNECTED of a next socket.
                socket.silence();
                // What this side sent before it left by itself is the client's, if that was let in.
                if pending.is_some() || leaver.takes_nothing_more() {
                    self.discard_events(namespace);
                }
                if let Leaver::Server { disconnect, .. } = leaver
                    && pending.is_none()
                {
                    // A session that is over needs no DISCONNECT.
                    let _ = self.push(disconnect);
                }
            }
            // Under the lock too, or the acks of a next socket could be among them.
            left.map(|left| (left, self.acks.lock().leave(namespace)))
        };
        let Some(((socket, pending), waiters)) = left else {
            return;
        };
        for waiter in waiters {
            waiter.disconnected();
        }
        if let Some(connect) = pending {
            self.refuse(namespace, connect, Code::DISCONNECTED, "", &Value::nil());
        }
        socket.ended(reason);
    }

    /// Drops what waits of a socket that is over: it would be of no socket, or of another.
    fn discard_events(self: &Arc<Self>, namespace: &NamespaceName) {
        let discarded = self.session.discard_events(namespace).len();
        if discarded > 0 {
            tracing::debug!(session = %self.id, %namespace, discarded, "events discarded: their socket is over");
            self.server.count_discarded_events(discarded);
        }
    }
}
