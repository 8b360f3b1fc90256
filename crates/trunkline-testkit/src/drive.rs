//! The poll-shaped halves of a connection as async functions.
//!
//! None has a time limit: a test that waits for ever is ended by its runner, or by
//! [`within_limit`].

use std::future::{Future, poll_fn};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use trunkline_transport::{
    Connection, ConnectionEnd, DatagramError, Message, MessageKind, MessageReceiver, MessageSender,
};

/// Flushes until nothing is left.
///
/// # Errors
/// The connection is over.
pub async fn flush(sender: &mut (impl MessageSender + ?Sized)) -> Result<(), ConnectionEnd> {
    poll_fn(|cx| sender.poll_flush(cx)).await
}

/// Sends one message and flushes.
///
/// # Errors
/// The connection is over.
pub async fn send(
    sender: &mut (impl MessageSender + ?Sized),
    kind: MessageKind,
    content: &[u8],
) -> Result<(), ConnectionEnd> {
    sender.push(kind, &[content]);
    flush(sender).await
}

/// Closes and waits until the close has left.
///
/// # Errors
/// The connection was over already.
pub async fn close(
    sender: &mut (impl MessageSender + ?Sized),
    code: u16,
    reason: &str,
) -> Result<(), ConnectionEnd> {
    poll_fn(|cx| sender.poll_close(cx, code, reason)).await
}

/// Waits for the next message.
///
/// # Errors
/// How the connection ended.
pub async fn receive(
    receiver: &mut (impl MessageReceiver + ?Sized),
) -> Result<Message, ConnectionEnd> {
    poll_fn(|cx| receiver.poll_receive(cx)).await
}

/// Waits for the next message and gives its content.
///
/// # Panics
/// If the connection ended instead.
pub async fn content(receiver: &mut (impl MessageReceiver + ?Sized)) -> Bytes {
    receive(receiver).await.expect("a message").bytes
}

/// Waits until the link takes a datagram, and sends it.
///
/// # Errors
/// It is too large, or the link has no datagrams.
pub async fn send_datagram(
    sender: &mut (impl MessageSender + ?Sized),
    parts: &[&[u8]],
) -> Result<(), DatagramError> {
    poll_fn(|cx| sender.poll_datagram_ready(cx)).await;
    sender.send_datagram(parts)
}

/// Waits for the next datagram.
///
/// # Errors
/// How the connection ended.
pub async fn datagram(
    receiver: &mut (impl MessageReceiver + ?Sized),
) -> Result<Bytes, ConnectionEnd> {
    poll_fn(|cx| receiver.poll_datagram(cx)).await
}

/// Reads until the connection ends, and tells how. Afterwards the sending half has sent whatever
/// answer the end asked for, as far as the peer took it at once.
pub async fn end(connection: &mut Connection) -> ConnectionEnd {
    let end = loop {
        if let Err(end) = receive(&mut *connection.receiver).await {
            break end;
        }
    };
    let _ = now(|cx| connection.sender.poll_flush(cx));
    end
}

/// Polls once, with a waker that does nothing.
pub fn now<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a test's body and fails it when it hangs.
///
/// # Panics
/// After 20 s.
pub async fn within_limit<T>(body: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, body)
        .await
        .unwrap_or_else(|_| panic!("hung for {limit:?}"))
}
