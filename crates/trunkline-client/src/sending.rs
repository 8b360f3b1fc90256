//! Events on their way out.

use trunkline_driver::sync::{Arc, AtomicBool};
use trunkline_driver::{Delivery, Session, Turn, message_len};
use trunkline_protocol::{
    AckId, Datagrams, Encoding, EventName, FRAME_BYTES, Payload, Prepared, PushError,
};

use crate::book::{AckWaiter, Book, Member, offline_len};
use crate::namespace::Namespace;
use crate::shared::Shared;
use crate::stats::count;
use crate::{AckError, DropReason, EmitError};

impl Shared {
    /// Takes an event: into the session if its namespace is open, else into the queue before it.
    ///
    /// `ahead` is for the hook that runs before the queue opens: in which session it does.
    pub(crate) fn emit(
        &self,
        namespace: &Namespace,
        event: &EventName,
        args: &Payload,
        waiter: Option<AckWaiter>,
        ahead: Option<u64>,
    ) -> Result<Option<AckId>, EmitError> {
        let taken = self.try_emit(namespace, event, args, waiter, ahead);
        if taken.as_ref().is_err_and(EmitError::is_limit) {
            count(&self.counters.emits_refused);
        }
        taken
    }

    fn try_emit(
        &self,
        namespace: &Namespace,
        event: &EventName,
        args: &Payload,
        waiter: Option<AckWaiter>,
        ahead: Option<u64>,
    ) -> Result<Option<AckId>, EmitError> {
        let ack_id = waiter.as_ref().and_then(|_| self.next_ack_id());
        let frame = Prepared::event(&namespace.name, ack_id, event, args);
        let mut book = self.book.lock();
        let ahead = ahead == Some(book.sessions);
        self.check(&book, &namespace.name, &frame, ahead)?;
        if let (Some(ack_id), Some(waiter)) = (ack_id, waiter) {
            let inserted = book.acks.insert(ack_id, namespace.name.clone(), waiter);
            inserted.map_err(|(full, _)| EmitError::TooManyAcks { limit: full.limit })?;
        }
        let taken = self.place(&mut book, namespace, frame, ahead);
        if let (Err(_), Some(ack_id)) = (&taken, ack_id) {
            book.acks.forget(ack_id);
        }
        taken.map(|()| ack_id)
    }

    /// Nobody waits for this ack any longer.
    pub(crate) fn forget_ack(&self, ack_id: AckId) {
        self.book.lock().acks.forget(ack_id);
    }

    /// Opens a namespace: what waits for it leaves, and what is emitted from now on follows.
    pub(crate) fn open(&self, session: &Arc<Session>, name: &str) {
        let _turn = Turn::enter();
        let mut book = self.book.lock();
        if !book.is_current(session) {
            return;
        }
        let Some(member) = book.members.get_mut(name) else {
            return;
        };
        if member.connected.is_none() {
            return;
        }
        member.open = true;
        let waiting = std::mem::take(&mut member.offline);
        let mut refused = Vec::new();
        for frame in waiting {
            book.offline_bytes -= offline_len(&frame);
            let fits = session.message_len(&frame).map_err(EmitError::from);
            let error = fits
                .err()
                .or_else(|| session.push(frame.clone()).err().map(overflow));
            if let Some(error) = error {
                give_back(&mut book, &frame, error.clone());
                refused.push((frame, error));
            }
        }
        book.lightened.notify_waiters();
        drop(book);
        for (frame, error) in refused {
            self.tell_dropped(DropReason::NotTaken(error), [frame]);
        }
    }

    /// Hands a best-effort event to the session, or drops and counts it.
    pub(crate) fn emit_best_effort(
        &self,
        namespace: &Namespace,
        event: &EventName,
        args: &Payload,
        delivery: Delivery<'_>,
        ahead: Option<u64>,
    ) -> Result<(), EmitError> {
        let frame = delivery.frame(&namespace.name, event, args)?;
        let mut book = self.book.lock();
        if book.is_closing() {
            return Err(EmitError::Closed);
        }
        let member = book.members.get(&*namespace.name);
        let member = member.filter(|member| member.accepting);
        let member = member.ok_or(EmitError::Disconnected)?;
        let is_open = member.is_open(ahead == Some(book.sessions));
        let Some(session) = book.session.clone().filter(|_| is_open) else {
            book.dropped.not_connected += 1;
            return Ok(());
        };
        let datagrams = book.datagrams;
        drop(book);
        if datagrams == Datagrams::None {
            return Err(EmitError::NoDatagrams);
        }
        session.push_best_effort(&AtomicBool::new(false), &frame)?;
        Ok(())
    }

    fn check(
        &self,
        book: &Book,
        name: &str,
        frame: &Prepared,
        ahead: bool,
    ) -> Result<(), EmitError> {
        if book.is_closing() {
            return Err(EmitError::Closed);
        }
        let member = book.members.get(name).filter(|member| member.accepting);
        let member = member.ok_or(EmitError::Disconnected)?;
        let settings = &self.config.settings;
        if !settings.queue_offline && !book.reaches_connection(member, ahead) {
            return Err(EmitError::Offline);
        }
        let size = self.fits(book, frame)?;
        let limit = settings.limits.queue as usize;
        // A hook's events do not wait behind the queue they go ahead of.
        let (bytes_ahead, events_ahead) = match ahead {
            true => (book.offline_bytes, book.offline_events()),
            false => (0, 0),
        };
        let queued = book.queued_bytes() - bytes_ahead;
        if queued + size + FRAME_BYTES > limit {
            return Err(EmitError::QueueFull { queued, limit });
        }
        let limit = settings.queue_events as usize;
        let queued = book.queued_events() - events_ahead;
        if queued >= limit {
            return Err(EmitError::QueueLong { queued, limit });
        }
        Ok(())
    }

    /// The frame's size in bytes, if the server takes it, as far as it has said so.
    fn fits(&self, book: &Book, frame: &Prepared) -> Result<usize, EmitError> {
        let session = book.session.as_ref();
        let encoding = session.map_or(Encoding::MessagePack, |session| session.encoding());
        Ok(message_len(frame, encoding, self.frame_limit(session))?)
    }

    fn place(
        &self,
        book: &mut Book,
        namespace: &Namespace,
        frame: Prepared,
        ahead: bool,
    ) -> Result<(), EmitError> {
        let Some(member) = book.members.get_mut(namespace.name.as_str()) else {
            return Err(EmitError::Disconnected);
        };
        let open = member.is_open(ahead);
        match &book.session {
            Some(session) if open => session.push(frame).map_err(overflow),
            _ => {
                book.offline_bytes += offline_len(&frame);
                member.offline.push_back(frame);
                Ok(())
            }
        }
    }

    /// The largest frame the server takes, as far as it has said so.
    fn frame_limit(&self, session: Option<&Arc<Session>>) -> usize {
        let ours = &self.config.settings.limits;
        session.map_or(ours, |session| session.peer_limits()).frame as usize
    }
}

impl Book {
    /// Whether what the namespace emits now is the present connection's.
    fn reaches_connection(&self, member: &Member, ahead: bool) -> bool {
        let session = self.session.as_ref();
        member.is_open(ahead) && session.is_some_and(|session| session.is_attached())
    }
}

impl Member {
    /// Whether what it emits goes into the session: for a hook, from CONNECTED on.
    fn is_open(&self, ahead: bool) -> bool {
        self.open || (ahead && self.connected.is_some())
    }
}

impl EmitError {
    /// Whether a bound was the reason, and not the event or the socket.
    const fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::QueueFull { .. }
                | Self::QueueLong { .. }
                | Self::Offline
                | Self::TooManyAcks { .. }
        )
    }
}

fn overflow(error: PushError) -> EmitError {
    match error {
        PushError::Overflow { queued, limit } => EmitError::QueueFull { queued, limit },
        _ => EmitError::Closed,
    }
}

/// An event that was taken does not fit after all: the server's limits came late.
fn give_back(book: &mut Book, frame: &Prepared, error: EmitError) {
    if let Some(ack_id) = frame.ack_id()
        && let Some(waiter) = book.acks.forget(ack_id)
    {
        let _ = waiter.send(Err(AckError::Emit(error)));
    }
}
