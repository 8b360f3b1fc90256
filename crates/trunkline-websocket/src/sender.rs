//! The sending half: messages corked in a buffer, written without waiting.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use trunkline_transport::{ConnectionEnd, MessageKind, MessageSender, WriteBuffer};

use crate::control::Control;
use crate::frame::{self, Role};
use crate::sync::Arc;

/// The sending half over the writing half of a byte stream.
#[derive(Debug)]
pub(crate) struct Sender<W> {
    stream: W,
    role: Role,
    control: Arc<Control>,
    buffer: WriteBuffer,
    written: u64,
    /// The value of `written` at which the last pong has left. The next one is taken only then, so
    /// that the buffer never holds two.
    pong_until: u64,
    /// Whether the stream has taken bytes it may still hold back (TLS records, up to 64 KiB).
    unflushed: bool,
    state: State,
}

/// ```text
///  Open ── poll_close ──▶ Closing ── flushed ──▶ Closed
///   │ the receiver ended       │ write failed
///   ▼                          ▼
///  Ending ── flushed ──────▶ Over
/// ```
#[derive(Clone, Debug)]
enum State {
    Open,
    /// This side's Close is in the buffer.
    Closing,
    /// This side's Close has left.
    Closed,
    /// The connection is over; a last frame may still be in the buffer.
    Ending(ConnectionEnd),
    Over(ConnectionEnd),
}

impl<W: AsyncWrite + Unpin> Sender<W> {
    pub(crate) fn new(stream: W, role: Role, control: Arc<Control>) -> Self {
        Self {
            stream,
            role,
            control,
            buffer: WriteBuffer::new(),
            written: 0,
            pong_until: 0,
            unflushed: false,
            state: State::Open,
        }
    }

    /// Gives up; what was buffered is gone.
    fn fail(&mut self, cause: io::Error) -> ConnectionEnd {
        let end = ConnectionEnd::cut(cause);
        self.buffer.clear();
        self.unflushed = false;
        self.state = State::Over(end.clone());
        end
    }

    /// Appends what the receiving half wants sent. Always between two messages, since the buffer
    /// only ever holds whole ones.
    fn take_control(&mut self) {
        if !matches!(self.state, State::Open) {
            return;
        }
        let Some(due) = self.control.take(self.written >= self.pong_until) else {
            return;
        };
        if let Some(pong) = due.pong {
            self.buffer.push(&pong);
            self.pong_until = self.written + self.buffer.len() as u64;
        }
        if let Some(close) = due.close {
            self.buffer.push(&close);
        }
        match due.end {
            None => {}
            Some(end @ ConnectionEnd::Cut(_)) => {
                self.buffer.clear();
                self.unflushed = false;
                self.state = State::Over(end);
            }
            Some(end) => self.state = State::Ending(end),
        }
    }

    /// Writes until the buffer is empty or the stream takes no more.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        while !self.buffer.is_empty() {
            match ready!(poll_unconstrained(cx, |cx| {
                Pin::new(&mut self.stream).poll_write(cx, self.buffer.unwritten())
            })) {
                Ok(0) => return Poll::Ready(Err(self.fail(io::ErrorKind::WriteZero.into()))),
                Ok(count) => {
                    self.buffer.advance(count);
                    self.written += count as u64;
                    self.unflushed = true;
                }
                Err(cause) => return Poll::Ready(Err(self.fail(cause))),
            }
        }
        if self.unflushed {
            match ready!(poll_unconstrained(cx, |cx| Pin::new(&mut self.stream).poll_flush(cx))) {
                Ok(()) => self.unflushed = false,
                Err(cause) => return Poll::Ready(Err(self.fail(cause))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Drains, and takes control frames until there are none: the first pong makes room for the
    /// next only once it has left.
    fn poll_drain_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        loop {
            self.take_control();
            if let State::Over(end) = &self.state {
                return Poll::Ready(Err(end.clone()));
            }
            ready!(self.poll_drain(cx))?;
            if let State::Ending(end) = &self.state {
                let end = end.clone();
                self.state = State::Over(end.clone());
                return Poll::Ready(Err(end));
            }
            if !self.control.attention() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> MessageSender for Sender<W> {
    fn push(&mut self, kind: MessageKind, parts: &[&[u8]]) {
        if !matches!(self.state, State::Open) {
            return;
        }
        if let Err(cause) = frame::append(&mut self.buffer, self.role, frame::opcode(kind), parts) {
            self.fail(cause);
        }
    }

    /// While the stream may hold something back, one byte counts as not taken: whoever looks at this
    /// or at [`written`](Self::written) then goes on flushing, and sees when that is done.
    fn buffered(&self) -> usize {
        self.buffer.len() + usize::from(self.unflushed) + self.control.waiting()
    }

    fn written(&self) -> u64 {
        self.written - u64::from(self.unflushed)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        match &self.state {
            State::Open | State::Ending(_) => self.poll_drain_all(cx),
            State::Closing | State::Closed => Poll::Ready(Err(ConnectionEnd::ClosedHere)),
            State::Over(end) => Poll::Ready(Err(end.clone())),
        }
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: u16,
        reason: &str,
    ) -> Poll<Result<(), ConnectionEnd>> {
        if matches!(self.state, State::Open) {
            if self.control.close_here() {
                self.state = State::Closing;
                if let Err(cause) = frame::append_close(&mut self.buffer, self.role, code, reason) {
                    return Poll::Ready(Err(self.fail(cause)));
                }
            } else {
                return self.poll_drain_all(cx);
            }
        }
        match &self.state {
            State::Closed => Poll::Ready(Ok(())),
            State::Closing => {
                ready!(self.poll_drain(cx))?;
                self.state = State::Closed;
                Poll::Ready(Ok(()))
            }
            State::Open | State::Ending(_) => self.poll_drain_all(cx),
            State::Over(end) => Poll::Ready(Err(end.clone())),
        }
    }
}

/// Polls outside tokio's cooperative budget. A broadcast writes to a thousand sockets within one
/// task's turn; with the budget spent, each further write would report that it is blocked, and wake
/// that connection's task for nothing.
fn poll_unconstrained<T>(
    cx: &mut Context<'_>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    pin!(tokio::task::unconstrained(poll_fn(poll))).poll(cx)
}
