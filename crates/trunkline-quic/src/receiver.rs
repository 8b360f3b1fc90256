//! The receiving half: messages out of a stream, and datagrams.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use trunkline_transport::{ConnectionEnd, Message, MessageKind, MessageReceiver};

use crate::Wire;
use crate::halves::Over;
use crate::prefix::{find_message, take_message};
use crate::sync::Arc;
use crate::wire::{BoxFuture, DatagramStream};

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
    /// The stream has ended, and how the session does is waited for.
    ending: Option<BoxFuture<ConnectionEnd>>,
    end: Option<ConnectionEnd>,
}

impl<S: Wire, R: AsyncRead + Unpin + Send + 'static> Receiver<S, R> {
    pub(crate) fn new(session: S, stream: R, over: Arc<Over>, max_message: usize) -> Self {
        Self {
            session,
            stream,
            over,
            max_message,
            arrived: BytesMut::new(),
            received: 0,
            datagrams: None,
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

    /// Reads once; ready with the number of bytes, 0 at the stream's end, and with a message that came
    /// whole and alone, as most do: it takes one allocation, and is not kept with what is no message yet.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(usize, Option<Bytes>)>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            let alone = match self.arrived.is_empty() {
                true => find_message(read, self.max_message).ok().flatten(),
                false => None,
            };
            let alone = alone.filter(|message| message.end == read.len());
            let message = alone.map(|message| Bytes::copy_from_slice(&read[message]));
            if message.is_none() {
                self.arrived.extend_from_slice(read);
            }
            Poll::Ready(Ok((read.len(), message)))
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

impl<S: Wire, R: AsyncRead + Unpin + Send + 'static> MessageReceiver for Receiver<S, R> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        loop {
            if let Some(end) = &self.end {
                return Poll::Ready(Err(end.clone()));
            }
            match take_message(&mut self.arrived, self.max_message) {
                Ok(Some(bytes)) => {
                    let kind = MessageKind::Binary;
                    return Poll::Ready(Ok(Message { kind, bytes }));
                }
                Ok(None) => {}
                // The sending half says so to the peer, behind what it still has to say.
                Err(violation) => return Poll::Ready(Err(self.finish(violation))),
            }
            if self.ending.is_some() {
                return self.poll_ending(cx).map(Err);
            }
            match ready!(self.poll_read(cx)) {
                Ok((0, _)) => return self.poll_ending(cx).map(Err),
                Ok((count, message)) => {
                    self.received += count as u64;
                    if let Some(bytes) = message {
                        let kind = MessageKind::Binary;
                        return Poll::Ready(Ok(Message { kind, bytes }));
                    }
                }
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
        match ready!(datagrams.as_mut().poll_next(cx)) {
            Some(Ok(datagram)) => Poll::Ready(Ok(datagram)),
            // What the stream still has is worth more than the end, and is read first.
            Some(Err(end)) => Poll::Ready(Err(self.over.get().unwrap_or(end))),
            // No backend's ends without an end; there would be no more datagrams.
            None => Poll::Pending,
        }
    }
}

thread_local! {
    /// What a read goes to first, so that an idle connection holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;

/// How long after its stream's end a session may still say why.
const CODE_LIMIT: Duration = Duration::from_secs(1);
