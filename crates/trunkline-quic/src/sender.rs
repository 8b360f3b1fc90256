//! The sending half: messages corked in a buffer, copied into QUIC's without waiting.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use trunkline_transport::{ConnectionEnd, DatagramError, MessageKind, MessageSender, WriteBuffer};

use crate::farewell::{abandon, condemn, deliver, leave};
use crate::halves::Over;
use crate::prefix::Prefix;
use crate::sync::Arc;
use crate::wire::BoxFuture;
use crate::{Wire, WireError, WireStream};

/// The sending half over a session and the writing half of its stream.
pub(crate) struct Sender<S: Wire, W: WireStream> {
    session: S,
    over: Arc<Over>,
    buffer: WriteBuffer,
    written: u64,
    /// A datagram that QUIC has no room for yet.
    held: Option<BoxFuture<()>>,
    state: State<W>,
}

/// ```text
///  Open ── poll_close ──▶ Closing ── flushed ──▶ Delivering ── acknowledged ──▶ Closed
///   │ the session is over     │
///   ▼                         ▼
///  Over ◀─────────────────────┘
/// ```
enum State<W> {
    Open(W),
    Closing {
        stream: W,
        code: u16,
        reason: String,
    },
    Delivering {
        delivered: BoxFuture<()>,
        code: u16,
        reason: String,
    },
    Closed,
    Over(ConnectionEnd),
}

impl<S: Wire, W: WireStream> Sender<S, W> {
    pub(crate) fn new(session: S, stream: W, over: Arc<Over>) -> Self {
        Self {
            session,
            over,
            buffer: WriteBuffer::new(),
            written: 0,
            held: None,
            state: State::Open(stream),
        }
    }

    /// Gives up; what was buffered is gone.
    fn fail(&mut self, end: ConnectionEnd) -> ConnectionEnd {
        self.buffer.clear();
        self.held = None;
        self.state = State::Over(end.clone());
        end
    }

    /// Copies into the stream until the buffer is empty or the stream takes no more.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        while !self.buffer.is_empty() {
            let (State::Open(stream) | State::Closing { stream, .. }) = &mut self.state else {
                return Poll::Ready(Ok(()));
            };
            match ready!(Pin::new(stream).poll_write(cx, self.buffer.unwritten())) {
                Ok(count) => {
                    self.buffer.advance(count);
                    self.written += count as u64;
                }
                Err(cause) => {
                    // The stream's own word is the least: the peer stopped reading, or all is over.
                    let end = self.over.get().or_else(|| self.session.end());
                    let end = end.unwrap_or_else(|| ConnectionEnd::cut(cause));
                    return Poll::Ready(Err(self.fail(end)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The end that the other half or the session knows of, while this one is open. A peer that broke
    /// the transport's rules has what is buffered, if it is taken at once, and is told its code.
    fn found_over(&mut self, cx: &mut Context<'_>) -> Option<ConnectionEnd> {
        let end = self.over.get().or_else(|| self.session.end())?;
        if let ConnectionEnd::Violation { code, detail } = &end {
            let _ = self.poll_drain(cx);
            if let State::Open(stream) = std::mem::replace(&mut self.state, State::Closed) {
                condemn(self.session.clone(), stream, *code, shortened(detail));
            }
        }
        Some(self.fail(end))
    }
}

impl<S: Wire, W: WireStream> MessageSender for Sender<S, W> {
    /// Frames are binary here, whatever `kind` says: the transport does not tell text apart.
    fn push(&mut self, _kind: MessageKind, parts: &[&[u8]]) {
        if !matches!(self.state, State::Open(_)) {
            return;
        }
        let length = parts.iter().map(|part| part.len()).sum();
        let Some(prefix) = Prefix::new(length) else {
            return;
        };
        let prefix = prefix.as_bytes();
        self.buffer.reserve(prefix.len() + length);
        self.buffer.push(prefix);
        self.buffer.push_parts(parts);
    }

    fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn written(&self) -> u64 {
        self.written
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        match &self.state {
            // A write fails where the session is over, so that it need not be asked. What the other half has
            // found comes first.
            State::Open(_) if !self.buffer.is_empty() && !self.over.is_known() => {
                self.poll_drain(cx)
            }
            State::Open(_) => self
                .found_over(cx)
                .map_or(Poll::Ready(Ok(())), |end| Poll::Ready(Err(end))),
            State::Closing { .. } | State::Delivering { .. } | State::Closed => {
                Poll::Ready(Err(ConnectionEnd::ClosedHere))
            }
            State::Over(end) => Poll::Ready(Err(end.clone())),
        }
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: u16,
        reason: &str,
    ) -> Poll<Result<(), ConnectionEnd>> {
        if matches!(self.state, State::Open(_)) {
            if let Some(end) = self.found_over(cx) {
                return Poll::Ready(Err(end));
            }
            self.over.set(ConnectionEnd::ClosedHere);
            if let State::Open(stream) = std::mem::replace(&mut self.state, State::Closed) {
                let reason = shortened(reason);
                self.state = State::Closing {
                    stream,
                    code,
                    reason,
                };
            }
        }
        if matches!(self.state, State::Closing { .. }) {
            ready!(self.poll_drain(cx))?;
            if let State::Closing {
                stream,
                code,
                reason,
            } = std::mem::replace(&mut self.state, State::Closed)
            {
                let delivered = Box::pin(deliver(self.session.clone(), stream));
                self.state = State::Delivering {
                    delivered,
                    code,
                    reason,
                };
            }
        }
        match &mut self.state {
            State::Delivering {
                delivered,
                code,
                reason,
            } => {
                ready!(delivered.as_mut().poll(cx));
                leave(self.session.clone(), *code, std::mem::take(reason));
                self.state = State::Closed;
                Poll::Ready(Ok(()))
            }
            State::Over(end) => Poll::Ready(Err(end.clone())),
            State::Open(_) | State::Closing { .. } | State::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_datagram_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(held) = &mut self.held {
            ready!(held.as_mut().poll(cx));
            self.held = None;
        }
        Poll::Ready(())
    }

    /// One that has no room in QUIC's queue is held until it has: only that leaves a waker there.
    fn send_datagram(&mut self, parts: &[&[u8]]) -> Result<(), DatagramError> {
        if !matches!(self.state, State::Open(_)) {
            return Ok(());
        }
        let size = parts.iter().map(|part| part.len()).sum();
        let has_room = self.session.datagram_space() >= size;
        // Where it has room, QUIC says by itself that it is too large.
        if !has_room
            && let Some(limit) = self.max_datagram()
            && size > limit
        {
            return Err(DatagramError::TooLarge { size, limit });
        }
        let content = joined(parts, size);
        if !has_room {
            self.held = Some(self.session.send_datagram_wait(content));
            return Ok(());
        }
        let mut sent = self.session.send_datagram(content);
        if sent == Err(WireError::TooLarge) && self.max_datagram() >= Some(size) {
            // The path has turned out to carry more in between.
            sent = self.session.send_datagram(joined(parts, size));
        }
        match sent {
            Ok(()) | Err(WireError::Over) => Ok(()),
            Err(WireError::Unsupported) => Err(DatagramError::Unsupported),
            Err(WireError::TooLarge) => {
                // What it is now; when this was refused, it was less than its size.
                let limit = self.max_datagram().unwrap_or(0);
                let limit = limit.min(size.saturating_sub(1));
                Err(DatagramError::TooLarge { size, limit })
            }
        }
    }

    fn max_datagram(&self) -> Option<usize> {
        self.session.max_datagram()
    }
}

impl<S: Wire, W: WireStream> Drop for Sender<S, W> {
    fn drop(&mut self) {
        let session = self.session.clone();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(stream) | State::Closing { stream, .. } => match self.over.get() {
                Some(ConnectionEnd::Violation { code, detail }) => {
                    condemn(session, stream, code, shortened(&detail));
                }
                _ => abandon(session, stream),
            },
            State::Delivering { code, reason, .. } => leave(session, code, reason),
            State::Closed | State::Over(_) => {}
        }
    }
}

/// The content of a datagram in one piece.
fn joined(parts: &[&[u8]], size: usize) -> Bytes {
    if size > CONTENT_BYTES {
        return parts.concat().into();
    }
    CONTENT.with_borrow_mut(|content| {
        content.reserve(size);
        for part in parts {
            content.extend_from_slice(part);
        }
        content.split().freeze()
    })
}

thread_local! {
    /// Where datagrams are put together, one behind the other. The libraries copy each behind a header of
    /// theirs, so that all of it is free again by the time it is used up; a datagram that is held for want
    /// of room keeps it, and the next ones have another.
    static CONTENT: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(CONTENT_BYTES));
}

/// Bytes of room for datagrams that a thread keeps.
const CONTENT_BYTES: usize = 2 * 1024;

fn shortened(reason: &str) -> String {
    reason[..reason.floor_char_boundary(REASON_MAX)].to_owned()
}

/// Reasons are cut as WebSocket's are, so that both behave alike.
const REASON_MAX: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;
    use crate::wire::FakeSession;

    impl WireStream for tokio::io::Sink {
        fn finish(self) -> BoxFuture<()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_datagram_is_too_large_only_for_what_the_path_carries_now() {
        let sent = |sizes: &[usize]| {
            let session = FakeSession(Arc::new(Mutex::new(sizes.to_vec())));
            let mut sender = Sender::new(session, tokio::io::sink(), Arc::default());
            sender.send_datagram(&[&[0; 60], &[0; 40]])
        };
        assert_eq!(sent(&[100]), Ok(()));
        let too_large = DatagramError::TooLarge {
            size: 100,
            limit: 99,
        };
        assert_eq!(sent(&[99]), Err(too_large));
        // The path is found to carry more between the attempt and the question how much it is.
        assert_eq!(sent(&[50, 200]), Ok(()));
        assert_eq!(sent(&[50, 200, 99]), Err(too_large));
        // A path that says the one and does the other is not asked for ever.
        assert_eq!(sent(&[50, 200, 50, 200]), Err(too_large));
    }

    #[test]
    fn datagrams_that_are_gone_leave_their_memory_to_later_ones() {
        let content = [7; 100];
        let joined = |part: usize| joined(&[&content[..part], &content[part..]], content.len());
        let first = joined(0).as_ptr().addr();
        let second = joined(100).as_ptr().addr();
        assert_eq!(second - first, content.len(), "one behind the other");
        for part in 0..=100 {
            let datagram = joined(part);
            assert_eq!(datagram, content[..]);
            assert!(datagram.as_ptr().addr().abs_diff(first) < CONTENT_BYTES);
        }
        let held = joined(50);
        let later: Vec<_> = (0..100).map(|_| joined(50)).collect();
        assert!(later.iter().all(|datagram| *datagram == held));
        let large = vec![8; 10 * CONTENT_BYTES];
        assert_eq!(super::joined(&[&large], large.len()), large[..]);
    }
}
