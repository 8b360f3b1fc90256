//! A handler under way, whose panics end nothing else.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::Span;
use trunkline_protocol::Payload;

use crate::handler::Failure;

/// A handler under way: it ends with the args of the ack, or a failure.
pub type Answering = Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>>;

/// How a handler ended.
#[derive(Debug)]
pub enum Outcome {
    /// With the args of its ack.
    Done(Payload),
    /// With a failure.
    Failed(Failure),
    /// With a panic, whose text is for the log.
    Panicked(String),
}

/// A handler that is under way, and contained: a panic of its own is how it ended, and unwinds
/// nobody else. Its future is dropped as soon as it ended.
pub struct Guarded {
    state: State,
    span: Span,
}

enum State {
    Running(Answering),
    /// It ended before it was polled, or is over.
    Ended(Option<Box<Outcome>>),
}

impl Guarded {
    /// As [`begin_in`](Self::begin_in), in no span of its own.
    pub fn begin(call: impl FnOnce() -> Result<Answering, Failure>) -> Self {
        Self::begin_in(Span::none(), call)
    }

    /// Calls the handler: extractors, and whatever it does before its future. All of it runs in
    /// `span`.
    pub fn begin_in(span: Span, call: impl FnOnce() -> Result<Answering, Failure>) -> Self {
        let state = match span.in_scope(|| caught(call)) {
            Ok(Ok(running)) => State::Running(running),
            Ok(Err(failure)) => State::Ended(Some(Box::new(Outcome::Failed(failure)))),
            Err(panic) => State::Ended(Some(Box::new(Outcome::Panicked(panic)))),
        };
        Self { state, span }
    }

    /// Calls the handler and polls its future once, in `span` and contained as one: most need no more.
    ///
    /// # Errors
    /// It has not ended yet: then it is given back, to be [polled](Self::poll) further.
    pub fn run_in(
        span: Span,
        cx: &mut Context<'_>,
        call: impl FnOnce() -> Result<Answering, Failure>,
    ) -> Result<Outcome, Self> {
        // Both are kept outside: what its parts do when dropped may panic too, and so may what is left of it
        // after a panic.
        let (mut running, mut ended) = (None, None);
        let ran = span.in_scope(|| {
            caught(|| match call() {
                Ok(called) => {
                    if let Poll::Ready(result) = running.insert(called).as_mut().poll(cx) {
                        ended = Some(Outcome::from(result));
                        running = None;
                    }
                }
                Err(failure) => ended = Some(Outcome::Failed(failure)),
            })
        });
        match (ran, ended, running) {
            (Ok(()), Some(outcome), _) => Ok(outcome),
            (Err(panic), Some(outcome), _) => {
                log_dropped(&panic);
                Ok(outcome)
            }
            (Ok(()), None, Some(running)) => {
                let state = State::Running(running);
                Err(Self { state, span })
            }
            (Ok(()), None, None) => unreachable!("it neither waits nor has ended"),
            (Err(panic), None, left) => {
                if let Err(panic) = caught(move || drop(left)) {
                    log_dropped(&panic);
                }
                Ok(Outcome::Panicked(panic))
            }
        }
    }

    /// Ready once. Not to be polled after that.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let running = match &mut self.state {
            State::Running(running) => running,
            State::Ended(outcome) => {
                let outcome = outcome.take().map(|outcome| *outcome);
                return outcome.map_or(Poll::Pending, Poll::Ready);
            }
        };
        let polled = self.span.in_scope(|| caught(|| running.as_mut().poll(cx)));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Outcome::from(result),
            Err(panic) => Outcome::Panicked(panic),
        };
        self.let_go();
        Poll::Ready(outcome)
    }

    /// Lets go of the future, wherever it waits; what its parts do when dropped may panic too.
    pub fn let_go(&mut self) {
        let State::Running(running) = mem::replace(&mut self.state, State::Ended(None)) else {
            return;
        };
        if let Err(panic) = caught(move || drop(running)) {
            log_dropped(&panic);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if matches!(self.state, State::Running(_)) {
            self.let_go();
        }
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_running = matches!(self.state, State::Running(_));
        f.debug_struct("Guarded")
            .field("is_running", &is_running)
            .finish()
    }
}

impl From<Result<Payload, Failure>> for Outcome {
    fn from(result: Result<Payload, Failure>) -> Self {
        match result {
            Ok(args) => Self::Done(args),
            Err(failure) => Self::Failed(failure),
        }
    }
}

fn log_dropped(panic: &str) {
    tracing::error!(panic, "a handler panicked when its parts were dropped");
}

/// Runs `body`; a panic gives its text.
pub(crate) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    // Nothing is used after a panic but what keeps its own locks whole.
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| text_of(&*panic))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "(no text)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use trunkline_protocol::IntoArgs as _;

    use super::*;

    /// A handler that does as it is told, when it is polled and when it is dropped.
    struct Scripted {
        polled: fn() -> Poll<Result<Payload, Failure>>,
        dropped: fn(),
    }

    impl Future for Scripted {
        type Output = Result<Payload, Failure>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            (self.polled)()
        }
    }

    impl Drop for Scripted {
        fn drop(&mut self) {
            (self.dropped)();
        }
    }

    fn run(
        polled: fn() -> Poll<Result<Payload, Failure>>,
        dropped: fn(),
    ) -> Result<Outcome, Guarded> {
        let mut cx = Context::from_waker(Waker::noop());
        Guarded::run_in(Span::none(), &mut cx, || {
            Ok(Box::pin(Scripted { polled, dropped }))
        })
    }

    fn answer() -> Poll<Result<Payload, Failure>> {
        Poll::Ready(Ok("answer".into_args().unwrap()))
    }

    #[test]
    fn a_handler_that_does_not_wait_has_ended() {
        assert!(matches!(run(answer, || {}), Ok(Outcome::Done(args)) if !args.is_empty()));
        let failed = run(|| Poll::Ready(Err(Failure::new(4000, "no"))), || {});
        assert!(matches!(failed, Ok(Outcome::Failed(_))));
        let mut cx = Context::from_waker(Waker::noop());
        let refused = Guarded::run_in(Span::none(), &mut cx, || Err(Failure::new(4000, "no")));
        assert!(matches!(refused, Ok(Outcome::Failed(_))));
    }

    #[test]
    fn a_handler_that_waits_goes_on_later() {
        let mut waiting = run(|| Poll::Pending, || {}).unwrap_err();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.poll(&mut cx).is_pending());
    }

    #[test]
    fn panics_end_the_handler_alone_wherever_they_come_from() {
        let is_panic = |outcome: Result<Outcome, Guarded>, with: &str| matches!(outcome, Ok(Outcome::Panicked(text)) if text == with);
        let mut cx = Context::from_waker(Waker::noop());
        let called = Guarded::run_in(Span::none(), &mut cx, || panic!("called"));
        assert!(is_panic(called, "called"));
        assert!(is_panic(run(|| panic!("polled"), || {}), "polled"));
        let both = run(|| panic!("polled"), || panic!("dropped"));
        assert!(is_panic(both, "polled"));
        let answered = run(answer, || panic!("dropped"));
        assert!(matches!(answered, Ok(Outcome::Done(_))), "it had answered");
    }
}
