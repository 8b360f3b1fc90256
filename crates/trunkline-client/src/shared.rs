//! What a client's handles and its task share.

use std::pin::pin;
use std::sync::{OnceLock, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use trunkline_driver::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering};
use trunkline_driver::{Session, clock};
use trunkline_protocol::{AckId, Close, Code, Datagrams, MAX_INTEGER, Prepared, PushError};

use crate::book::{Book, Phase};
use crate::builder::Config;
use crate::client::Handle;
use crate::inbox::{Finished, Incoming};
use crate::lost::Hook;
use crate::namespace::Namespace;
use crate::stats::Counters;
use crate::tasks::Tasks;
use crate::{CurrentTransport, EventsDropped, SessionLost, Socket, State};

/// What a client's handles and its task share. Handles count; this does not.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: watch::Sender<State>,
    pub(crate) tasks: Tasks,
    pub(crate) counters: Counters,
    /// The application wants everything to end without another word.
    aborted: watch::Sender<bool>,
    /// Wakes the client's task to look around.
    pub(crate) bell: Notify,
    pub(crate) on_lost: Mutex<Option<Hook<SessionLost>>>,
    pub(crate) on_dropped: Mutex<Option<Hook<EventsDropped>>>,
    /// How many of the hooks for lost sessions are done.
    pub(crate) hooks_done: watch::Sender<u64>,
    /// Questions for fresh credentials so far; only the latest is worked on.
    pub(crate) asked: watch::Sender<u64>,
    /// When fresh credentials were last fetched for a session that goes on.
    pub(crate) refreshed: Mutex<Option<Instant>>,
    /// After GOAWAY the client's task wants to know when an event is done with.
    pub(crate) draining: AtomicBool,
    pub(crate) book: Mutex<Book>,
    handle: OnceLock<Weak<Handle>>,
    next_ack: AtomicU64,
    /// None until it was measured.
    pub(crate) round_trip: watch::Sender<Option<Duration>>,
    /// None without a connection.
    pub(crate) transport: watch::Sender<Option<CurrentTransport>>,
    /// Wakes the client's task to look for a switch that is wanted.
    pub(crate) switching: Notify,
    backlog: Mutex<Backlog>,
}

/// Events that wait for their handlers and streams.
#[derive(Default)]
struct Backlog {
    bytes: usize,
    /// The session whose receipts are withheld because of them.
    held: Option<Arc<Session>>,
    /// Answers that the latest session waits for, if it waits for any.
    owed: Option<(Arc<Session>, usize)>,
}

impl Backlog {
    /// Notes an answer that is due. Those of an earlier session are nobody's any more.
    fn owe(&mut self, session: &Arc<Session>) {
        match &mut self.owed {
            Some((owed, answers)) if Arc::ptr_eq(owed, session) => *answers += 1,
            owed => *owed = Some((Arc::clone(session), 1)),
        }
    }

    /// Notes that an answer was given, or never will be.
    fn settle(&mut self, session: &Arc<Session>) {
        if let Some((owed, answers)) = &mut self.owed
            && Arc::ptr_eq(owed, session)
        {
            *answers -= 1;
            if *answers == 0 {
                self.owed = None;
            }
        }
    }
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let limits = config.settings.limits;
        Self {
            config,
            state: watch::Sender::new(State::Idle),
            tasks: Tasks::default(),
            counters: Counters::default(),
            aborted: watch::Sender::new(false),
            bell: Notify::new(),
            on_lost: Mutex::default(),
            on_dropped: Mutex::default(),
            hooks_done: watch::Sender::new(0),
            asked: watch::Sender::new(0),
            refreshed: Mutex::default(),
            draining: AtomicBool::new(false),
            book: Mutex::new(Book::new(limits.pending_acks as usize)),
            handle: OnceLock::new(),
            next_ack: AtomicU64::new(1),
            round_trip: watch::Sender::new(None),
            transport: watch::Sender::new(None),
            switching: Notify::new(),
            backlog: Mutex::default(),
        }
    }

    /// Remembers how to make handles, without being one.
    pub(crate) fn handled_by(&self, handle: &Weak<Handle>) {
        // Set once, where the client is made.
        let _ = self.handle.set(Weak::clone(handle));
    }

    /// A handle for a handler or a hook; none once the application has dropped all of its own.
    pub(crate) fn socket(&self, namespace: &Arc<Namespace>, ahead: Option<u64>) -> Option<Socket> {
        let handle = self.handle.get()?.upgrade()?;
        Some(Socket::new(handle, Arc::clone(namespace), ahead))
    }

    /// Begins to close. False if there is no task to do it.
    pub(crate) fn begin_closing(&self) {
        let mut book = self.book.lock();
        let mut idle = Vec::new();
        match book.phase {
            Phase::Running => book.phase = Phase::Closing,
            Phase::Idle => {
                idle = book.namespaces();
                book.phase = Phase::Closed;
                self.state.send_replace(State::Closed {
                    code: Code::NORMAL,
                    reason: String::new(),
                });
            }
            Phase::Closing | Phase::Closed => {}
        }
        book.lightened.notify_waiters();
        drop(book);
        // Without a task nobody else does.
        idle.iter().for_each(|namespace| namespace.clear(self));
        // In a switch two wait for it: the connection, and the attempt beside it.
        self.bell.notify_waiters();
        self.bell.notify_one();
    }

    /// Ends all that is under way, without another word to the server.
    pub(crate) fn abort(&self) {
        self.aborted.send_replace(true);
        self.begin_closing();
        self.tasks.abort();
    }

    /// Ready when the application has aborted the client.
    pub(crate) async fn aborted(&self) {
        // The sender lives as long as what it is part of.
        let _ = self.aborted.subscribe().wait_for(|aborted| *aborted).await;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.book.lock().is_closing()
    }

    /// Ready when the application has closed the client.
    pub(crate) async fn closing(&self) {
        loop {
            // Listening comes first, or the bell could ring between looking and listening.
            let mut rung = pin!(self.bell.notified());
            rung.as_mut().enable();
            if self.is_closing() {
                return;
            }
            rung.await;
        }
    }

    /// Pushes a frame that is not an event of the application's. A session that cannot hold it is
    /// broken: the client's task ends it.
    pub(crate) fn answer(&self, session: &Arc<Session>, frame: Prepared) {
        let Err(error) = push(session, frame) else {
            return;
        };
        let mut book = self.book.lock();
        if book.is_current(session) {
            book.broken.get_or_insert(error);
            drop(book);
            self.bell.notify_one();
        }
    }

    /// An id that no event of this client had before.
    pub(crate) fn next_ack_id(&self) -> Option<AckId> {
        AckId::new(self.next_ack.fetch_add(1, Ordering::Relaxed) % MAX_INTEGER)
    }

    pub(crate) fn note_round_trip(&self, session: &Session, round_trip: Duration) {
        self.round_trip.send_replace(Some(round_trip));
        let Some(bytes) = session.max_datagram() else {
            return;
        };
        self.transport.send_if_modified(|transport| {
            let Some(transport) = transport else {
                return false;
            };
            let is_native = transport.datagrams == Datagrams::Native;
            let is_new = is_native && transport.datagram_bytes != bytes;
            if is_new {
                transport.datagram_bytes = bytes;
            }
            is_new
        });
    }

    /// Notes that an event waits for its handler or reader. While more wait than `limits.inbound`,
    /// receipts are withheld, so that the rest waits at the server.
    pub(crate) fn queued(&self, incoming: &Incoming) {
        let session = &incoming.session;
        let mut backlog = self.backlog.lock();
        backlog.bytes += incoming.size();
        if incoming.ack_id.is_some() {
            backlog.owe(session);
        }
        let held = backlog.held.as_ref();
        let is_held = held.is_some_and(|held| Arc::ptr_eq(held, session));
        if backlog.bytes > self.backlog_limit() && !is_held {
            backlog.held = Some(Arc::clone(session));
            session.hold_receipts(true, clock::now());
        }
    }

    /// Notes that an event does not wait any more, and that its answer, if one was due, is given.
    pub(crate) fn handled(&self, done: Finished) {
        let mut backlog = self.backlog.lock();
        backlog.bytes -= done.size;
        if done.asked {
            backlog.settle(&done.session);
        }
        if backlog.bytes <= self.backlog_limit()
            && let Some(session) = backlog.held.take()
        {
            session.hold_receipts(false, clock::now());
        }
        drop(backlog);
        if self.draining.load(Ordering::Relaxed) {
            self.bell.notify_one();
        }
    }

    /// Whether the server waits for answers to events of this session that wait here.
    pub(crate) fn owes_answers(&self, session: &Arc<Session>) -> bool {
        let backlog = self.backlog.lock();
        let owed = backlog.owed.as_ref();
        owed.is_some_and(|(owed, _)| Arc::ptr_eq(owed, session))
    }

    /// Bytes of events that wait for their handlers and readers.
    pub(crate) fn backlog_bytes(&self) -> usize {
        self.backlog.lock().bytes
    }

    fn backlog_limit(&self) -> usize {
        self.config.settings.limits.inbound as usize
    }
}

/// Pushes; gives the CLOSE for a session that cannot hold the frame. One that has ended needs none.
pub(crate) fn push(session: &Arc<Session>, frame: Prepared) -> Result<(), Close> {
    match session.push(frame) {
        Err(error @ PushError::Overflow { .. }) => {
            Err(Close::new(Code::OVERFLOW, error.to_string()))
        }
        _ => Ok(()),
    }
}
