//! A namespace as the application sees it.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_driver::Delivery;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{
    AnsweredWith, DecodeError, EncodeError, EventName, EventWith, IntoArgs, IntoEventName,
    NamespaceName, SocketId, Value,
};

use crate::client::Handle;
use crate::emit::Asked;
use crate::handler::{Handled, any};
use crate::lost::hook;
use crate::membership::closed_here;
use crate::namespace::{Interest, Namespace, Taker};
use crate::shared::Shared;
use crate::stream::{Make, NextEvent};
use crate::{
    Acked, BestEffortEmitter, Client, ConnectError, EmitError, EventStream, FromEvent, Handler,
    Offers, SocketState, Subscription, Watch,
};

/// One namespace of a client. A cheap handle that keeps the client alive.
///
/// Its events are handled in order, one at a time. Acks are not behind them: a handler may await
/// the ack of an event that it emits itself. (If the other side's handler then awaits one from
/// here, both wait until one times out.)
#[derive(Clone)]
pub struct Socket {
    handle: Arc<Handle>,
    namespace: Arc<Namespace>,
    /// The session in which its events go ahead of the queue: the hook's that runs before it opens.
    ahead: Option<u64>,
}

/// What the server said with CONNECTED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    id: SocketId,
    data: Value,
}

impl Connected {
    pub(crate) const fn new(id: SocketId, data: Value) -> Self {
        Self { id, data }
    }

    /// The socket's public id. It stays the same as long as the session does.
    #[must_use]
    pub const fn id(&self) -> &SocketId {
        &self.id
    }

    /// The data as it came; nil if there was none.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.data
    }

    /// The data as a `T`.
    ///
    /// # Errors
    /// It does not fit.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        self.data.decode()
    }
}

impl Socket {
    pub(crate) const fn new(
        handle: Arc<Handle>,
        namespace: Arc<Namespace>,
        ahead: Option<u64>,
    ) -> Self {
        Self {
            handle,
            namespace,
            ahead,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }

    pub(crate) fn space(&self) -> &Namespace {
        &self.namespace
    }

    pub(crate) const fn ahead(&self) -> Option<u64> {
        self.ahead
    }

    /// The namespace's name.
    #[must_use]
    pub fn namespace(&self) -> &NamespaceName {
        &self.namespace.name
    }

    /// The client it belongs to.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::from_handle(Arc::clone(&self.handle))
    }

    /// The socket's public id, while it is connected.
    #[must_use]
    pub fn id(&self) -> Option<SocketId> {
        match &*self.namespace.state.borrow() {
            SocketState::Connected { id } => Some(id.clone()),
            _ => None,
        }
    }

    /// What the socket is doing, now and from now on.
    #[must_use]
    pub fn state(&self) -> Watch<SocketState> {
        Watch::new(self.namespace.state.subscribe())
    }

    /// Sets the credentials that go with every CONNECT from now on, also after a lost session.
    ///
    /// # Errors
    /// They do not encode.
    pub fn set_auth<T: Serialize + ?Sized>(&self, auth: &T) -> Result<(), EncodeError> {
        let auth = Value::encode(auth)?;
        self.shared().set_auth(&self.namespace.name, auth);
        Ok(())
    }

    /// Connects the socket, and the client if it was not; at once if it is connected already.
    ///
    /// While the server cannot be reached it goes on trying, up to the limits of the
    /// [`Builder`](crate::Builder): by default for ever. From then on it stays connected until
    /// either side disconnects it, over as many connections and sessions as it takes.
    ///
    /// # Errors
    /// See [`ConnectError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Connecting goes on when the future is dropped; [`disconnect`](Self::disconnect) ends it.
    pub async fn connect(&self) -> Result<Connected, ConnectError> {
        let answer = self.shared().connect(&self.namespace.name)?;
        // Every waiter is told; without one the client's task is gone with its runtime.
        answer.await.unwrap_or_else(|_| Err(closed_here()))
    }

    /// Leaves the namespace. What was emitted before and could be sent still arrives; what waits
    /// for the connection is dropped, and so are events that wait for a handler. Pending acks end
    /// as [`Disconnected`](crate::AckError::Disconnected).
    pub fn disconnect(&self) {
        self.shared().disconnect(&self.namespace.name);
    }

    /// Handles the events of one name. The handler of an [`Event<T, R>`](crate::Event) takes a
    /// `Data<T>`, if it takes content, and returns an `R`.
    ///
    /// # Panics
    /// If the name is none, or has a handler already.
    pub fn on<E: Handled, P>(&self, event: E, handler: impl Handler<P, E::Stage>) -> Subscription {
        self.subscribe(Interest::Named(named(event)), handler, false)
    }

    /// Handles the events that have no handler or stream of their own, in place of `unknown-event`;
    /// [`EventName`] tells it which event it is.
    ///
    /// # Panics
    /// If there is such a handler, or such a [stream](Self::stream_fallback), already.
    pub fn on_fallback<P>(&self, handler: impl Handler<P>) -> Subscription {
        self.subscribe(Interest::Fallback, handler, false)
    }

    /// Sees every event, also those that nobody handles, beside their handlers: the handler begins
    /// when this is done. What it returns is nobody's answer; if it fails, that is logged.
    ///
    /// Streams have their events at once, and do not wait for it. Of best-effort events it sees those
    /// that are handled, and others while nothing waits; of latest values the newest waits for it too,
    /// but for those that a stream takes.
    ///
    /// ```no_run
    /// # use trunkline_client::{EventName, Payload};
    /// # fn example(socket: &trunkline_client::Socket) {
    /// socket.on_any(|event: EventName, args: Payload| async move {
    ///     println!("{event}: {} args", args.count());
    /// });
    /// # }
    /// ```
    ///
    /// # Panics
    /// If there is such a handler already.
    pub fn on_any<P>(&self, handler: impl Handler<P>) -> Subscription {
        self.subscribe(Interest::Any, handler, false)
    }

    /// Handles the next event of one name, and then no more: later ones are for whoever is
    /// registered after that.
    ///
    /// # Panics
    /// As [`on`](Self::on).
    pub fn once<E: Handled, P>(
        &self,
        event: E,
        handler: impl Handler<P, E::Stage>,
    ) -> Subscription {
        self.subscribe(Interest::Named(named(event)), handler, true)
    }

    /// The events of one name as a stream, in place of a handler. `P` is what a handler would take:
    /// [`Data<T>`](crate::Data), [`Args<T>`](crate::Args), [`Payload`](crate::Payload).
    ///
    /// See [`EventStream`] for what waits in it, and who answers.
    ///
    /// ```no_run
    /// # use trunkline_client::Data;
    /// # async fn example(socket: trunkline_client::Socket) {
    /// let mut lines = socket.stream::<Data<String>>("said");
    /// while let Some(Data(line)) = lines.next().await {
    ///     println!("{line}");
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`on`](Self::on).
    #[must_use = "a stream that is dropped takes no event"]
    pub fn stream<P>(&self, event: impl Handled<Stage: Offers<P>>) -> EventStream<P> {
        let make = make_of(&event);
        let interest = Interest::Named(named(event));
        EventStream::new(self.shared(), &self.namespace, interest, make)
    }

    /// The events that have no handler or stream of their own, as a stream; take an
    /// [`Invocation`](crate::Invocation) to see their names.
    ///
    /// # Panics
    /// As [`on_fallback`](Self::on_fallback).
    #[must_use = "a stream that is dropped takes no event"]
    pub fn stream_fallback<P: FromEvent>(&self) -> EventStream<P> {
        EventStream::new(
            self.shared(),
            &self.namespace,
            Interest::Fallback,
            P::from_event,
        )
    }

    /// Waits for the next event of one name that is a `P`, from this call on. None once the client is
    /// closed.
    ///
    /// ```no_run
    /// # use trunkline_client::Data;
    /// # async fn example(socket: trunkline_client::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ready = socket.next::<Data<u32>>("ready"); // nothing is missed from here on
    /// socket.emit("prepare", ())?;
    /// let Some(Data(seats)) = ready.await else { return Ok(()) };
    /// # let _ = seats;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`on`](Self::on).
    ///
    /// # Cancel safety
    /// Dropping it gives up waiting; an event that it had not returned is answered as unknown.
    pub fn next<P>(&self, event: impl Handled<Stage: Offers<P>>) -> NextEvent<P> {
        NextEvent::new(self.stream(event))
    }

    fn subscribe<P, S>(
        &self,
        interest: Interest,
        handler: impl Handler<P, S>,
        once: bool,
    ) -> Subscription {
        let handler = Taker::Handler(any(handler));
        let route = self.namespace.subscribe(&interest, handler, once);
        Subscription::new(Arc::clone(&self.namespace), interest, route)
    }

    /// Sets what runs when the socket is connected again after its session was lost; instead of an
    /// earlier one. It does not run after a [`connect`](Self::connect) of the application's own, also
    /// not the one that follows giving up: what that needs can follow it.
    ///
    /// What it emits on the socket it is given goes ahead of everything that waits; the queue opens
    /// when it is done, so it must end. If that session is lost too before it is done, the hook runs
    /// once more in the next one, and what the first run still emits waits like everything else.
    pub fn on_reattach<F, Fut>(&self, function: F)
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let before = self.namespace.on_reattach.lock().replace(hook(function));
        // Outside the lock: it may hold handles.
        drop(before);
    }

    /// Emits an event. It is sent exactly once and in order, for the life of the session; while
    /// there is no connection it waits.
    ///
    /// # Errors
    /// See [`EmitError`]: then it is not sent. What it was to send is borrowed, and so the caller's
    /// still. What was taken and is not sent after all is handed back by
    /// [`on_session_lost`](Client::on_session_lost) or
    /// [`on_events_dropped`](Client::on_events_dropped).
    pub fn emit<A: IntoArgs>(&self, event: impl EventWith<A>, args: A) -> Result<(), EmitError> {
        let event = event.into_event_name()?;
        let args = args.into_args()?;
        let taken = self
            .shared()
            .emit(&self.namespace, &event, &args, None, self.ahead);
        taken.map(|_| ())
    }

    /// Emits volatile events: one is handed to the connection at once, or dropped: when something else
    /// still waits for it, when the transport takes no more, and while the socket is not connected or
    /// has no connection. Nothing keeps or repeats it, and it may be as large as others. For what the
    /// next event makes worthless: a typing sign, a progress.
    ///
    /// Specification: best-effort.md, BEF-012.
    pub const fn volatile(&self) -> BestEffortEmitter<'_> {
        BestEffortEmitter::new(self, Delivery::VOLATILE)
    }

    /// Emits events in datagrams, which nothing in front of them holds up: over WebTransport the
    /// network's own, over WebSocket emulated ones, a few of which wait until the connection is nearly
    /// drained while newer ones displace older ones. They may be lost, and overtake each other. One is
    /// at most what the connection takes, 1,000 bytes at least.
    ///
    /// Specification: best-effort.md.
    pub const fn datagram(&self) -> BestEffortEmitter<'_> {
        BestEffortEmitter::new(self, Delivery::DATAGRAM)
    }

    /// Emits the latest value of what the event and `key` name, in a datagram: of values for the same
    /// key only a newer one than those before is ever handed to a handler. The newest may be lost too:
    /// whoever emits values repeats them. For positions, 30 times a second.
    ///
    /// While handlers of the other side's socket are busy, of each key the newest value waits for them, in
    /// the place of those before.
    ///
    /// Specification: best-effort.md, BEF-007 to BEF-011.
    pub const fn latest<'a>(&'a self, key: &'a str) -> BestEffortEmitter<'a> {
        BestEffortEmitter::new(self, Delivery::latest(key))
    }

    /// Bytes of events and answers that wait for the server, of all of the client's sockets, with 64
    /// more for each, which is what holding it takes.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared().queued_bytes()
    }

    /// Bytes that may still wait before an emit is refused: what is left of
    /// [`Builder::queue_bytes`](crate::Builder::queue_bytes).
    #[must_use]
    pub fn capacity(&self) -> usize {
        let shared = self.shared();
        shared.queue_limit().saturating_sub(shared.queued_bytes())
    }

    /// Waits until the server's connection has taken all that the client's sockets emitted, or the
    /// client is closed. While there is no connection, it waits for the next one. Whether it arrived
    /// is another matter: that is what an ack says.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn drained(&self) {
        self.shared().lightened(0).await;
    }

    /// Emits an event once at most half of [`Builder::queue_bytes`](crate::Builder::queue_bytes)
    /// waits: for whoever makes events faster than the server may take them.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready emits nothing.
    pub async fn emit_when_ready<A: IntoArgs>(
        &self,
        event: impl EventWith<A>,
        args: A,
    ) -> Result<(), EmitError> {
        let (event, args) = (event.into_event_name()?, args.into_args()?);
        let shared = self.shared();
        shared.lightened(shared.queue_limit() / 2).await;
        let taken = shared.emit(&self.namespace, &event, &args, None, self.ahead);
        taken.map(|_| ())
    }

    /// Emits an event that asks for an ack, and awaits it: the first arg of the answer as a `T`.
    ///
    /// It is emitted when it is first polled. [`Acked::payload`] gives all args of the answer.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(socket: trunkline_client::Socket) -> Result<(), trunkline_client::AckError> {
    /// let seen: u32 = socket.emit_with_ack("say", "hello").timeout(Duration::from_secs(5)).await?;
    /// # let _ = seen;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<T: DeserializeOwned, A: IntoArgs>(
        &self,
        event: impl EventWith<A> + AnsweredWith<T>,
        args: A,
    ) -> Acked<T> {
        let asked = || Ok((event.into_event_name()?, args.into_args()?));
        Acked::new(Asked::new(self.clone(), asked()))
    }
}

/// The name of an event to subscribe to.
fn named(event: impl IntoEventName) -> EventName {
    match event.into_event_name() {
        Ok(event) => event,
        Err(error) => panic!("no event: {error}"),
    }
}

/// How an item of a stream is made of this event.
fn make_of<P, E: Handled<Stage: Offers<P>>>(_event: &E) -> Make<P> {
    <E::Stage as Offers<P>>::offer
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("namespace", &self.namespace.name)
            .field("state", &*self.namespace.state.borrow())
            .finish()
    }
}
