//! What waits for a socket's handlers: one line in order, and a line of its own for every event that
//! may run concurrently.

use std::collections::VecDeque;

use trunkline_driver::sync::Arc;
use trunkline_protocol::{AckId, Payload};

use crate::DisconnectReason;
use crate::namespace::Route;

/// Something a socket's handlers have to do.
pub(crate) enum Job {
    Event(EventJob),
    Hook(Moment),
    /// The last one: `on_disconnect`, then out of all rooms.
    Farewell(DisconnectReason),
}

/// An event whose handler is to run.
pub(crate) struct EventJob {
    pub(crate) route: Arc<Route>,
    pub(crate) ack_id: Option<AckId>,
    pub(crate) args: Payload,
}

/// A moment in a session's life that a socket's hooks are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Detached,
    Resumed,
}

/// Which line a job waits in.
#[derive(Clone)]
pub(crate) enum LineId {
    /// The line of all that is handled in order.
    Ordered,
    /// The line of an event that may run concurrently.
    Own(Arc<Route>),
    /// None: it runs by itself, and nothing follows it.
    Alone,
}

/// The lines of one socket. Takes no memory while nothing waits.
///
/// ```text
///   admit ──room in its line──> runs ──> next ──something waits──> runs …
///     └──────full or paused──> waits ─────┘
/// ```
#[derive(Default)]
pub(crate) struct Lines {
    ordered: Line,
    /// Only those with something under way.
    own: Vec<(Arc<Route>, Line)>,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<Job>,
}

impl Job {
    /// What it counts while it waits: its args, and what a place in the line takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.args.as_message_pack().len() + PLACE_BYTES,
            Self::Hook(_) | Self::Farewell(_) => PLACE_BYTES,
        }
    }

    pub(crate) fn line(&self) -> LineId {
        match self {
            Self::Event(event) if event.route.concurrency().is_some() => {
                LineId::Own(Arc::clone(&event.route))
            }
            _ => LineId::Ordered,
        }
    }
}

impl Lines {
    /// Gives the job back if it may run now; else it waits.
    pub(crate) fn admit(&mut self, job: Job, paused: bool) -> Option<Job> {
        let (line, limit) = match job.line() {
            LineId::Own(route) => {
                let limit = route.concurrency().unwrap_or(1);
                (self.own_line(route), limit)
            }
            LineId::Ordered | LineId::Alone => (&mut self.ordered, 1),
        };
        if paused || line.running >= limit || !line.waiting.is_empty() {
            line.waiting.push_back(job);
            return None;
        }
        line.running += 1;
        Some(job)
    }

    /// What comes after a job that ended in this line; if nothing does, its place is free.
    pub(crate) fn next(&mut self, id: &LineId) -> Option<Job> {
        match id {
            LineId::Ordered => self.ordered.next(),
            LineId::Alone => None,
            LineId::Own(route) => {
                let is_it = |(own, _): &(Arc<Route>, Line)| Arc::ptr_eq(own, route);
                let position = self.own.iter().position(is_it)?;
                let line = &mut self.own[position].1;
                let next = line.next();
                if line.running == 0 && line.waiting.is_empty() {
                    self.own.swap_remove(position);
                    if self.own.is_empty() {
                        self.own = Vec::new();
                    }
                }
                next
            }
        }
    }

    /// All that may run now that the pause is over.
    pub(crate) fn release(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        self.ordered.release(1, &mut jobs);
        for (route, line) in &mut self.own {
            line.release(route.concurrency().unwrap_or(1), &mut jobs);
        }
        jobs
    }

    /// Takes all that waits.
    pub(crate) fn drain(&mut self) -> Vec<Job> {
        let own = self
            .own
            .iter_mut()
            .flat_map(|(_, line)| std::mem::take(&mut line.waiting));
        std::mem::take(&mut self.ordered.waiting)
            .into_iter()
            .chain(own)
            .collect()
    }

    /// Takes the farewell, and what is before it, unless its turn has come already.
    pub(crate) fn overtake(&mut self) -> Option<Vec<Job>> {
        let is_farewell = |job: &Job| matches!(job, Job::Farewell(_));
        let waits = self.ordered.waiting.iter().any(is_farewell);
        waits.then(|| std::mem::take(&mut self.ordered.waiting).into())
    }

    /// How many wait in the line in order.
    pub(crate) fn waiting_in_order(&self) -> usize {
        self.ordered.waiting.len()
    }

    fn own_line(&mut self, route: Arc<Route>) -> &mut Line {
        let position = self
            .own
            .iter()
            .position(|(own, _)| Arc::ptr_eq(own, &route));
        let position = position.unwrap_or_else(|| {
            self.own.push((route, Line::default()));
            self.own.len() - 1
        });
        &mut self.own[position].1
    }
}

impl Line {
    fn next(&mut self) -> Option<Job> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running -= 1;
            self.waiting = VecDeque::new();
        }
        next
    }

    fn release(&mut self, limit: usize, jobs: &mut Vec<Job>) {
        while self.running < limit {
            let Some(job) = self.waiting.pop_front() else {
                return;
            };
            self.running += 1;
            jobs.push(job);
        }
    }
}

/// What a place in a line counts beside its args: about what it takes in memory.
const PLACE_BYTES: usize = 64;
