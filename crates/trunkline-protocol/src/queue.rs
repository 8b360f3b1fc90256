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
///
/// Aside wait the frames of sockets that have no CONNECTED yet. They count like all others, and come
/// in at the end once their socket has it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    asking: VecDeque<Queued>,
    answering: VecDeque<Queued>,
    aside: VecDeque<Aside>,
    /// Bytes of what waits aside, which are among `bytes` too.
    aside_bytes: usize,
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

/// A frame that waits for the answer to a CONNECT.
#[derive(Debug)]
struct Aside {
    /// The number of that CONNECT.
    connect: u64,
    queued: Queued,
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
        self.line_up(frame);
    }

    /// Adds a frame that waits for the answer to a CONNECT.
    pub(crate) fn push_aside(&mut self, connect: u64, frame: Prepared, encoding: Encoding) {
        let cost = cost(&frame, encoding);
        self.bytes += cost;
        self.aside_bytes += cost;
        self.droppable.add(&frame);
        let queued = Queued {
            order: self.order(),
            frame,
        };
        self.aside.push_back(Aside { connect, queued });
    }

    /// Lines up what waited for the answer to a CONNECT, behind all others.
    pub(crate) fn line_up_aside(&mut self, connect: u64, encoding: Encoding) {
        for frame in self.pick_aside(connect) {
            self.aside_bytes -= cost(&frame, encoding);
            self.line_up(frame);
        }
    }

    /// Takes out what waited for the answer to a CONNECT, in order.
    pub(crate) fn take_aside(&mut self, connect: u64, encoding: Encoding) -> Vec<Prepared> {
        let taken = self.pick_aside(connect);
        for frame in &taken {
            self.aside_bytes -= cost(frame, encoding);
            self.let_go(frame, encoding);
        }
        taken
    }

    /// Takes the next frame that may have a number.
    pub(crate) fn take(&mut self, admission: Admission, encoding: Encoding) -> Option<Prepared> {
        let queue = match self.choose(admission)? {
            Line::Asking => &mut self.asking,
            Line::Answering => &mut self.answering,
        };
        let frame = queue.pop_front()?.frame;
        self.let_go(&frame, encoding);
        Some(frame)
    }

    /// Drops what may be dropped until at most `goal` bytes wait: first events that a newer one
    /// replaces, then the oldest. Returns how many.
    pub(crate) fn shed(&mut self, encoding: Encoding, goal: usize) -> usize {
        let before = self.droppable.all();
        if self.bytes > goal && self.droppable.latest > 0 {
            self.conflate(encoding);
        }
        self.shed_oldest(encoding, goal);
        before - self.droppable.all()
    }

    /// Takes out the EVENTs of a namespace, in order.
    pub(crate) fn discard_events(
        &mut self,
        namespace: &NamespaceName,
        encoding: Encoding,
    ) -> Vec<Prepared> {
        let mut discarded = Vec::new();
        let Self {
            asking,
            aside,
            aside_bytes,
            droppable,
            bytes,
            ..
        } = self;
        let mut is_kept = |frame: &Prepared| {
            let is_discarded = frame.kind() == Kind::EVENT && frame.is_of(namespace);
            if is_discarded {
                *bytes -= cost(frame, encoding);
                droppable.remove(frame);
                discarded.push(frame.clone());
            }
            !is_discarded
        };
        asking.retain(|queued| is_kept(&queued.frame));
        aside.retain(|Aside { queued, .. }| {
            let is_kept = is_kept(&queued.frame);
            if !is_kept {
                *aside_bytes -= cost(&queued.frame, encoding);
            }
            is_kept
        });
        discarded
    }

    /// What waits, each frame as [`cost`] counts it.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Of these, what no connection can have yet: it waits for the answer to a CONNECT.
    pub(crate) const fn aside_bytes(&self) -> usize {
        self.aside_bytes
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.asking.len() + self.answering.len() + self.aside.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_lined_up_empty() && self.aside.is_empty()
    }

    /// Whether nothing waits that a connection could have.
    pub(crate) fn is_lined_up_empty(&self) -> bool {
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
            asking,
            answering,
            aside,
            ..
        } = std::mem::take(self);
        let aside = aside.into_iter().map(|Aside { queued, .. }| queued);
        let mut all: Vec<_> = asking.into_iter().chain(answering).chain(aside).collect();
        all.sort_by_key(|queued| queued.order);
        all.into_iter().map(|queued| queued.frame).collect()
    }

    /// Keeps of each event name, among those with [`Overflow::Latest`], only the newest.
    fn conflate(&mut self, encoding: Encoding) {
        let mut seen = Seen::default();
        let replaced: Vec<_> = (0..self.asking.len())
            .rev()
            .filter(|&at| seen.has_newer(None, &self.asking[at].frame))
            .collect();
        let replaced_aside: Vec<_> = (0..self.aside.len())
            .rev()
            .filter(|&at| {
                let Aside { connect, queued } = &self.aside[at];
                seen.has_newer(Some(*connect), &queued.frame)
            })
            .collect();
        // The latest first, so that the places of the others stay theirs.
        for at in replaced {
            self.remove(at, encoding);
        }
        for at in replaced_aside {
            self.remove_aside(at, encoding);
        }
    }

    /// Drops the oldest of those that may be, wherever they wait.
    fn shed_oldest(&mut self, encoding: Encoding, goal: usize) {
        let is_oldest = |queued: &Queued| queued.frame.overflow() == Overflow::DropOldest;
        let (mut at, mut at_aside) = (0, 0);
        while self.bytes > goal && self.droppable.oldest > 0 {
            while self.asking.get(at).is_some_and(|it| !is_oldest(it)) {
                at += 1;
            }
            while (self.aside.get(at_aside)).is_some_and(|it| !is_oldest(&it.queued)) {
                at_aside += 1;
            }
            let (lined_up, aside) = (self.asking.get(at), self.aside.get(at_aside));
            match (lined_up, aside) {
                (None, None) => return,
                (Some(queued), Some(aside)) if aside.queued.order < queued.order => {
                    self.remove_aside(at_aside, encoding);
                }
                (None, Some(_)) => self.remove_aside(at_aside, encoding),
                (Some(_), _) => self.remove(at, encoding),
            }
        }
    }

    fn remove(&mut self, at: usize, encoding: Encoding) {
        if let Some(queued) = self.asking.remove(at) {
            self.let_go(&queued.frame, encoding);
        }
    }

    fn remove_aside(&mut self, at: usize, encoding: Encoding) {
        if let Some(Aside { queued, .. }) = self.aside.remove(at) {
            self.aside_bytes -= cost(&queued.frame, encoding);
            self.let_go(&queued.frame, encoding);
        }
    }

    fn pick_aside(&mut self, connect: u64) -> Vec<Prepared> {
        let (picked, rest) = std::mem::take(&mut self.aside)
            .into_iter()
            .partition::<VecDeque<_>, _>(|aside| aside.connect == connect);
        self.aside = rest;
        picked.into_iter().map(|it| it.queued.frame).collect()
    }

    fn line_up(&mut self, frame: Prepared) {
        let order = self.order();
        let queue = match frame.kind() {
            Kind::ACK | Kind::FAILED => &mut self.answering,
            _ => &mut self.asking,
        };
        queue.push_back(Queued { order, frame });
    }

    const fn order(&mut self) -> u64 {
        let order = self.next_order;
        self.next_order += 1;
        order
    }

    /// A frame that was taken out counts no more.
    fn let_go(&mut self, frame: &Prepared, encoding: Encoding) {
        self.bytes -= cost(frame, encoding);
        self.droppable.remove(frame);
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

/// The events of which a newer one was seen, by name and by the CONNECT that they wait for: one of a
/// socket that may be refused replaces none of another socket.
#[derive(Default)]
struct Seen<'a>(HashSet<(Option<u64>, &'a [u8])>);

impl<'a> Seen<'a> {
    /// Whether only the newest of this event counts, and that was seen.
    fn has_newer(&mut self, connect: Option<u64>, frame: &'a Prepared) -> bool {
        frame.overflow() == Overflow::Latest && !self.0.insert((connect, frame.event_key()))
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
