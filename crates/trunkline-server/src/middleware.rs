//! Middleware: what runs around the handlers of events and around `on_connect`.

use std::fmt;
use std::future::poll_fn;

use trunkline_driver::handler::{Guarded, Outcome};
use trunkline_driver::sync::{Arc, AtomicBool, Ordering, RwLock};
use trunkline_protocol::{EventName, Payload};

use crate::extract::Extract;
use crate::handler::stage::HasNext;
use crate::handler::{Answering, Call, ErasedHandler};
use crate::queue::EventJob;
use crate::responder::{Deferral, Due};
use crate::worker::{log_failure, log_panic};
use crate::{Failure, Socket};

/// What middleware stands in front of: the rest of the middleware, then the handler or hook.
///
/// It runs at most once; dropped, it does not run at all.
#[must_use = "the handler runs only if this does"]
pub struct Next {
    passage: Arc<Passage>,
    /// How many of the layers are passed.
    passed: usize,
}

impl Next {
    /// Runs the rest, and gives its answer: the args of the ack (none are encoded if nobody asked),
    /// or the failure that the peer is told. A panic there is an internal failure here. A handler that
    /// answers later, by its [`Responder`](crate::Responder), gives empty args.
    ///
    /// # Errors
    /// What the rest failed with.
    ///
    /// # Cancel safety
    /// Dropping the future stops the handler wherever it waits.
    pub async fn run(self) -> Result<Payload, Failure> {
        let mut rest = Guarded::begin(|| self.passage.begin(self.passed));
        match poll_fn(|cx| rest.poll(cx)).await {
            Outcome::Done(args) => Ok(args),
            Outcome::Failed(failure) => Err(failure),
            Outcome::Panicked(panic) => {
                log_panic(&self.passage.socket, self.passage.about(), &panic);
                Err(Failure::internal())
            }
        }
    }
}

impl<S: HasNext> Extract<S> for Next {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        // Every call of these stages has one.
        let next = call.next().ok_or_else(Failure::internal)?;
        Ok(Self {
            passage: Arc::clone(&next.passage),
            passed: next.passed,
        })
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("around", &self.passage.about())
            .finish_non_exhaustive()
    }
}

/// The middleware of one kind, the outermost first.
#[derive(Default)]
pub(crate) struct Layers {
    list: RwLock<Arc<[Arc<ErasedHandler>]>>,
    /// A copy of what the list says, for those who would only find it empty.
    any: AtomicBool,
}

impl Layers {
    pub(crate) fn push(&self, layer: ErasedHandler) {
        let list = &mut *self.list.write();
        *list = list.iter().cloned().chain([Arc::new(layer)]).collect();
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    fn snapshot(&self) -> Arc<[Arc<ErasedHandler>]> {
        Arc::clone(&self.list.read())
    }
}

/// One event or CONNECT on its way through the middleware.
pub(crate) struct Passage {
    socket: Socket,
    args: Payload,
    /// Whether anybody waits for the answer.
    asked: bool,
    layers: Arc<[Arc<ErasedHandler>]>,
    end: End,
}

/// What the middleware is around.
enum End {
    Event { job: EventJob, deferral: Deferral },
    Connect,
}

impl Passage {
    /// An event, for its middleware, whoever sees it and its handler.
    pub(crate) fn of_event(socket: &Socket, job: EventJob) -> Arc<Self> {
        let deferral = Deferral::new(job.ack_id);
        Arc::new(Self {
            socket: socket.clone(),
            args: job.args.clone(),
            asked: job.ack_id.is_some(),
            layers: socket.namespace_inner().routes().event_layers().snapshot(),
            end: End::Event { job, deferral },
        })
    }

    /// A CONNECT, for its middleware and `on_connect`.
    pub(crate) fn of_connect(socket: &Socket, auth: Payload) -> Arc<Self> {
        let routes = socket.namespace_inner().routes();
        Arc::new(Self {
            socket: socket.clone(),
            args: auth,
            asked: true,
            layers: routes.connect_layers().snapshot(),
            end: End::Connect,
        })
    }

    /// Begins with what comes after `passed` layers.
    pub(crate) fn begin(self: &Arc<Self>, passed: usize) -> Result<Answering, Failure> {
        let Some(layer) = self.layers.get(passed) else {
            return self.begin_end();
        };
        let next = Next {
            passage: Arc::clone(self),
            passed: passed + 1,
        };
        let call = Call::around(&self.socket, self.event(), &self.args, &next);
        layer.call(&call, self.asked)
    }

    /// The answer that the handler gives later, if it does.
    pub(crate) fn due(&self) -> Option<&Arc<Due>> {
        match &self.end {
            End::Event { deferral, .. } => deferral.due(),
            End::Connect => None,
        }
    }

    fn begin_end(self: &Arc<Self>) -> Result<Answering, Failure> {
        let routes = self.socket.namespace_inner().routes();
        match &self.end {
            End::Event { .. } if routes.any().is_some() => {
                let passage = Arc::clone(self);
                Ok(Box::pin(async move {
                    passage.show().await;
                    passage.handle()?.await
                }))
            }
            End::Event { .. } => self.handle(),
            End::Connect => match routes.hooks().connect.get() {
                Some(hook) => hook.call(&Call::hook(&self.socket, &self.args), true),
                None => Ok(Box::pin(std::future::ready(Ok(Payload::empty())))),
            },
        }
    }

    /// Begins with the event's own handler.
    fn handle(&self) -> Result<Answering, Failure> {
        let End::Event { job, deferral } = &self.end else {
            return Err(Failure::internal());
        };
        let call = Call::event_arrived(&self.socket, job.event(), &self.args, deferral);
        let answering = job.route.handler().call(&call, self.asked)?;
        let Some(due) = deferral.due() else {
            return Ok(answering);
        };
        let due = Arc::clone(due);
        Ok(Box::pin(async move {
            let args = answering.await?;
            due.returned()?;
            Ok(args)
        }))
    }

    /// Shows the event to whoever sees all. Whatever becomes of that is nobody's answer.
    async fn show(&self) {
        let routes = self.socket.namespace_inner().routes();
        let (Some(any), Some(event)) = (routes.any(), self.event()) else {
            return;
        };
        let mut seeing =
            Guarded::begin(|| any.call(&Call::event_seen(&self.socket, event, &self.args), false));
        match poll_fn(|cx| seeing.poll(cx)).await {
            Outcome::Done(_) => {}
            Outcome::Failed(failure) => log_failure(&self.socket, "on_any", &failure),
            Outcome::Panicked(panic) => log_panic(&self.socket, "on_any", &panic),
        }
    }

    fn event(&self) -> Option<&EventName> {
        match &self.end {
            End::Event { job, .. } => Some(job.event()),
            End::Connect => None,
        }
    }

    /// What it is around, for the log.
    fn about(&self) -> &str {
        self.event().map_or("on_connect", EventName::as_str)
    }
}
