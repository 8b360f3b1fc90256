//! What is unknown after a session was lost.

use std::fmt;
use std::pin::Pin;

use trunkline_driver::sync::Arc;
use trunkline_protocol::{
    AckId, Code, EventName, NamespaceName, Payload, Prepared, PreparedEvent, ResumeRefusal,
};

use crate::EmitError;

/// A session was lost: what it had under way may or may not have arrived.
///
/// Its pending acks have ended with [`AckError::SessionLost`](crate::AckError::SessionLost). The
/// sockets connect again in a fresh session by themselves, unless the client is at its end.
///
/// Specification: session.md, SES-047.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionLost {
    /// How it was lost.
    pub reason: LossReason,
    /// Events that were not confirmed, in the order in which they were emitted.
    pub events: Vec<LostEvent>,
}

/// How a session was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossReason {
    /// The server did not resume it.
    NotResumed(Option<ResumeRefusal>),
    /// Either side ended it with this code.
    Ended(Code),
    /// Somebody else resumed it with the same secret.
    Twin,
    /// The limit of attempts or of time was reached while it had no connection.
    GaveUp,
}

/// Events that were taken, and that their socket on the server may not have had: most of them will not
/// be sent. [`LostEvent::sent`] says which have left.
///
/// Acks that they asked for have ended already, with the same reason.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventsDropped {
    /// Why they are not sent.
    pub reason: DropReason,
    /// They, in the order in which they were emitted.
    pub events: Vec<LostEvent>,
}

/// Why events that were taken are not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// The server refused their namespace, with this code, while they waited for it.
    Refused(Code),
    /// The server disconnected their socket, with this code. Those that had left without a receipt are
    /// among them: the server has handled each of them or dropped it, and does not say which.
    Disconnected(Code),
    /// They turned out to be more than the server takes, which had not said so when they were taken.
    NotTaken(EmitError),
}

/// An event of a lost session, or one that was dropped.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostEvent {
    /// Where it was emitted.
    pub namespace: NamespaceName,
    /// Its name.
    pub event: EventName,
    /// Its args, ready to be emitted again.
    pub args: Payload,
    /// Whether an ack was asked for.
    pub asked_ack: bool,
    /// Whether it had left: then it may have arrived. One that had not is only listed when nothing
    /// will send it: when it was [dropped](EventsDropped), its socket was disconnected here, or the
    /// client is at its end. Otherwise it is sent in the fresh session.
    pub sent: bool,
    /// Whether the client sends it again by itself, as [`Builder::resend_lost`] asked.
    ///
    /// [`Builder::resend_lost`]: crate::Builder::resend_lost
    pub resent: bool,
}

impl LostEvent {
    /// Reads a frame that never left; none if it is no EVENT.
    pub(crate) fn read_unsent(frame: &Prepared) -> Option<Self> {
        let (event, _) = Self::read(frame)?;
        Some(Self {
            sent: false,
            ..event
        })
    }

    /// Reads a frame that the session kept; none if it is no EVENT. It is the application's own, so
    /// that what this side takes of others (`limits.depth`) does not matter.
    pub(crate) fn read(frame: &Prepared) -> Option<(Self, Option<AckId>)> {
        let PreparedEvent {
            namespace,
            ack_id,
            event,
            args,
        } = frame.to_event(u32::MAX)?;
        let event = Self {
            namespace,
            event,
            args,
            asked_ack: ack_id.is_some(),
            sent: true,
            resent: false,
        };
        Some((event, ack_id))
    }
}

impl fmt::Debug for LostEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LostEvent({} {})", self.namespace, self.event)
    }
}

/// A hook's future.
pub(crate) type HookFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A hook of one argument.
pub(crate) type Hook<A> = Arc<dyn Fn(A) -> HookFuture + Send + Sync>;

/// Makes a hook out of an async function or closure.
pub(crate) fn hook<A, F, Fut>(function: F) -> Hook<A>
where
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |argument| Box::pin(function(argument)))
}
