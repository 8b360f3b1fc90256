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
use crate::{DisconnectReason, FAREWELL_LIMIT, Failure, Socket};

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

/// A line that is worked off in a task: from where a handler waits, from where others are to have their
/// turn, or from the start.
struct Working {
    socket: Socket,
    line: LineId,
    stage: Stage,
    /// Ready when what is under way has outlived its socket for too long. Made only where it waits, and
    /// handed on to what follows: only a farewell has a time of its own.
    limit: Option<Limit>,
}

type Limit = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Stage {
    /// This job is to be run.
    Due(Job),
    Underway(Underway),
    /// What was due is run right now.
    Over,
}

/// A job whose handler waits.
struct Underway {
    handler: Guarded,
    after: After,
}

/// Why a line is not worked off any further for now.
enum Stop {
    /// Nothing is left in it.
    Done,
    /// A handler waits.
    Waits(Underway),
    /// Others are to have their turn, ahead of this job.
    Fairness(Job),
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
    #[inline]
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
    #[inline]
    pub(crate) fn run(self) {
        let Self { socket, line, job } = self;
        let _turn = Turn::enter();
        // A task polls again at once, with its own waker, so this one need not wake anybody.
        let mut cx = Context::from_waker(Waker::noop());
        let stage = match work_off(&socket, &line, job, &mut cx) {
            Stop::Done => return,
            Stop::Waits(underway) => Stage::Underway(underway),
            Stop::Fairness(job) => Stage::Due(job),
        };
        Working::spawn(socket, line, stage);
    }

    /// Runs in a task from the start: for callers that may hold locks of the program's own.
    pub(crate) fn spawn(self) {
        Working::spawn(self.socket, self.line, Stage::Due(self.job));
    }
}

impl Working {
    fn spawn(socket: Socket, line: LineId, stage: Stage) {
        let server = Arc::clone(&socket.context().server);
        server.spawn(Self {
            socket,
            line,
            stage,
            limit: None,
        });
    }

    /// Ends what is under way if it has outlived its socket for too long, and its line with it.
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Stage::Underway(underway) = &mut self.stage else {
            // Only what is under way has a limit, and whoever calls has seen to it.
            return Poll::Ready(());
        };
        let (socket, is_farewell) = (&self.socket, underway.is_farewell());
        let limit = self.limit.get_or_insert_with(|| match is_farewell {
            true => Box::pin(tokio::time::sleep(FAREWELL_LIMIT)),
            false => Box::pin(socket.outlived()),
        });
        ready!(limit.as_mut().poll(cx));
        underway.handler.let_go();
        log_outlived(socket, underway.after.name());
        if is_farewell {
            socket.gone();
        }
        Poll::Ready(())
    }
}

impl Future for Working {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let _turn = Turn::enter();
        let due = match &mut this.stage {
            Stage::Underway(underway) => {
                let Poll::Ready(outcome) = underway.handler.poll(cx) else {
                    return this.poll_limit(cx);
                };
                underway.after.end(&this.socket, outcome);
                this.socket.next_job(&this.line)
            }
            stage => match std::mem::replace(stage, Stage::Over) {
                Stage::Due(job) => Some(job),
                Stage::Underway(_) | Stage::Over => None,
            },
        };
        let Some(job) = due else {
            return Poll::Ready(());
        };
        match work_off(&this.socket, &this.line, job, cx) {
            Stop::Done => Poll::Ready(()),
            Stop::Waits(underway) => {
                if underway.is_farewell() {
                    this.limit = None;
                }
                this.stage = Stage::Underway(underway);
                this.poll_limit(cx)
            }
            Stop::Fairness(job) => {
                this.stage = Stage::Due(job);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Runs a job, and what follows it in its line.
fn work_off(socket: &Socket, line: &LineId, mut job: Job, cx: &mut Context<'_>) -> Stop {
    for _ in 0..JOBS_MAX {
        if let Err(underway) = run(socket, job, cx) {
            return Stop::Waits(underway);
        }
        job = match socket.next_job(line) {
            Some(next) => next,
            None => return Stop::Done,
        };
    }
    Stop::Fairness(job)
}

/// Runs a job to its end, unless it waits.
fn run(socket: &Socket, job: Job, cx: &mut Context<'_>) -> Result<(), Underway> {
    match job {
        Job::Event(job) if socket.namespace_inner().routes().is_direct() => {
            run_event(socket, job, cx)
        }
        Job::Event(job) => run_passage(socket, job, cx),
        Job::Hook(moment) => run_moment(socket, moment, cx),
        Job::Farewell(reason) => run_farewell(socket, &reason, cx),
    }
}

/// Runs an event's handler.
#[inline]
fn run_event(socket: &Socket, job: EventJob, cx: &mut Context<'_>) -> Result<(), Underway> {
    let ack_id = job.ack_id;
    let deferral = Deferral::new(ack_id);
    let ran = Guarded::run_in(span_of(socket, job.event()), cx, || {
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
    after.follow(socket, ran)
}

/// Runs an event that something else is to see ahead of its handler.
fn run_passage(socket: &Socket, job: EventJob, cx: &mut Context<'_>) -> Result<(), Underway> {
    let span = span_of(socket, job.event());
    let (event, ack_id) = (job.event().clone(), job.ack_id);
    let passage = Passage::of_event(socket, job);
    let ran = Guarded::run_in(span, cx, || passage.begin(0));
    let after = After::Passed {
        event,
        ack_id,
        passage,
    };
    after.follow(socket, ran)
}

fn run_moment(socket: &Socket, moment: Moment, cx: &mut Context<'_>) -> Result<(), Underway> {
    let (hooks, none) = (socket.namespace_inner().hooks(), Payload::empty());
    let (hook, name) = match moment {
        Moment::Detached => (&hooks.detach, "on_detach"),
        Moment::Resumed => (&hooks.resume, "on_resume"),
    };
    let call = Call::hook(socket, &none);
    run_hook(hook.get(), &call, After::Nothing(name), cx)
}

fn run_farewell(
    socket: &Socket,
    reason: &DisconnectReason,
    cx: &mut Context<'_>,
) -> Result<(), Underway> {
    let none = Payload::empty();
    let call = Call::disconnected(socket, &none, reason);
    let hook = socket.namespace_inner().hooks().disconnect.get();
    run_hook(hook, &call, After::Leave, cx)
}

/// Runs a hook, if there is one.
fn run_hook(
    hook: Option<&ErasedHandler>,
    call: &Call<'_>,
    after: After,
    cx: &mut Context<'_>,
) -> Result<(), Underway> {
    let socket = call.socket();
    let ran = match hook {
        Some(hook) => {
            let span = span_of(socket, after.name());
            Guarded::run_in(span, cx, || hook.call(call, false))
        }
        None => Ok(Outcome::Done(Payload::empty())),
    };
    after.follow(socket, ran)
}

impl Underway {
    const fn is_farewell(&self) -> bool {
        matches!(self.after, After::Leave)
    }
}

impl After {
    /// Follows a handler that ended, or keeps both for later.
    #[inline]
    fn follow(self, socket: &Socket, ran: Result<Outcome, Guarded>) -> Result<(), Underway> {
        match ran {
            Ok(outcome) => {
                self.end(socket, outcome);
                Ok(())
            }
            Err(handler) => Err(Underway {
                handler,
                after: self,
            }),
        }
    }

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
