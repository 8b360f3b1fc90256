//! The receiving half: messages out of a stream, and datagrams.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::ReadBuf;
use trunkline_transport::{ConnectionEnd, Message, MessageKind, MessageReceiver};

use crate::doorbell::Doorbell;
use crate::halves::Over;
use crate::prefix::{find_message, take_message};
use crate::sync::Arc;
use crate::wire::{BoxFuture, DatagramStream};
use crate::{Wire, WireReader};

/// The receiving half over a session and the reading half of its stream.
pub(crate) struct Receiver<S: Wire, R> {
    session: S,
    stream: R,
    over: Arc<Over>,
    max_message: usize,
    /// What has arrived and is not a whole message yet: at most one message and one read, and no
    /// memory while there is nothing.
    arrived: BytesMut,
    received: u64,
    datagrams: Option<DatagramStream>,
    message_bell: Doorbell,
    datagram_bell: Doorbell,
    /// The stream has ended, and how the session does is waited for.
    ending: Option<BoxFuture<ConnectionEnd>>,
    end: Option<ConnectionEnd>,
}

impl<S: Wire, R: WireReader> Receiver<S, R> {
    pub(crate) fn new(session: S, stream: R, over: Arc<Over>, max_message: usize) -> Self {
        Self {
            session,
            stream,
            over,
            max_message,
            arrived: BytesMut::new(),
            received: 0,
            datagrams: None,
            message_bell: Doorbell::new(),
            datagram_bell: Doorbell::new(),
            ending: None,
            end: None,
        }
    }

    fn finish(&mut self, end: ConnectionEnd) -> ConnectionEnd {
        let end = self.over.set(end);
        self.arrived = BytesMut::new();
        self.datagrams = None;
        self.ending = None;
        self.end.get_or_insert(end).clone()
    }

    /// Reads once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        let Self {
            stream,
            arrived,
            received,
            message_bell,
            max_message,
            ..
        } = self;
        message_bell.poll(cx, |cx| {
            if !arrived.is_empty() {
                // A message of several packets. Each of them by itself would cost more than its copy.
                return SCRATCH.with_borrow_mut(|scratch| {
                    let mut buffer = ReadBuf::new(scratch);
                    ready!(stream.poll_read(cx, &mut buffer))?;
                    let read = buffer.filled();
                    *received += read.len() as u64;
                    arrived.extend_from_slice(read);
                    let is_over = read.is_empty();
                    Poll::Ready(Ok(if is_over { Read::End } else { Read::Part }))
                });
            }
            let Some(mut chunk) = ready!(stream.poll_chunk(cx, READ_BYTES))? else {
                return Poll::Ready(Ok(Read::End));
            };
            *received += chunk.len() as u64;
            if let Ok(Some(message)) = find_message(&chunk, *max_message)
                && message.end == chunk.len()
            {
                chunk.advance(message.start);
                return Poll::Ready(Ok(Read::Message(chunk)));
            }
            arrived.extend_from_slice(&chunk);
            Poll::Ready(Ok(Read::Part))
        })
    }

    /// The session's own word on how it ended, which may come a little after the stream's end.
    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        let session = &self.session;
        let ending = self.ending.get_or_insert_with(|| {
            let closed = session.closed();
            Box::pin(async move {
                let told = tokio::time::timeout(CODE_LIMIT, closed).await;
                told.unwrap_or_else(|_| {
                    let detail = "the stream ended without a close";
                    ConnectionEnd::cut(io::Error::new(io::ErrorKind::UnexpectedEof, detail))
                })
            })
        });
        let end = ready!(ending.as_mut().poll(cx));
        Poll::Ready(self.finish(end))
    }
}

impl<S: Wire, R: WireReader> MessageReceiver for Receiver<S, R> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        loop {
            if let Some(end) = &self.end {
                return Poll::Ready(Err(end.clone()));
            }
            match take_message(&mut self.arrived, self.max_message) {
                Ok(Some(bytes)) => return Poll::Ready(Ok(message(bytes))),
                Ok(None) => {}
                // The sending half says so to the peer, behind what it still has to say.
                Err(violation) => return Poll::Ready(Err(self.finish(violation))),
            }
            if self.ending.is_some() {
                return self.poll_ending(cx).map(Err);
            }
            match ready!(self.poll_read(cx)) {
                Ok(Read::End) => return self.poll_ending(cx).map(Err),
                Ok(Read::Part) => {}
                Ok(Read::Message(bytes)) => return Poll::Ready(Ok(message(bytes))),
                Err(cause) => {
                    let end = self.over.get().or_else(|| self.session.end());
                    let end = end.unwrap_or_else(|| ConnectionEnd::cut(cause));
                    return Poll::Ready(Err(self.finish(end)));
                }
            }
        }
    }

    fn received(&self) -> u64 {
        self.received
    }

    fn set_max_message(&mut self, bytes: usize) {
        self.max_message = bytes;
    }

    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionEnd>> {
        if let Some(end) = &self.end {
            return Poll::Ready(Err(end.clone()));
        }
        let session = &self.session;
        let datagrams = self.datagrams.get_or_insert_with(|| session.datagrams());
        let bell = &mut self.datagram_bell;
        match ready!(bell.poll(cx, |cx| datagrams.as_mut().poll_next(cx))) {
            Some(Ok(datagram)) => Poll::Ready(Ok(datagram)),
            // What the stream still has is worth more than the end, and is read first.
            Some(Err(end)) => Poll::Ready(Err(self.over.get().unwrap_or(end))),
            // No backend's ends without an end; there would be no more datagrams.
            None => Poll::Pending,
        }
    }
}

/// What one read brought.
enum Read {
    /// The stream's end.
    End,
    /// Bytes that went to those that have arrived.
    Part,
    /// A message that came whole and alone, as most do, where it lies.
    Message(Bytes),
}

/// All of this transport's are binary.
const fn message(bytes: Bytes) -> Message {
    let kind = MessageKind::Binary;
    Message { kind, bytes }
}

thread_local! {
    /// What a read is copied to first, so that an idle connection holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;

/// How long after its stream's end a session may still say why.
const CODE_LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::prefix::Prefix;
    use crate::wire::FakeSession;

    /// A stream that brings each of these in a read of its own, and ends.
    struct Script(VecDeque<Vec<u8>>);

    impl WireReader for Script {
        fn poll_chunk(&mut self, _: &mut Context<'_>, _: usize) -> Poll<io::Result<Option<Bytes>>> {
            Poll::Ready(Ok(self.0.pop_front().map(Bytes::from)))
        }

        fn poll_read(
            &mut self,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buffer.put_slice(&self.0.pop_front().unwrap_or_default());
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn messages_are_the_same_wherever_reads_end() {
        let messages = [&b"a"[..], b"", &[7; 70], b"five!", b"b"];
        let mut sent = Vec::new();
        for message in messages {
            sent.extend_from_slice(Prefix::new(message.len()).unwrap().as_bytes());
            sent.extend_from_slice(message);
        }
        for first in 0..=sent.len() {
            for second in first..=sent.len() {
                let cuts = [&sent[..first], &sent[first..second], &sent[second..]];
                let reads = cuts.into_iter().filter(|read| !read.is_empty());
                let script = Script(reads.map(<[u8]>::to_vec).collect());
                let mut receiver =
                    Receiver::new(FakeSession::default(), script, Arc::default(), 70);
                let mut received = Vec::new();
                let end = loop {
                    match std::future::poll_fn(|cx| receiver.poll_receive(cx)).await {
                        Ok(message) => received.push(message.bytes),
                        Err(end) => break end,
                    }
                };
                assert_eq!(received, messages, "reads end at {first} and {second}");
                assert!(matches!(end, ConnectionEnd::ClosedHere), "{end:?}");
                assert_eq!(receiver.received(), sent.len() as u64);
            }
        }
    }
}
