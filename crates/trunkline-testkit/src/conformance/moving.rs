//! Messages are moved whole, in order, and only within the limit.

use trunkline_transport::{ConnectionEnd, MessageKind, MessageSender};

use super::{MAX_MESSAGE, Pair};
use crate::drive::{content, end, flush, now, receive, send};

/// Both directions, text where the transport tells it apart.
pub async fn messages_arrive_whole_in_order_and_of_their_kind(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let kinds = if near.capabilities.text {
        vec![MessageKind::Binary, MessageKind::Text]
    } else {
        vec![MessageKind::Binary]
    };
    for _direction in 0..2 {
        for round in 0..20 {
            let kind = kinds[round % kinds.len()];
            let text = format!("message {round} é");
            send(&mut *near.sender, kind, text.as_bytes())
                .await
                .expect("sent");
            let message = receive(&mut *far.receiver).await.expect("received");
            assert_eq!((message.kind, &message.bytes[..]), (kind, text.as_bytes()));
        }
        std::mem::swap(&mut near, &mut far);
    }
}

/// The sizes at which the headers of WebSocket and of WebTransport change, the limit, and the
/// neighbours of each. An empty message is no frame, and not every transport carries one.
pub async fn every_size_up_to_the_limit_arrives(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let sizes = [
        1,
        63,
        64,
        124,
        125,
        126,
        127,
        16_383,
        16_384,
        65_534,
        65_535,
        65_536,
        65_537,
        MAX_MESSAGE,
    ];
    let sending = tokio::spawn(async move {
        for size in sizes {
            send(&mut *near.sender, MessageKind::Binary, &pattern(size))
                .await
                .expect("sent");
        }
        near
    });
    for size in sizes {
        let received = content(&mut *far.receiver).await;
        assert!(
            received == pattern(size),
            "{size} bytes came as {} others",
            received.len()
        );
    }
    sending.await.expect("sent all");
}

/// What lies in several places is one message.
pub async fn parts_arrive_as_one_message(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    near.sender
        .push(MessageKind::Binary, &[b"prefix ", b"", b"suffix"]);
    near.sender.push(MessageKind::Binary, &[b"", b"next"]);
    flush(&mut *near.sender).await.expect("sent");
    assert_eq!(content(&mut *far.receiver).await, "prefix suffix");
    assert_eq!(content(&mut *far.receiver).await, "next");
}

/// One byte too much ends the connection with 1009, on both sides.
pub async fn message_over_the_limit_is_a_violation_that_the_peer_learns_of(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    near.sender
        .push(MessageKind::Binary, &[&pattern(MAX_MESSAGE + 1)]);
    let sending = tokio::spawn(async move {
        // How far it gets is the link's affair.
        let _ = flush(&mut *near.sender).await;
        near
    });
    match end(&mut far).await {
        ConnectionEnd::Violation { code: 1009, detail } => {
            assert!(
                detail.contains(&MAX_MESSAGE.to_string()),
                "no figure in: {detail}"
            );
        }
        other => panic!("ended as {other:?}"),
    }
    // On a real link the close may be lost behind what was still under way.
    drop(far);
    let mut near = sending.await.expect("no panic");
    let learned = end(&mut near).await;
    assert!(
        matches!(
            learned,
            ConnectionEnd::Closed {
                code: Some(1009),
                ..
            } | ConnectionEnd::Cut(_)
        ),
        "the peer learned {learned:?}"
    );
}

/// The limit can be changed while the connection lives.
pub async fn lowered_limit_holds_for_the_next_message(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    send(&mut *near.sender, MessageKind::Binary, &pattern(100))
        .await
        .expect("sent");
    assert_eq!(content(&mut *far.receiver).await.len(), 100);
    far.receiver.set_max_message(50);
    send(&mut *near.sender, MessageKind::Binary, &pattern(50))
        .await
        .expect("sent");
    assert_eq!(content(&mut *far.receiver).await.len(), 50);
    send(&mut *near.sender, MessageKind::Binary, &pattern(51))
        .await
        .expect("sent");
    assert!(matches!(
        end(&mut far).await,
        ConnectionEnd::Violation { code: 1009, .. }
    ));
    assert!(matches!(
        end(&mut near).await,
        ConnectionEnd::Closed {
            code: Some(1009),
            ..
        }
    ));
}

/// Corked messages need one flush, and none before it.
pub async fn many_messages_leave_in_one_flush(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    for index in 0..1000_u32 {
        near.sender
            .push(MessageKind::Binary, &[&index.to_be_bytes()]);
    }
    assert_eq!(near.sender.written(), 0, "push did I/O");
    assert!(near.sender.buffered() >= 4000);
    let flushing = tokio::spawn(async move {
        flush(&mut *near.sender).await.expect("sent");
        assert_eq!(near.sender.buffered(), 0);
        near
    });
    for index in 0..1000_u32 {
        assert_eq!(content(&mut *far.receiver).await, &index.to_be_bytes()[..]);
    }
    flushing.await.expect("flushed");
}

/// Back-pressure: a peer that does not read blocks the writer, and only the writer.
pub async fn blocked_write_does_not_stall_reads_and_loses_nothing(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let blocked = fill(&mut *near.sender);
    let written = near.sender.written();
    assert!(near.sender.buffered() > 0);
    send(&mut *far.sender, MessageKind::Binary, b"meanwhile")
        .await
        .expect("sent");
    assert_eq!(content(&mut *near.receiver).await, "meanwhile");
    let flushing = tokio::spawn(async move {
        flush(&mut *near.sender).await.expect("sent");
        near
    });
    for index in 0..blocked {
        let message = content(&mut *far.receiver).await;
        assert!(message == filler(index), "message {index} is another");
    }
    let near = flushing.await.expect("flushed");
    assert!(
        near.sender.written() > written,
        "progress of a blocked write does not show"
    );
}

/// Both counters count framing too, so that they agree when all has arrived.
pub async fn bytes_written_are_the_bytes_received(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let before = (near.sender.written(), far.receiver.received());
    for size in [1, 10, 1000] {
        send(&mut *near.sender, MessageKind::Binary, &pattern(size))
            .await
            .expect("sent");
        assert_eq!(content(&mut *far.receiver).await.len(), size);
    }
    let written = near.sender.written() - before.0;
    assert_eq!(written, far.receiver.received() - before.1);
    assert!(written >= 1011, "{written} bytes for 1011 of content");
}

/// Bytes in which a shift or a repetition shows.
pub(super) fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8).collect()
}

/// Pushes and flushes until the link takes no more; gives the number of [`filler`] messages.
pub(super) fn fill(sender: &mut dyn MessageSender) -> u32 {
    for index in 0..FILLERS_MAX {
        sender.push(MessageKind::Binary, &[&filler(index)]);
        if now(|cx| sender.poll_flush(cx)).is_pending() {
            return index + 1;
        }
    }
    panic!("the link took {FILLERS_MAX} messages of {FILLER_SIZE} bytes without being read");
}

pub(super) fn filler(index: u32) -> Vec<u8> {
    let mut content = pattern(FILLER_SIZE);
    content[..4].copy_from_slice(&index.to_be_bytes());
    content
}

const FILLER_SIZE: usize = 64 * 1024;
pub(super) const FILLERS_MAX: u32 = 2048;
