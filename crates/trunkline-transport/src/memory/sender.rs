//! The sending half of a memory connection.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::pipe::Finish;
use super::{REASON_MAX, Shared, Side};
use crate::{ConnectionEnd, DatagramError, MessageKind, MessageSender, WriteBuffer};

#[derive(Debug)]
pub(super) struct MemorySender {
    shared: Arc<Shared>,
    side: Side,
    buffer: WriteBuffer,
    written: u64,
    /// This side's close, from the moment it was asked for.
    closing: Option<Finish>,
    /// Whether it is in the pipe.
    closed: bool,
    max_datagram: Option<usize>,
}

impl MemorySender {
    pub(super) fn new(shared: Arc<Shared>, side: Side, max_datagram: Option<usize>) -> Self {
        Self {
            shared,
            side,
            buffer: WriteBuffer::new(),
            written: 0,
            closing: None,
            closed: false,
            max_datagram,
        }
    }

    /// Moves what fits into the pipe, and behind the last byte the finish, if there is one.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        let mut state = self.shared.lock();
        if let Some(end) = state.ends[self.side as usize].clone() {
            drop(state);
            self.buffer.clear();
            return Poll::Ready(Err(end));
        }
        if state.outgoing(self.side).reader_gone {
            // This side's receiver still has its own say: what the peer sent before it left.
            drop(state);
            self.buffer.clear();
            let cause = io::Error::new(io::ErrorKind::BrokenPipe, "the peer's receiver is gone");
            return Poll::Ready(Err(ConnectionEnd::cut(cause)));
        }
        let pipe = state.outgoing(self.side);
        let count = pipe.write(self.buffer.unwritten());
        let blocked = count < self.buffer.len();
        let mut wake_receiver = count > 0;
        if blocked {
            pipe.writer = Some(cx.waker().clone());
        } else if let Some(finish) = &self.closing
            && pipe.finish.is_none()
        {
            pipe.finish = Some(finish.clone());
            wake_receiver = true;
        }
        let receiver = wake_receiver
            .then(|| state.other_receiver(self.side))
            .flatten();
        drop(state);
        self.closed = self.closing.is_some() && !blocked;
        self.buffer.advance(count);
        self.written += count as u64;
        receiver.into_iter().for_each(Waker::wake);
        if blocked {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl MessageSender for MemorySender {
    fn push(&mut self, kind: MessageKind, parts: &[&[u8]]) {
        if self.closing.is_some() || self.shared.lock().ends[self.side as usize].is_some() {
            return;
        }
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // Longer than 4 GiB is beyond every receiver's limit in any case.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.buffer.push(&[u8::from(kind == MessageKind::Text)]);
        self.buffer.push(&length.to_be_bytes());
        self.buffer.push_parts(parts);
    }

    fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        if self.closing.is_some() {
            return Poll::Ready(Err(ConnectionEnd::ClosedHere));
        }
        self.poll_drain(cx)
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: u16,
        reason: &str,
    ) -> Poll<Result<(), ConnectionEnd>> {
        if self.closing.is_none() {
            if let Some(end) = self.shared.lock().ends[self.side as usize].clone() {
                self.buffer.clear();
                return Poll::Ready(Err(end));
            }
            let reason = &reason[..reason.floor_char_boundary(REASON_MAX)];
            self.closing = Some(Finish::Closed(code, reason.to_owned()));
        }
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        self.poll_drain(cx)
    }

    fn poll_datagram_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        let is_over = self.closing.is_some() || state.ends[self.side as usize].is_some();
        let pipe = state.outgoing(self.side);
        if is_over || pipe.reader_gone || pipe.has_datagram_room() {
            return Poll::Ready(());
        }
        pipe.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn send_datagram(&mut self, parts: &[&[u8]]) -> Result<(), DatagramError> {
        let limit = self.max_datagram.ok_or(DatagramError::Unsupported)?;
        let content = parts.concat();
        let size = content.len();
        if size > limit {
            return Err(DatagramError::TooLarge { size, limit });
        }
        let mut state = self.shared.lock();
        if self.closing.is_some() || state.ends[self.side as usize].is_some() {
            return Ok(());
        }
        state.outgoing(self.side).send_datagram(content.into());
        let receiver = state.other_receiver(self.side);
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn max_datagram(&self) -> Option<usize> {
        self.max_datagram
    }
}

impl Drop for MemorySender {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state
            .outgoing(self.side)
            .finish
            .get_or_insert(Finish::Dropped);
        let receiver = state.other_receiver(self.side);
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
    }
}
