//! What a socket sends: at once, or aside until its CONNECTED is on its way.

use trunkline_driver::BestEffortFrame;
use trunkline_driver::handler::ack_frame;
use trunkline_driver::sync::Ordering;
use trunkline_protocol::{AckId, Payload, Prepared};

use super::life::Gate;
use super::{Socket, SocketInner};
use crate::{EmitError, Failure};

impl Socket {
    /// Sends a frame, after CONNECTED.
    pub(crate) fn deliver(&self, frame: Prepared) -> Result<(), EmitError> {
        self.0.context.session.message_len(&frame)?;
        if self.0.open.load(Ordering::Acquire) {
            return self.push(frame);
        }
        self.deliver_early(frame)
    }

    /// Sends an ACK, to the peer or to nobody if the socket is over.
    ///
    /// # Errors
    /// The peer does not take a frame of that size: an internal failure, to be told in its place.
    pub(crate) fn deliver_ack(&self, ack_id: AckId, args: &Payload) -> Result<(), Failure> {
        let SocketInner { context, over, .. } = &*self.0;
        let (session, namespace) = (&context.session, self.namespace_name());
        // Most need not wait, for CONNECTED or for others.
        if self.0.open.load(Ordering::Acquire)
            && session.push_ack_unless(over, namespace, ack_id, args)
        {
            return Ok(());
        }
        // A socket that is over needs no answer.
        let _ = self.deliver(ack_frame(session, namespace, ack_id, args)?);
        Ok(())
    }

    /// Sends a best-effort frame, or drops and counts it.
    pub(crate) fn deliver_best_effort(&self, frame: &BestEffortFrame) -> Result<(), EmitError> {
        let session = &self.0.context.session;
        if self.0.open.load(Ordering::Acquire) {
            session.push_best_effort(&self.0.over, frame)?;
        } else {
            session.drop_best_effort();
        }
        Ok(())
    }

    fn push(&self, frame: Prepared) -> Result<(), EmitError> {
        self.0.context.push_unless(&self.0.over, frame)
    }

    /// From here on nothing more is sent by it. To be called under the lock that also lets the
    /// namespace's next socket in.
    pub(crate) fn silence(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }

    fn deliver_early(&self, frame: Prepared) -> Result<(), EmitError> {
        let SocketInner {
            context,
            over,
            connect,
            ..
        } = &*self.0;
        let pushed = {
            // Held, or it could be pushed aside after all that is there was lined up.
            let mailbox = self.0.mailbox.lock();
            match mailbox.gate {
                Gate::Closed => return Err(EmitError::Disconnected),
                Gate::Open => None,
                Gate::Paused => Some(context.session.push_aside_unless(
                    over,
                    *connect,
                    frame.clone(),
                )),
            }
        };
        match pushed {
            None => self.push(frame),
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => Err(EmitError::Disconnected),
            Some(Err(error)) => Err(context.not_taken(error)),
        }
    }
}
