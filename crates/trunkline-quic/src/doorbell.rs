//! The sources of a task, each polled only when it has called.

use std::task::{Context, Poll, Wake, Waker};

use crate::sync::{Arc, AtomicBool, Ordering};
use crate::task::Task;

/// What stands between a task and one of several sources that it waits for: a source that was pending is
/// polled again when it has called, and not whenever the task runs for the sake of another. To ask QUIC's
/// stream for nothing costs as much as to decode what a datagram brought.
///
/// The source has a waker of its own, which wakes whatever task has polled last.
pub(crate) struct Doorbell {
    bell: Arc<Bell>,
    waker: Waker,
    task: Waker,
    /// The source was not pending when it was last polled, so that it need not call.
    is_ready: bool,
}

struct Bell {
    has_rung: AtomicBool,
    task: Task,
}

impl Doorbell {
    /// For a source that has not been polled yet.
    pub(crate) fn new() -> Self {
        let bell = Arc::new(Bell {
            has_rung: AtomicBool::new(false),
            task: Task::unknown(),
        });
        Self {
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            task: Waker::noop().clone(),
            is_ready: true,
        }
    }

    /// Polls the source, unless it is still pending. `cx` is the task's, `source` gets the one to register.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        source: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // Ahead of the look at the bell: one that rings after that look wakes this task.
        self.bell.task.note(&mut self.task, cx);
        if !self.is_ready && !self.bell.has_rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = source(&mut Context::from_waker(&self.waker));
        self.is_ready = polled.is_ready();
        polled
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ahead of the lock, under which a task that comes is noted: it sees this, or it is woken.
        self.has_rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::mpsc;

    use super::*;
    use crate::task::Count;

    #[test]
    fn a_source_is_polled_first_and_then_when_it_has_called() {
        let (first, second) = (Arc::<Count>::default(), Arc::<Count>::default());
        let tasks = [&first, &second].map(|task| Waker::from(Arc::clone(task)));
        let (mut bell, mut polls, mut registered) = (Doorbell::new(), 0, Waker::noop().clone());
        let mut poll = |task: &Waker, polled: Poll<()>| {
            let outcome = bell.poll(&Context::from_waker(task), |cx| {
                polls += 1;
                registered = cx.waker().clone();
                polled
            });
            (outcome, polls, registered.clone())
        };
        let (outcome, polls, _) = poll(&tasks[0], Poll::Ready(()));
        assert_eq!((outcome, polls), (Poll::Ready(()), 1));
        let (outcome, polls, source) = poll(&tasks[0], Poll::Pending);
        assert_eq!((outcome, polls), (Poll::Pending, 2), "it may have more");
        let (outcome, polls, _) = poll(&tasks[0], Poll::Ready(()));
        assert_eq!((outcome, polls), (Poll::Pending, 2), "it has not called");
        // Another task takes over: it is the one that is woken.
        assert_eq!(poll(&tasks[1], Poll::Ready(())).1, 2);
        source.wake_by_ref();
        assert_eq!((first.get(), second.get()), (0, 1));
        let (outcome, polls, _) = poll(&tasks[1], Poll::Ready(()));
        assert_eq!((outcome, polls), (Poll::Ready(()), 3));
    }

    /// A call between the poll of a source and the task's next one is not forgotten, whichever thread it
    /// comes from.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_call_is_lost() {
        const MANY: usize = 20_000;
        let (sender, mut receiver) = mpsc::channel(1);
        let sending = tokio::spawn(async move {
            for number in 0..MANY {
                sender.send(number).await.unwrap();
            }
        });
        let mut bell = Doorbell::new();
        for number in 0..MANY {
            let received = poll_fn(|cx| bell.poll(cx, |cx| receiver.poll_recv(cx))).await;
            assert_eq!(received, Some(number));
        }
        sending.await.unwrap();
    }
}
