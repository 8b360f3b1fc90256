//! A transport inside this process: a pair of connections over bounded byte pipes.
//!
//! It behaves as a network link does: a writer that outruns its reader is blocked, messages arrive
//! in parts, a close travels behind what was sent before it, and a [`Link`] can be cut. There is no
//! runtime, clock or task in it.
//!
//! ```
//! # use std::task::{Context, Poll, Waker};
//! use trunkline_transport::{MessageKind, memory};
//!
//! let (mut here, mut there, _link) = memory::pair(memory::Config::default());
//! let mut cx = Context::from_waker(Waker::noop());
//! here.sender.push(MessageKind::Text, &[b"hel", b"lo"]);
//! assert!(matches!(here.sender.poll_flush(&mut cx), Poll::Ready(Ok(()))));
//! let Poll::Ready(Ok(message)) = there.receiver.poll_receive(&mut cx) else { panic!() };
//! assert_eq!(&message.bytes[..], b"hello");
//! ```

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::{Capabilities, Connection, ConnectionEnd, TransportKind};

mod pipe;
mod receiver;
mod sender;

use pipe::Pipe;
use receiver::MemoryReceiver;
use sender::MemorySender;

/// How a pair behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes that may be under way in each direction, framing (5 bytes a message) included; at
    /// least 1. Default 64 KiB. A writer is blocked beyond it.
    pub capacity: usize,
    /// The largest message either side accepts, bytes. Default 1 MiB. A longer one ends the
    /// connection with [`ConnectionEnd::Violation`] and code 1009.
    pub max_message: usize,
    /// The application protocol both ends report. Default `trunkline.v1.msgpack`.
    pub protocol: String,
    /// The largest datagram, bytes; none for a link without them, which is the default. 64 may be under
    /// way in each direction; one that is sent beyond them is lost.
    pub max_datagram: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            max_message: 1024 * 1024,
            protocol: "trunkline.v1.msgpack".into(),
            max_datagram: None,
        }
    }
}

/// Two connected ends, and a handle to what lies between them.
#[must_use]
pub fn pair(config: Config) -> (Connection, Connection, Link) {
    let capacity = config.capacity.max(1);
    let state = State {
        pipes: [Pipe::new(capacity), Pipe::new(capacity)],
        ends: [None, None],
        receivers: [None, None],
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
    });
    let near = connection(&shared, Side::Near, &config);
    let far = connection(&shared, Side::Far, &config);
    (near, far, Link { shared })
}

fn connection(shared: &Arc<Shared>, side: Side, config: &Config) -> Connection {
    let mut capabilities = Capabilities::none().with_text().with_partial_messages();
    capabilities.datagrams = config.max_datagram.is_some();
    Connection {
        transport: TransportKind::Memory,
        protocol: config.protocol.clone(),
        capabilities,
        sender: Box::new(MemorySender::new(shared.clone(), side, config.max_datagram)),
        receiver: Box::new(MemoryReceiver::new(
            shared.clone(),
            side,
            config.max_message,
        )),
        home: None,
    }
}

/// What lies between the two ends of a pair.
#[derive(Clone, Debug)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// Cuts the link: both ends see [`ConnectionEnd::Cut`] at once, and what was under way is lost.
    /// An end that was over already keeps its own end.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        for side in [Side::Near, Side::Far] {
            let cause = io::Error::new(io::ErrorKind::ConnectionReset, "the link was cut");
            state.end(side, ConnectionEnd::cut(cause));
        }
        let wakers = state.all_wakers();
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// Which end of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Near = 0,
    Far = 1,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the pipes whole: every change to them is a single step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State {
    /// By the side that writes.
    pipes: [Pipe; 2],
    /// How each side's connection ended; set once.
    ends: [Option<ConnectionEnd>; 2],
    /// The wakers of receivers that found nothing, by their side.
    receivers: [Option<Waker>; 2],
}

impl State {
    fn outgoing(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    fn incoming(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[1 - side as usize]
    }

    fn end(&mut self, side: Side, end: ConnectionEnd) -> ConnectionEnd {
        self.ends[side as usize].get_or_insert(end).clone()
    }

    /// The waker of the other side's receiver, when there may be something new for it.
    fn other_receiver(&mut self, side: Side) -> Option<Waker> {
        self.receivers[1 - side as usize].take()
    }

    /// Has the side's receiver woken when there may be something new for it.
    fn watch(&mut self, side: Side, cx: &Context<'_>) {
        self.receivers[side as usize] = Some(cx.waker().clone());
    }

    fn all_wakers(&mut self) -> [Option<Waker>; 4] {
        let [near, far] = &mut self.pipes;
        let [near_receiver, far_receiver] = &mut self.receivers;
        [
            near.writer.take(),
            far.writer.take(),
            near_receiver.take(),
            far_receiver.take(),
        ]
    }
}

/// Length of the framing in front of each message: its kind, and its length (32 bits).
const HEADER_LENGTH: usize = 5;

/// Datagrams kept for a receiver.
const DATAGRAMS_MAX: usize = 64;

/// Reasons are cut as WebSocket's are, so that both behave alike.
const REASON_MAX: usize = 123;
