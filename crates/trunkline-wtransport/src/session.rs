//! wtransport's session and stream, as the halves want them.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::io::{AsyncRead as _, AsyncWrite, ReadBuf};
use trunkline_quic::{
    BoxFuture, DatagramStream, Wire, WireError, WireReader, WireStream, close_code, ended,
};
use trunkline_transport::ConnectionEnd;
use wtransport::error::{ConnectionError, SendDatagramError};
use wtransport::proto::datagram::Datagram;
use wtransport::proto::ids::QStreamId;
use wtransport::{RecvStream, SendStream, VarInt};

use crate::codes::{from_http3, to_http3};

/// A session.
#[derive(Clone, Debug)]
pub struct Session(pub(crate) wtransport::Connection);

impl Session {
    /// Bytes ahead of a datagram's content.
    fn header(&self) -> usize {
        Datagram::header_size(QStreamId::from_session_id(self.0.session_id()))
    }
}

impl Wire for Session {
    fn send_datagram(&self, content: Bytes) -> Result<(), WireError> {
        self.0.send_datagram(content).map_err(|error| match error {
            SendDatagramError::TooLarge => WireError::TooLarge,
            SendDatagramError::UnsupportedByPeer => WireError::Unsupported,
            SendDatagramError::NotConnected => WireError::Over,
        })
    }

    /// The library only has the call that drops the oldest.
    fn send_datagram_wait(&self, content: Bytes) -> BoxFuture<()> {
        let stream = QStreamId::from_session_id(self.0.session_id());
        let datagram = Datagram::new(stream, &content);
        let mut bytes = vec![0; datagram.write_size()];
        let _ = datagram.write(&mut bytes);
        let connection = self.0.quic_connection().clone();
        Box::pin(async move {
            let _ = connection.send_datagram_wait(bytes.into()).await;
        })
    }

    /// The library's own answer is wrong where a peer takes less than its header.
    fn max_datagram(&self) -> Option<usize> {
        let size = self.0.quic_connection().max_datagram_size()?;
        size.checked_sub(self.header())
    }

    fn datagram_space(&self) -> usize {
        let space = self.0.quic_connection().datagram_send_buffer_space();
        space.saturating_sub(self.header())
    }

    fn datagrams(&self) -> DatagramStream {
        Box::pin(unfold(self.0.clone(), async |session| {
            let received = session.receive_datagram().await;
            let received = received
                .map(|datagram| datagram.payload())
                .map_err(|error| end(&session, &error));
            Some((received, session))
        }))
    }

    /// The library writes no capsule: a browser learns of the end, not of the code.
    fn close(&self, code: u16, reason: &str) {
        let code = VarInt::try_from_u64(to_http3(code)).unwrap_or(VarInt::MAX);
        self.0.close(code, reason.as_bytes());
    }

    fn end(&self) -> Option<ConnectionEnd> {
        let reason = self.0.quic_connection().close_reason()?;
        Some(end(&self.0, &reason.into()))
    }

    fn closed(&self) -> BoxFuture<ConnectionEnd> {
        let session = self.0.clone();
        Box::pin(async move {
            let reason = session.closed().await;
            end(&session, &reason)
        })
    }
}

/// The sending half of the session's stream.
#[derive(Debug)]
pub struct Stream(pub(crate) SendStream);

impl WireStream for Stream {
    fn finish(mut self) -> BoxFuture<()> {
        Box::pin(async move {
            let stream = self.0.quic_stream_mut();
            if stream.finish().is_ok() {
                // However it ended, nothing more arrives.
                let _ = stream.stopped().await;
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
        let stream = self.0.quic_stream_mut();
        let chunk = ready!(pin!(stream.read_chunk(max, true)).poll(cx))?;
        Poll::Ready(Ok(chunk.map(|chunk| chunk.bytes)))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

/// How a session ended. A close may come as a capsule on the request's stream, which the library
/// turns into an error of its own, or as the QUIC connection's.
fn end(session: &wtransport::Connection, error: &ConnectionError) -> ConnectionEnd {
    if let ConnectionError::ApplicationClosed(close) = error {
        let code = close.code().into_inner();
        let code = from_http3(code).or(u32::try_from(code).ok());
        let reason = String::from_utf8_lossy(close.reason()).into_owned();
        if let Some(code) = code.and_then(close_code) {
            let code = Some(code);
            return ConnectionEnd::Closed { code, reason };
        }
    }
    match session.quic_connection().close_reason() {
        Some(reason) => ended(&reason),
        None => {
            let cause = io::Error::new(io::ErrorKind::ConnectionAborted, error.to_string());
            ConnectionEnd::cut(cause)
        }
    }
}
