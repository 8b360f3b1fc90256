//! Who is woken, and when.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;
use trunkline_transport::{MessageKind, MessageSender};

use super::Pair;
use super::moving::{FILLERS_MAX, filler};
use crate::drive::{content, now, send};

/// A broadcast on another thread fills the link with the task's waker; once the peer has read, it
/// is the task that is woken, and that finishes the flush.
pub async fn flush_from_another_thread_wakes_the_connections_task(pair: Pair) {
    let Pair {
        near,
        mut far,
        cut: _cut,
    } = pair;
    let sender = Arc::new(Mutex::new(near.sender));
    let (waker_out, waker_in) = oneshot::channel();
    let task = tokio::spawn(finish_flush(sender.clone(), waker_out));
    let waker = waker_in.await.expect("the task has been polled");
    let filling = tokio::task::spawn_blocking(move || fill_with(&sender, &waker));
    let filled = filling.await.expect("filled");
    for index in 0..filled {
        assert!(
            content(&mut *far.receiver).await == filler(index),
            "message {index} is another"
        );
    }
    task.await.expect("woken and flushed");
}

/// More flushes than a runtime's budget for one turn (tokio's is 128), all of them taken.
pub async fn many_flushes_in_one_turn_all_write(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    // A first round trip, so that the runtime knows that the link can be written to.
    send(&mut *near.sender, MessageKind::Binary, b"first")
        .await
        .expect("sent");
    assert_eq!(content(&mut *far.receiver).await, "first");
    let blocked = poll_fn(|cx| {
        let blocked = (0..1000).filter(|_| {
            near.sender.push(MessageKind::Binary, &[b"x"]);
            near.sender.poll_flush(cx).is_pending()
        });
        Poll::Ready(blocked.count())
    });
    assert_eq!(
        blocked.await,
        0,
        "flushes that wrote nothing though the link was free"
    );
    for _ in 0..1000 {
        assert_eq!(content(&mut *far.receiver).await, "x");
    }
}

/// A receiver that found nothing hears of what comes.
pub async fn waiting_receiver_is_woken_by_a_message(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    assert!(now(|cx| far.receiver.poll_receive(cx)).is_pending());
    let (polled_out, polled_in) = oneshot::channel();
    let waiting = tokio::spawn(async move {
        let mut polled_out = Some(polled_out);
        let message = poll_fn(|cx| {
            let polled = far.receiver.poll_receive(cx);
            // Only after the first poll has left its waker does the message set off.
            polled_out.take().map(|polled_out| polled_out.send(()));
            polled
        });
        message.await.expect("a message").bytes
    });
    polled_in.await.expect("polled");
    send(&mut *near.sender, MessageKind::Binary, b"wake up")
        .await
        .expect("sent");
    assert_eq!(waiting.await.expect("woken"), "wake up");
}

type SharedSender = Arc<Mutex<Box<dyn MessageSender>>>;

/// The connection's task: lends its waker, and flushes whenever it is woken.
async fn finish_flush(sender: SharedSender, waker_out: oneshot::Sender<Waker>) {
    let mut waker_out = Some(waker_out);
    poll_fn(move |cx| {
        if let Some(waker_out) = waker_out.take() {
            waker_out
                .send(cx.waker().clone())
                .expect("the test waits for it");
            return Poll::Pending;
        }
        sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_flush(cx)
    })
    .await
    .expect("the connection lives");
}

/// Any other thread: writes with the task's waker until the link is full.
fn fill_with(sender: &SharedSender, waker: &Waker) -> u32 {
    let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cx = Context::from_waker(waker);
    for index in 0..FILLERS_MAX {
        sender.push(MessageKind::Binary, &[&filler(index)]);
        if sender.poll_flush(&mut cx).is_pending() {
            return index + 1;
        }
    }
    panic!("the link took {FILLERS_MAX} messages without being read");
}
