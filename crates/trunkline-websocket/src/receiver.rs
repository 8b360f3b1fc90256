//! The receiving half: messages that arrived whole are taken from where they lie; tungstenite's
//! frame reader has the rest.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncRead;
use trunkline_transport::{ConnectionEnd, Message, MessageKind, MessageReceiver, WriteBuffer};
use tungstenite::error::{CapacityError, Error};
use tungstenite::protocol::{self, CloseFrame, WebSocketConfig, WebSocketContext};

use crate::adapter::Adapter;
use crate::boundary::Boundary;
use crate::config::{Config, count};
use crate::control::Control;
use crate::frame::{self, Role};
use crate::scratch::Scratch;
use crate::sync::Arc;
use crate::whole;

/// What tungstenite's own buffer starts with, and its step of reading from the scratch buffer.
const CONTEXT_BUFFER: usize = 256;

/// A message above this has grown tungstenite's buffer enough to be worth replacing it.
const LARGE_MESSAGE: usize = 512;

/// A code registered since RFC 6455, of which tungstenite does not know. Specification: codes.md.
const BAD_GATEWAY_CODE: u16 = 1014;
const BAD_GATEWAY: Option<u16> = Some(BAD_GATEWAY_CODE);

/// The receiving half over the reading half of a byte stream.
#[derive(Debug)]
pub(crate) struct Receiver<R> {
    stream: R,
    role: Role,
    control: Arc<Control>,
    context: WebSocketContext,
    /// The context holds bytes, or may: what follows them is the context's too.
    in_context: bool,
    max_message: usize,
    scratch: Scratch,
    boundary: Boundary,
    /// Whether the context's buffer has grown and is to be replaced when nothing is in it.
    grown: bool,
    received: u64,
    end: Option<ConnectionEnd>,
}

impl<R: AsyncRead + Unpin> Receiver<R> {
    /// `already_read` are bytes that arrived with the HTTP handshake.
    pub(crate) fn new(
        stream: R,
        role: Role,
        control: Arc<Control>,
        config: &Config,
        already_read: Bytes,
    ) -> Self {
        let mut boundary = Boundary::default();
        boundary.pass(&already_read);
        let settings = settings(config.max_message);
        let context = WebSocketContext::from_partially_read(
            already_read.to_vec(),
            tungstenite_role(role),
            Some(settings),
        );
        Self {
            stream,
            role,
            control,
            context,
            in_context: !already_read.is_empty(),
            max_message: config.max_message,
            scratch: Scratch::default(),
            boundary,
            grown: already_read.len() > LARGE_MESSAGE,
            received: already_read.len() as u64,
            end: None,
        }
    }

    /// The next message of what has arrived. None if it takes more.
    fn read(&mut self) -> Option<Result<Message, ConnectionEnd>> {
        if !self.in_context {
            let unread = self.scratch.unread();
            if let Some((message, length)) = whole::take(unread, self.role, self.max_message) {
                self.scratch.consume(length);
                return Some(Ok(message));
            }
            if unread.is_empty() {
                return None;
            }
            self.in_context = true;
        }
        self.read_in_context()
    }

    /// One step of tungstenite's reader over what has arrived. None if it needs more.
    fn read_in_context(&mut self) -> Option<Result<Message, ConnectionEnd>> {
        loop {
            let mut adapter = Adapter {
                scratch: &mut self.scratch,
                boundary: &mut self.boundary,
                control: &self.control,
            };
            match self.context.read(&mut adapter) {
                Ok(protocol::Message::Text(text)) => {
                    return Some(Ok(self.message(MessageKind::Text, text.into())));
                }
                Ok(protocol::Message::Binary(bytes)) => {
                    return Some(Ok(self.message(MessageKind::Binary, bytes)));
                }
                Ok(protocol::Message::Close(_)) if adapter.boundary.close_code() == BAD_GATEWAY => {
                    return Some(Err(self.bad_gateway()));
                }
                Ok(protocol::Message::Close(close)) => {
                    // Writes the answer into the adapter. A server's context reports its end by an
                    // error here, which says nothing new.
                    let _ = self.context.flush(&mut adapter);
                    return Some(Err(self.over(closed(close), None)));
                }
                Ok(_) => {} // A pong, or a ping whose pong the next read writes into the adapter.
                Err(Error::Io(cause)) if cause.kind() == io::ErrorKind::WouldBlock => {
                    self.in_context = !self.boundary.between_messages();
                    return None;
                }
                Err(cause) => return Some(Err(self.broken(&cause))),
            }
        }
    }

    /// Ends as the peer said, and answers in kind; tungstenite has made a violation of it.
    fn bad_gateway(&mut self) -> ConnectionEnd {
        let mut answer = WriteBuffer::new();
        // Without randomness for the mask there is no answer; the end stays the same.
        let _ = frame::append_close(&mut answer, self.role, BAD_GATEWAY_CODE, "");
        let end = ConnectionEnd::Closed {
            code: BAD_GATEWAY,
            // tungstenite has replaced it too.
            reason: String::new(),
        };
        self.over(end, Some(answer.unwritten()))
    }

    fn message(&mut self, kind: MessageKind, bytes: Bytes) -> Message {
        self.grown |= bytes.len() > LARGE_MESSAGE;
        Message { kind, bytes }
    }

    /// Replaces a context whose buffer has grown, where it holds nothing.
    fn shrink(&mut self) {
        if self.grown && !self.in_context {
            self.context = WebSocketContext::new(
                tungstenite_role(self.role),
                Some(settings(self.max_message)),
            );
            self.grown = false;
        }
    }

    /// Ends with what the peer did wrong, and has the Close sent that says so.
    fn broken(&mut self, cause: &Error) -> ConnectionEnd {
        let (code, detail) = match cause {
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => (
                1009,
                format!("a message of {size} bytes or more, the limit is {max_size}"),
            ),
            Error::Utf8(detail) => (1007, detail.clone()),
            Error::Io(cause) => {
                return self.over(ConnectionEnd::cut(io::Error::from(cause.kind())), None);
            }
            other => (1002, other.to_string()),
        };
        count(&self.control.counters.violations);
        let mut close = WriteBuffer::new();
        // Without randomness for the mask there is no Close; the end stays the same.
        let _ = frame::append_close(&mut close, self.role, code, &detail);
        self.over(
            ConnectionEnd::Violation { code, detail },
            Some(close.unwritten()),
        )
    }

    fn over(&mut self, end: ConnectionEnd, close: Option<&[u8]>) -> ConnectionEnd {
        let end = self.control.put_end(end, close);
        self.end = Some(end.clone());
        end
    }
}

impl<R: AsyncRead + Unpin + Send + 'static> MessageReceiver for Receiver<R> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        if let Some(end) = &self.end {
            return Poll::Ready(Err(end.clone()));
        }
        loop {
            if let Some(result) = self.read() {
                return Poll::Ready(result);
            }
            self.shrink();
            match ready!(self.scratch.poll_fill(&mut self.stream, cx)) {
                Ok(0) => {
                    let cause = io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the stream ended without a Close frame",
                    );
                    return Poll::Ready(Err(self.over(ConnectionEnd::cut(cause), None)));
                }
                Ok(length) => self.received += length as u64,
                Err(cause) => return Poll::Ready(Err(self.over(ConnectionEnd::cut(cause), None))),
            }
        }
    }

    fn received(&self) -> u64 {
        self.received
    }

    fn set_max_message(&mut self, bytes: usize) {
        self.max_message = bytes;
        self.context.set_config(|config| {
            config.max_message_size = Some(bytes);
            config.max_frame_size = Some(bytes);
        });
    }
}

fn settings(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(CONTEXT_BUFFER)
        // Each control frame goes to the adapter at once.
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

const fn tungstenite_role(role: Role) -> protocol::Role {
    match role {
        Role::Client => protocol::Role::Client,
        Role::Server => protocol::Role::Server,
    }
}

fn closed(close: Option<CloseFrame>) -> ConnectionEnd {
    match close {
        Some(close) => ConnectionEnd::Closed {
            code: Some(close.code.into()),
            reason: close.reason.as_str().to_owned(),
        },
        None => ConnectionEnd::Closed {
            code: None,
            reason: String::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Waker;

    use tokio::io::ReadBuf;

    use super::*;

    /// A receiver of a server's unmasked frames, which are there already, and then the end.
    fn receiver(frames: &[u8]) -> Receiver<&[u8]> {
        let control = Arc::new(Control::new(&Config::default()));
        Receiver::new(
            frames,
            Role::Client,
            control,
            &Config::default(),
            Bytes::new(),
        )
    }

    fn frame(content: &[u8]) -> Vec<u8> {
        let mut buffer = WriteBuffer::new();
        frame::append(&mut buffer, Role::Server, frame::BINARY, &[content]).unwrap();
        buffer.unwritten().to_vec()
    }

    fn next(receiver: &mut Receiver<&'static [u8]>) -> Result<usize, ConnectionEnd> {
        match receiver.poll_receive(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.map(|message| message.bytes.len()),
            Poll::Pending => panic!("a slice never blocks"),
        }
    }

    fn leaked(frames: &[Vec<u8>]) -> &'static [u8] {
        Box::leak(frames.concat().into_boxed_slice())
    }

    #[test]
    fn grown_context_is_replaced_between_messages_and_nothing_is_lost() {
        let sizes = [100, 5000, 3, 200_000, 1];
        let mut receiver = receiver(leaked(&sizes.map(|size| frame(&vec![7; size]))));
        for size in sizes {
            assert_eq!(next(&mut receiver).unwrap(), size);
        }
        assert!(receiver.grown);
        assert!(matches!(next(&mut receiver), Err(ConnectionEnd::Cut(_))));
        assert!(!receiver.grown, "the memory of 200,000 bytes is still held");
    }

    #[test]
    fn grown_context_is_kept_while_a_message_is_partly_in_it() {
        // More than one read brings, so that the context has to keep it.
        let large = frame(&[7; 20_000]);
        let half = frame(&[7; 5000])[..2000].to_vec();
        let mut receiver = receiver(leaked(&[large, half]));
        assert_eq!(next(&mut receiver).unwrap(), 20_000);
        assert!(matches!(next(&mut receiver), Err(ConnectionEnd::Cut(_))));
        assert!(receiver.grown);
    }

    /// A stream that brings its bytes in two reads.
    struct InTwo<'a>(&'a [u8], &'a [u8]);

    impl AsyncRead for InTwo<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let next = if self.0.is_empty() {
                &mut self.1
            } else {
                &mut self.0
            };
            Pin::new(next).poll_read(cx, into)
        }
    }

    /// Whole messages are taken past tungstenite, the rest by it: from whichever it comes, nothing is
    /// lost, doubled or overtaken where the two meet.
    #[test]
    fn messages_keep_their_order_wherever_a_read_ends() {
        let ping = [0x89, 1, 0];
        let fragments = [&[0x02, 2, 10, 11][..], &ping, &[0x80, 1, 12]].concat();
        let stream = leaked(&[
            frame(&[1]),
            ping.into(),
            frame(&[2; 200]),
            frame(&[3; 2]),
            fragments,
            frame(&[4]),
            frame(&[]),
        ]);
        let expected = [
            vec![1],
            vec![2; 200],
            vec![3; 2],
            vec![10, 11, 12],
            vec![4],
            vec![],
        ];
        for end in 0..=stream.len() {
            let (first, second) = stream.split_at(end);
            let control = Arc::new(Control::new(&Config::default()));
            let config = Config::default();
            let mut receiver = Receiver::new(
                InTwo(first, second),
                Role::Client,
                control,
                &config,
                Bytes::new(),
            );
            for message in &expected {
                let cx = &mut Context::from_waker(Waker::noop());
                let Poll::Ready(received) = receiver.poll_receive(cx) else {
                    panic!("a slice never blocks");
                };
                assert_eq!(
                    received.unwrap().bytes,
                    message,
                    "a read that ends at {end}"
                );
            }
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(
                receiver.poll_receive(cx),
                Poll::Ready(Err(ConnectionEnd::Cut(_)))
            ));
            assert!(!receiver.in_context, "all that came is out");
        }
    }

    #[test]
    fn halves_stay_small() {
        use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

        let halves = [
            size_of::<Receiver<OwnedReadHalf>>(),
            size_of::<crate::sender::Sender<OwnedWriteHalf>>(),
            size_of::<Control>(),
        ];
        assert!(
            halves.iter().sum::<usize>() + CONTEXT_BUFFER <= 1200,
            "{halves:?} bytes"
        );
    }
}
