//! web-transport-quinn's session and stream, as the halves want them.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::unfold;
use quinn::{ConnectionError, SendDatagramError};
use tokio::io::{AsyncRead as _, AsyncWrite, ReadBuf};
use trunkline_quic::{
    BoxFuture, DatagramStream, Wire, WireError, WireReader, WireStream, close_code, ended,
};
use trunkline_transport::ConnectionEnd;
use web_transport_quinn::{ReadError, RecvStream, SendStream, SessionError, WebTransportError};

/// A session; shared, since the library's own is half a kilobyte that each datagram would move.
#[derive(Clone, Debug)]
pub struct Session(pub(crate) Arc<web_transport_quinn::Session>);

impl Wire for Session {
    fn send_datagram(&self, content: Bytes) -> Result<(), WireError> {
        self.0.send_datagram(content).map_err(|error| match error {
            SessionError::SendDatagramError(SendDatagramError::TooLarge) => WireError::TooLarge,
            SessionError::SendDatagramError(
                SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled,
            ) => WireError::Unsupported,
            _ => WireError::Over,
        })
    }

    fn send_datagram_wait(&self, content: Bytes) -> BoxFuture<()> {
        let session = self.0.clone();
        Box::pin(async move {
            let _ = session.send_datagram_wait(content).await;
        })
    }

    fn max_datagram(&self) -> Option<usize> {
        Some(self.0.max_datagram_size()).filter(|size| *size > 0)
    }

    fn datagram_space(&self) -> usize {
        self.0.datagram_send_buffer_space()
    }

    fn datagrams(&self) -> DatagramStream {
        Box::pin(unfold(self.0.clone(), async |session| {
            let received = match session.read_datagram().await {
                // It names another session, or none. What is read as nothing is counted as malformed.
                Err(SessionError::WebTransportError(WebTransportError::UnknownSession)) => {
                    Ok(Bytes::new())
                }
                received => received.map_err(|error| end(&session, &error)),
            };
            Some((received, session))
        }))
    }

    fn close(&self, code: u16, reason: &str) {
        self.0.close(code.into(), reason.as_bytes());
    }

    fn end(&self) -> Option<ConnectionEnd> {
        self.0.close_reason().map(|error| end(&self.0, &error))
    }

    fn closed(&self) -> BoxFuture<ConnectionEnd> {
        let session = self.0.clone();
        Box::pin(async move { end(&session, &session.closed().await) })
    }
}

/// The sending half of the session's stream.
#[derive(Debug)]
pub struct Stream(pub(crate) SendStream);

impl WireStream for Stream {
    fn finish(mut self) -> BoxFuture<()> {
        Box::pin(async move {
            if self.0.finish().is_ok() {
                // However it ended, nothing more arrives.
                let _ = self.0.stopped().await;
            }
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The receiving half of the session's stream.
#[derive(Debug)]
pub struct Reader(pub(crate) RecvStream);

impl WireReader for Reader {
    fn poll_chunk(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<Option<Bytes>>> {
        // The stream keeps the waker, not the future.
        let chunk = ready!(pin!(self.0.read_chunk(max, true)).poll(cx));
        let chunk = chunk.map_err(|error| {
            let kind = match error {
                ReadError::Reset(_) | ReadError::InvalidReset(_) => io::ErrorKind::ConnectionReset,
                _ => io::ErrorKind::NotConnected,
            };
            io::Error::new(kind, error)
        });
        Poll::Ready(chunk.map(|chunk| chunk.map(|chunk| chunk.bytes)))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

/// How a session ended.
fn end(session: &quinn::Connection, error: &SessionError) -> ConnectionEnd {
    match error {
        // The library says so of every end that its own task notices first. QUIC knows better.
        SessionError::ConnectionError(ConnectionError::LocallyClosed) => {
            let reason = session.close_reason();
            ended(&reason.unwrap_or(ConnectionError::LocallyClosed))
        }
        SessionError::WebTransportError(WebTransportError::Closed(code, reason)) => {
            match close_code(*code) {
                Some(code) => ConnectionEnd::Closed {
                    code: Some(code),
                    reason: reason.clone(),
                },
                None => aborted(&format!("closed with code {code}: {reason}")),
            }
        }
        SessionError::ConnectionError(error)
        | SessionError::SendDatagramError(SendDatagramError::ConnectionLost(error)) => ended(error),
        other => aborted(&other.to_string()),
    }
}

fn aborted(detail: &str) -> ConnectionEnd {
    ConnectionEnd::cut(io::Error::new(io::ErrorKind::ConnectionAborted, detail))
}
