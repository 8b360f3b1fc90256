//! QUIC's task for a connection and the connection's own, as one.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::coop::has_budget_remaining;
use trunkline_transport::Home;

use crate::sync::{Arc, AtomicI64, AtomicU8, Mutex, Ordering};
use crate::task::Task;
use crate::wire::BoxFuture;

/// What QUIC does for a connection, and a tenant, which is the connection's own task: parts of one task,
/// each polled only when it has called.
///
/// A part that has called is polled next, up to [`POLLS_MAX`] in a row, unless other connections wait: then
/// the task goes behind them. So where many have something to do, all of them receive, then all handle,
/// then all send, and the code of each step is fetched once for all of them: decision 51 has the figures.
pub(crate) struct Joined {
    shared: Arc<Shared>,
    /// The tenant's call is answered first if both have called.
    is_tenants_turn: bool,
    quic: Part,
    tenant: Part,
    /// The waker that was noted last.
    task: Waker,
}

/// A part of the task.
struct Part {
    /// None once it is done, and for a tenant, until it moves in.
    future: Option<BoxFuture<()>>,
    waker: Waker,
}

/// Connections of an endpoint that have been woken and wait for their turn.
///
/// It counts, and guards nothing: read a little too early or too late, it costs time alone.
pub(crate) type Waiting = Arc<AtomicI64>;

struct Shared {
    /// Of the bits below. A task with calls that is not polled is one of those that wait.
    state: AtomicU8,
    task: Task,
    entrance: Mutex<Entrance>,
    waiting: Waiting,
}

/// QUIC has called since it was polled last.
const QUIC: u8 = 1;
/// The tenant has called since it was polled last, or is there to move in.
const TENANT: u8 = 2;
/// The task is being polled, and looks who has called before it ends.
const POLLED: u8 = 4;

/// Where a tenant comes in.
enum Entrance {
    Open,
    Come(BoxFuture<()>),
    /// The task is over, or has its tenant.
    Shut,
}

impl Joined {
    /// The task of `quic`, and where its tenant comes in.
    pub(crate) fn new(quic: BoxFuture<()>, waiting: Waiting) -> (Self, Home) {
        waiting.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared {
            state: AtomicU8::new(QUIC),
            task: Task::unknown(),
            entrance: Mutex::new(Entrance::Open),
            waiting,
        });
        let joined = Self {
            is_tenants_turn: false,
            quic: Part {
                future: Some(quic),
                waker: Waker::from(Arc::new(Call::<QUIC>(Arc::clone(&shared)))),
            },
            tenant: Part {
                future: None,
                waker: Waker::from(Arc::new(Call::<TENANT>(Arc::clone(&shared)))),
            },
            task: Waker::noop().clone(),
            shared: Arc::clone(&shared),
        };
        (joined, Home::new(move |tenant| shared.take_in(tenant)))
    }

    /// Polls one of the parts that have called, and gives the call of the other back.
    fn poll_one(&mut self, called: u8) -> u8 {
        let goes_first = if self.is_tenants_turn { TENANT } else { QUIC };
        let part = match called & goes_first {
            0 => called,
            first => first,
        };
        match part {
            QUIC => self.quic.poll(),
            TENANT => {
                if self.tenant.future.is_none() {
                    self.tenant.future = self.shared.tenant();
                }
                self.tenant.poll();
            }
            _ => {}
        }
        self.is_tenants_turn = part == QUIC;
        called & !part
    }

    /// Whether there is nothing left to do, nor will be.
    fn is_over(&mut self) -> bool {
        if self.quic.future.is_some() || self.tenant.future.is_some() {
            return false;
        }
        self.tenant.future = self.shared.tenant();
        self.tenant.future.is_none()
    }
}

impl Future for Joined {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Ahead of the look at who has called: a call after that look wakes this task.
        this.shared.task.note(&mut this.task, cx);
        let mut called = this.shared.begin();
        for _ in 0..POLLS_MAX {
            called = this.poll_one(called);
            if this.is_over() {
                return Poll::Ready(());
            }
            called |= this.shared.calls();
            if called == 0 || this.shared.others_wait() || !has_budget_remaining() {
                break;
            }
        }
        if this.shared.end(called) {
            // A task that wakes itself goes behind all that are ready.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // It waits no longer, and a tenant that comes from now on is a task of its own.
        self.shared.begin();
        let tenants = [self.shared.tenant(), self.tenant.future.take()];
        tenants.into_iter().for_each(let_go);
        let_go(self.quic.future.take());
    }
}

impl Part {
    fn poll(&mut self) {
        let Some(future) = &mut self.future else {
            return;
        };
        let mut cx = Context::from_waker(&self.waker);
        // As tasks of their own they would not end each other either.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            let_go(self.future.take());
        }
    }
}

/// Drops a part, whose values are the program's, and may panic.
fn let_go(part: Option<BoxFuture<()>>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(part)));
}

impl Shared {
    fn call(&self, part: u8) {
        // If there was a call already, or a poll, then it is seen to.
        if self.state.fetch_or(part, Ordering::AcqRel) == 0 {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.task.wake();
        }
    }

    /// A poll begins: who has called.
    fn begin(&self) -> u8 {
        let before = self.state.swap(POLLED, Ordering::AcqRel);
        // Calls during a poll are none of one that waits; those of a task that is over are left.
        if before != 0 && before & POLLED == 0 {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        before & !POLLED
    }

    /// Who has called during the poll that is under way.
    fn calls(&self) -> u8 {
        match self.state.load(Ordering::Relaxed) {
            POLLED => 0,
            _ => self.state.swap(POLLED, Ordering::AcqRel) & !POLLED,
        }
    }

    /// The poll ends, and these calls are not answered: whether any is left.
    fn end(&self, called: u8) -> bool {
        if called != 0 {
            self.state.fetch_or(called, Ordering::AcqRel);
        }
        let is_called = self.state.fetch_and(!POLLED, Ordering::AcqRel) != POLLED;
        if is_called {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        is_called
    }

    fn others_wait(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn take_in(&self, tenant: BoxFuture<()>) {
        let mut entrance = self.entrance.lock();
        if matches!(*entrance, Entrance::Shut) {
            drop(entrance);
            tokio::spawn(tenant);
            return;
        }
        *entrance = Entrance::Come(tenant);
        drop(entrance);
        self.call(TENANT);
    }

    /// The tenant, if it has come; from here on, no other one can.
    fn tenant(&self) -> Option<BoxFuture<()>> {
        match std::mem::replace(&mut *self.entrance.lock(), Entrance::Shut) {
            Entrance::Come(tenant) => Some(tenant),
            Entrance::Open | Entrance::Shut => None,
        }
    }
}

/// A part's call.
struct Call<const PART: u8>(Arc<Shared>);

impl<const PART: u8> Wake for Call<PART> {
    fn wake(self: Arc<Self>) {
        self.0.call(PART);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.call(PART);
    }
}

/// Polls of parts in a row, where no other connection waits, before the task goes behind the program's
/// others: what is received is handled and sent. They share what tokio lets a task do at a time.
const POLLS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::task::Count;

    /// Parts that note that they are polled, and by which waker.
    #[derive(Clone, Default)]
    struct Stage(Arc<Mutex<Notes>>);

    #[derive(Default)]
    struct Notes {
        polled: Vec<&'static str>,
        wakers: Vec<(&'static str, Waker)>,
        done: Vec<&'static str>,
    }

    impl Stage {
        fn part(&self, name: &'static str) -> BoxFuture<()> {
            let stage = self.clone();
            Box::pin(poll_fn(move |cx| {
                let mut notes = stage.0.lock();
                notes.polled.push(name);
                notes.wakers.retain(|(of, _)| *of != name);
                notes.wakers.push((name, cx.waker().clone()));
                if notes.done.contains(&name) {
                    return Poll::Ready(());
                }
                Poll::Pending
            }))
        }

        fn call(&self, name: &str) {
            let wakers = self.0.lock().wakers.clone();
            let waker = wakers.into_iter().find(|(of, _)| *of == name);
            waker.unwrap().1.wake();
        }

        fn end(&self, name: &'static str) {
            self.0.lock().done.push(name);
            self.call(name);
        }

        fn polled(&self) -> Vec<&'static str> {
            std::mem::take(&mut self.0.lock().polled)
        }
    }

    /// A task by hand.
    struct ByHand {
        joined: Joined,
        wakes: Arc<Count>,
        seen: u64,
    }

    impl ByHand {
        fn poll(&mut self) -> Poll<()> {
            let waker = Waker::from(Arc::clone(&self.wakes));
            Pin::new(&mut self.joined).poll(&mut Context::from_waker(&waker))
        }

        /// How often it was woken since this was asked last.
        fn woken(&mut self) -> u64 {
            let all = self.wakes.get();
            all - std::mem::replace(&mut self.seen, all)
        }
    }

    /// A task of an endpoint whose tasks are counted there.
    fn by_hand(quic: BoxFuture<()>, waiting: &Waiting) -> (ByHand, Home) {
        let (joined, home) = Joined::new(quic, Arc::clone(waiting));
        let task = ByHand {
            joined,
            wakes: Arc::default(),
            seen: 0,
        };
        (task, home)
    }

    fn count(waiting: &Waiting) -> i64 {
        waiting.load(Ordering::Relaxed)
    }

    #[test]
    fn alone_a_task_goes_on_until_no_part_has_called() {
        let (stage, waiting) = (Stage::default(), Waiting::default());
        let (mut task, home) = by_hand(stage.part("quic"), &waiting);
        assert_eq!(count(&waiting), 1);
        assert!(task.poll().is_pending());
        assert_eq!((stage.polled(), task.woken()), (vec!["quic"], 0));
        assert!(task.poll().is_pending());
        assert_eq!((stage.polled(), task.woken()), (vec![], 0), "no call");
        home.spawn(stage.part("tenant"));
        assert_eq!((task.woken(), count(&waiting)), (1, 1));
        assert!(task.poll().is_pending());
        assert_eq!((stage.polled(), task.woken()), (vec!["tenant"], 0));
        for _ in 0..3 {
            stage.call("tenant");
            stage.call("quic");
            assert_eq!((task.woken(), count(&waiting)), (1, 1), "once for both");
            assert!(task.poll().is_pending());
            assert_eq!((stage.polled(), task.woken()), (vec!["quic", "tenant"], 0));
            assert_eq!(count(&waiting), 0);
        }
    }

    #[test]
    fn where_others_wait_a_task_goes_behind_them_after_each_part() {
        let (stage, waiting) = (Stage::default(), Waiting::default());
        let (mut task, home) = by_hand(stage.part("quic"), &waiting);
        let other = Joined::new(Box::pin(async {}), Arc::clone(&waiting));
        home.spawn(stage.part("tenant"));
        for round in 0..3 {
            assert_eq!((task.woken(), count(&waiting)), (u64::from(round > 0), 2));
            assert!(task.poll().is_pending());
            assert_eq!((stage.polled(), task.woken()), (vec!["quic"], 1));
            assert_eq!(count(&waiting), 2);
            assert!(task.poll().is_pending());
            assert_eq!((stage.polled(), task.woken()), (vec!["tenant"], 0));
            stage.call("tenant");
            stage.call("quic");
        }
        // One that is gone no longer waits, and neither is it counted when it is called.
        drop(other);
        assert_eq!(count(&waiting), 1);
        drop(task);
        assert_eq!(count(&waiting), 0);
        stage.call("quic");
        assert_eq!(count(&waiting), 0);
    }

    #[test]
    fn a_part_that_calls_without_end_keeps_neither_the_other_one_waiting_nor_other_tasks() {
        let (stage, waiting) = (Stage::default(), Waiting::default());
        let mut quic = stage.part("quic");
        let restless = poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            quic.as_mut().poll(cx)
        });
        let (mut task, home) = by_hand(Box::pin(restless), &waiting);
        home.spawn(stage.part("tenant"));
        assert!(task.poll().is_pending());
        assert_eq!(stage.polled(), ["quic", "tenant", "quic"]);
        assert_eq!(task.woken(), 1, "it goes on");
        stage.call("tenant");
        assert!(task.poll().is_pending());
        assert_eq!(stage.polled(), ["tenant", "quic", "quic"]);
        assert_eq!(task.woken(), 1);
    }

    #[test]
    fn each_part_goes_on_without_the_other() {
        for (first, second) in [("quic", "tenant"), ("tenant", "quic")] {
            let (stage, waiting) = (Stage::default(), Waiting::default());
            let (mut task, home) = by_hand(stage.part("quic"), &waiting);
            home.spawn(stage.part("tenant"));
            assert!(task.poll().is_pending());
            stage.end(first);
            assert!(task.poll().is_pending());
            stage.polled();
            // A waker of a part that is done is no call.
            stage.call(first);
            assert!(task.poll().is_pending());
            stage.call(second);
            assert!(task.poll().is_pending());
            assert_eq!(stage.polled(), [second]);
            stage.end(second);
            assert!(task.poll().is_ready());
            stage.call(second);
            drop(task);
            assert_eq!(count(&waiting), 0);
        }
    }

    #[test]
    fn a_call_behind_the_last_look_is_seen_when_the_poll_ends() {
        let waiting = Waiting::default();
        let (mut task, _home) = by_hand(Box::pin(std::future::pending()), &waiting);
        assert!(task.poll().is_pending());
        let shared = Arc::clone(&task.joined.shared);
        for (left, called) in [(0, TENANT), (QUIC, TENANT), (QUIC, 0), (0, 0)] {
            assert_eq!((shared.begin(), shared.calls()), (0, 0));
            if called != 0 {
                shared.call(called);
            }
            let has_calls = left | called != 0;
            assert_eq!(shared.end(left), has_calls);
            assert_eq!(count(&waiting), i64::from(has_calls));
            assert_eq!(task.woken(), 0, "the poll sees to it");
            assert_eq!(shared.begin(), left | called);
            assert!(!shared.end(0));
        }
        shared.call(TENANT);
        assert_eq!((task.woken(), count(&waiting)), (1, 1));
    }

    /// Whether a tenant has run, or was dropped.
    fn tenant() -> (impl Future<Output = ()> + Send, oneshot::Receiver<()>) {
        let (sender, has_run) = oneshot::channel();
        (async { sender.send(()).unwrap() }, has_run)
    }

    #[tokio::test]
    async fn a_tenant_that_comes_late_runs_all_the_same() {
        // QUIC's part ends in the very poll that takes it in.
        let (mut task, home) = by_hand(Box::pin(async {}), &Waiting::default());
        let (late, has_run) = tenant();
        home.spawn(late);
        assert!(task.poll().is_ready());
        has_run.await.unwrap();

        let (mut task, home) = by_hand(Box::pin(async {}), &Waiting::default());
        let (late, has_run) = tenant();
        assert!(task.poll().is_ready());
        home.spawn(late);
        has_run.await.unwrap();

        let (task, home) = by_hand(Box::pin(std::future::pending()), &Waiting::default());
        let (late, has_run) = tenant();
        drop(task);
        home.spawn(late);
        has_run.await.unwrap();
    }

    #[tokio::test]
    async fn a_tenant_whose_task_is_dropped_before_it_runs_is_dropped_too() {
        let (task, home) = by_hand(Box::pin(std::future::pending()), &Waiting::default());
        let (early, has_run) = tenant();
        home.spawn(early);
        drop(task);
        has_run.await.unwrap_err();
    }

    /// Panics when it is dropped.
    struct Explosive;

    impl Drop for Explosive {
        fn drop(&mut self) {
            panic!("as a test wants it");
        }
    }

    #[test]
    fn a_part_that_panics_ends_alone() {
        for when_dropped in [false, true] {
            let (stage, waiting) = (Stage::default(), Waiting::default());
            let (mut task, home) = by_hand(stage.part("quic"), &waiting);
            let explosive = when_dropped.then(|| Explosive);
            home.spawn(poll_fn(move |_| match &explosive {
                Some(_) => Poll::Ready(()),
                None => panic!("as a test wants it"),
            }));
            assert!(task.poll().is_pending());
            stage.end("quic");
            assert!(task.poll().is_ready());
            assert_eq!(stage.polled(), ["quic", "quic"]);
        }
    }

    /// A call while the task is polled, or right behind it, is not forgotten, whichever thread it comes
    /// from.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_call_is_lost() {
        const MANY: usize = 20_000;
        let part = || {
            let (sender, mut receiver) = mpsc::channel(1);
            tokio::spawn(async move {
                for number in 0..MANY {
                    sender.send(number).await.unwrap();
                }
            });
            let (sender, done) = oneshot::channel();
            let part = async move {
                for number in 0..MANY {
                    assert_eq!(receiver.recv().await, Some(number));
                }
                sender.send(()).unwrap();
            };
            (part, done)
        };
        let waiting = Waiting::default();
        // Several, so that tasks go behind each other.
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let ((quic, quic_done), (tenant, tenant_done)) = (part(), part());
                let (joined, home) = Joined::new(Box::pin(quic), Arc::clone(&waiting));
                let task = tokio::spawn(joined);
                home.spawn(tenant);
                (task, quic_done, tenant_done)
            })
            .collect();
        for (task, quic_done, tenant_done) in tasks {
            quic_done.await.unwrap();
            tenant_done.await.unwrap();
            task.await.unwrap();
        }
        assert_eq!(count(&waiting), 0);
    }
}
