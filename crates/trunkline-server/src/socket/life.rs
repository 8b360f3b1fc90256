//! A socket's life, from its CONNECT to its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::Notify;
use trunkline_driver::handler::{Guarded, Outcome};
use trunkline_driver::sync::{Arc, AtomicBool, Mutex, Ordering};
use trunkline_driver::{DeliveryClass, Turn};
use trunkline_protocol::{AckId, BadArgs, Code, Kind, Payload, Prepared, SocketId, Value};

use super::{DisconnectReason, Joined, Socket, SocketInner};
use crate::Failure;
use crate::accept::random;
use crate::context::SessionContext;
use crate::extract::TypeMap;
use crate::handler::Call;
use crate::middleware::Passage;
use crate::namespace::NamespaceInner;
use crate::queue::{Admitted, EventJob, Fit, Job, LineId, Lines, Moment};
use crate::routes::UNKNOWN_EVENT;
use crate::worker::{Worker, log_failure, log_panic, send_failure, span_of};

/// How long handlers that are under way when their socket ends may go on: `on_disconnect` waits so
/// long for the ordered one, and then they are ended. It is also how long `on_disconnect` may take.
///
/// A handler is ended by dropping its future, where it next waits; what it has spawned goes on.
pub const FAREWELL_LIMIT: Duration = Duration::from_secs(10);

/// What comes in and what must wait.
///
/// ```text
///   paused ──start──> open ──ended──> closed
///      └───────refused, ended──────────┘
/// ```
///
/// While paused, events wait for `on_connect`, and frames that are sent to the socket wait aside in the
/// session's queue for its CONNECTED.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) gate: Gate,
    /// `on_connect` returned, and let it in: so `on_disconnect` is due at the end.
    accepted: bool,
    lines: Lines,
    /// Why it ended, if that was before `on_connect` had returned.
    ended_early: Option<Box<DisconnectReason>>,
    closed: Option<Arc<Notify>>,
    /// Tells the handlers that wait in tasks that they have outlived the socket for too long.
    outlived: Option<Arc<Notify>>,
    /// A task that will tell them is under way.
    expires: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    #[default]
    Paused,
    Open,
    Closed,
}

/// The verdict of `on_connect`, with the data for CONNECTED.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

impl NamespaceInner {
    /// The socket of the CONNECT with this number, which has no answer yet. It is paused until it
    /// [`start`](Socket::start)s.
    pub(crate) fn begin(self: &Arc<Self>, context: &Arc<SessionContext>, connect: u64) -> Socket {
        Socket(Arc::new(SocketInner {
            id: SocketId::from_bytes(random()),
            namespace: Arc::clone(self),
            context: Arc::clone(context),
            connect,
            open: AtomicBool::new(false),
            over: AtomicBool::new(false),
            mailbox: Mutex::default(),
            rooms: Mutex::new(Joined::default()),
            state: Mutex::new(TypeMap::default()),
        }))
    }

    /// Runs what decides about a CONNECT: `authorize`, then `on_connect` and its middleware.
    pub(crate) fn run_connect(self: &Arc<Self>, socket: &Socket, auth: Value) -> Connecting {
        if self.hooks().authorize.get().is_none() {
            return self.run_on_connect(socket, auth);
        }
        let (namespace, socket) = (Arc::clone(self), socket.clone());
        Box::pin(async move {
            namespace.authorize(&socket, &auth).await?;
            namespace.run_on_connect(&socket, auth).await
        })
    }

    fn run_on_connect(self: &Arc<Self>, socket: &Socket, auth: Value) -> Connecting {
        let socket = socket.clone();
        let has_layers = !self.routes().connect_layers().is_empty();
        let hook = self.hooks().connect.get();
        if hook.is_none() && !has_layers {
            let verdict = socket.let_in().map(|()| Value::nil());
            return Box::pin(std::future::ready(verdict));
        }
        let mut running = Guarded::begin_in(span_of(&socket, "on_connect"), || {
            let args = as_args(&auth)?;
            match hook {
                Some(hook) if !has_layers => hook.call(&Call::hook(&socket, &args), true),
                _ => Passage::of_connect(&socket, args).begin(0),
            }
        });
        Box::pin(async move {
            let outcome = poll_fn(|cx| {
                let _turn = Turn::enter();
                running.poll(cx)
            });
            let failure = match outcome.await {
                Outcome::Done(data) => {
                    socket.let_in()?;
                    return Ok(data.iter().next().unwrap_or_default());
                }
                Outcome::Failed(failure) => {
                    log_failure(&socket, "on_connect", &failure);
                    failure
                }
                Outcome::Panicked(panic) => {
                    log_panic(&socket, "on_connect", &panic);
                    Failure::internal()
                }
            };
            Err(failure)
        })
    }
}

impl Socket {
    /// Whether the socket is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.mailbox.lock().gate == Gate::Closed
    }

    /// Waits until the socket is over, and no longer: `on_disconnect` may not have run yet.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let notified = {
            let mailbox = &mut *self.0.mailbox.lock();
            (mailbox.gate != Gate::Closed)
                .then(|| Arc::clone(mailbox.closed.get_or_insert_default()).notified_owned())
        };
        async move {
            if let Some(notified) = notified {
                notified.await;
            }
        }
    }

    /// CONNECTED is on its way: lets out what waited for it, and lets the client's events in.
    pub(crate) fn start(&self) {
        let _turn = Turn::enter();
        let jobs = {
            let mailbox = &mut *self.0.mailbox.lock();
            if mailbox.gate != Gate::Paused {
                return;
            }
            self.0.namespace.add(self);
            // Under the lock, so that what is sent from now on goes behind it.
            let session = &self.0.context.session;
            session.line_up_unless(&self.0.over, self.0.connect);
            mailbox.gate = Gate::Open;
            self.0.open.store(true, Ordering::Release);
            self.release(&mut mailbox.lines)
        };
        for admitted in jobs {
            Worker::new(self.clone(), admitted).run();
        }
    }

    /// Gives up what waited for a CONNECTED that does not come: the events are discarded and counted, and
    /// only those who asked get their answer. To be called once nothing more can be pushed aside.
    fn give_up_early(&self) {
        let context = &self.0.context;
        let early = context.session.take_aside(self.0.connect);
        let of_kind = |kind| early.iter().filter(move |frame| frame.kind() == kind);
        context
            .server
            .count_discarded_events(of_kind(Kind::EVENT).count());
        for answer in of_kind(Kind::FAILED) {
            let _ = context.push(answer.clone());
        }
    }

    /// The CONNECT is refused: nothing that came with it has run. One that `on_connect` let in was
    /// left meanwhile: whoever took it out of its namespace ends it, and that says farewell.
    pub(crate) fn refused(&self) {
        let (jobs, is_let_in, ends_here, closed) = {
            let mailbox = &mut *self.0.mailbox.lock();
            let is_let_in = mailbox.accepted;
            let ends_here = !is_let_in && mailbox.gate == Gate::Paused;
            let closed = ends_here.then(|| {
                mailbox.gate = Gate::Closed;
                mailbox.closed.take()
            });
            let jobs = mailbox.lines.drain();
            (jobs, is_let_in, ends_here, closed.flatten())
        };
        self.uncount(&jobs);
        self.give_up_early();
        if ends_here {
            // What it asked was among what is given up.
            self.settle_acks();
        }
        let context = &self.0.context;
        for job in jobs {
            let Job::Event(EventJob {
                ack_id: Some(ack_id),
                ..
            }) = job
            else {
                continue;
            };
            let name = self.namespace_name();
            let code = Code::NOT_CONNECTED;
            let _ = context.push(Prepared::failed(
                name,
                ack_id,
                code,
                "refused",
                &Value::nil(),
            ));
        }
        if let Some(closed) = closed {
            closed.notify_waiters();
        }
        if !is_let_in {
            self.leave_all();
        }
    }

    /// An event of the client's. It runs now, as far as it gets, or waits for its turn.
    pub(crate) fn event(self, event: &str, ack_id: Option<AckId>, args: Result<Payload, BadArgs>) {
        let namespace = &self.0.namespace;
        let args = match args {
            Ok(args) => args,
            Err(bad) => {
                let failure = Failure::bad_args(bad.to_string());
                log_failure(&self, event, &failure);
                return send_failure(&self, ack_id, &failure);
            }
        };
        let Some((route, name)) = namespace.routes().find(event) else {
            namespace.routes().count_unknown_event();
            let peer = self.0.context.peer();
            tracing::debug!(namespace = %namespace.name(), socket = %self.id(), ?peer, event, "unknown event");
            return send_failure(&self, ack_id, &Failure::unknown_event(UNKNOWN_EVENT));
        };
        self.submit(Job::Event(EventJob {
            route,
            name,
            ack_id,
            args,
            class: DeliveryClass::Reliable,
        }));
    }

    /// Whether it is connected already, and still: a best-effort event counts only then.
    pub(crate) fn takes_events(&self) -> bool {
        self.0.mailbox.lock().gate == Gate::Open
    }

    /// A best-effort event of the client's. It runs now or waits, for a LATEST in the place of an older
    /// value; it is dropped, and counted, if too much waits already.
    pub(crate) fn best_effort(self, event: &str, class: DeliveryClass, args: Payload) {
        let namespace = &self.0.namespace;
        let session = &self.0.context.session;
        let Some(found) = namespace.routes().find(event) else {
            namespace.routes().count_unknown_event();
            return session.ignore(|ignored| &mut ignored.unknown_event);
        };
        let job = Job::best_effort(found, class, args);
        let bytes = job.bytes();
        let mut mailbox = self.0.mailbox.lock();
        let admitted = match mailbox.lines.fit(job) {
            Fit::Room(job) => self.admit_to(&mut mailbox, job),
            Fit::Replaced(older) => {
                // Under the lock, as where it is admitted.
                self.0.context.queued(bytes, older.bytes());
                drop(mailbox);
                return session.ignore(|ignored| &mut ignored.conflated);
            }
            Fit::None => {
                drop(mailbox);
                namespace.routes().count_dropped_best_effort();
                return session.ignore(|ignored| &mut ignored.busy);
            }
        };
        drop(mailbox);
        if let Some(admitted) = admitted {
            Worker::new(self, admitted).run();
        }
    }

    /// The session lost its connection. What is to be run for it, if it is its turn: by the caller,
    /// once it holds no lock.
    pub(crate) fn detached(&self) -> Option<Worker> {
        let hook = self.0.namespace.hooks().detach.get();
        hook.and_then(|_| self.begin_hook(Moment::Detached))
    }

    /// The session has a connection again, nothing of which has been read yet. As
    /// [`detached`](Self::detached).
    pub(crate) fn resumed(&self) -> Option<Worker> {
        let hook = self.0.namespace.hooks().resume.get();
        hook.and_then(|_| self.begin_hook(Moment::Resumed))
    }

    fn begin_hook(&self, moment: Moment) -> Option<Worker> {
        let admitted = self.admit(Job::Hook(moment))?;
        Some(Worker::new(self.clone(), admitted))
    }

    /// The socket is over. The first call stands.
    pub(crate) fn ended(&self, reason: DisconnectReason) {
        self.silence();
        let (was, due, closed) = {
            let mailbox = &mut *self.0.mailbox.lock();
            if mailbox.gate == Gate::Closed {
                return;
            }
            let was = std::mem::replace(&mut mailbox.gate, Gate::Closed);
            self.0.open.store(false, Ordering::Release);
            let due = if mailbox.accepted {
                Some(reason)
            } else {
                mailbox.ended_early = Some(Box::new(reason));
                None
            };
            (was, due, mailbox.closed.take())
        };
        self.0.namespace.remove(self);
        if was == Gate::Paused {
            self.give_up_early();
        }
        // Also those of whoever asked between the session's settling and the gate's closing.
        self.settle_acks();
        if let Some(closed) = closed {
            closed.notify_waiters();
        }
        match (due, was) {
            (Some(reason), Gate::Open) => self.submit_farewell(reason),
            (Some(reason), _) => self.farewell(reason),
            (None, _) => {}
        }
        self.expires_if_busy();
    }

    /// Waits until the socket has been over for [`FAREWELL_LIMIT`]; if it is over already, for that
    /// long from now.
    pub(crate) fn outlived(&self) -> impl Future<Output = ()> + Send + 'static {
        let (outlived, is_over) = {
            let mailbox = &mut *self.0.mailbox.lock();
            let outlived = Arc::clone(mailbox.outlived.get_or_insert_default());
            (outlived.notified_owned(), mailbox.gate == Gate::Closed)
        };
        if is_over {
            self.expires_if_busy();
        }
        outlived
    }

    /// Sees to it that a handler which is under way ends at last, and what waits behind it.
    fn expires_if_busy(&self) {
        {
            let mailbox = &mut *self.0.mailbox.lock();
            // Whoever waits for it holds a reference.
            let outlived = mailbox.outlived.as_ref();
            let is_busy = outlived.is_some_and(|outlived| Arc::strong_count(outlived) > 1)
                || mailbox.lines.has_waiting();
            if !is_busy || std::mem::replace(&mut mailbox.expires, true) {
                return;
            }
        }
        let socket = Arc::downgrade(&self.0);
        self.0.context.server.spawn(async move {
            tokio::time::sleep(FAREWELL_LIMIT).await;
            if let Some(inner) = socket.upgrade() {
                Self(inner).expire();
            }
        });
    }

    /// Ends what is still under way, drops what waits behind it, and says farewell now if that waits
    /// too.
    fn expire(&self) {
        let (mut jobs, outlived) = {
            let mailbox = &mut *self.0.mailbox.lock();
            mailbox.expires = false;
            (mailbox.lines.drain(), mailbox.outlived.take())
        };
        self.uncount(&jobs);
        if let Some(outlived) = outlived {
            outlived.notify_waiters();
        }
        let is_farewell = |job: &Job| matches!(job, Job::Farewell(_));
        let farewell = jobs.iter().position(is_farewell);
        let farewell = farewell.map(|position| jobs.swap_remove(position));
        if !jobs.is_empty() {
            let (namespace, socket) = (self.namespace_name(), self.id());
            let events = jobs.iter().filter(|job| matches!(job, Job::Event(_)));
            let dropped = events.count();
            self.0.context.server.count_unhandled_events(dropped);
            tracing::warn!(%namespace, %socket, dropped, "events dropped: a handler outlived its socket");
        }
        if let Some(job) = farewell {
            self.run_farewell(Worker::alone(self, job));
        }
    }

    fn settle_acks(&self) {
        let (context, name) = (&self.0.context, self.namespace_name());
        let waiters = {
            let namespaces = context.namespaces.lock();
            // Those of the socket that has taken its place are none of its.
            let is_succeeded = namespaces.get(name).is_some_and(|next| next != self);
            match is_succeeded {
                true => Vec::new(),
                false => context.acks.lock().leave(name),
            }
        };
        for waiter in waiters {
            waiter.disconnected();
        }
    }

    /// The job that follows in a line, if any.
    pub(crate) fn next_job(&self, line: &LineId) -> Option<Job> {
        let mailbox = &mut *self.0.mailbox.lock();
        let was_waiting = mailbox.lines.next(line)?;
        self.0.context.queued(0, was_waiting.bytes());
        Some(was_waiting)
    }

    /// `on_connect` let it in: so does its namespace, if there is a place for it.
    fn let_in(&self) -> Result<(), Failure> {
        let namespace = &self.0.namespace;
        if let Some(concrete) = namespace.concrete() {
            let name = namespace.name();
            concrete.let_in(name).inspect_err(|failure| {
                tracing::warn!(namespace = %name, %failure, "a namespace too many");
            })?;
        }
        self.accepted();
        Ok(())
    }

    /// Whether it was let in, whatever became of it.
    pub(super) fn was_let_in(&self) -> bool {
        self.0.mailbox.lock().accepted
    }

    fn accepted(&self) {
        self.0.context.server.presence.socket_began();
        let ended_early = {
            let mailbox = &mut *self.0.mailbox.lock();
            mailbox.accepted = true;
            mailbox.ended_early.take()
        };
        if let Some(reason) = ended_early {
            self.farewell(*reason);
        }
    }

    /// Runs a job, or lets it wait for its turn.
    #[inline]
    fn submit(self, job: Job) {
        if let Some(admitted) = self.admit(job) {
            Worker::new(self, admitted).run();
        }
    }

    fn admit(&self, job: Job) -> Option<Admitted> {
        self.admit_to(&mut self.0.mailbox.lock(), job)
    }

    #[inline]
    fn admit_to(&self, mailbox: &mut Mailbox, job: Job) -> Option<Admitted> {
        let bytes = job.bytes();
        if mailbox.gate == Gate::Closed && !matches!(job, Job::Farewell(_)) {
            // Nothing follows a farewell.
            return None;
        }
        let admitted = mailbox.lines.admit(job, mailbox.gate == Gate::Paused);
        if admitted.is_none() {
            // Under the lock, so that nobody counts it out before it is counted in.
            self.0.context.queued(bytes, 0);
        }
        admitted
    }

    fn release(&self, lines: &mut Lines) -> Vec<Admitted> {
        let released = lines.release();
        self.uncount(released.iter().map(|admitted| &admitted.job));
        released
    }

    fn uncount<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>) {
        let bytes = jobs.into_iter().map(Job::bytes).sum();
        if bytes > 0 {
            self.0.context.queued(0, bytes);
        }
    }

    /// `on_disconnect` has been told, if there is one.
    pub(crate) fn gone(&self) {
        self.leave_all();
        self.0.context.server.presence.socket_ended();
    }

    /// `on_disconnect` after what came before.
    fn submit_farewell(&self, reason: DisconnectReason) {
        if let Some(admitted) = self.admit(Job::Farewell(reason)) {
            self.run_farewell(Worker::new(self.clone(), admitted));
        }
    }

    fn farewell(&self, reason: DisconnectReason) {
        self.run_farewell(Worker::alone(self, Job::Farewell(reason)));
    }

    fn run_farewell(&self, worker: Worker) {
        // Whoever ends a socket may hold locks that its `on_disconnect` takes.
        if self.0.namespace.hooks().disconnect.get().is_some() {
            worker.spawn();
        } else {
            worker.run();
        }
    }
}

/// One value as args.
pub(crate) fn as_args(value: &Value) -> Result<Payload, Failure> {
    let bytes = [&[ARRAY_OF_ONE], &value.as_message_pack()[..]].concat();
    Payload::from_message_pack(bytes.into()).map_err(|bad| Failure::bad_args(bad.to_string()))
}

/// MessagePack's marker of an array of one.
const ARRAY_OF_ONE: u8 = 0x91;
