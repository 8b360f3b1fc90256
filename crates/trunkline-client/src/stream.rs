//! Events as a stream.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use trunkline_driver::handler::Outcome;
use trunkline_driver::sync::{Arc, Mutex};
use trunkline_protocol::{Code, Payload};

use crate::inbox::{self, Incoming, UNKNOWN_EVENT};
use crate::namespace::{Interest, Namespace, Route, Taker};
use crate::shared::Shared;
use crate::{Failure, Invocation};

/// The events of one name, or all that nobody else takes, to be read when the application likes to.
///
/// They come in order; those that were received while nobody read wait. They do not wait for
/// handlers, nor handlers for them. What waits is counted in bytes together with the events that
/// wait for handlers: while that is more than the client's `limits.inbound`, 1 MiB unless
/// [`limits`](crate::Builder::limits) say otherwise, the server is told of no receipt. It then stops
/// sending events, to the whole client, until they are read or the stream is dropped; acks and
/// heartbeats go on. A server that asks to be left ([`GO_AWAY_MAX`](crate::GO_AWAY_MAX)) waits for
/// that too, and for the acks of events that nobody has read. Nothing is dropped but what was sent best-effort: of that only what finds
/// nothing waiting gets in.
///
/// An event that asks for an ack gets one, without args, when it is read. One that is no `P` is
/// answered with FAILED `bad-args`, logged, and left out.
///
/// The stream ends when the client is closed, what waits is then dropped. It does not keep the client
/// alive, and goes on over sessions that are lost. Dropping it unsubscribes: events that still wait
/// are answered as unknown.
#[must_use = "a stream that is not read holds the server back in the end"]
pub struct EventStream<P> {
    shared: Arc<Shared>,
    namespace: Arc<Namespace>,
    interest: Interest,
    route: Arc<Route>,
    waiting: Arc<Waiting>,
    /// Makes an item out of an event.
    make: Make<P>,
}

/// Makes an item of a stream out of an event.
pub(crate) type Make<P> = fn(&Invocation) -> Result<P, Failure>;

/// What waits in a stream.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    events: VecDeque<Incoming>,
    reader: Option<Waker>,
    ended: bool,
}

impl<P> EventStream<P> {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        namespace: &Arc<Namespace>,
        interest: Interest,
        make: Make<P>,
    ) -> Self {
        let waiting = Arc::new(Waiting::default());
        let taker = Taker::Stream(Arc::clone(&waiting));
        let route = namespace.subscribe(&interest, taker, false);
        if shared.is_closing() {
            // Whoever closed may have looked for streams before this one was there.
            waiting.end();
        }
        Self {
            shared: Arc::clone(shared),
            namespace: Arc::clone(namespace),
            interest,
            route,
            waiting,
            make,
        }
    }

    /// The next event; none once the client is closed.
    ///
    /// # Cancel safety
    /// An event that was not returned is not lost.
    pub async fn next(&mut self) -> Option<P> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// How many events wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.0.lock().events.len()
    }

    /// Makes an item out of an event, and answers it; none if it is no `P`, or the client is gone.
    fn take(&self, incoming: Incoming) -> Option<P> {
        let done = incoming.done();
        let item = self.make_of(incoming);
        self.shared.handled(done);
        item
    }

    fn make_of(&self, incoming: Incoming) -> Option<P> {
        let invocation = Invocation {
            socket: self.shared.socket(&self.namespace, None)?,
            event: incoming.event,
            args: incoming.args,
        };
        let taken = (self.make)(&invocation);
        let (item, outcome) = match taken {
            Ok(item) => (Some(item), Outcome::Done(Payload::empty())),
            Err(failure) => (None, Outcome::Failed(failure)),
        };
        let (session, event) = (&incoming.session, &invocation.event);
        let name = &self.namespace.name;
        inbox::answer(&self.shared, session, name, event, incoming.ack_id, outcome);
        item
    }
}

impl<P> Stream for EventStream<P> {
    type Item = P;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<P>> {
        loop {
            let incoming = match self.waiting.poll(cx) {
                Poll::Ready(Some(incoming)) => incoming,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            if let Some(item) = self.take(incoming) {
                return Poll::Ready(Some(item));
            }
        }
    }
}

/// The next event of a stream, and no more: see [`Socket::next`](crate::Socket::next).
#[must_use = "an event that comes is answered as unknown once this is dropped"]
pub struct NextEvent<P>(EventStream<P>);

impl<P> NextEvent<P> {
    pub(crate) const fn new(stream: EventStream<P>) -> Self {
        Self(stream)
    }
}

impl<P> Future for NextEvent<P> {
    type Output = Option<P>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<P>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<P> fmt::Debug for NextEvent<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NextEvent").field(&self.0).finish()
    }
}

impl<P> Drop for EventStream<P> {
    fn drop(&mut self) {
        self.namespace.cancel(&self.interest, &self.route);
        // An event may still be on its way in, from a task that found the stream before that.
        for incoming in self.waiting.end() {
            refuse(&self.shared, &self.namespace.name, &incoming);
            self.shared.handled(incoming.done());
        }
    }
}

impl<P> fmt::Debug for EventStream<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventStream({} {})", self.namespace.name, self.interest)
    }
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().events.is_empty()
    }

    /// Takes an event that the backlog counts already.
    pub(crate) fn push(&self, shared: &Shared, namespace: &str, incoming: Incoming) {
        let mut queue = self.0.lock();
        if queue.ended {
            drop(queue);
            refuse(shared, namespace, &incoming);
            return shared.handled(incoming.done());
        }
        queue.events.push_back(incoming);
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Takes no more, and gives what waits.
    pub(crate) fn end(&self) -> VecDeque<Incoming> {
        let mut queue = self.0.lock();
        queue.ended = true;
        let events = std::mem::take(&mut queue.events);
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
        events
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Incoming>> {
        let mut queue = self.0.lock();
        let next = queue.events.pop_front();
        if next.is_some() || queue.ended {
            return Poll::Ready(next);
        }
        queue.events.shrink_to(KEPT_EVENTS);
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Answers an event that nobody took.
fn refuse(shared: &Shared, namespace: &str, incoming: &Incoming) {
    inbox::fail(
        shared,
        &incoming.session,
        namespace,
        incoming.ack_id,
        (Code::UNKNOWN_EVENT, UNKNOWN_EVENT),
    );
}

/// Places that an empty stream keeps from busier times.
const KEPT_EVENTS: usize = 32;
