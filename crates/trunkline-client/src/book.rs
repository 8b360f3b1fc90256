//! What a client knows of its session and its namespaces, under one short lock.

use std::collections::{HashMap, VecDeque};

use tokio::sync::{Notify, oneshot};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Ignored, Session};
use trunkline_protocol::{
    AckId, AckTable, ClientNamespace, Close, Datagrams, Drops, Encoding, FRAME_BYTES,
    NamespaceName, Payload, Prepared, Value,
};

use crate::go_away::Notice;
use crate::namespace::Namespace;
use crate::switch::SwitchWish;
use crate::{AckError, ConnectError, Connected, SocketState};

/// Who waits for an ack.
pub(crate) type AckWaiter = oneshot::Sender<Result<Payload, AckError>>;

/// Who waits for a namespace.
pub(crate) type ConnectWaiter = oneshot::Sender<Result<Connected, ConnectError>>;

/// The lock's content. Never held over an await, a hook or a handler; the session's own locks are
/// taken inside it, never around it.
pub(crate) struct Book {
    pub(crate) phase: Phase,
    /// Sessions begun so far, this one included.
    pub(crate) sessions: u64,
    /// From WELCOME until it is lost, attached or not.
    pub(crate) session: Option<Arc<Session>>,
    /// Bounded by what the application asks for; the server bounds those that are connected.
    pub(crate) members: HashMap<NamespaceName, Member>,
    pub(crate) acks: AckTable<AckWaiter>,
    /// The newest answers: their events arrived, whatever receipt is missing.
    pub(crate) answered: Answered,
    /// Bytes in all `Member::offline`.
    pub(crate) offline_bytes: usize,
    /// Best-effort events that sessions before this one dropped, and those that came to none.
    pub(crate) dropped: Drops,
    /// Best-effort events of the server that sessions before this one dropped, and those for a socket
    /// that was not connected.
    pub(crate) ignored: Ignored,
    /// Wakes who waits for less to wait, when that may be so outside of the session's own queue.
    pub(crate) lightened: Arc<Notify>,
    /// The session cannot keep its promise and is to end with this.
    pub(crate) broken: Option<Close>,
    pub(crate) go_away: Option<Notice>,
    /// How best-effort frames travel on the present connection.
    pub(crate) datagrams: Datagrams,
    /// The application wants another transport.
    pub(crate) switch: Option<SwitchWish>,
    /// A connect was asked for while the client waits for its next attempt.
    pub(crate) hurry: bool,
    /// Hooks for lost sessions that were begun.
    pub(crate) losses: u64,
}

/// Where a client is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has no task.
    Idle,
    /// Its task dials, drives or waits.
    Running,
    /// Its task winds up.
    Closing,
    /// It is closed for good.
    Closed,
}

/// One namespace's part.
pub(crate) struct Member {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) auth: Value,
    pub(crate) machine: ClientNamespace,
    /// The application wants it connected.
    pub(crate) wanted: bool,
    /// Its CONNECT has been handed to this session, or is under way ahead of WELCOME.
    pub(crate) asked: bool,
    /// A CONNECT under way ahead of WELCOME was given up: DISCONNECT follows WELCOME.
    pub(crate) leaving: bool,
    pub(crate) connected: Option<Connected>,
    /// Connected, and no hook stands before what is emitted.
    pub(crate) open: bool,
    /// It was connected in a session that was lost since.
    pub(crate) reattaching: bool,
    /// Events are taken: it was never connected yet, or is wanted.
    pub(crate) accepting: bool,
    /// Events that wait for it to be open.
    pub(crate) offline: VecDeque<Prepared>,
    pub(crate) waiters: Vec<ConnectWaiter>,
}

/// The acks that came last. More than a window of events cannot be without receipt, and a window
/// holds about as many small ones as this.
#[derive(Debug, Default)]
pub(crate) struct Answered(VecDeque<AckId>);

impl Answered {
    pub(crate) fn note(&mut self, ack_id: AckId) {
        if self.0.len() >= ANSWERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(ack_id);
    }

    pub(crate) fn contains(&self, ack_id: AckId) -> bool {
        self.0.contains(&ack_id)
    }
}

/// Answers remembered. An event answered earlier than these, and still without a receipt, is told as
/// unknown.
const ANSWERED_MAX: usize = 4096;

impl Book {
    pub(crate) fn new(pending_acks: usize) -> Self {
        Self {
            phase: Phase::Idle,
            sessions: 0,
            session: None,
            members: HashMap::new(),
            acks: AckTable::new(pending_acks),
            answered: Answered::default(),
            offline_bytes: 0,
            dropped: Drops::default(),
            ignored: Ignored::default(),
            lightened: Arc::default(),
            broken: None,
            go_away: None,
            datagrams: Datagrams::Emulated,
            switch: None,
            hurry: false,
            losses: 0,
        }
    }

    /// Whether frames of this session still count.
    pub(crate) fn is_current(&self, session: &Arc<Session>) -> bool {
        let current = self.session.as_ref();
        current.is_some_and(|current| Arc::ptr_eq(current, session))
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    pub(crate) fn wants_nothing(&self) -> bool {
        !self.members.values().any(|member| member.wanted)
    }

    pub(crate) fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let members = self.members.values();
        members.map(|m| Arc::clone(&m.namespace)).collect()
    }

    /// Keeps what a session counted that is let go.
    pub(crate) fn count_session(&mut self, session: &Session) {
        self.dropped += session.drops();
        self.ignored += session.ignored();
    }

    /// Best-effort events that were dropped.
    pub(crate) fn drops(&self) -> Drops {
        let mut drops = self.dropped;
        if let Some(session) = &self.session {
            drops += session.drops();
        }
        drops
    }

    /// Best-effort events of the server that were dropped.
    pub(crate) fn ignored(&self) -> Ignored {
        let mut ignored = self.ignored;
        if let Some(session) = &self.session {
            ignored += session.ignored();
        }
        ignored
    }

    /// Bytes that wait for the server.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.offline_bytes
            + self
                .session
                .as_ref()
                .map_or(0, |session| session.queued_bytes())
    }

    /// How many events wait for the server, with the few other frames among them.
    pub(crate) fn queued_events(&self) -> usize {
        let session = self.session.as_ref();
        self.offline_events() + session.map_or(0, |session| session.queued_frames())
    }

    /// How many events are in all `Member::offline`.
    pub(crate) fn offline_events(&self) -> usize {
        match self.offline_bytes {
            0 => 0,
            _ => self.members.values().map(|m| m.offline.len()).sum(),
        }
    }

    /// Takes out what waits for a namespace that is left, and settles its acks.
    pub(crate) fn leave(&mut self, name: &str) -> VecDeque<Prepared> {
        let member = self.members.get_mut(name);
        let waiting = member.map(|member| std::mem::take(&mut member.offline));
        let waiting = waiting.unwrap_or_default();
        self.offline_bytes -= waiting.iter().map(offline_len).sum::<usize>();
        self.lightened.notify_waiters();
        for waiter in self.acks.leave(name) {
            // Whoever gave up waiting needs no answer, here and below.
            let _ = waiter.send(Err(AckError::Disconnected));
        }
        waiting
    }
}

impl Member {
    pub(crate) fn new(namespace: Arc<Namespace>) -> Self {
        Self {
            namespace,
            auth: Value::nil(),
            machine: ClientNamespace::default(),
            wanted: false,
            asked: false,
            leaving: false,
            connected: None,
            open: false,
            reattaching: false,
            accepting: true,
            offline: VecDeque::new(),
            waiters: Vec::new(),
        }
    }

    /// Notes that it is not connected any more and not to be, and tells who waits.
    pub(crate) fn end(&mut self, state: SocketState, error: &ConnectError) {
        self.wanted = false;
        self.accepting = false;
        self.open = false;
        self.reattaching = false;
        self.connected = None;
        self.namespace.state.send_replace(state);
        for waiter in self.waiters.drain(..) {
            let _ = waiter.send(Err(error.clone()));
        }
    }

    pub(crate) fn connect_frame(&self) -> Prepared {
        Prepared::connect(&self.namespace.name, &self.auth)
    }
}

/// What an event counts for while no session says how it is encoded: as in a session's queue.
pub(crate) fn offline_len(frame: &Prepared) -> usize {
    frame.len(Encoding::MessagePack) + FRAME_BYTES
}
