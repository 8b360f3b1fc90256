//! Runs a socket's handlers.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tracing::Span;
use trunkline_driver::handler::{Guarded, Outcome, failed_frame};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Turn, spans};
use trunkline_protocol::{AckId, Code, EventName, Payload};

use crate::handler::{Call, ErasedHandler};
use crate::middleware::Passage;
use crate::queue::{Admitted, EventJob, Job, LineId, Moment};
use crate::responder::{Deferral, Due};
use crate::routes::Route;
use crate::{FAREWELL_LIMIT, Failure, Socket};

/// Works off one line of a socket: begins with a job, takes the next when it is done, and ends when
/// none is left. There is none while a socket is idle.
///
/// It runs inline as far as it gets without waiting, and goes on as a task only then: most handlers
/// never wait, and a poll costs a thirtieth of a task.
pub(crate) struct Worker {
    socket: Socket,
    line: LineId,
    job: Job,
}

/// A line that is worked off in a task, from where a handler waits.
struct Waiting {
    socket: Socket,
    line: LineId,
    underway: Underway,
}

/// Why a line is not worked off any further for now.
enum Stop {
    /// Nothing is left in it.
    Done,
    /// A handler waits.
    Waits,
    /// Others are to have their turn; the next job is begun.
    Fairness,
}

struct Underway {
    handler: Guarded,
    after: After,
    /// Ready when it has outlived its socket for too long. Made only where it waits, and handed on to
    /// what follows: only a farewell has a time of its own.
    limit: Option<Limit>,
}

type Limit = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is due when the handler ended.
enum After {
    Answer {
        route: Arc<Route>,
        name: Option<EventName>,
        ack_id: Option<AckId>,
    },
    /// The handler answers later.
    Later(Arc<Due>),
    /// It was on its way through middleware.
    Passed {
        event: EventName,
        ack_id: Option<AckId>,
        passage: Arc<Passage>,
    },
    Nothing(&'static str),
    Leave,
}

impl Worker {
    /// Works off the line of a job that was admitted.
    pub(crate) fn new(socket: Socket, Admitted { line, job }: Admitted) -> Self {
        Self { socket, line, job }
    }

    /// Runs a job by itself, whatever its line does.
    pub(crate) fn alone(socket: &Socket, job: Job) -> Self {
        let line = LineId::Alone;
        Self::new(socket.clone(), Admitted { line, job })
    }

    /// Runs inline, and in a task from where it has to wait. Handlers need the runtime that this is
    /// called in.
    pub(crate) fn run(self) {
        let _turn = Turn::enter();
        let mut underway = Underway::begin(&self.socket, self.job);
        // A task polls again at once, with its own waker, so this one need not wake anybody.
        let mut cx = Context::from_waker(Waker::noop());
        match work_off(&self.socket, &self.line, &mut underway, &mut cx) {
            Stop::Done => {}
            Stop::Waits | Stop::Fairness => {
                let server = Arc::clone(&self.socket.context().server);
                server.spawn(Waiting {
                    socket: self.socket,
                    line: self.line,
                    underway,
                });
            }
        }
    }

    /// Runs in a task from the start: for callers that may hold locks of the program's own.
    pub(crate) fn spawn(self) {
        let server = Arc::clone(&self.socket.context().server);
        server.spawn(async move {
            let Self { socket, line, job } = self;
            let underway = {
                let _turn = Turn::enter();
                Underway::begin(&socket, job)
            };
            let waiting = Waiting {
                socket,
                line,
                underway,
            };
            waiting.await;
        });
    }
}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            socket,
            line,
            underway,
        } = &mut *self;
        let _turn = Turn::enter();
        match work_off(socket, line, underway, cx) {
            Stop::Done => Poll::Ready(()),
            Stop::Waits => underway.poll_limit(socket, cx),
            Stop::Fairness => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Goes on with what is under way, and with what follows it in its line.
fn work_off(socket: &Socket, line: &LineId, underway: &mut Underway, cx: &mut Context<'_>) -> Stop {
    for _ in 0..JOBS_MAX {
        let Poll::Ready(outcome) = underway.handler.poll(cx) else {
            return Stop::Waits;
        };
        underway.after.end(socket, outcome);
        let Some(job) = socket.next_job(line) else {
            return Stop::Done;
        };
        let limit = underway.limit.take();
        *underway = Underway::begin(socket, job);
        if !underway.is_farewell() {
            underway.limit = limit;
        }
    }
    Stop::Fairness
}

impl Underway {
    fn begin(socket: &Socket, job: Job) -> Self {
        let hooks = socket.namespace_inner().hooks();
        let none = Payload::empty();
        match job {
            Job::Event(job) => Self::begin_event(socket, job),
            Job::Hook(moment) => {
                let (hook, name) = match moment {
                    Moment::Detached => (&hooks.detach, "on_detach"),
                    Moment::Resumed => (&hooks.resume, "on_resume"),
                };
                let handler = begin_hook(hook.get(), name, &Call::hook(socket, &none));
                Self::new(handler, After::Nothing(name))
            }
            Job::Farewell(reason) => {
                let call = Call::disconnected(socket, &none, &reason);
                let handler = begin_hook(hooks.disconnect.get(), "on_disconnect", &call);
                Self::new(handler, After::Leave)
            }
        }
    }

    /// Begins with an event: with its handler, unless something else is to see it first.
    fn begin_event(socket: &Socket, job: EventJob) -> Self {
        let span = span_of(socket, job.event());
        if !socket.namespace_inner().routes().is_direct() {
            let (event, ack_id) = (job.event().clone(), job.ack_id);
            let passage = Passage::of_event(socket, job);
            let handler = Guarded::begin_in(span, || passage.begin(0));
            let after = After::Passed {
                event,
                ack_id,
                passage,
            };
            return Self::new(handler, after);
        }
        let ack_id = job.ack_id;
        let deferral = Deferral::new(ack_id);
        let handler = Guarded::begin_in(span, || {
            let call = Call::event_arrived(socket, job.event(), &job.args, &deferral);
            job.route.handler().call(&call, ack_id.is_some())
        });
        let after = match deferral.into_due() {
            Some(due) => After::Later(due),
            None => After::Answer {
                route: job.route,
                name: job.name,
                ack_id,
            },
        };
        Self::new(handler, after)
    }

    const fn new(handler: Guarded, after: After) -> Self {
        Self {
            handler,
            after,
            limit: None,
        }
    }

    const fn is_farewell(&self) -> bool {
        matches!(self.after, After::Leave)
    }

    /// Ends it if it has outlived its socket for too long, and its line with it.
    fn poll_limit(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        let is_farewell = self.is_farewell();
        let limit = self.limit.get_or_insert_with(|| match is_farewell {
            true => Box::pin(tokio::time::sleep(FAREWELL_LIMIT)),
            false => Box::pin(socket.outlived()),
        });
        ready!(limit.as_mut().poll(cx));
        self.handler.let_go();
        log_outlived(socket, self.after.name());
        if is_farewell {
            socket.gone();
        }
        Poll::Ready(())
    }
}

impl After {
    fn end(&self, socket: &Socket, outcome: Outcome) {
        match self {
            Self::Answer { ack_id, .. } => answer(socket, self, *ack_id, outcome),
            Self::Later(due) => due.handler_ended(outcome),
            Self::Passed {
                ack_id, passage, ..
            } => match passage.due() {
                Some(due) => due.ended(outcome),
                None => answer(socket, self, *ack_id, outcome),
            },
            Self::Nothing(hook) => log_hook(socket, hook, &outcome),
            Self::Leave => {
                log_hook(socket, self.name(), &outcome);
                socket.gone();
            }
        }
    }

    /// The event's name, or the hook's.
    fn name(&self) -> &str {
        match self {
            Self::Answer { route, name, .. } => name.as_ref().unwrap_or_else(|| route.event()),
            Self::Later(due) => due.event(),
            Self::Passed { event, .. } => event,
            Self::Nothing(hook) => hook,
            Self::Leave => "on_disconnect",
        }
    }
}

/// Begins with a hook, if there is one.
fn begin_hook(hook: Option<&ErasedHandler>, name: &str, call: &Call<'_>) -> Guarded {
    match hook {
        Some(hook) => {
            let span = span_of(call.socket(), name);
            Guarded::begin_in(span, || hook.call(call, false))
        }
        None => Guarded::begin(|| Ok(Box::pin(std::future::ready(Ok(Payload::empty()))))),
    }
}

/// Sends the ACK or FAILED, if one was asked for, and logs what the peer is not told.
fn answer(socket: &Socket, after: &After, ack_id: Option<AckId>, outcome: Outcome) {
    let failure = match outcome {
        Outcome::Done(args) => {
            let Some(ack_id) = ack_id else { return };
            match socket.deliver_ack(ack_id, &args) {
                Ok(()) => return,
                Err(failure) => failure,
            }
        }
        Outcome::Failed(failure) => failure,
        Outcome::Panicked(panic) => {
            log_panic(socket, after.name(), &panic);
            return send_failure(socket, ack_id, &Failure::internal());
        }
    };
    log_failure(socket, after.name(), &failure);
    send_failure(socket, ack_id, &failure);
}

/// The span that a handler or hook of the socket runs in.
pub(crate) fn span_of(socket: &Socket, event: &str) -> Span {
    spans::handler(socket.namespace_name(), event, Some(socket.id()))
}

/// Sends FAILED, if an ack was asked for.
pub(crate) fn send_failure(socket: &Socket, ack_id: Option<AckId>, failure: &Failure) {
    let Some(ack_id) = ack_id else { return };
    let session = &socket.context().session;
    let failed = failed_frame(session, socket.namespace_name(), ack_id, failure);
    // A socket that is over needs no answer.
    let _ = socket.deliver(failed);
}

/// What a handler's failure says in the log: one of the program's own loudly, one that is meant for
/// the peer quietly.
pub(crate) fn log_failure(socket: &Socket, handler: &str, failure: &Failure) {
    let (namespace, socket_id) = (socket.namespace_name(), socket.id());
    let peer = socket.context().peer();
    if failure.code() == Code::INTERNAL {
        socket.context().server.activity.handlers_failed.add();
        tracing::error!(%namespace, handler, socket = %socket_id, ?peer, %failure, "handler failed");
    } else {
        tracing::debug!(%namespace, handler, socket = %socket_id, ?peer, %failure, "handler refused");
    }
}

/// A handler was ended because its socket is over; says so, and counts it.
fn log_outlived(socket: &Socket, handler: &str) {
    socket.context().server.count_aborted_handler();
    tracing::warn!(
        namespace = %socket.namespace_name(), handler, socket = %socket.id(),
        peer = ?socket.context().peer(), limit = ?FAREWELL_LIMIT, "handler ended: it outlived its socket",
    );
}

/// What a handler's panic says in the log; it is counted.
pub(crate) fn log_panic(socket: &Socket, handler: &str, panic: &str) {
    socket.context().server.activity.handlers_panicked.add();
    let (namespace, socket_id) = (socket.namespace_name(), socket.id());
    let peer = socket.context().peer();
    tracing::error!(%namespace, handler, socket = %socket_id, ?peer, panic, "handler panicked");
}

fn log_hook(socket: &Socket, hook: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Done(_) => {}
        Outcome::Failed(failure) => log_failure(socket, hook, failure),
        Outcome::Panicked(panic) => log_panic(socket, hook, panic),
    }
}

/// Jobs worked off in a row before others have their turn.
const JOBS_MAX: usize = 64;
