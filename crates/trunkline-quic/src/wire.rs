//! What a backend supplies.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use quinn::ConnectionError;
use tokio::io::{AsyncWrite, ReadBuf};
use trunkline_transport::ConnectionEnd;

/// A future that a half keeps between polls.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The datagrams of a session, as they arrive; once it is over, how it ended, again and again.
///
/// A stream rather than a future for each: what it takes to wait for one serves for all.
pub type DatagramStream = Pin<Box<dyn Stream<Item = Result<Bytes, ConnectionEnd>> + Send>>;

/// One WebTransport session, as the library behind a backend gives it. A cheap handle.
pub trait Wire: Clone + Send + Sync + 'static {
    /// Queues a datagram; a full queue loses its oldest ones. `content` may share memory with later ones, so
    /// that what is kept for long is kept as a copy.
    ///
    /// # Errors
    /// It is not taken.
    fn send_datagram(&self, content: Bytes) -> Result<(), WireError>;

    /// Queues a datagram once the queue has room. One that is not taken is lost, as on its way.
    fn send_datagram_wait(&self, content: Bytes) -> BoxFuture<()>;

    /// The largest content of a datagram now, bytes; none without datagrams.
    fn max_datagram(&self) -> Option<usize>;

    /// How much content the queue of datagrams takes before it loses its oldest ones, bytes.
    fn datagram_space(&self) -> usize;

    /// What arrives in datagrams from now on.
    fn datagrams(&self) -> DatagramStream;

    /// Closes the session with a code and a reason. Does not wait.
    fn close(&self, code: u16, reason: &str);

    /// How the session ended, if it has.
    fn end(&self) -> Option<ConnectionEnd>;

    /// How the session ends.
    fn closed(&self) -> BoxFuture<ConnectionEnd>;
}

/// The sending half of a stream, as the library behind a backend gives it.
pub trait WireStream: AsyncWrite + Unpin + Send + 'static {
    /// Ends the stream; ready once the peer has acknowledged all of it, or never will.
    fn finish(self) -> BoxFuture<()>;
}

/// The receiving half of a stream, as the library behind a backend gives it.
pub trait WireReader: Unpin + Send + 'static {
    /// What has arrived next, as much of it as lies in one piece and at most `max` bytes, without a copy;
    /// nothing once the stream has ended. The bytes may be a slice of much more.
    ///
    /// # Errors
    /// The stream or its session broke off.
    fn poll_chunk(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<Option<Bytes>>>;

    /// Copies what has arrived into the buffer, as much as it takes; nothing once the stream has ended.
    ///
    /// # Errors
    /// As [`poll_chunk`](Self::poll_chunk).
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>)
    -> Poll<io::Result<()>>;
}

/// Why a datagram is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It is larger than the path carries now.
    TooLarge,
    /// The peer takes none.
    Unsupported,
    /// The session is over.
    Over,
}

/// The code with which a session was closed, if it is one that counts. Specification: transports.md,
/// TRN-023.
#[must_use]
pub fn close_code(code: u32) -> Option<u16> {
    u16::try_from(code)
        .ok()
        .filter(|code| (1_000..5_000).contains(code))
}

/// What the loss of a QUIC connection means, where no WebTransport code was told.
///
/// One that was closed at this side is a cut too: the halves know by themselves when it was they who
/// closed it, and the library behind a backend does it for reasons of its own.
#[must_use]
pub fn ended(error: &ConnectionError) -> ConnectionEnd {
    let kind = match error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::Reset => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::ConnectionAborted,
    };
    ConnectionEnd::cut(io::Error::new(kind, error.to_string()))
}

/// A session of tests that was closed here. Its datagrams go nowhere, over a path whose largest size is,
/// each time that it is asked for, the next of these, and then the last; none are no datagrams.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct FakeSession(pub(crate) crate::sync::Arc<crate::sync::Mutex<Vec<usize>>>);

#[cfg(test)]
impl Wire for FakeSession {
    fn send_datagram(&self, content: Bytes) -> Result<(), WireError> {
        match self.max_datagram() {
            None => Err(WireError::Unsupported),
            Some(limit) if content.len() > limit => Err(WireError::TooLarge),
            Some(_) => Ok(()),
        }
    }

    fn send_datagram_wait(&self, _: Bytes) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    fn max_datagram(&self) -> Option<usize> {
        let mut sizes = self.0.lock();
        match sizes.len() {
            0 | 1 => sizes.first().copied(),
            _ => Some(sizes.remove(0)),
        }
    }

    fn datagram_space(&self) -> usize {
        usize::MAX
    }

    fn datagrams(&self) -> DatagramStream {
        unreachable!("nobody asks for datagrams")
    }

    fn close(&self, _: u16, _: &str) {}

    fn end(&self) -> Option<ConnectionEnd> {
        Some(ConnectionEnd::ClosedHere)
    }

    fn closed(&self) -> BoxFuture<ConnectionEnd> {
        Box::pin(std::future::ready(ConnectionEnd::ClosedHere))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_where_the_specification_has_them() {
        for code in [0, 1, 999, 5_000, 65_535, 65_536 + 1_000, u32::MAX] {
            assert_eq!(close_code(code), None, "{code}");
        }
        for code in [1_000, 3_400, 4_999] {
            assert_eq!(close_code(u32::from(code)), Some(code));
        }
    }
}
