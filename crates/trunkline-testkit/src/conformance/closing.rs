//! How a connection ends is told once, the same for ever, and behind what was sent before it.

use trunkline_transport::{ConnectionEnd, MessageKind};

use super::Pair;
use super::moving::pattern;
use crate::drive::{close, content, end, flush, now, receive, send};

/// What was pushed goes first; the closing side learns that it was answered.
pub async fn close_arrives_with_code_and_reason_behind_what_was_sent(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    near.sender.push(MessageKind::Binary, &[b"last words"]);
    close(&mut *near.sender, 3001, "enough")
        .await
        .expect("closed");
    assert_eq!(content(&mut *far.receiver).await, "last words");
    assert_closed(&end(&mut far).await, 3001, "enough");
    assert!(matches!(end(&mut near).await, ConnectionEnd::ClosedHere));
}

/// 123 bytes is what WebSocket carries; other transports keep to it.
pub async fn long_close_reason_is_cut_at_a_character_boundary(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    let reason = format!("{}éé", "x".repeat(122));
    close(&mut *near.sender, 4000, &reason)
        .await
        .expect("closed");
    assert_closed(&end(&mut far).await, 4000, &"x".repeat(122));
}

/// The second code is ignored; messages after a close are not sent.
pub async fn closing_twice_is_one_close(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    close(&mut *near.sender, 3001, "first")
        .await
        .expect("closed");
    near.sender.push(MessageKind::Binary, &[b"too late"]);
    assert_eq!(near.sender.buffered(), 0);
    close(&mut *near.sender, 3002, "second")
        .await
        .expect("still closed");
    assert!(matches!(
        flush(&mut *near.sender).await,
        Err(ConnectionEnd::ClosedHere)
    ));
    assert_closed(&end(&mut far).await, 3001, "first");
}

/// Neither side is the other's peer that closed: both closed here.
pub async fn close_that_crosses_a_close_ends_both(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    close(&mut *near.sender, 3001, "near")
        .await
        .expect("closed");
    close(&mut *far.sender, 3002, "far").await.expect("closed");
    assert!(matches!(end(&mut near).await, ConnectionEnd::ClosedHere));
    assert!(matches!(end(&mut far).await, ConnectionEnd::ClosedHere));
}

/// Pushes have no effect, and every call gives the same end.
pub async fn calls_after_the_end_change_nothing(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    close(&mut *near.sender, 3001, "over")
        .await
        .expect("closed");
    assert_closed(&end(&mut far).await, 3001, "over");
    for _ in 0..3 {
        far.sender.push(MessageKind::Binary, &[b"into the void"]);
        assert_closed(
            &flush(&mut *far.sender).await.expect_err("over"),
            3001,
            "over",
        );
        assert_closed(
            &close(&mut *far.sender, 3002, "no").await.expect_err("over"),
            3001,
            "over",
        );
        assert_closed(
            &receive(&mut *far.receiver).await.expect_err("over"),
            3001,
            "over",
        );
    }
    assert_eq!(far.sender.buffered(), 0);
}

/// Without a close there is no code, only a cut.
pub async fn cut_link_ends_both_sides_as_cut(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut,
    } = pair;
    send(&mut *near.sender, MessageKind::Binary, b"before")
        .await
        .expect("sent");
    assert_eq!(content(&mut *far.receiver).await, "before");
    cut();
    for side in [&mut near, &mut far] {
        let seen = end(side).await;
        assert!(matches!(seen, ConnectionEnd::Cut(_)), "ended as {seen:?}");
        assert!(matches!(
            receive(&mut *side.receiver).await,
            Err(ConnectionEnd::Cut(_))
        ));
        side.sender.push(MessageKind::Binary, &[b"after"]);
        let _ = now(|cx| side.sender.poll_flush(cx));
        assert!(matches!(
            flush(&mut *side.sender).await,
            Err(ConnectionEnd::Cut(_))
        ));
        assert_eq!(side.sender.buffered(), 0, "what was buffered is gone");
    }
}

/// A process that dies has its messages delivered and says no goodbye.
pub async fn dropped_end_is_a_cut_behind_what_was_sent(pair: Pair) {
    let Pair {
        mut near,
        mut far,
        cut: _cut,
    } = pair;
    send(&mut *near.sender, MessageKind::Binary, &pattern(5000))
        .await
        .expect("sent");
    drop(near);
    assert_eq!(content(&mut *far.receiver).await.len(), 5000);
    let seen = end(&mut far).await;
    assert!(matches!(seen, ConnectionEnd::Cut(_)), "ended as {seen:?}");
}

#[track_caller]
fn assert_closed(end: &ConnectionEnd, code: u16, reason: &str) {
    match end {
        ConnectionEnd::Closed {
            code: Some(seen),
            reason: said,
        } => {
            assert_eq!((*seen, said.as_str()), (code, reason));
        }
        other => panic!("ended as {other:?} instead of closed with {code}"),
    }
}
