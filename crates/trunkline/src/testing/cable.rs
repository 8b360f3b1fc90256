//! What lies between the two ends of one connection.

use std::task::{Context, Waker};
use std::time::Duration;

use trunkline_driver::sync::{Arc, Mutex};
use trunkline_transport::{MessageReceiver, memory};

/// What a network does to all that is sent over it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions {
    pub(super) delay: Duration,
    pub(super) bandwidth: Option<u64>,
    pub(super) is_black_hole: bool,
    pub(super) swallows_datagrams: bool,
}

impl Conditions {
    pub(super) const fn loses_datagrams(&self) -> bool {
        self.is_black_hole || self.swallows_datagrams
    }
}

/// One connection, as the network sees it.
pub(super) struct Cable {
    link: memory::Link,
    conditions: Arc<Mutex<Conditions>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    /// Whoever receives, by end: woken when the network changes.
    receivers: [Option<Waker>; 2],
    /// Given up behind a black hole: as long as they are kept, the other end does not learn of it.
    given_up: Vec<Box<dyn MessageReceiver>>,
}

/// One of a connection's two ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    Client = 0,
    Server = 1,
}

impl Cable {
    pub(super) fn new(link: memory::Link, conditions: &Arc<Mutex<Conditions>>) -> Self {
        Self {
            link,
            conditions: Arc::clone(conditions),
            state: Mutex::default(),
        }
    }

    pub(super) fn conditions(&self) -> Conditions {
        *self.conditions.lock()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.state.lock().is_cut
    }

    /// Has the receiver of `end` polled again when the network changes.
    pub(super) fn watch(&self, end: End, cx: &Context<'_>) {
        let slot = &mut self.state.lock().receivers[end as usize];
        match slot {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *slot = Some(cx.waker().clone()),
        }
    }

    pub(super) fn cut(&self) {
        self.state.lock().is_cut = true;
        self.link.cut();
        self.change();
    }

    /// Takes a receiver that nobody wants any more, unless the other end may know it.
    pub(super) fn give_up(&self, receiver: Box<dyn MessageReceiver>) {
        let is_hidden = self.conditions().is_black_hole;
        let mut state = self.state.lock();
        if is_hidden && !state.is_cut {
            state.given_up.push(receiver);
        }
    }

    /// Has both ends look again: the conditions are others.
    pub(super) fn change(&self) {
        let (receivers, given_up) = {
            let mut state = self.state.lock();
            let receivers = std::mem::take(&mut state.receivers);
            (receivers, std::mem::take(&mut state.given_up))
        };
        // Outside the lock: both run code of others.
        drop(given_up);
        receivers.into_iter().flatten().for_each(Waker::wake);
    }
}
