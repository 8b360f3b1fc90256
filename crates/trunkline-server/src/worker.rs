//! Runs a socket's handlers.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tracing::Span;
use trunkline_driver::handler::{Guarded, Outcome, ack_frame, failed_frame};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Turn, spans};
use trunkline_protocol::{AckId, Code, EventName, Payload};

use crate::handler::Call;
use crate::middleware::Passage;
use crate::queue::{Admitted, EventJob, Job, LineId, Moment};
use crate::responder::{Deferral, Due};
use crate::routes::Route;
use crate::{FAREWELL_LIMIT, Failure, Socket};

/// Works off one line of a socket: begins with a job, takes the next when it is done, and ends when
/// none is left. There is none while a socket is idle.
///
/// It runs inline as far as it gets without waiting, and becomes a task only then: most handlers
/// never wait, and a poll costs a thirtieth of a task.
pub(crate) struct Worker {
    socket: Socket,
    line: LineId,
    first: Option<Job>,
    underway: Option<Underway>,
    /// It runs in a task of its own, not inline.
    is_task: bool,
    /// Ready when what is under way has outlived its socket for too long.
    limit: Option<Limit>,
}

/// Made only where a handler waits.
type Limit = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Underway {
    handler: Guarded,
    after: After,
}

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
        Self {
            socket,
            line,
            first: Some(job),
            underway: None,
            is_task: false,
            limit: None,
        }
    }

    /// Runs a job by itself, whatever its line does.
    pub(crate) fn alone(socket: &Socket, job: Job) -> Self {
        let line = LineId::Alone;
        Self::new(socket.clone(), Admitted { line, job })
    }

    /// Runs inline, and in a task from where it has to wait. Handlers need the runtime that this is
    /// called in.
    pub(crate) fn run(mut self) {
        // A task polls again at once, with its own waker, so this one need not wake anybody.
        let mut cx = Context::from_waker(Waker::noop());
        if Pin::new(&mut self).poll(&mut cx).is_pending() {
            self.spawn();
        }
    }

    /// Runs in a task from the start: for callers that may hold locks of the program's own.
    pub(crate) fn spawn(mut self) {
        self.is_task = true;
        let server = Arc::clone(&self.socket.context().server);
        server.spawn(self);
    }

    /// The next job, begun.
    fn begin_next(&mut self) -> Option<Job> {
        self.first
            .take()
            .or_else(|| self.socket.next_job(&self.line))
    }

    fn begin(&self, job: Job) -> Option<Underway> {
        let socket = &self.socket;
        let hooks = socket.namespace_inner().hooks();
        let none = Payload::empty();
        match job {
            Job::Event(job) => Some(begin_event(socket, job)),
            Job::Hook(moment) => {
                let (hook, name) = match moment {
                    Moment::Detached => (&hooks.detach, "on_detach"),
                    Moment::Resumed => (&hooks.resume, "on_resume"),
                };
                let hook = hook.get()?;
                let span = span_of(socket, name);
                let call = || hook.call(&Call::hook(socket, &none), false);
                let handler = Guarded::begin_in(span, call);
                Some(Underway {
                    handler,
                    after: After::Nothing(name),
                })
            }
            Job::Farewell(reason) => {
                let Some(hook) = hooks.disconnect.get() else {
                    socket.gone();
                    return None;
                };
                let call = Call::disconnected(socket, &none, &reason);
                let span = span_of(socket, "on_disconnect");
                let handler = Guarded::begin_in(span, || hook.call(&call, false));
                Some(Underway {
                    handler,
                    after: After::Leave,
                })
            }
        }
    }

    /// Ends what is under way if it has outlived its socket for too long, and the line with it.
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Inline, a task follows, which asks again.
        if !self.is_task {
            return Poll::Pending;
        }
        let is_farewell = matches!(
            self.underway,
            Some(Underway {
                after: After::Leave,
                ..
            })
        );
        let limit = self.limit.get_or_insert_with(|| match is_farewell {
            true => Box::pin(tokio::time::sleep(FAREWELL_LIMIT)),
            false => Box::pin(self.socket.outlived()),
        });
        ready!(limit.as_mut().poll(cx));
        if let Some(Underway { handler, after }) = self.underway.take() {
            drop(handler);
            let name = match &after {
                After::Answer { route, name, .. } => {
                    name.as_ref().unwrap_or_else(|| route.event()).as_str()
                }
                After::Later(due) => due.event(),
                After::Passed { event, .. } => event.as_str(),
                After::Nothing(hook) => hook,
                After::Leave => "on_disconnect",
            };
            log_outlived(&self.socket, name);
            if let After::Leave = after {
                self.socket.gone();
            }
        }
        Poll::Ready(())
    }

    fn end(&self, after: After, outcome: Outcome) {
        match after {
            After::Answer {
                route,
                name,
                ack_id,
            } => {
                let event = name.as_ref().unwrap_or_else(|| route.event());
                answer(&self.socket, event, ack_id, outcome);
            }
            After::Later(due) => due.handler_ended(outcome),
            After::Passed {
                event,
                ack_id,
                passage,
            } => match passage.due() {
                Some(due) => due.ended(outcome),
                None => answer(&self.socket, &event, ack_id, outcome),
            },
            After::Nothing(hook) => log_hook(&self.socket, hook, &outcome),
            After::Leave => {
                log_hook(&self.socket, "on_disconnect", &outcome);
                self.socket.gone();
            }
        }
    }
}

impl Future for Worker {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let _turn = Turn::enter();
        for _ in 0..JOBS_MAX {
            if this.underway.is_none() {
                let Some(job) = this.begin_next() else {
                    return Poll::Ready(());
                };
                if matches!(job, Job::Farewell(_)) {
                    // It has a time of its own.
                    this.limit = None;
                }
                this.underway = this.begin(job);
            }
            let Some(underway) = &mut this.underway else {
                continue;
            };
            let Poll::Ready(outcome) = underway.handler.poll(cx) else {
                return this.poll_limit(cx);
            };
            if let Some(Underway { after, .. }) = this.underway.take() {
                this.end(after, outcome);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Begins with an event: with its handler, unless something else is to see it first.
fn begin_event(socket: &Socket, job: EventJob) -> Underway {
    let span = span_of(socket, job.event());
    if !socket.namespace_inner().routes().is_direct() {
        let (event, ack_id) = (job.event().clone(), job.ack_id);
        let passage = Passage::of_event(socket, job);
        return Underway {
            handler: Guarded::begin_in(span, || passage.begin(0)),
            after: After::Passed {
                event,
                ack_id,
                passage,
            },
        };
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
    Underway { handler, after }
}

/// Sends the ACK or FAILED, if one was asked for, and logs what the peer is not told.
fn answer(socket: &Socket, event: &EventName, ack_id: Option<AckId>, outcome: Outcome) {
    let failure = match outcome {
        Outcome::Done(args) => {
            let Some(ack_id) = ack_id else { return };
            let session = &socket.context().session;
            match ack_frame(session, socket.namespace_name(), ack_id, &args) {
                Err(failure) => failure,
                Ok(ack) => {
                    // A socket that is over needs no answer.
                    let _ = socket.deliver(ack);
                    return;
                }
            }
        }
        Outcome::Failed(failure) => failure,
        Outcome::Panicked(panic) => {
            log_panic(socket, event, &panic);
            return send_failure(socket, ack_id, &Failure::internal());
        }
    };
    log_failure(socket, event, &failure);
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
