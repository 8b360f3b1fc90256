//! What the receiving half has the sending half send: pongs, and the Close that ends it.

use trunkline_transport::ConnectionEnd;

use crate::config::{Config, Counters, count};
use crate::frame;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, lock};

/// Shared by the two halves of a connection.
#[derive(Debug)]
pub(crate) struct Control {
    /// Whether `slots` has something for the sending half: spares it the lock otherwise.
    attention: AtomicBool,
    slots: Mutex<Slots>,
    pub(crate) counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Slots {
    /// The newest pong not taken yet, as a whole frame. Older ones are replaced, so that a peer
    /// that pings and does not read costs one frame.
    pong: Option<Box<[u8]>>,
    /// The Close to send last, as a whole frame.
    close: Option<Box<[u8]>>,
    /// How the connection ended, from the moment it did.
    end: Option<ConnectionEnd>,
    /// Whether the sending half has sent a Close: then it sends nothing more.
    closed_here: bool,
}

/// What the sending half is to append between two messages.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) pong: Option<Box<[u8]>>,
    pub(crate) close: Option<Box<[u8]>>,
    pub(crate) end: Option<ConnectionEnd>,
}

impl Control {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            attention: AtomicBool::new(false),
            slots: Mutex::default(),
            counters: config.counters.clone(),
        }
    }

    /// Keeps a control frame that tungstenite has formatted.
    pub(crate) fn put_frame(&self, bytes: &[u8]) {
        let mut slots = lock(&self.slots);
        if slots.closed_here {
            return; // Nothing follows a Close (RFC 6455 section 5.5.1).
        }
        match bytes.first().map(|first| first & 0x0f) {
            Some(frame::PONG) => {
                if slots.pong.replace(bytes.into()).is_some() {
                    count(&self.counters.pongs_replaced);
                }
            }
            Some(frame::CLOSE) => slots.close = Some(bytes.into()),
            // tungstenite is never asked to send anything else.
            _ => return,
        }
        self.attention.store(true, Ordering::Release);
    }

    /// Records the end, with the Close frame to send for it if it is not tungstenite's. Gives what
    /// the end is: a connection that was closed here ends so whatever comes after.
    pub(crate) fn put_end(&self, end: ConnectionEnd, close: Option<&[u8]>) -> ConnectionEnd {
        let mut slots = lock(&self.slots);
        if let Some(close) = close {
            slots.close = Some(close.into());
        }
        let end = if slots.closed_here {
            ConnectionEnd::ClosedHere
        } else {
            end
        };
        let end = slots.end.get_or_insert(end).clone();
        self.attention.store(true, Ordering::Release);
        end
    }

    /// Marks that this side sends its Close now. False if the connection is over already.
    pub(crate) fn close_here(&self) -> bool {
        let mut slots = lock(&self.slots);
        if slots.end.is_none() {
            slots.closed_here = true;
        }
        slots.closed_here
    }

    /// Whether something waits to be taken.
    pub(crate) fn attention(&self) -> bool {
        self.attention.load(Ordering::Acquire)
    }

    /// Bytes of control frames that wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        if !self.attention() {
            return 0;
        }
        let slots = lock(&self.slots);
        [&slots.pong, &slots.close]
            .into_iter()
            .flatten()
            .map(|frame| frame.len())
            .sum()
    }

    /// Takes what is due, the pong only if `pong_allowed`. None if there is nothing.
    pub(crate) fn take(&self, pong_allowed: bool) -> Option<Due> {
        if !self.attention() {
            return None;
        }
        let mut slots = lock(&self.slots);
        let due = Due {
            pong: if pong_allowed {
                slots.pong.take()
            } else {
                None
            },
            close: slots.close.take(),
            end: slots.end.clone(),
        };
        self.attention
            .store(slots.pong.is_some(), Ordering::Release);
        let nothing = due.pong.is_none() && due.close.is_none() && due.end.is_none();
        if nothing { None } else { Some(due) }
    }
}
