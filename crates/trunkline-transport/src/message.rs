//! A message and the two halves that move it.

use std::task::{Context, Poll};

use bytes::Bytes;

use crate::{ConnectionEnd, DatagramError};

/// Whether a message is text or binary, where the transport tells them apart.
///
/// WebSocket does; a transport that does not reports [`MessageKind::Binary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text. The receiving backend has checked it.
    Text,
    /// Any bytes.
    Binary,
}

/// The unit a transport moves whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Text or binary.
    pub kind: MessageKind,
    /// The content. It may be a slice of a larger read buffer: copy it to keep it for long.
    pub bytes: Bytes,
}

/// The sending half of a connection.
///
/// [`push`](Self::push) only buffers; [`poll_flush`](Self::poll_flush) does the I/O. Any thread may
/// call either, one at a time, but always with the waker of the connection's one task: an I/O
/// driver keeps a single write waker per connection and would forget the task's.
pub trait MessageSender: Send + 'static {
    /// Appends one message to the write buffer. The content is the parts, in order, as one message.
    ///
    /// Does no I/O and cannot fail; after the connection ended it has no effect. The caller bounds
    /// the buffer by looking at [`buffered`](Self::buffered) before it pushes.
    fn push(&mut self, kind: MessageKind, parts: &[&[u8]]);

    /// Bytes in the write buffer that the transport has not taken yet, framing included.
    fn buffered(&self) -> usize;

    /// Bytes the transport has taken since the connection began. A blocked write that makes
    /// progress is a sign of life (specification, "Heartbeat").
    fn written(&self) -> u64;

    /// Hands buffered bytes to the transport until none are left or it takes no more.
    ///
    /// Bytes that a backend has to send for itself (a pong, a close answer) leave with it too, so it
    /// is worth calling with an empty buffer after each batch of reads.
    ///
    /// # Errors
    /// The connection is over; what was buffered is gone.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>>;

    /// Flushes, then ends the connection with `code` and `reason`, as far as the transport can say
    /// them. Ready once they have left. The reason is cut to what the transport carries, at a
    /// character boundary. Calls after the first only go on with it.
    ///
    /// # Errors
    /// The connection was over already.
    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: u16,
        reason: &str,
    ) -> Poll<Result<(), ConnectionEnd>>;

    /// Waits until the link takes a datagram without dropping another for it. Over a link without
    /// datagrams, and after the connection ended, it is always ready.
    ///
    /// Also what moves the one that was sent last on, where the link had no room for it: to be called
    /// until it is ready, whether or not there is more to send.
    fn poll_datagram_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// Sends one datagram, whose content is the parts in order. It may be lost, doubled or overtaken
    /// on its way.
    ///
    /// To be called once for each time that [`poll_datagram_ready`](Self::poll_datagram_ready) was
    /// ready; the link may drop one that is sent without. A flush does nothing for it. After the
    /// connection ended it has no effect.
    ///
    /// # Errors
    /// The content is too large for the link as it is now, or the link has no datagrams (see
    /// [`Capabilities::datagrams`](crate::Capabilities::datagrams)), which is the default.
    fn send_datagram(&mut self, parts: &[&[u8]]) -> Result<(), DatagramError> {
        let _ = parts;
        Err(DatagramError::Unsupported)
    }

    /// The largest content of a datagram that the link carries now, bytes; none if it carries none.
    /// It follows the path: it may grow and shrink while the connection lives.
    fn max_datagram(&self) -> Option<usize> {
        None
    }
}

/// The receiving half of a connection.
pub trait MessageReceiver: Send + 'static {
    /// The next message. A blocked write never stalls it.
    ///
    /// # Errors
    /// How the connection ended. Every later call gives the same.
    ///
    /// # Cancel safety
    /// Partial messages are kept inside; nothing is lost between polls.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>>;

    /// Bytes received on the message channel since the connection began, partial messages and
    /// framing included.
    fn received(&self) -> u64;

    /// Sets the largest message accepted from here on, bytes. A message that has begun to arrive
    /// may still be held to the older limit.
    ///
    /// A longer one ends the connection with [`ConnectionEnd::Violation`]. Before a peer has said
    /// who it is, a small limit keeps it from filling memory (specification, "Security").
    fn set_max_message(&mut self, bytes: usize);

    /// The next datagram. On a link without them, which is the default, it waits for ever.
    ///
    /// It does not count as [`received`](Self::received): a heartbeat watches the message channel.
    ///
    /// # Errors
    /// How the connection ended, as [`poll_receive`](Self::poll_receive) tells it; datagrams that
    /// had arrived before may be gone.
    ///
    /// # Cancel safety
    /// Nothing is lost between polls.
    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionEnd>> {
        let _ = cx;
        Poll::Pending
    }
}
