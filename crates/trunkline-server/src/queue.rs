//! What waits for a socket's handlers: one line in order, and a line of its own for every event that
//! may run concurrently.

use std::collections::VecDeque;

use trunkline_driver::sync::Arc;
use trunkline_driver::{BEST_EFFORT_BYTES, BEST_EFFORT_WAITING, DeliveryClass};
use trunkline_protocol::{AckId, EventName, Payload};

use crate::DisconnectReason;
use crate::routes::Route;

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
    /// The event's name, if the route is for events of any name.
    pub(crate) name: Option<EventName>,
    pub(crate) ack_id: Option<AckId>,
    pub(crate) args: Payload,
    /// Whether it may be dropped rather than wait.
    pub(crate) class: DeliveryClass,
}

/// A moment in a session's life that a socket's hooks are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Detached,
    Resumed,
}

/// A job that may run now, and the line in which it takes a place.
pub(crate) struct Admitted {
    pub(crate) line: LineId,
    pub(crate) job: Job,
}

/// Which line a job belongs to.
#[derive(Clone)]
pub(crate) enum LineId {
    /// The line of all that is handled in order.
    Ordered,
    /// The line of an event that may run concurrently.
    Own(Arc<Route>),
    /// None: it runs by itself, and nothing follows it.
    Alone,
}

/// What becomes of a best-effort event.
pub(crate) enum Fit {
    /// It may run now, or wait.
    Room(Job),
    /// It waits in the place of this older value of its key.
    Replaced(Job),
    /// Too much waits.
    None,
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
    /// What the best-effort events that wait in all lines count.
    best_effort_bytes: usize,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<Job>,
}

impl EventJob {
    /// The event's name.
    pub(crate) fn event(&self) -> &EventName {
        self.name.as_ref().unwrap_or_else(|| self.route.event())
    }
}

impl Job {
    /// A best-effort event, and what was found for it.
    pub(crate) fn best_effort(
        (route, name): (Arc<Route>, Option<EventName>),
        class: DeliveryClass,
        args: Payload,
    ) -> Self {
        Self::Event(EventJob {
            route,
            name,
            ack_id: None,
            args,
            class,
        })
    }

    /// What it counts while it waits: its args, and what a place in the line takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.args.as_message_pack().len() + PLACE_BYTES,
            Self::Hook(_) | Self::Farewell(_) => PLACE_BYTES,
        }
    }

    fn best_effort_bytes(&self) -> usize {
        match self {
            Self::Event(event) if event.class != DeliveryClass::Reliable => self.bytes(),
            _ => 0,
        }
    }

    /// Whether both are values of one key.
    fn is_of_the_same_key(&self, other: &Self) -> bool {
        let (Self::Event(event), Self::Event(other)) = (self, other) else {
            return false;
        };
        matches!(event.class, DeliveryClass::Latest(_))
            && event.class == other.class
            && Arc::ptr_eq(&event.route, &other.route)
            && event.name == other.name
    }

    /// Asked when a job comes, and never again: its event may be made concurrent meanwhile.
    fn line(&self) -> LineId {
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
    #[inline]
    pub(crate) fn admit(&mut self, job: Job, paused: bool) -> Option<Admitted> {
        let id = job.line();
        let (line, limit) = match &id {
            LineId::Own(route) => (self.own_line(route), limit_of(route)),
            LineId::Ordered | LineId::Alone => (&mut self.ordered, 1),
        };
        if paused || line.must_wait(limit) {
            let bytes = job.best_effort_bytes();
            line.waiting.push_back(job);
            self.best_effort_bytes += bytes;
            return None;
        }
        line.running += 1;
        Some(Admitted { line: id, job })
    }

    /// Finds a place for a best-effort event: that of an older value of its key, or one of its own
    /// where neither its line nor all that waits of its kind is too long.
    pub(crate) fn fit(&mut self, job: Job) -> Fit {
        let (line, limit) = match job.line() {
            LineId::Own(route) => {
                let mut own = self.own.iter_mut();
                let found = own.find(|(own, _)| Arc::ptr_eq(own, &route));
                (found.map(|(_, line)| line), limit_of(&route))
            }
            LineId::Ordered | LineId::Alone => (Some(&mut self.ordered), 1),
        };
        let Some(line) = line.filter(|line| line.must_wait(limit)) else {
            return Fit::Room(job);
        };
        let mut others = line.waiting.iter().take(BEST_EFFORT_WAITING);
        let older = others.position(|other| other.is_of_the_same_key(&job));
        let freed = older.map_or(0, |older| line.waiting[older].bytes());
        let bytes = self.best_effort_bytes - freed + job.bytes();
        match older {
            _ if bytes > BEST_EFFORT_BYTES => Fit::None,
            Some(older) => {
                self.best_effort_bytes = bytes;
                Fit::Replaced(std::mem::replace(&mut line.waiting[older], job))
            }
            None if line.waiting.len() < BEST_EFFORT_WAITING => Fit::Room(job),
            None => Fit::None,
        }
    }

    /// What comes after a job that ended in this line; if nothing does, its place is free.
    pub(crate) fn next(&mut self, id: &LineId) -> Option<Job> {
        let next = self.take_next(id);
        self.no_longer_wait(&next);
        next
    }

    fn take_next(&mut self, id: &LineId) -> Option<Job> {
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
    pub(crate) fn release(&mut self) -> Vec<Admitted> {
        let mut released = Vec::new();
        self.ordered.release(&LineId::Ordered, 1, &mut released);
        for (route, line) in &mut self.own {
            let id = LineId::Own(Arc::clone(route));
            line.release(&id, limit_of(route), &mut released);
        }
        self.no_longer_wait(released.iter().map(|admitted| &admitted.job));
        released
    }

    /// Takes all that waits.
    pub(crate) fn drain(&mut self) -> Vec<Job> {
        self.best_effort_bytes = 0;
        let own = self
            .own
            .iter_mut()
            .flat_map(|(_, line)| std::mem::take(&mut line.waiting));
        std::mem::take(&mut self.ordered.waiting)
            .into_iter()
            .chain(own)
            .collect()
    }

    /// Whether anything waits for what is under way.
    pub(crate) fn has_waiting(&self) -> bool {
        let mut lines = self.own.iter().map(|(_, line)| line);
        !self.ordered.waiting.is_empty() || lines.any(|line| !line.waiting.is_empty())
    }

    fn no_longer_wait<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Job>) {
        let bytes: usize = jobs.into_iter().map(Job::best_effort_bytes).sum();
        self.best_effort_bytes -= bytes;
    }

    fn own_line(&mut self, route: &Arc<Route>) -> &mut Line {
        let position = self.own.iter().position(|(own, _)| Arc::ptr_eq(own, route));
        let position = position.unwrap_or_else(|| {
            self.own.push((Arc::clone(route), Line::default()));
            self.own.len() - 1
        });
        &mut self.own[position].1
    }
}

impl Line {
    fn must_wait(&self, limit: usize) -> bool {
        self.running >= limit || !self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<Job> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running -= 1;
            if self.waiting.capacity() > 0 {
                self.waiting = VecDeque::new();
            }
        }
        next
    }

    fn release(&mut self, id: &LineId, limit: usize, released: &mut Vec<Admitted>) {
        while self.running < limit {
            let Some(job) = self.waiting.pop_front() else {
                return;
            };
            self.running += 1;
            released.push(Admitted {
                line: id.clone(),
                job,
            });
        }
    }
}

/// How many handlers of an event with a line of its own may run at once.
fn limit_of(route: &Route) -> usize {
    route.concurrency().unwrap_or(1)
}

/// What a place in a line counts beside its args (specification: limits.md, LIM-006). It takes about
/// 200 in memory, of which 104 are the job's.
pub(crate) const PLACE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use trunkline_netem::Seed;
    use trunkline_protocol::IntoArgs;

    use super::*;

    /// What runs, by the name of its line.
    #[derive(Default)]
    struct Running(HashMap<&'static str, Vec<LineId>>);

    fn job(route: &Arc<Route>, number: u64) -> Job {
        let args = (&number).into_args().unwrap();
        Job::Event(EventJob {
            route: Arc::clone(route),
            name: None,
            ack_id: None,
            args,
            class: match number.is_multiple_of(3) {
                true => DeliveryClass::Datagram,
                false => DeliveryClass::Reliable,
            },
        })
    }

    fn number_of(job: &Job) -> u64 {
        let Job::Event(event) = job else {
            panic!("only events are sent")
        };
        event.args.first().unwrap()
    }

    fn name_of(line: &LineId) -> &'static str {
        match line {
            LineId::Own(_) => "own",
            LineId::Ordered => "ordered",
            LineId::Alone => "alone",
        }
    }

    /// Jobs come and end in a random order, with a pause at the beginning; gives the order in which
    /// each line began.
    fn run(seed: Seed) -> HashMap<&'static str, Vec<u64>> {
        let mut random = seed.rng();
        let in_order = Arc::new(Route::idle("in order", 0));
        let beside = Arc::new(Route::idle("beside", 3));
        let mut lines = Lines::default();
        let mut running = Running::default();
        let mut begun: HashMap<_, Vec<_>> = HashMap::new();
        let pause = random.below(20);
        for number in 0..JOBS {
            if number == pause {
                for Admitted { line, job } in lines.release() {
                    begun
                        .entry(name_of(&line))
                        .or_default()
                        .push(number_of(&job));
                    running.0.entry(name_of(&line)).or_default().push(line);
                }
            }
            let route = if random.chance(1, 2) {
                &in_order
            } else {
                &beside
            };
            if let Some(Admitted { line, job }) = lines.admit(job(route, number), number < pause) {
                begun
                    .entry(name_of(&line))
                    .or_default()
                    .push(number_of(&job));
                running.0.entry(name_of(&line)).or_default().push(line);
            }
            assert!(
                running
                    .0
                    .get("ordered")
                    .is_none_or(|lines| lines.len() <= 1),
                "{seed}"
            );
            assert!(
                running.0.get("own").is_none_or(|lines| lines.len() <= 3),
                "{seed}"
            );
            for lines_running in running.0.values_mut() {
                if !lines_running.is_empty() && random.chance(1, 2) {
                    end_one(&mut lines, lines_running, &mut begun);
                }
            }
        }
        for lines_running in running.0.values_mut() {
            while !lines_running.is_empty() {
                end_one(&mut lines, lines_running, &mut begun);
            }
        }
        assert_eq!(lines.best_effort_bytes, 0, "{seed}");
        assert!(lines.drain().is_empty() && lines.own.is_empty(), "{seed}");
        begun
    }

    fn end_one(
        lines: &mut Lines,
        running: &mut Vec<LineId>,
        begun: &mut HashMap<&'static str, Vec<u64>>,
    ) {
        let line = running.pop().unwrap();
        if let Some(job) = lines.next(&line) {
            begun
                .entry(name_of(&line))
                .or_default()
                .push(number_of(&job));
            running.push(line);
        }
    }

    #[test]
    fn every_job_begins_once_and_in_the_order_of_its_line() {
        for number in 0..500 {
            let seed = Seed::new(number);
            let begun = run(seed);
            assert!(begun.values().all(|line| line.is_sorted()), "{seed}");
            assert_eq!(
                begun.values().map(Vec::len).sum::<usize>(),
                JOBS as usize,
                "{seed}"
            );
        }
    }

    #[test]
    fn an_event_made_concurrent_while_it_runs_gives_its_place_back() {
        let route = Arc::new(Route::idle("late", 0));
        let mut lines = Lines::default();
        let Admitted { line, .. } = lines.admit(job(&route, 0), false).unwrap();
        route.set_concurrency(2);
        assert!(
            lines.admit(job(&route, 1), false).is_some(),
            "it has a line of its own now"
        );
        assert!(lines.next(&line).is_none());
        let in_order = Arc::new(Route::idle("in order", 0));
        assert!(lines.admit(job(&in_order, 2), false).is_some());
    }

    #[test]
    fn a_place_takes_as_much_as_the_guide_says() {
        assert_eq!(size_of::<Job>(), 104);
    }

    fn has_room_for(lines: &mut Lines, job: Job) -> bool {
        matches!(lines.fit(job), Fit::Room(_))
    }

    #[test]
    fn the_best_effort_events_of_a_socket_have_one_limit_in_bytes_over_all_lines() {
        let large = |route: &Arc<Route>| {
            let args = "x".repeat(100 * 1024).into_args().unwrap();
            Job::best_effort((Arc::clone(route), None), DeliveryClass::Datagram, args)
        };
        let in_order = Arc::new(Route::idle("in order", 0));
        let beside = Arc::new(Route::idle("beside", 1));
        let mut lines = Lines::default();
        for route in [&in_order, &beside] {
            assert!(has_room_for(&mut lines, large(route)));
            assert!(lines.admit(large(route), false).is_some());
            assert!(has_room_for(&mut lines, large(route)));
            assert!(lines.admit(large(route), false).is_none());
        }
        assert!(!has_room_for(&mut lines, large(&in_order)));
        assert!(!has_room_for(&mut lines, large(&beside)));
        assert!(
            has_room_for(&mut lines, large(&Arc::new(Route::idle("another", 1)))),
            "it need not wait"
        );
        assert!(lines.next(&LineId::Ordered).is_some());
        assert!(has_room_for(&mut lines, large(&beside)));
        assert_eq!(lines.drain().len(), 1);
        assert_eq!(lines.best_effort_bytes, 0);
    }

    #[test]
    fn a_value_takes_the_place_of_one_of_the_same_event_and_key_and_of_no_other() {
        let latest = |route: &Arc<Route>, name: &str, key: &str| {
            let name = Some(EventName::try_from(name).unwrap());
            let class = DeliveryClass::Latest(key.try_into().unwrap());
            Job::best_effort((Arc::clone(route), name), class, Payload::empty())
        };
        let (fallback, another) = (Route::idle("fallback", 0), Route::idle("another", 0));
        let (fallback, another) = (Arc::new(fallback), Arc::new(another));
        let mut lines = Lines::default();
        assert!(lines.admit(job(&fallback, 1), false).is_some());
        assert!(lines.admit(job(&fallback, 1), false).is_none());
        let waits = latest(&fallback, "moved", "k");
        assert!(lines.admit(waits, false).is_none());
        for other in [
            latest(&fallback, "turned", "k"),
            latest(&fallback, "moved", "l"),
            latest(&another, "moved", "k"),
            job(&fallback, 3),
        ] {
            assert!(has_room_for(&mut lines, other));
        }
        let newer = latest(&fallback, "moved", "k");
        assert!(matches!(lines.fit(newer), Fit::Replaced(_)));
        assert_eq!(lines.drain().len(), 2);
    }

    const JOBS: u64 = 100;
}
