//! A connection's halves with a tap between them and the session.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use trunkline_transport::{
    ConnectionEnd, DatagramError, Message, MessageKind, MessageReceiver, MessageSender,
};

use super::{Direction, TAP_QUEUE_BYTES, Viewer};
use crate::sync::{Arc, Mutex};

/// What was sent and is not shown yet.
///
/// Whoever sends may hold locks of a session, so that nothing of the program's may run there: it is
/// kept for the connection's task, which is woken to show it.
#[derive(Default)]
pub(super) struct Tapped(Mutex<Sent>);

#[derive(Default)]
struct Sent {
    waiting: VecDeque<Seen>,
    bytes: usize,
    missed: u64,
    task: Option<Waker>,
}

struct Seen {
    message: Vec<u8>,
    missed: u64,
}

impl Tapped {
    fn note(&self, parts: &[&[u8]]) {
        let mut sent = self.0.lock();
        let length = parts.iter().map(|part| part.len()).sum::<usize>() + PLACE_BYTES;
        if sent.bytes + length > TAP_QUEUE_BYTES {
            sent.missed += 1;
            return;
        }
        sent.bytes += length;
        let missed = std::mem::take(&mut sent.missed);
        let message = parts.concat();
        sent.waiting.push_back(Seen { message, missed });
        let task = sent.task.take();
        drop(sent);
        task.into_iter().for_each(Waker::wake);
    }

    fn take(&self) -> VecDeque<Seen> {
        let mut sent = self.0.lock();
        sent.bytes = 0;
        std::mem::take(&mut sent.waiting)
    }

    fn watch(&self, cx: &Context<'_>) {
        self.0.lock().task = Some(cx.waker().clone());
    }
}

pub(super) struct TappedSender {
    inner: Box<dyn MessageSender>,
    tapped: Arc<Tapped>,
}

impl TappedSender {
    pub(super) fn new(inner: Box<dyn MessageSender>, tapped: Arc<Tapped>) -> Self {
        Self { inner, tapped }
    }
}

impl MessageSender for TappedSender {
    fn push(&mut self, kind: MessageKind, parts: &[&[u8]]) {
        self.inner.push(kind, parts);
        self.tapped.note(parts);
    }

    fn buffered(&self) -> usize {
        self.inner.buffered()
    }

    fn written(&self) -> u64 {
        self.inner.written()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionEnd>> {
        self.inner.poll_flush(cx)
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        code: u16,
        reason: &str,
    ) -> Poll<Result<(), ConnectionEnd>> {
        self.inner.poll_close(cx, code, reason)
    }

    fn poll_datagram_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_datagram_ready(cx)
    }

    fn send_datagram(&mut self, parts: &[&[u8]]) -> Result<(), DatagramError> {
        self.inner.send_datagram(parts)?;
        self.tapped.note(parts);
        Ok(())
    }

    fn max_datagram(&self) -> Option<usize> {
        self.inner.max_datagram()
    }
}

pub(super) struct TappedReceiver {
    inner: Box<dyn MessageReceiver>,
    tapped: Arc<Tapped>,
    viewer: Viewer,
}

impl TappedReceiver {
    pub(super) fn new(
        inner: Box<dyn MessageReceiver>,
        tapped: Arc<Tapped>,
        viewer: Viewer,
    ) -> Self {
        Self {
            inner,
            tapped,
            viewer,
        }
    }

    fn show_sent(&mut self) {
        for Seen { message, missed } in self.tapped.take() {
            self.viewer.show(Direction::Out, &message, missed);
        }
    }
}

impl MessageReceiver for TappedReceiver {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        // Watching comes first, or something could be sent between looking and watching.
        self.tapped.watch(cx);
        self.show_sent();
        let received = self.inner.poll_receive(cx);
        if let Poll::Ready(Ok(message)) = &received {
            self.viewer.show(Direction::In, &message.bytes, 0);
        }
        received
    }

    fn received(&self) -> u64 {
        self.inner.received()
    }

    fn set_max_message(&mut self, bytes: usize) {
        self.inner.set_max_message(bytes);
    }

    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionEnd>> {
        let received = self.inner.poll_datagram(cx);
        if let Poll::Ready(Ok(datagram)) = &received {
            self.viewer.show(Direction::In, datagram, 0);
        }
        received
    }
}

impl Drop for TappedReceiver {
    fn drop(&mut self) {
        self.show_sent();
    }
}

/// What a message that waits counts beside its bytes: about what its place takes.
const PLACE_BYTES: usize = 64;
