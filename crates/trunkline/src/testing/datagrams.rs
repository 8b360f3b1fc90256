//! Datagrams on their way over a network with delay and black holes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};
use trunkline_transport::{ConnectionEnd, MessageReceiver};

use super::cable::Conditions;

/// Gives each datagram when it has arrived. Bandwidth does not hold them up.
#[derive(Default)]
pub(super) struct DatagramLine {
    under_way: VecDeque<(Instant, Bytes)>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl DatagramLine {
    pub(super) fn poll(
        &mut self,
        inner: &mut dyn MessageReceiver,
        conditions: Conditions,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, ConnectionEnd>> {
        while let Poll::Ready(sent) = inner.poll_datagram(cx) {
            let datagram = sent?;
            if conditions.loses_datagrams() {
                continue;
            }
            if self.under_way.len() == UNDER_WAY {
                self.under_way.pop_front();
            }
            let arrives = Instant::now() + conditions.delay;
            self.under_way.push_back((arrives, datagram));
        }
        if conditions.loses_datagrams() {
            self.under_way.clear();
        }
        let Some(&(due, _)) = self.under_way.front() else {
            return Poll::Pending;
        };
        if due > Instant::now() {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if sleep.deadline() != due {
                sleep.as_mut().reset(due);
            }
            ready!(sleep.as_mut().poll(cx));
        }
        match self.under_way.pop_front() {
            Some((_, datagram)) => Poll::Ready(Ok(datagram)),
            None => Poll::Pending,
        }
    }
}

/// Datagrams that may be under way in one direction; a newer one takes the oldest one's place.
const UNDER_WAY: usize = 256;
