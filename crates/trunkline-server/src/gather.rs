//! Events that ask many sockets for an answer.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep};
use trunkline_driver::Turn;
use trunkline_driver::sync::{Arc, Mutex};
use trunkline_protocol::{AckId, EventName, Payload, Prepared};

use crate::ack::{ACK_TIMEOUT, AckWaiter, LONGEST_TIMEOUT, next_ack_id, show_asking};
use crate::{AckError, EmitError, Emitter, Socket};

/// An event for many sockets that asks each for an ack, ready to go: awaiting it sends it, and waits
/// until all have answered or the time is over.
///
/// The event is encoded once for all. Each session's answer counts towards its `limits.pending_acks`;
/// one that owes too many already is not sent the event, and is among those that failed.
///
/// ```no_run
/// # use std::time::Duration;
/// # use trunkline_server::{Answers, EmitError, Namespace};
/// # async fn ask(chat: &Namespace) -> Result<(), EmitError> {
/// let asked = chat.to("lobby").emit_with_ack("agree?", "lunch");
/// let votes: Answers<bool> = asked.timeout(Duration::from_secs(5)).await?;
/// let ayes = votes.answered.iter().filter(|(_, agrees)| *agrees).count();
/// println!("{ayes} agree, {} say nothing", votes.unanswered.len());
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until this is awaited"]
pub struct EmitWithAcks<'a, T> {
    emitter: Emitter<'a>,
    encoded: Result<(EventName, Payload), EmitError>,
    timeout: Duration,
    wanted: PhantomData<fn() -> T>,
}

/// What came of asking many sockets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answers<T> {
    /// Those that answered, in no particular order: the first arg of each answer.
    pub answered: Vec<(Socket, T)>,
    /// Those of which no answer is to be expected, and why.
    pub failed: Vec<(Socket, AckError)>,
    /// Those that did not answer in time. They may have handled the event, or still do.
    pub unanswered: Vec<Socket>,
}

impl<'a, T> EmitWithAcks<'a, T> {
    pub(crate) const fn new(
        emitter: Emitter<'a>,
        encoded: Result<(EventName, Payload), EmitError>,
    ) -> Self {
        Self {
            emitter,
            encoded,
            timeout: ACK_TIMEOUT,
            wanted: PhantomData,
        }
    }

    /// How long the answers may take. Default [`ACK_TIMEOUT`], 10 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn send(self) -> Result<Asked, EmitError> {
        let (event, args) = self.encoded?;
        Ok(Asked::send(&self.emitter, &event, &args, self.timeout))
    }
}

impl EmitWithAcks<'_, Payload> {
    /// Sends it, and gives the answers with all their args, not decoded.
    ///
    /// # Errors
    /// The event or a room has no valid name, or the args do not encode. Nothing was sent then.
    ///
    /// # Cancel safety
    /// Dropping the future forgets the answers; the event is on its way.
    pub async fn payloads(self) -> Result<Answers<Payload>, EmitError> {
        let mut asked = self.send()?;
        std::future::poll_fn(|cx| asked.poll(cx)).await;
        Ok(asked.close(Ok))
    }
}

impl<T: DeserializeOwned> IntoFuture for EmitWithAcks<'_, T> {
    type Output = Result<Answers<T>, EmitError>;
    type IntoFuture = Gathered<T>;

    /// Sends the event now.
    fn into_future(self) -> Gathered<T> {
        Gathered {
            asked: Some(self.send()),
            wanted: PhantomData,
        }
    }
}

impl<T> fmt::Debug for EmitWithAcks<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.debug_struct("EmitWithAcks");
        show_asking(shown, &self.emitter, &self.encoded, self.timeout)
    }
}

/// An event that was sent to many, and whose answers are waited for.
///
/// Its error is that the event or a room has no valid name, or that the args do not encode: nothing
/// was sent then.
///
/// # Cancel safety
/// Dropping it forgets the answers; the event is on its way.
#[must_use = "the answers are forgotten unless this is awaited"]
pub struct Gathered<T> {
    /// None once it was ready.
    asked: Option<Result<Asked, EmitError>>,
    wanted: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Future for Gathered<T> {
    type Output = Result<Answers<T>, EmitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(Ok(asked)) = &mut self.asked
            && asked.poll(cx).is_pending()
        {
            return Poll::Pending;
        }
        let Some(asked) = self.asked.take() else {
            // A future must not be polled after its end; whoever does waits in vain.
            return Poll::Pending;
        };
        let decode = |args: Payload| args.first().map_err(AckError::Decode);
        Poll::Ready(asked.map(|mut asked| asked.close(decode)))
    }
}

impl<T> fmt::Debug for Gathered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").finish_non_exhaustive()
    }
}

type Answer = Result<Payload, AckError>;

/// Sockets that were asked, until all have answered or nobody waits.
struct Asked {
    ack_id: AckId,
    sockets: Vec<Socket>,
    gathering: Arc<Gathering>,
    deadline: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Asked {
    fn send(emitter: &Emitter<'_>, event: &EventName, args: &Payload, timeout: Duration) -> Self {
        let ack_id = next_ack_id();
        let sockets = emitter.sockets();
        let asked = Self {
            ack_id,
            gathering: Arc::new(Gathering::of(sockets.len())),
            sockets,
            deadline: Instant::now() + timeout.min(LONGEST_TIMEOUT),
            sleep: None,
        };
        let frame = Prepared::event(emitter.namespace_name(), Some(ack_id), event, args);
        let _turn = Turn::enter();
        for (place, socket) in asked.sockets.iter().enumerate() {
            if let Err(error) = asked.ask(place, socket, &frame) {
                asked.gathering.settle(place, Err(AckError::Emit(error)));
            }
        }
        asked
    }

    /// Registers who waits, then sends: an answer must not come before anybody waits for it.
    fn ask(&self, place: usize, socket: &Socket, frame: &Prepared) -> Result<(), EmitError> {
        let waiter = AckWaiter::OfMany(Arc::clone(&self.gathering), place);
        let namespace = socket.namespace_name().clone();
        let acks = &socket.context().acks;
        let inserted = acks.lock().insert(self.ack_id, namespace, waiter);
        if let Err((too_many, _waiter)) = inserted {
            return Err(EmitError::TooManyAcks {
                limit: too_many.limit,
            });
        }
        socket.deliver(frame.clone()).inspect_err(|_| {
            let forgotten = acks.lock().forget(self.ack_id);
            drop(forgotten);
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.gathering.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        sleep.as_mut().poll(cx)
    }

    /// What has come, read with `read`; later answers count for nobody.
    fn close<T>(&mut self, read: impl Fn(Payload) -> Result<T, AckError>) -> Answers<T> {
        let mut answers = Answers {
            answered: Vec::new(),
            failed: Vec::new(),
            unanswered: Vec::new(),
        };
        let came = self.gathering.close();
        for (socket, came) in std::mem::take(&mut self.sockets).into_iter().zip(came) {
            match came.map(|answer| answer.and_then(&read)) {
                Some(Ok(answer)) => answers.answered.push((socket, answer)),
                Some(Err(error)) => answers.failed.push((socket, error)),
                None => {
                    forget(&socket, self.ack_id);
                    answers.unanswered.push(socket);
                }
            }
        }
        answers
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        for socket in &self.sockets {
            forget(socket, self.ack_id);
        }
    }
}

/// Takes the pending ack out of a session's table: nobody waits any longer.
fn forget(socket: &Socket, ack_id: AckId) {
    let forgotten = socket.context().acks.lock().forget(ack_id);
    drop(forgotten);
}

/// The answers to one event, as they come from many sessions.
pub(crate) struct Gathering(Mutex<Gathers>);

struct Gathers {
    answers: Vec<Option<Answer>>,
    /// How many are still to come.
    open: usize,
    waker: Option<Waker>,
}

impl Gathering {
    fn of(count: usize) -> Self {
        Self(Mutex::new(Gathers {
            answers: (0..count).map(|_| None).collect(),
            open: count,
            waker: None,
        }))
    }

    /// Takes the answer of the socket at a place. The first one stands.
    pub(crate) fn settle(&self, place: usize, answer: Answer) {
        let waker = {
            let gathers = &mut *self.0.lock();
            match gathers.answers.get_mut(place) {
                Some(slot @ None) => *slot = Some(answer),
                _ => return,
            }
            gathers.open -= 1;
            (gathers.open == 0).then(|| gathers.waker.take()).flatten()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when all have answered.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let gathers = &mut *self.0.lock();
        if gathers.open == 0 {
            return Poll::Ready(());
        }
        gathers.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn close(&self) -> Vec<Option<Answer>> {
        std::mem::take(&mut self.0.lock().answers)
    }
}
