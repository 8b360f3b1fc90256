//! The receiving half of a connection whose network has delay, bandwidth and black holes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};
use trunkline_driver::sync::Arc;
use trunkline_transport::{ConnectionEnd, Message, MessageReceiver};

use super::cable::{Cable, End};
use super::datagrams::DatagramLine;

/// Gives each message when it has arrived, in order.
///
/// It takes what the other end sends as soon as it is sent, up to [`UNDER_WAY`] bytes, and keeps it
/// until its time; what is beyond waits in the pipe below, and blocks the sender when that is full.
pub(super) struct NetReceiver {
    /// None only while it is dropped.
    inner: Option<Box<dyn MessageReceiver>>,
    cable: Arc<Cable>,
    end: End,
    under_way: VecDeque<UnderWay>,
    under_way_bytes: usize,
    /// When the line has carried all that was sent.
    free_at: Instant,
    /// When the last message arrives: none overtakes another.
    last_arrival: Instant,
    /// The connection's end, and when it arrives.
    ended: Option<(ConnectionEnd, Instant)>,
    delivered: u64,
    datagrams: DatagramLine,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// A message between its first byte's arrival and its last one's.
struct UnderWay {
    message: Message,
    begins: Instant,
    arrives: Instant,
}

impl NetReceiver {
    pub(super) fn new(inner: Box<dyn MessageReceiver>, cable: Arc<Cable>, end: End) -> Self {
        let now = Instant::now();
        Self {
            inner: Some(inner),
            cable,
            end,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
            free_at: now,
            last_arrival: now,
            ended: None,
            delivered: 0,
            datagrams: DatagramLine::default(),
            sleep: None,
        }
    }

    /// Takes what was sent since the last time.
    fn take(&mut self, cx: &mut Context<'_>) {
        while self.under_way_bytes < UNDER_WAY && self.ended.is_none() {
            let Some(inner) = &mut self.inner else { return };
            let Poll::Ready(sent) = inner.poll_receive(cx) else {
                return;
            };
            match sent {
                Ok(message) => {
                    let (begins, arrives) = self.schedule(message.bytes.len());
                    self.under_way_bytes += message.bytes.len();
                    self.under_way.push_back(UnderWay {
                        message,
                        begins,
                        arrives,
                    });
                }
                Err(end) => {
                    let (_, arrives) = self.schedule(0);
                    self.ended = Some((end, arrives));
                }
            }
        }
    }

    /// When the first and the last of `bytes` that are sent now arrive.
    fn schedule(&mut self, bytes: usize) -> (Instant, Instant) {
        let conditions = self.cable.conditions();
        let begins = self.free_at.max(Instant::now());
        let takes = conditions.bandwidth.map_or(Duration::ZERO, |bandwidth| {
            Duration::from_secs_f64(bytes as f64 / bandwidth as f64)
        });
        self.free_at = begins + takes;
        self.last_arrival = self.last_arrival.max(self.free_at + conditions.delay);
        (begins + conditions.delay, self.last_arrival)
    }

    /// When there is something to do next, now or later.
    fn due(&self) -> Option<Instant> {
        let arrives = self.under_way.front().map(|first| first.arrives);
        arrives.or(self.ended.as_ref().map(|(_, arrives)| *arrives))
    }

    /// Ready at `due`, or a little sooner to show what part of a long message has arrived.
    fn poll_until(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let until = due.min(Instant::now() + PROGRESS);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        self.under_way.clear();
        match &mut self.inner {
            Some(inner) => inner.poll_receive(cx),
            None => Poll::Pending,
        }
    }
}

impl MessageReceiver for NetReceiver {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ConnectionEnd>> {
        self.cable.watch(self.end, cx);
        loop {
            if self.cable.is_cut() {
                return self.poll_ended(cx);
            }
            if self.cable.conditions().is_black_hole {
                return Poll::Pending;
            }
            self.take(cx);
            let Some(due) = self.due() else {
                return Poll::Pending;
            };
            if due > Instant::now() {
                ready!(self.poll_until(due, cx));
                continue;
            }
            let Some(UnderWay { message, .. }) = self.under_way.pop_front() else {
                return self.poll_ended(cx);
            };
            self.under_way_bytes -= message.bytes.len();
            self.delivered += message.bytes.len() as u64;
            return Poll::Ready(Ok(message));
        }
    }

    fn received(&self) -> u64 {
        let now = Instant::now();
        let part = self.under_way.front().map_or(0, |first| {
            let takes = first.arrives.saturating_duration_since(first.begins);
            let since = now.saturating_duration_since(first.begins);
            if takes.is_zero() || self.cable.conditions().is_black_hole {
                return 0;
            }
            let part = since.as_secs_f64() / takes.as_secs_f64();
            (first.message.bytes.len() as f64 * part.min(1.0)) as u64
        });
        self.delivered + part
    }

    fn poll_datagram(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionEnd>> {
        match &mut self.inner {
            Some(inner) => {
                let conditions = self.cable.conditions();
                self.datagrams.poll(&mut **inner, conditions, cx)
            }
            None => Poll::Pending,
        }
    }

    fn set_max_message(&mut self, bytes: usize) {
        if let Some(inner) = &mut self.inner {
            inner.set_max_message(bytes);
        }
    }
}

impl Drop for NetReceiver {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.cable.give_up(inner);
        }
    }
}

/// Bytes that may be under way in one direction: beyond them a sender's own buffer fills.
pub(super) const UNDER_WAY: usize = 64 * 1024;

/// How often a message that takes long shows what part of it has arrived.
const PROGRESS: Duration = Duration::from_secs(1);
