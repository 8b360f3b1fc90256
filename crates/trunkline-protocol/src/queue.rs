//! Frames that have no number yet, in the order in which they may take one.

use std::collections::{HashSet, VecDeque};

use crate::outbound::Hold;
use crate::{Encoding, Kind, NamespaceName, Overflow, Prepared};

/// The bounded queue in front of the replay log.
///
/// It is two queues in one order. While the send window is closed, frames that answer an event (ACK,
/// FAILED) may pass all others, or two full windows would wait for each other (specification:
/// session.md, "Window"). The others keep their order: an event that CONNECTED or DISCONNECT had
/// passed would be taken for another socket's, or lost.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    asking: VecDeque<Queued>,
    answering: VecDeque<Queued>,
    /// Bytes of all messages, and [`FRAME_BYTES`] for each.
    bytes: usize,
    droppable: Droppable,
    next_order: u64,
}

#[derive(Debug)]
struct Queued {
    order: u64,
    frame: Prepared,
}

/// What may be taken from a [`Queue`] now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    /// Whether the window is open: for the frames that keep their order.
    pub(crate) asking: bool,
    /// Whether there is room for the frames that answer an event.
    pub(crate) answering: bool,
    /// Which kinds are held back for the time being.
    pub(crate) hold: Hold,
}

#[derive(Clone, Copy)]
enum Line {
    Asking,
    Answering,
}

impl Queue {
    pub(crate) fn push(&mut self, frame: Prepared, encoding: Encoding) {
        self.bytes += cost(&frame, encoding);
        self.droppable.add(&frame);
        let order = self.next_order;
        self.next_order += 1;
        let queue = match frame.kind() {
            Kind::ACK | Kind::FAILED => &mut self.answering,
            _ => &mut self.asking,
        };
        queue.push_back(Queued { order, frame });
    }

    /// Takes the next frame that may have a number.
    pub(crate) fn take(&mut self, admission: Admission, encoding: Encoding) -> Option<Prepared> {
        let queue = match self.choose(admission)? {
            Line::Asking => &mut self.asking,
            Line::Answering => &mut self.answering,
        };
        let frame = queue.pop_front()?.frame;
        self.bytes -= cost(&frame, encoding);
        self.droppable.remove(&frame);
        Some(frame)
    }

    /// Drops what may be dropped until at most `goal` bytes wait: first events that a newer one
    /// replaces, then the oldest. Returns how many.
    pub(crate) fn shed(&mut self, encoding: Encoding, goal: usize) -> usize {
        let before = self.droppable.all();
        if self.bytes > goal && self.droppable.latest > 0 {
            self.conflate(encoding);
        }
        let mut at = 0;
        while self.bytes > goal && self.droppable.oldest > 0 && at < self.asking.len() {
            if self.asking[at].frame.overflow() == Overflow::DropOldest {
                self.remove(at, encoding);
            } else {
                at += 1;
            }
        }
        before - self.droppable.all()
    }

    /// Drops the EVENTs of a namespace; gives how many there were.
    pub(crate) fn discard_events(
        &mut self,
        namespace: &NamespaceName,
        encoding: Encoding,
    ) -> usize {
        let before = self.asking.len();
        let Self {
            asking,
            droppable,
            bytes,
            ..
        } = self;
        asking.retain(|Queued { frame, .. }| {
            let discarded = frame.kind() == Kind::EVENT && frame.is_of(namespace);
            if discarded {
                *bytes -= cost(frame, encoding);
                droppable.remove(frame);
            }
            !discarded
        });
        before - self.asking.len()
    }

    /// What waits, each frame as [`cost`] counts it.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.asking.len() + self.answering.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asking.is_empty() && self.answering.is_empty()
    }

    /// Lets the memory of an empty queue go.
    pub(crate) fn release_memory(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Empties the queue, in the order of pushing.
    pub(crate) fn drain(&mut self) -> Vec<Prepared> {
        let Self {
            asking, answering, ..
        } = std::mem::take(self);
        let mut all: Vec<_> = asking.into_iter().chain(answering).collect();
        all.sort_by_key(|queued| queued.order);
        all.into_iter().map(|queued| queued.frame).collect()
    }

    /// Keeps of each event name, among those with [`Overflow::Latest`], only the newest.
    fn conflate(&mut self, encoding: Encoding) {
        let mut seen = HashSet::new();
        let replaced: Vec<_> = (0..self.asking.len())
            .rev()
            .filter(|&at| {
                let frame = &self.asking[at].frame;
                frame.overflow() == Overflow::Latest && !seen.insert(frame.event_key())
            })
            .collect();
        // The latest first, so that the places of the others stay theirs.
        for at in replaced {
            self.remove(at, encoding);
        }
    }

    fn remove(&mut self, at: usize, encoding: Encoding) {
        if let Some(queued) = self.asking.remove(at) {
            self.bytes -= cost(&queued.frame, encoding);
            self.droppable.remove(&queued.frame);
        }
    }

    fn choose(&self, admission: Admission) -> Option<Line> {
        let may_ask = |kind| admission.asking && admission.hold.allows(kind);
        let asking = self
            .asking
            .front()
            .filter(|queued| may_ask(queued.frame.kind()));
        let answering = self.answering.front().filter(|_| admission.answering);
        match (asking, answering) {
            (Some(ask), Some(answer)) if answer.order < ask.order => Some(Line::Answering),
            (Some(_), _) => Some(Line::Asking),
            (None, Some(_)) => Some(Line::Answering),
            (None, None) => None,
        }
    }
}

/// How many frames of the queue may be dropped, by policy.
#[derive(Clone, Copy, Debug, Default)]
struct Droppable {
    oldest: usize,
    latest: usize,
}

impl Droppable {
    const fn all(self) -> usize {
        self.oldest + self.latest
    }

    fn add(&mut self, frame: &Prepared) {
        if let Some(count) = self.of(frame) {
            *count += 1;
        }
    }

    fn remove(&mut self, frame: &Prepared) {
        if let Some(count) = self.of(frame) {
            *count -= 1;
        }
    }

    fn of(&mut self, frame: &Prepared) -> Option<&mut usize> {
        match frame.overflow() {
            Overflow::Disconnect => None,
            Overflow::DropOldest => Some(&mut self.oldest),
            Overflow::Latest => Some(&mut self.latest),
        }
    }
}

/// What a frame counts while it waits: its message, and what holding it takes.
pub(crate) fn cost(frame: &Prepared, encoding: Encoding) -> usize {
    frame.len(encoding) + FRAME_BYTES
}

/// What a frame that is kept counts beside its message's bytes: about what its entry and its shared
/// allocation take in memory. It bounds memory, so it counts in `limits.queue` and in a server's
/// budget; never in the window, which both sides compute from the messages alone.
pub const FRAME_BYTES: usize = 64;
