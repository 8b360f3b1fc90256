//! Datagrams arrive whole or not at all, and stay out of the message channel's way.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use trunkline_transport::{
    ConnectionEnd, DatagramError, MessageKind, MessageReceiver, MessageSender,
};

use super::Pair;
use super::moving::{fill, pattern};
use crate::drive::{close, content, datagram, end, flush, now, send, send_datagram};

/// Sends until one arrives: a link may lose any of them, and a real one does while it finds out what
/// the path carries.
async fn arrives(
    sender: &mut dyn MessageSender,
    receiver: &mut dyn MessageReceiver,
    parts: &[&[u8]],
) -> Vec<u8> {
    for _ in 0..ATTEMPTS {
        send_datagram(sender, parts).await.expect("taken");
        let arrived = tokio::time::timeout(PATIENCE, datagram(receiver)).await;
        if let Ok(arrived) = arrived {
            return arrived.expect("alive").to_vec();
        }
    }
    panic!("none of {ATTEMPTS} datagrams arrived");
}

/// Both directions; the bytes are those that were sent.
pub async fn datagrams_arrive_whole_both_ways(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    assert!(near.capabilities.datagrams && far.capabilities.datagrams);
    for size in [1, 63, 64, 500, 1000] {
        let sent = pattern(size);
        let arrived = arrives(&mut *near.sender, &mut *far.receiver, &[&sent]).await;
        assert_eq!(arrived, sent);
        let arrived = arrives(&mut *far.sender, &mut *near.receiver, &[&sent]).await;
        assert_eq!(arrived, sent);
    }
}

/// What lies in several places is one datagram.
pub async fn datagram_has_the_bytes_of_its_parts(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let parts: [&[u8]; 4] = [b"prefix ", b"", b"and ", b"suffix"];
    let arrived = arrives(&mut *near.sender, &mut *far.receiver, &parts).await;
    assert_eq!(arrived, b"prefix and suffix");
}

/// Every link carries 1,000 bytes (specification, "Limits"); the error has the figures.
pub async fn datagram_of_the_largest_size_arrives_and_one_byte_more_is_refused(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let limit = near.sender.max_datagram().expect("datagrams");
    assert!(limit >= 1000, "{limit} bytes");
    let arrived = arrives(&mut *near.sender, &mut *far.receiver, &[&pattern(limit)]).await;
    assert_eq!(arrived.len(), limit);
    for _ in 0..ATTEMPTS {
        let limit = near.sender.max_datagram().expect("datagrams");
        let size = limit + 1;
        match send_datagram(&mut *near.sender, &[&pattern(limit), b"x"]).await {
            Err(refused) => {
                assert_eq!(refused, DatagramError::TooLarge { size, limit });
                return;
            }
            // The path has turned out to carry more in between.
            Ok(_) => assert!(
                near.sender.max_datagram() > Some(limit),
                "{size} bytes taken"
            ),
        }
    }
    panic!("no datagram was too large in {ATTEMPTS} attempts");
}

/// A peer that does not read its messages still gets datagrams.
pub async fn datagrams_pass_a_blocked_message_channel(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    fill(&mut *near.sender);
    let arrived = arrives(&mut *near.sender, &mut *far.receiver, &[b"quick"]).await;
    assert_eq!(arrived, b"quick");
}

/// A sender that outruns its link has to wait, is woken when there is room, and loses nothing at this
/// side: what it was ready for arrives, the last one too.
pub async fn sender_is_not_ready_while_the_link_has_no_room(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let mut next = 0;
    for _ in 0..ATTEMPTS {
        next = poll_fn(|cx| Poll::Ready(fill_datagrams(&mut *near.sender, next, cx))).await;
        let waiting = tokio::spawn(async move {
            poll_fn(|cx| near.sender.poll_datagram_ready(cx)).await;
            near
        });
        let arrived = is_received(&mut *far.receiver, next - 1).await;
        near = waiting.await.expect("no panic");
        if arrived {
            return;
        }
    }
    panic!("the last of those that were taken never arrived in {ATTEMPTS} bursts");
}

/// Sends numbered datagrams in one turn until the link takes no more; gives the next number.
fn fill_datagrams(sender: &mut dyn MessageSender, first: u32, cx: &mut Context<'_>) -> u32 {
    for number in first..first + BURST {
        if sender.poll_datagram_ready(cx).is_pending() {
            return number;
        }
        let mut content = pattern(1000);
        content[..4].copy_from_slice(&number.to_be_bytes());
        sender.send_datagram(&[&content]).expect("taken");
    }
    panic!("{BURST} datagrams all had room");
}

/// Whether a numbered datagram arrives before nothing more does.
async fn is_received(receiver: &mut dyn MessageReceiver, number: u32) -> bool {
    loop {
        match tokio::time::timeout(PATIENCE, datagram(receiver)).await {
            Err(_elapsed) => return false,
            Ok(arrived) if arrived.as_ref().expect("alive")[..4] == number.to_be_bytes() => {
                return true;
            }
            Ok(_older) => {}
        }
    }
}

/// One waker serves both: messages and datagrams are polled by the same task.
pub async fn waiting_receiver_is_woken_by_a_datagram(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let waiting = tokio::spawn(async move {
        poll_fn(|cx| {
            assert!(far.receiver.poll_receive(cx).is_pending());
            far.receiver.poll_datagram(cx)
        })
        .await
    });
    while !waiting.is_finished() {
        send_datagram(&mut *near.sender, &[b"wake up"])
            .await
            .expect("taken");
        tokio::time::sleep(Duration::from_millis(1)).await; // tidy: allow sleep: a datagram may be lost
    }
    let arrived = waiting.await.expect("no panic").expect("alive");
    assert_eq!(arrived, "wake up");
}

/// The heartbeat watches the message channel alone.
pub async fn datagrams_do_not_count_as_received(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    send(&mut *near.sender, MessageKind::Binary, b"first")
        .await
        .expect("sent");
    assert_eq!(content(&mut *far.receiver).await, "first");
    let before = (near.sender.written(), far.receiver.received());
    arrives(&mut *near.sender, &mut *far.receiver, &[b"not counted"]).await;
    assert_eq!((near.sender.written(), far.receiver.received()), before);
    assert_eq!(near.sender.buffered(), 0);
}

/// Neither an error nor a panic.
pub async fn datagram_after_the_end_has_no_effect(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    close(&mut *near.sender, 3001, "over")
        .await
        .expect("closed");
    end(&mut far).await;
    let _ = near.sender.send_datagram(&[b"too late"]);
    let _ = far.sender.send_datagram(&[b"too late"]);
    assert!(flush(&mut *far.sender).await.is_err());
}

/// Whoever waits for datagrams alone learns of the end, and of the same one.
pub async fn end_shows_at_the_datagrams_too(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    assert!(now(|cx| far.receiver.poll_datagram(cx)).is_pending());
    close(&mut *near.sender, 3001, "over")
        .await
        .expect("closed");
    end(&mut far).await;
    for _ in 0..2 {
        let seen = datagram(&mut *far.receiver).await.expect_err("over");
        assert!(
            matches!(
                seen,
                ConnectionEnd::Closed {
                    code: Some(3001),
                    ..
                }
            ),
            "ended as {seen:?}"
        );
    }
}

/// Datagrams of one turn: more than any link queues.
const BURST: u32 = 5_000;

/// How long to wait for one, and how often.
const PATIENCE: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 20;
