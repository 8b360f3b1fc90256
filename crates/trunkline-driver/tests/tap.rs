//! A tap on a bare connection: what no well-behaved session sends.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use trunkline_driver::{Direction, TAP_QUEUE_BYTES, Tap};
use trunkline_testkit::drive;
use trunkline_transport::{Connection, MessageKind, memory};

type Lines = Arc<Mutex<Vec<(Direction, u64, String)>>>;

fn tapped(protocol: &str) -> (Connection, Connection, Lines) {
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    let tap = Tap::new(move |frame| {
        let line = (frame.direction, frame.missed, frame.to_string());
        seen.lock().expect("nobody panics with it").push(line);
    });
    let (near, far, _link) = memory::pair(memory::Config {
        protocol: protocol.to_owned(),
        ..memory::Config::default()
    });
    (tap.on(near), far, lines)
}

fn poll(connection: &mut Connection) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = connection.receiver.poll_receive(&mut cx);
}

#[tokio::test]
async fn of_what_is_no_frame_only_the_length_and_the_fault_are_shown() {
    for (protocol, message) in [
        ("trunkline.v1.json", &b"[99,\"s3cret\"]"[..]),
        ("trunkline.v1.json", b"s3cret"),
        ("trunkline.v1.msgpack", b"\x93\x14\xa6s3cret"),
        ("trunkline.v1.msgpack", b""),
        ("another", b"s3cret"),
    ] {
        let (mut near, mut far, lines) = tapped(protocol);
        let sent = drive::send(&mut *far.sender, MessageKind::Binary, message);
        sent.await.unwrap();
        poll(&mut near);
        let lines = lines.lock().unwrap();
        let (direction, _, line) = &lines[0];
        assert_eq!(*direction, Direction::In);
        let bytes = format!("no frame, {} bytes: ", message.len());
        assert!(line.contains(&bytes) && !line.contains("s3cret"), "{line}");
    }
}

#[tokio::test]
async fn a_session_id_of_the_peers_making_cannot_begin_a_line() {
    let (mut near, mut far, lines) = tapped("trunkline.v1.json");
    let welcome = br#"[1,{"v":1,"session":"a\nb","resumed":true,"received":0,"ping_interval":1,"ping_timeout":1,"resume_window":1,"limits":{},"features":[],"datagrams":"emulated"}]"#;
    for message in [
        &welcome[..],
        b"[20,1,\"/a\\nb\",null,\"c\\nd\",[\"e\\nf\"]]",
    ] {
        let sent = drive::send(&mut *far.sender, MessageKind::Text, message);
        sent.await.unwrap();
        poll(&mut near);
    }
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 2);
    for (_, _, line) in lines.iter() {
        assert!(
            line.starts_with(r"#1 in  a\nb ") && !line.contains('\n'),
            "{line}"
        );
    }
}

#[tokio::test]
async fn what_waits_to_be_shown_is_bounded_and_what_is_missed_is_counted() {
    let (mut near, _far, lines) = tapped("trunkline.v1.msgpack");
    let large = vec![0; TAP_QUEUE_BYTES / 2 - 100];
    for _ in 0..5 {
        near.sender.push(MessageKind::Binary, &[&large]);
    }
    poll(&mut near);
    assert_eq!(lines.lock().unwrap().len(), 2);
    near.sender.push(MessageKind::Binary, &[&[0x92, 4, 0]]);
    poll(&mut near);
    let lines = lines.lock().unwrap();
    let (_, missed, line) = lines.last().unwrap();
    assert_eq!(*missed, 3);
    assert_eq!(line, "(3 not shown) #1 out - RECEIVED [4,0]");
}

#[tokio::test]
async fn the_last_words_are_shown_though_nobody_reads_any_more() {
    let (mut near, _far, lines) = tapped("trunkline.v1.json");
    near.sender.push(MessageKind::Text, &[b"[4,", b"7]"]);
    drop(near);
    assert_eq!(lines.lock().unwrap()[0].2, "#1 out - RECEIVED [4,7]");
}
