//! One session as the server sees it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use trunkline_driver::sync::{Arc, AtomicBool, Mutex};
use trunkline_driver::{BestEffort, Dispatch, Ended, Session, Turn, clock};
use trunkline_protocol::{
    AckId, AckTable, Attachment, Auth, Body, Close, Code, Lost, NamespaceName, Prepared,
    PreparedEvent, PushError, SecretHash, Sequenced, ServerNamespaces, SessionId, Time, Value,
    Violation,
};

use crate::ack::AckWaiter;
use crate::auth::Handshake;
use crate::flood::Wishes;
use crate::presence::Entering;
use crate::refresh::Standing;
use crate::server::{Found, ServerInner};
use crate::socket::{Connecting, DisconnectReason, Socket, Undelivered};
use crate::worker::Worker;
use crate::{Admission, EmitError, Failure};

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

/// Which side ends a socket.
enum Leaver<'a> {
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

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// A connection is attached; with no namespace since then, if that is so.
    Attached { idle_since: Option<Time> },
    /// Waiting to be resumed.
    Detached { since: Time },
    /// Over.
    Ended,
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

    /// Sends a best-effort frame, or drops and counts it.
    pub(crate) fn push_best_effort(&self, is_over: &AtomicBool, frame: Prepared) {
        if !self.session.push_best_effort_unless(is_over, frame) {
            self.server.count_dropped_volatile();
        }
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

    /// The address of its newest connection, for the log: the first one's is in its handshake.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        *self.peer.lock()
    }

    /// A connection from `peer` has taken the session over.
    pub(crate) fn came_from(&self, peer: Option<SocketAddr>) {
        *self.peer.lock() = peer;
    }

    /// Closes the connection; the code says whether the session ends with it.
    pub(crate) fn close(self: &Arc<Self>, close: Close) {
        if close.code.disposition(self.session.role()).keeps_session() {
            self.session.close(close);
        } else {
            self.end(close);
        }
    }

    /// As [`close`](Self::close), ahead of all that waits: for a client that is locked out.
    pub(crate) fn lock_out(self: &Arc<Self>, close: Close) {
        self.session.close_at_once(close.clone());
        self.close(close);
    }

    /// Whether the session was taken over by a later connection than its first.
    pub(crate) fn is_resumed(&self) -> bool {
        self.attachment.lock().current() > 0
    }

    /// Ends the session from this side, and the connection with it.
    pub(crate) fn end(self: &Arc<Self>, close: Close) {
        let code = close.code;
        let reason = close.reason.clone();
        self.finish(code, &reason, Some(close));
    }

    /// As [`end`](Self::end), but not from inside the push that brought it about: hooks run that may
    /// push themselves.
    fn end_soon(self: &Arc<Self>, close: Close) {
        let context = Arc::clone(self);
        self.server.spawn(async move { context.end(close) });
    }

    /// The connection from `peer` is over: what becomes of the session is said by how.
    pub(crate) fn connection_ended(self: &Arc<Self>, ended: &Ended, peer: Option<SocketAddr>) {
        self.server.activity.connections_closed.add(ended.code());
        if matches!(ended, Ended::Superseded) {
            return;
        }
        match ended {
            Ended::Here(close) if close.code == Code::RATE_LIMITED => {
                self.server.count_closed_too_fast();
                tracing::warn!(session = %self.id, ?peer, %ended, "peer sends too fast");
            }
            Ended::Violation(_) => {
                tracing::warn!(session = %self.id, ?peer, %ended, "peer broke the protocol")
            }
            _ => tracing::debug!(session = %self.id, ?peer, %ended, "connection ended"),
        }
        if !ended.keeps_session(self.session.role()) {
            self.finish(ended.code(), &ended.to_string(), None);
        } else if self.is_worth_keeping() {
            self.detached();
        } else if self.enter(Life::Ended) {
            self.wind_up(ended.code(), &ended.to_string(), None);
        }
    }

    /// Only a session whose client has confirmed something and is in a namespace is kept: others
    /// lose nothing by starting afresh, and cost a server under attack nothing.
    fn is_worth_keeping(&self) -> bool {
        self.session.has_receipt() && !self.namespaces.lock().is_empty()
    }

    fn detached(&self) {
        let since = clock::now();
        let hooks: Vec<_> = {
            let _moment = self.moments.lock();
            if !self.enter(Life::Detached { since }) {
                return;
            }
            let sockets = self.sockets();
            sockets.iter().filter_map(Socket::detached).collect()
        };
        hooks.into_iter().for_each(Worker::run);
    }

    /// Goes from attached to `next`, unless a newer connection has taken over meanwhile.
    fn enter(&self, next: Life) -> bool {
        let mut life = self.life.lock();
        let free = matches!(*life, Life::Attached { .. }) && !self.session.is_attached();
        if free {
            *life = next;
        }
        free
    }

    /// Ends a session that has waited to be resumed since then, unless it has been meanwhile.
    pub(crate) fn give_up(self: &Arc<Self>, since: Time, code: Code, reason: &str) {
        let waits = {
            let mut life = self.life.lock();
            let waits = *life == Life::Detached { since };
            if waits {
                *life = Life::Ended;
            }
            waits
        };
        if waits {
            self.wind_up(code, reason, None);
        }
    }

    /// Ends the session, once.
    pub(crate) fn finish(self: &Arc<Self>, code: Code, reason: &str, farewell: Option<Close>) {
        let before = std::mem::replace(&mut *self.life.lock(), Life::Ended);
        if before != Life::Ended {
            self.wind_up(code, reason, farewell);
        }
    }

    /// What follows a session's end: whatever waits learns of it.
    fn wind_up(self: &Arc<Self>, code: Code, reason: &str, farewell: Option<Close>) {
        // Nobody will come back for a session that would not have been kept.
        if self.is_worth_keeping() || farewell.is_some() {
            let until = clock::now() + self.server.config.resume_window;
            self.server.registry.bury(self, code, until);
        }
        let lost = self.session.end(code, farewell);
        // Only now is it known what the session has moved, and lost.
        self.server.registry.remove(self);
        self.server.count_lost(&lost);
        self.server.presence.session_ended();
        let waiters = self.acks.lock().drain();
        for waiter in waiters {
            waiter.session_lost();
        }
        let sockets = self.namespaces.lock().drain();
        let mut undelivered = self.undelivered(lost, &sockets);
        for socket in sockets {
            socket.ended(DisconnectReason::SessionEnded {
                code,
                reason: reason.to_owned(),
                undelivered: undelivered
                    .remove(socket.namespace_name())
                    .unwrap_or_default(),
            });
        }
    }

    /// What was lost of each namespace whose program wants to know.
    fn undelivered(
        &self,
        lost: Lost,
        sockets: &[Socket],
    ) -> HashMap<NamespaceName, Vec<Undelivered>> {
        let has_hook =
            |socket: &&Socket| socket.namespace_inner().hooks().disconnect.get().is_some();
        let name = |socket: &Socket| (socket.namespace_name().clone(), Vec::new());
        let mut told: HashMap<_, _> = sockets.iter().filter(has_hook).map(name).collect();
        if told.is_empty() {
            return told;
        }
        let unconfirmed = lost.unconfirmed.into_iter().map(|frame| (true, frame));
        let queued = lost.queued.into_iter().map(|frame| (false, frame));
        for (sent, frame) in unconfirmed.chain(queued) {
            if let Some(PreparedEvent {
                namespace,
                event,
                args,
                ..
            }) = frame.to_event(self.depth())
                && let Some(told) = told.get_mut(&namespace)
            {
                told.push(Undelivered { event, args, sent });
            }
        }
        told
    }

    pub(crate) fn sockets(&self) -> Vec<Socket> {
        self.namespaces.lock().sockets().cloned().collect()
    }

    /// Takes a namespace's socket out, settles its acks and ends it. A CONNECT that has no answer yet
    /// gets its one answer now.
    fn leave(
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
        let discarded = self.session.discard_events(namespace);
        if discarded > 0 {
            tracing::debug!(session = %self.id, %namespace, discarded, "events discarded: their socket is over");
            self.server.count_discarded_events(discarded);
        }
    }

    fn note_idle(&self, idle: bool) {
        if let Life::Attached { idle_since } = &mut *self.life.lock() {
            *idle_since = idle.then(clock::now);
        }
    }

    fn depth(&self) -> u32 {
        self.session.limits().depth
    }

    fn connect(
        self: &Arc<Self>,
        name: NamespaceName,
        connect: u64,
        auth: Body<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Err(reason) = self.may_connect() {
            let code = Code::RATE_LIMITED;
            return self.refuse(&name, connect, code, &reason, &Value::nil());
        }
        if let Err(code) = self.namespaces.lock().admit(&name) {
            return self.refuse(&name, connect, code, "", &Value::nil());
        }
        let Some(found) = self.server.find_namespace(&name) else {
            let code = Code::UNKNOWN_NAMESPACE;
            return self.refuse(
                &name,
                connect,
                code,
                code.name().unwrap_or_default(),
                &Value::nil(),
            );
        };
        let auth = match auth.value(self.depth()) {
            Ok(auth) => auth,
            Err(bad) => {
                return self.refuse(
                    &name,
                    connect,
                    Code::BAD_ARGS,
                    &bad.to_string(),
                    &Value::nil(),
                );
            }
        };
        let namespace = match found {
            Found::Fixed(namespace) => namespace,
            Found::OfPattern(found) => found.hold(&name),
        };
        let socket = namespace.begin(self, connect);
        {
            let mut namespaces = self.namespaces.lock();
            if let Err(code) = namespaces.connect(name.clone(), connect, socket.clone()) {
                drop(namespaces);
                socket.leave_all();
                return self.refuse(&name, connect, code, "", &Value::nil());
            }
        }
        self.note_idle(false);
        if *self.life.lock() == Life::Ended {
            // Its end has been and did not see this socket: it never was.
            self.namespaces.lock().disconnect(&name);
            return socket.refused();
        }
        let waits = auth.as_message_pack().len();
        let hook = namespace.run_connect(&socket, auth);
        self.judge(socket, (name, connect), waits, hook, cx);
    }

    /// Awaits the verdict on a CONNECT whose auth is of `waits` bytes: inline as far as it gets.
    fn judge(
        self: &Arc<Self>,
        socket: Socket,
        (name, connect): (NamespaceName, u64),
        waits: usize,
        hook: Connecting,
        cx: &mut Context<'_>,
    ) {
        self.queued(waits, 0);
        let entering = Entering::of(&self.server);
        let context = Arc::clone(self);
        let mut connecting = Box::pin(async move {
            let verdict = context.in_time("on_connect", &socket, hook).await;
            let verdict = verdict.unwrap_or_else(|| Err(Failure::internal()));
            context.queued(0, waits);
            context.connect_judged(&name, connect, &socket, verdict);
            drop(entering);
        });
        if connecting.as_mut().poll(cx) == Poll::Pending {
            tokio::spawn(connecting);
        }
    }

    fn connect_judged(
        self: &Arc<Self>,
        name: &NamespaceName,
        connect: u64,
        socket: &Socket,
        verdict: Result<Value, Failure>,
    ) {
        let connected = verdict.and_then(|data| {
            let connected = Prepared::connected(name, connect, socket.id(), &data);
            match self.session.message_len(&connected) {
                Ok(_length) => Ok(connected),
                Err(too_large) => {
                    tracing::error!(namespace = %name, socket = %socket.id(), %too_large, "what on_connect returned");
                    Err(Failure::from(too_large))
                }
            }
        });
        match connected {
            Ok(connected) => {
                let _turn = Turn::enter();
                {
                    // Told under the lock, or a DISCONNECT could be on the wire before it.
                    let mut namespaces = self.namespaces.lock();
                    if !namespaces.accept(name, connect) {
                        // Left meanwhile: then it has its answer already.
                        drop(namespaces);
                        return socket.refused();
                    }
                    let _ = self.push(connected);
                }
                socket.start();
            }
            Err(failure) => {
                let refused = {
                    let mut namespaces = self.namespaces.lock();
                    let refused = namespaces.refuse(name, connect);
                    if namespaces.is_empty() {
                        self.note_idle(true);
                    }
                    refused
                };
                socket.refused();
                if refused.is_none() {
                    return;
                }
                // The hook let it in, but its data is too large: its farewell is due.
                socket.ended(DisconnectReason::ByServer {
                    code: failure.code(),
                    reason: failure.message().to_owned(),
                });
                self.refuse(
                    name,
                    connect,
                    failure.code(),
                    failure.message(),
                    failure.data(),
                );
            }
        }
    }

    fn refuse(
        self: &Arc<Self>,
        name: &NamespaceName,
        connect: u64,
        code: Code,
        message: &str,
        data: &Value,
    ) {
        tracing::debug!(session = %self.id, peer = ?self.peer(), namespace = %name, %code, "connect refused");
        let refused = Prepared::refused(name, connect, code, message, data);
        let bare = || Prepared::refused(name, connect, code, "", &Value::nil());
        let fits = self.session.message_len(&refused).is_ok();
        let _ = self.push(if fits { refused } else { bare() });
    }

    /// Who waits for this answer; nobody if it is late, a repeat, or was never asked for.
    fn answered(&self, ack_id: AckId, namespace: &str) -> Option<AckWaiter> {
        let waiter = self.acks.lock().answer(ack_id, namespace);
        if waiter.is_none() {
            let peer = self.peer();
            tracing::debug!(session = %self.id, ?peer, namespace, ?ack_id, "an answer to nothing: ignored");
        }
        waiter
    }

    /// An event for a namespace that the session is not in: dropped, and said so if anybody waits.
    fn not_connected(self: &Arc<Self>, namespace: &str, event: &str, ack_id: Option<AckId>) {
        tracing::debug!(
            session = %self.id, peer = ?self.peer(), namespace, event,
            "event dropped: not connected",
        );
        // The decoder has checked the name.
        let (Some(ack_id), Ok(name)) = (ack_id, NamespaceName::try_from(namespace)) else {
            return;
        };
        let (code, nil) = (Code::NOT_CONNECTED, Value::nil());
        let _ = self.push(Prepared::failed(&name, ack_id, code, "not connected", &nil));
    }
}

/// A client is behind when more than this part of the send window is on its way to it: four times
/// what one that keeps up confirms at.
const BEHIND: usize = 16;

/// The session's side of its driver. It is a handle of its own so that the context is known as an
/// `Arc` wherever frames arrive.
pub(crate) struct Inbox(pub(crate) Arc<SessionContext>);

impl Dispatch for Inbox {
    fn sequenced(
        &self,
        _session: &Arc<Session>,
        seq: u64,
        frame: Sequenced<'_>,
        cx: &mut Context<'_>,
    ) {
        let context = &self.0;
        match frame {
            Sequenced::Connect { namespace, auth } => {
                if let Ok(name) = NamespaceName::try_from(&*namespace) {
                    context.connect(name, seq, auth, cx);
                }
            }
            Sequenced::Disconnect {
                namespace,
                code,
                reason,
            } => {
                let reason = reason.into_owned();
                // The decoder has checked the name.
                if let Ok(namespace) = NamespaceName::try_from(&*namespace) {
                    let reason = DisconnectReason::ByPeer { code, reason };
                    context.leave(&namespace, reason, Leaver::Client);
                }
            }
            Sequenced::Event {
                namespace,
                ack_id,
                event,
                args,
            } => {
                let socket = context.namespaces.lock().get(&namespace).cloned();
                match socket {
                    Some(socket) => socket.event(&event, ack_id, args.args(context.depth())),
                    None => context.not_connected(&namespace, &event, ack_id),
                }
            }
            Sequenced::Ack {
                namespace,
                ack_id,
                args,
            } => {
                if let Some(waiter) = context.answered(ack_id, &namespace) {
                    match args.args(context.depth()) {
                        Ok(payload) => waiter.answer(payload),
                        Err(bad) => waiter.bad_answer(bad),
                    }
                }
            }
            Sequenced::Failed {
                namespace,
                ack_id,
                code,
                message,
                data,
            } => {
                if let Some(waiter) = context.answered(ack_id, &namespace) {
                    let data = data.value(context.depth()).unwrap_or_else(|_| Value::nil());
                    waiter.failed(code, message.into_owned(), data);
                }
            }
            // The driver lets none of these through to a server.
            Sequenced::Connected { .. }
            | Sequenced::Refused { .. }
            | Sequenced::Ignorable { .. } => {}
        }
    }

    fn auth(&self, _session: &Arc<Session>, attach: u64, auth: Auth) -> Result<(), Violation> {
        self.0.take_auth(attach, auth)
    }

    fn best_effort(&self, _session: &Arc<Session>, frame: BestEffort<'_>, _cx: &mut Context<'_>) {
        let context = &self.0;
        let socket = context.namespaces.lock().get(frame.namespace).cloned();
        match (socket, frame.args.args(context.depth())) {
            (Some(socket), Ok(payload)) => socket.best_effort(frame.event, payload),
            (None, _) | (_, Err(_)) => context.server.count_dropped_best_effort(),
        }
    }
}
