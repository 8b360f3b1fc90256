//! The client's handle.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use trunkline_driver::clock;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{InvalidName, NamespaceName};
use trunkline_transport::TransportKind;

use crate::builder::Config;
use crate::lost::hook;
use crate::shared::Shared;
use crate::switch::SwitchWish;
use crate::{
    Builder, CurrentTransport, EventsDropped, SessionLost, Socket, State, Stats, SwitchError, Watch,
};

/// One session with a server, kept alive over any number of connections.
///
/// A cheap handle: clones and [`Socket`]s are the same client. Nothing is dialled before a socket
/// [connects](Socket::connect). When the last handle is dropped the client closes as
/// [`close`](Self::close) does, and handlers and hooks under way are cancelled.
///
/// ```no_run
/// # use trunkline_client::{Client, Data};
/// # async fn example(dialer: std::sync::Arc<dyn trunkline_transport::Dialer>) -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("https://localhost:3000").dialer(dialer).build()?;
/// let socket = client.socket("/");
/// socket.on("said", |Data(line): Data<String>| async move { println!("{line}") });
/// socket.connect().await?; // nothing arrives before the handlers stand
/// let seen: u32 = socket.emit_with_ack("say", "hello").await?;
/// # let _ = seen;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// Counts the application's handles: the client closes with the last one.
pub(crate) struct Handle(Arc<Shared>);

impl Handle {
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.begin_closing();
        self.0.tasks.abort();
    }
}

impl Client {
    /// A client of the server at `url`, with everything else to be said.
    ///
    /// The path is `/trunkline` unless the URL has one; it is never a namespace. The query is kept.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) fn start(config: Config) -> Self {
        let shared = Arc::new(Shared::new(config));
        let handle = Arc::new_cyclic(|handle| {
            shared.handled_by(handle);
            Handle(shared)
        });
        Self { handle }
    }

    pub(crate) const fn from_handle(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }

    /// The socket of a namespace; the same one for the same name.
    ///
    /// # Panics
    /// If the name is none: it starts with "/" and has at most 255 bytes. For names that are not
    /// the program's own use [`try_socket`](Self::try_socket).
    #[must_use]
    pub fn socket(&self, namespace: &str) -> Socket {
        match self.try_socket(namespace) {
            Ok(socket) => socket,
            Err(error) => panic!("{namespace:?} is no namespace: {error}"),
        }
    }

    /// As [`socket`](Self::socket).
    ///
    /// # Errors
    /// The name is none.
    pub fn try_socket(&self, namespace: &str) -> Result<Socket, InvalidName> {
        let name = NamespaceName::try_from(namespace)?;
        let namespace = self.shared().namespace(name);
        Ok(Socket::new(Arc::clone(&self.handle), namespace, None))
    }

    /// What the client is doing, now and from now on.
    #[must_use]
    pub fn state(&self) -> Watch<State> {
        Watch::new(self.shared().state.subscribe())
    }

    /// What the client has done, dropped and refused so far, and what it holds now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared().stats()
    }

    /// The time of the last PING's way there and back, to the microsecond; none until one was
    /// answered. Measured at the start of every connection and by [`probe`](Self::probe). It holds
    /// what the server took to answer, and lets go of a PONG that answers no PING.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        *self.shared().round_trip.borrow()
    }

    /// [`round_trip`](Self::round_trip), now and from now on.
    #[must_use]
    pub fn watch_round_trip(&self) -> Watch<Option<Duration>> {
        Watch::new(self.shared().round_trip.subscribe())
    }

    /// What the client is connected over, now and from now on; none while it has no connection.
    #[must_use]
    pub fn transport(&self) -> Watch<Option<CurrentTransport>> {
        Watch::new(self.shared().transport.subscribe())
    }

    /// Moves the session to another transport while it goes on: nothing is lost, repeated or reordered,
    /// sockets stay connected, and pending acks go on waiting. Ready when it is there; at once if it
    /// was there already.
    ///
    /// It stays there until its connection ends; then the client dials by
    /// [`Builder::transports`](crate::Builder::transports) again, which this does not change. A later
    /// call replaces one that has not begun.
    ///
    /// # Errors
    /// See [`SwitchError`]. Then the session goes on where it was.
    ///
    /// # Cancel safety
    /// The switch goes on when the future is dropped.
    ///
    /// Specification: session.md, SES-037.
    pub async fn switch_to(&self, transport: TransportKind) -> Result<(), SwitchError> {
        let (reply, outcome) = oneshot::channel();
        self.shared().wish_switch(SwitchWish { transport, reply })?;
        outcome.await.unwrap_or(Err(SwitchError::NotConnected))
    }

    /// Asks the server for a sign of life: for after the machine slept, or to measure the round
    /// trip. Without an answer within the heartbeat's time-out the connection counts as dead. While
    /// the client waits for its next attempt, that begins at once instead.
    pub fn probe(&self) {
        let mut book = self.shared().book.lock();
        book.hurry = true;
        let session = book.session.clone();
        drop(book);
        if let Some(session) = session.filter(|session| session.is_attached()) {
            session.probe(clock::now());
        }
        self.shared().bell.notify_one();
    }

    /// Sets what runs when a session was lost, with what is unknown since; instead of an earlier
    /// one.
    ///
    /// It runs before anything that waits is sent in the session that follows. The client waits for
    /// it, so it must end; what it emits itself waits until it has.
    pub fn on_session_lost<F, Fut>(&self, function: F)
    where
        F: Fn(SessionLost) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let before = self.shared().on_lost.lock().replace(hook(function));
        // Outside the lock: it may hold handles.
        drop(before);
    }

    /// Sets what is told of events that were taken by [`emit`](Socket::emit) and that their socket on the
    /// server may never have had, since the server does not let it in, has disconnected it, or does not
    /// take them; instead of an earlier one. Each is told once, here or in
    /// [`on_session_lost`](Self::on_session_lost), which has those of a session or client that is over.
    ///
    /// Most have not left, and will not be sent: they waited for CONNECTED, for a hook, or for the
    /// server's window. Those that had left without a receipt when the server disconnected their socket
    /// are unknown, and [marked so](crate::LostEvent::sent): it may have handled them before. Nothing waits for
    /// the hook. What
    /// [`Socket::disconnect`], [`close`](Self::close) and [`abort`](Self::abort) drop is not told: whoever
    /// calls them has asked for it. [`Stats::events_dropped`] counts, with a hook or without.
    ///
    /// ```no_run
    /// # fn example(client: &trunkline_client::Client) {
    /// client.on_events_dropped(|dropped| async move {
    ///     for event in &dropped.events {
    ///         let what = if event.sent { "may be lost" } else { "was not sent" };
    ///         println!("{} {what}: {:?}", event.event, dropped.reason);
    ///     }
    /// });
    /// # }
    /// ```
    pub fn on_events_dropped<F, Fut>(&self, function: F)
    where
        F: Fn(EventsDropped) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let before = self.shared().on_dropped.lock().replace(hook(function));
        // Outside the lock: it may hold handles.
        drop(before);
    }

    /// Closes for good: sends what waits, for [`CLOSE_WAIT`] at most, then CLOSE with code 1000.
    ///
    /// Events that still wait for a handler are dropped; a handler under way goes on. Pending acks
    /// end as [`Disconnected`](crate::AckError::Disconnected). Without a connection, what waits is
    /// dropped, and the server keeps the session until its resume window is over.
    ///
    /// # Cancel safety
    /// Closing goes on when the future is dropped.
    pub async fn close(&self) {
        self.shared().begin_closing();
        let mut state = self.state();
        // The sender lives as long as this handle.
        let _ = state.wait_for(|_| self.is_closed()).await;
    }

    /// Closes for good and at once: the connection is dropped without CLOSE, and a dial under way, a
    /// handler or a hook is cancelled. Also ends a [`close`](Self::close) under way.
    ///
    /// To the server this is a connection that was cut. It keeps the session, with what it has for it,
    /// until its resume window is over (2 minutes by default); nobody can resume it. What was emitted
    /// and not confirmed may or may not have arrived, what had not left is dropped, and pending acks
    /// end as [`Disconnected`](crate::AckError::Disconnected). The state becomes
    /// [`Closed`](State::Closed) with code 1006 as soon as the client's task has looked; with 1000 if
    /// it had none.
    pub fn abort(&self) {
        self.shared().abort();
    }

    /// Whether [`close`](Self::close) or [`abort`](Self::abort) is done.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared().book.lock().phase == crate::book::Phase::Closed
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.shared().config.address)
            .field("state", &*self.shared().state.borrow())
            .finish()
    }
}

/// How long closing waits for what is queued to leave.
pub const CLOSE_WAIT: Duration = Duration::from_secs(2);
