//! Events on their way out.

use trunkline_driver::sync::Arc;
use trunkline_driver::{Session, Turn, message_len};
use trunkline_protocol::{
    AckId, Encoding, EventName, FRAME_BYTES, Frame, Payload, Prepared, PushError, Sequenced,
};

use crate::book::{AckWaiter, Book, offline_len};
use crate::namespace::Namespace;
use crate::shared::Shared;
use crate::{AckError, EmitError};

impl Shared {
    /// Takes an event: into the session if its namespace is open, else into the queue before it.
    ///
    /// `ahead` is for the hook that runs before the queue opens.
    pub(crate) fn emit(
        &self,
        namespace: &Namespace,
        event: &EventName,
        args: &Payload,
        waiter: Option<AckWaiter>,
        ahead: bool,
    ) -> Result<Option<AckId>, EmitError> {
        let ack_id = waiter.as_ref().and_then(|_| self.next_ack_id());
        let frame = Prepared::event(&namespace.name, ack_id, event, args);
        let mut book = self.book.lock();
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
        for frame in waiting {
            book.offline_bytes -= offline_len(&frame);
            let fits = session.message_len(&frame).map_err(EmitError::from);
            let refused = fits
                .err()
                .or_else(|| session.push(frame.clone()).err().map(overflow));
            if let Some(error) = refused {
                give_back(&mut book, &frame, error);
            }
        }
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
        if !book
            .members
            .get(name)
            .is_some_and(|member| member.accepting)
        {
            return Err(EmitError::Disconnected);
        }
        let session = book.session.as_ref();
        let encoding = session.map_or(Encoding::MessagePack, |session| session.encoding());
        let size = message_len(frame, encoding, self.frame_limit(session))?;
        let limit = self.config.settings.limits.queue as usize;
        // A hook's events do not wait behind the queue they go ahead of.
        let skipped = if ahead { book.offline_bytes } else { 0 };
        let queued = book.queued_bytes() - skipped;
        if queued + size + FRAME_BYTES > limit {
            return Err(EmitError::QueueFull { queued, limit });
        }
        Ok(())
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
        let open = member.open || (ahead && member.connected.is_some());
        match &book.session {
            Some(session) if open => session.push(frame).map(|_dropped| ()).map_err(overflow),
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

fn overflow(error: PushError) -> EmitError {
    match error {
        PushError::Overflow { queued, limit } => EmitError::QueueFull { queued, limit },
        _ => EmitError::Closed,
    }
}

/// An event that was taken does not fit after all: the server's limits came late.
fn give_back(book: &mut Book, frame: &Prepared, error: EmitError) {
    tracing::warn!(%error, "an event that waited is dropped");
    let message = frame.to_message(Encoding::MessagePack, 1);
    if let Ok(Frame::Sequenced {
        frame: Sequenced::Event {
            ack_id: Some(ack_id),
            ..
        },
        ..
    }) = Frame::decode(Encoding::MessagePack, &message)
        && let Some(waiter) = book.acks.forget(ack_id)
    {
        let _ = waiter.send(Err(AckError::Emit(error)));
    }
}
