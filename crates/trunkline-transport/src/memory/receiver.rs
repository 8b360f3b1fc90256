//! The receiving half of a memory connection.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::pipe::Finish;
use super::{HEADER_LENGTH, Shared, Side, State};
use crate::{ConnectionEnd, Message, MessageKind, MessageReceiver};

#[derive(Debug)]
pub(super) struct MemoryReceiver {
    shared: Arc<Shared>,
    side: Side,
    max_message: usize,
    /// What has arrived and is not a whole message yet: bounded by the pipe's capacity and one
    /// message, since it is only filled when no whole message is in it.
    partial: Vec<u8>,
    received: u64,
}

impl MemoryReceiver {
    pub(super) fn new(shared: Arc<Shared>, side: Side, max_message: usize) -> Self {
        Self {
            shared,
            side,
            max_message,
            partial: Vec::new(),
            received: 0,
        }
    }

    /// The first message in `partial`, if it is whole.
    fn decode(&mut self) -> Result<Option<Message>, ConnectionEnd> {
        let Some((header, rest)) = self.partial.split_first_chunk::<HEADER_LENGTH>() else {
            return Ok(None);
        };
        let [kind, length @ ..] = *header;
        let length = u32::from_be_bytes(length) as usize;
        if length > self.max_message {
            let max = self.max_message;
            let detail = format!("a message of {length} bytes, the limit is {max}");
            return Err(ConnectionEnd::Violation { code: 1009, detail });
        }
        if rest.len() < length {
            return Ok(None);
        }
        let kind = if kind == 1 {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        let bytes = Bytes::copy_from_slice(&rest[..length]);
        self.partial.drain(..HEADER_LENGTH + length);
        if kind == MessageKind::Text && std::str::from_utf8(&bytes).is_err() {
            let detail = "a text message that is not UTF-8".into();
            return Err(ConnectionEnd::Violation { code: 1007, detail });
        }
        Ok(Some(Message { kind, bytes }))
    }

    /// Ends this side and lets the other one know.
    fn finish(
        &self,
        mut state: std::sync::MutexGuard<'_, State>,
        end: ConnectionEnd,
    ) -> ConnectionEnd {
        let end = state.end(self.side, end);
        let answer = match &end {
            ConnectionEnd::Closed { code, reason } => {
                Finish::Closed(code.unwrap_or(1005), reason.clone())
            }
            ConnectionEnd::Violation { code, detail } => Finish::Closed(*code, detail.clone()),
            ConnectionEnd::ClosedHere | ConnectionEnd::Cut(_) => Finish::Dropped,
        };
        state.outgoing(self.side).finish.get_or_insert(answer);
        let wakers = state.all_wakers();
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        end
    }
}

impl MessageReceiver for MemoryReceiver {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        loop {
            if let Some(end) = &self.shared.lock().ends[self.side as usize] {
                return Poll::Ready(Err(end.clone()));
            }
            match self.decode() {
                Ok(Some(message)) => return Poll::Ready(Ok(message)),
                Ok(None) => {}
                Err(end) => return Poll::Ready(Err(self.finish(self.shared.lock(), end))),
            }
            let mut state = self.shared.lock();
            let pipe = state.incoming(self.side);
            let count = pipe.read(&mut self.partial);
            if count > 0 {
                let writer = pipe.writer.take();
                drop(state);
                self.received += count as u64;
                writer.into_iter().for_each(Waker::wake);
                continue;
            }
            let Some(finish) = pipe.finish.clone() else {
                state.watch(self.side, cx);
                return Poll::Pending;
            };
            let closed_here = matches!(state.outgoing(self.side).finish, Some(Finish::Closed(..)));
            let end = match finish {
                _ if closed_here => ConnectionEnd::ClosedHere,
                Finish::Closed(code, reason) => ConnectionEnd::Closed {
                    code: Some(code),
                    reason,
                },
                Finish::Dropped => ConnectionEnd::cut(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the other end was dropped without a close",
                )),
            };
            return Poll::Ready(Err(self.finish(state, end)));
        }
    }

    fn received(&self) -> u64 {
        self.received
    }

    fn set_max_message(&mut self, bytes: usize) {
        self.max_message = bytes;
    }

    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionEnd>> {
        let mut state = self.shared.lock();
        if let Some(end) = &state.ends[self.side as usize] {
            return Poll::Ready(Err(end.clone()));
        }
        let pipe = state.incoming(self.side);
        if let Some(datagram) = pipe.take_datagram() {
            let writer = pipe.writer.take();
            drop(state);
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(datagram));
        }
        state.watch(self.side, cx);
        Poll::Pending
    }
}

impl Drop for MemoryReceiver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let pipe = state.incoming(self.side);
        pipe.reader_gone = true;
        let writer = pipe.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }
}
