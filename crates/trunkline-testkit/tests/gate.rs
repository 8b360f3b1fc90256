//! Gates hold exactly what they say, and a gated connection passes the suite while they are open.

use trunkline_testkit::{conformance, drive, gated};
use trunkline_transport::{Connection, MessageKind, memory};

async fn pair() -> conformance::Pair {
    let config = memory::Config {
        max_message: conformance::MAX_MESSAGE,
        max_datagram: Some(1200),
        ..Default::default()
    };
    let (near, far, link) = memory::pair(config);
    let (near, _gate) = gated(near);
    conformance::Pair {
        near,
        far,
        cut: Box::new(move || link.cut()),
    }
}

trunkline_testkit::conformance_tests!(pair);
trunkline_testkit::datagram_conformance_tests!(pair);

fn memory_pair() -> (Connection, Connection) {
    let (near, far, _link) = memory::pair(memory::Config::default());
    (near, far)
}

#[tokio::test]
async fn shut_write_gate_blocks_until_it_is_opened_and_wakes_the_writer() {
    let (near, mut far) = memory_pair();
    let (mut near, gate) = gated(near);
    gate.shut_writes();
    near.sender.push(MessageKind::Binary, &[b"held"]);
    assert!(drive::now(|cx| near.sender.poll_flush(cx)).is_pending());
    assert!(drive::now(|cx| far.receiver.poll_receive(cx)).is_pending());
    assert_eq!(gate.blocked_flushes(), 1);
    let (flushed, ()) = tokio::join!(drive::flush(&mut *near.sender), async {
        gate.open_writes();
    });
    flushed.unwrap();
    assert_eq!(drive::content(&mut *far.receiver).await, "held");
}

#[tokio::test]
async fn shut_read_gate_holds_messages_and_wakes_the_reader() {
    let (near, mut far) = memory_pair();
    let (mut near, gate) = gated(near);
    gate.shut_reads();
    drive::send(&mut *far.sender, MessageKind::Binary, b"held")
        .await
        .unwrap();
    assert!(drive::now(|cx| near.receiver.poll_receive(cx)).is_pending());
    let (content, ()) = tokio::join!(drive::content(&mut *near.receiver), async {
        gate.open_reads();
    });
    assert_eq!(content, "held");
}

#[tokio::test]
async fn flush_with_nothing_to_write_passes_a_shut_gate() {
    let (near, _far) = memory_pair();
    let (mut near, gate) = gated(near);
    gate.shut_writes();
    drive::flush(&mut *near.sender).await.unwrap();
    assert_eq!(gate.blocked_flushes(), 0);
}
