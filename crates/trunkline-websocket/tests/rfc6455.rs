//! What a peer may send and what it must not, byte by byte (RFC 6455).

mod common;

use std::sync::Arc;

use common::{HANDSHAKE, Raw, Server, masked, within_limit};
use trunkline_testkit::drive::{content, end, flush, now, receive, send};
use trunkline_transport::{Connection, ConnectionEnd, MessageKind};
use trunkline_websocket::{Config, Counters, ListenerConfig};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

const LIMIT: usize = 1000;

/// A hand-written client, the server's end of its connection, and the server's counters.
async fn connected() -> (Raw, Connection, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let websocket = Config {
        max_message: LIMIT,
        counters: counters.clone(),
    };
    let config = ListenerConfig {
        websocket,
        ..ListenerConfig::default()
    };
    let mut server = Server::start(config).await;
    let raw = Raw::upgraded(server.address).await;
    (raw, server.next().await.0, counters)
}

/// Sends bytes and expects the named violation, in the end and in the Close that answers.
async fn assert_violation(bytes: &[u8], code: u16, detail: &str) {
    within_limit(async {
        let (mut raw, mut connection, counters) = connected().await;
        raw.write(bytes).await;
        match end(&mut connection).await {
            ConnectionEnd::Violation {
                code: seen,
                detail: said,
            } => {
                assert_eq!(seen, code, "{said}");
                assert!(said.contains(detail), "`{detail}` is not in: {said}");
            }
            other => panic!("ended as {other:?}"),
        }
        let (first, content) = raw.frame().await;
        assert_eq!((first, &content[..2]), (CLOSE, &code.to_be_bytes()[..]));
        assert_eq!(counters.violations(), 1);
    })
    .await;
}

#[tokio::test]
async fn fragments_are_joined_around_a_ping_that_is_answered() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        for frame in [
            masked(0x01, b"frag"),
            masked(PING, b"between"),
            masked(0x00, b""),
            masked(0x80, b"ments"),
        ] {
            raw.write(&frame).await;
        }
        let message = receive(&mut *connection.receiver).await.unwrap();
        assert_eq!(
            (message.kind, &message.bytes[..]),
            (MessageKind::Text, &b"fragments"[..])
        );
        flush(&mut *connection.sender).await.unwrap();
        assert_eq!(raw.frame().await, (PONG, b"between".to_vec()));
    })
    .await;
}

/// It is no frame of ours, and for the session to refuse.
#[tokio::test]
async fn an_empty_message_arrives() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.write(&masked(BINARY, b"")).await;
        assert_eq!(content(&mut *connection.receiver).await, "");
        connection.sender.push(MessageKind::Binary, &[]);
        flush(&mut *connection.sender).await.unwrap();
        assert_eq!(raw.frame().await, (BINARY | 0x80, Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn pong_is_announced_as_buffered_until_it_is_flushed() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.write(&[masked(PING, b"p"), masked(BINARY, b"m")].concat())
            .await;
        assert_eq!(content(&mut *connection.receiver).await, "m");
        assert_eq!(connection.sender.buffered(), 3);
        flush(&mut *connection.sender).await.unwrap();
        assert_eq!(connection.sender.buffered(), 0);
    })
    .await;
}

#[tokio::test]
async fn pong_goes_between_messages_of_a_blocked_write() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        let message = [7; 10_000];
        let mut blocked = 0;
        loop {
            connection.sender.push(MessageKind::Binary, &[&message]);
            blocked += 1;
            if now(|cx| connection.sender.poll_flush(cx)).is_pending() {
                break;
            }
            assert!(blocked < 10_000, "the link takes everything");
        }
        raw.write(&[masked(PING, b"p"), masked(BINARY, b"m")].concat())
            .await;
        assert_eq!(content(&mut *connection.receiver).await, "m");
        let flushing = tokio::spawn(async move {
            flush(&mut *connection.sender).await.unwrap();
            connection
        });
        for _ in 0..blocked {
            assert_eq!(raw.long_frame().await, (BINARY, 10_000));
        }
        assert_eq!(raw.frame().await, (PONG, b"p".to_vec()));
        flushing.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn ping_flood_of_a_peer_that_does_not_read_keeps_one_pong() {
    within_limit(async {
        let (mut raw, mut connection, counters) = connected().await;
        for index in 0..1000_u32 {
            raw.write(&masked(PING, &index.to_be_bytes())).await;
        }
        raw.write(&masked(BINARY, b"end")).await;
        assert_eq!(content(&mut *connection.receiver).await, "end");
        assert_eq!(connection.sender.buffered(), 2 + 4);
        assert_eq!(counters.pongs_replaced(), 999);
        flush(&mut *connection.sender).await.unwrap();
        assert_eq!(raw.frame().await, (PONG, 999_u32.to_be_bytes().to_vec()));
    })
    .await;
}

#[tokio::test]
async fn unasked_pong_is_ignored() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.write(&[masked(PONG, b"hello?"), masked(TEXT, b"m")].concat())
            .await;
        assert_eq!(content(&mut *connection.receiver).await, "m");
        assert_eq!(connection.sender.buffered(), 0);
    })
    .await;
}

#[tokio::test]
async fn close_is_answered_with_the_same_code() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.write(&masked(CLOSE, b"\x03\xe8bye")).await;
        let seen = end(&mut connection).await;
        assert!(
            matches!(&seen, ConnectionEnd::Closed { code: Some(1000), reason } if reason == "bye"),
            "ended as {seen:?}"
        );
        let (first, answer) = raw.frame().await;
        assert_eq!((first, &answer[..2]), (CLOSE, &b"\x03\xe8"[..]));
    })
    .await;
}

#[tokio::test]
async fn every_code_that_may_travel_arrives_and_is_answered_with_itself() {
    within_limit(async {
        let registered = (1000..=1003).chain(1007..=1014);
        for code in registered.chain([3000, 3999, 4000, 4999]) {
            let (mut raw, mut connection, _) = connected().await;
            raw.write(&masked(CLOSE, &u16::to_be_bytes(code))).await;
            let seen = end(&mut connection).await;
            assert!(
                matches!(seen, ConnectionEnd::Closed { code: Some(it), .. } if it == code),
                "{code} ended as {seen:?}"
            );
            assert_eq!(raw.frame().await, (CLOSE, code.to_be_bytes().to_vec()));
        }
    })
    .await;
}

#[tokio::test]
async fn close_without_a_code_has_none() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.write(&masked(CLOSE, b"")).await;
        let seen = end(&mut connection).await;
        assert!(
            matches!(seen, ConnectionEnd::Closed { code: None, .. }),
            "ended as {seen:?}"
        );
        assert_eq!(raw.frame().await, (CLOSE, Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn answer_to_a_close_follows_what_was_buffered() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        connection.sender.push(MessageKind::Text, &[b"before"]);
        raw.write(&masked(CLOSE, b"")).await;
        end(&mut connection).await;
        assert_eq!(raw.frame().await, (TEXT, b"before".to_vec()));
        assert_eq!(raw.frame().await, (CLOSE, Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn nothing_follows_our_close() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        let closing = std::future::poll_fn(|cx| connection.sender.poll_close(cx, 3001, "done"));
        closing.await.unwrap();
        raw.write(&[masked(PING, b"p"), masked(CLOSE, b"\x0b\xb9")].concat())
            .await;
        assert!(matches!(
            end(&mut connection).await,
            ConnectionEnd::ClosedHere
        ));
        assert_eq!(connection.sender.buffered(), 0);
        drop(connection);
        assert_eq!(raw.frame().await, (CLOSE, b"\x0b\xb9done".to_vec()));
        assert!(raw.rest().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn bytes_that_come_with_the_handshake_are_not_lost() {
    within_limit(async {
        let mut server = Server::start(ListenerConfig::default()).await;
        let mut raw = Raw::connect(server.address).await;
        let early = [
            HANDSHAKE.as_bytes(),
            &masked(TEXT, b"early"),
            &masked(TEXT, b"bird"),
        ];
        raw.write(&early.concat()).await;
        let (mut connection, _) = server.next().await;
        assert_eq!(content(&mut *connection.receiver).await, "early");
        assert_eq!(content(&mut *connection.receiver).await, "bird");
        assert_eq!(connection.receiver.received(), (6 + 5 + 6 + 4) as u64);
    })
    .await;
}

#[tokio::test]
async fn part_of_a_message_counts_as_received() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        let frame = masked(BINARY, &[1; 500]);
        raw.write(&frame[..300]).await;
        std::future::poll_fn(|cx| {
            assert!(connection.receiver.poll_receive(cx).is_pending());
            let arrived = connection.receiver.received();
            if arrived == 300 {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        raw.write(&frame[300..]).await;
        assert_eq!(content(&mut *connection.receiver).await.len(), 500);
    })
    .await;
}

#[tokio::test]
async fn frames_in_pieces_of_one_byte_arrive() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.stream.set_nodelay(true).unwrap();
        let frames = [masked(BINARY, &[3; 200]), masked(TEXT, "é".as_bytes())].concat();
        let writing = tokio::spawn(async move {
            for byte in frames {
                raw.write(&[byte]).await;
            }
            raw
        });
        assert_eq!(content(&mut *connection.receiver).await, vec![3; 200]);
        assert_eq!(content(&mut *connection.receiver).await, "é");
        writing.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn unmasked_frame_is_1002() {
    assert_violation(b"\x81\x02hi", 1002, "unmasked").await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_1002() {
    assert_violation(&masked(0xc1, b"compressed?"), 1002, "Reserved bits").await;
    assert_violation(&masked(0x83, b""), 1002, "opcode").await;
    assert_violation(&masked(0x8b, b""), 1002, "opcode").await;
}

#[tokio::test]
async fn broken_fragments_are_1002() {
    assert_violation(&masked(0x80, b"of nothing"), 1002, "ontinue frame").await;
    let interleaved = [masked(0x01, b"one"), masked(0x81, b"two")].concat();
    assert_violation(&interleaved, 1002, "fragment").await;
    assert_violation(&masked(0x09, b"ping"), 1002, "ragmented control").await;
}

#[tokio::test]
async fn control_frame_over_125_bytes_is_1002() {
    assert_violation(&masked(PING, &[0; 126]), 1002, "ontrol frame").await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_1007() {
    assert_violation(&masked(TEXT, b"\xff\xfe"), 1007, "utf-8").await;
}

#[tokio::test]
async fn oversized_messages_are_1009_with_the_figures() {
    assert_violation(&masked(BINARY, &[0; LIMIT + 1]), 1009, "1001 bytes or more").await;
    let parts = [masked(0x02, &[0; 600]), masked(0x80, &[0; 600])].concat();
    assert_violation(&parts, 1009, "1200 bytes or more, the limit is 1000").await;
}

#[tokio::test]
async fn oversized_frame_is_refused_by_its_header_alone() {
    // 2^62 bytes announced, none sent.
    assert_violation(
        b"\x82\xff\x40\0\0\0\0\0\0\0abcd",
        1009,
        "4611686018427387904",
    )
    .await;
}

#[tokio::test]
async fn end_of_the_stream_within_a_frame_is_a_cut() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        raw.write(&masked(BINARY, &[1; 100])[..50]).await;
        drop(raw);
        let seen = end(&mut connection).await;
        assert!(matches!(seen, ConnectionEnd::Cut(_)), "ended as {seen:?}");
    })
    .await;
}

#[tokio::test]
async fn server_frames_are_not_masked() {
    within_limit(async {
        let (mut raw, mut connection, _) = connected().await;
        send(&mut *connection.sender, MessageKind::Text, b"Hello")
            .await
            .unwrap();
        assert_eq!(raw.frame().await, (TEXT, b"Hello".to_vec()));
    })
    .await;
}
