//! Namespaces: each CONNECT gets one answer, and both sides mean the same socket.

use trunkline_protocol::{AckTable, ClientNamespace, Code, Prepared, ServerNamespaces, Value};

use crate::frames::{ack_id, namespace};

/// A client's CONNECT, pushed and numbered.
fn ask(client: &mut ClientNamespace, seq: u64) {
    assert!(client.connect());
    let connect = Prepared::connect(&namespace("/b"), &Value::nil());
    client.asked(&connect);
    client.numbered(&connect, seq);
}

#[test]
fn a_connect_that_was_left_is_answered_before_the_next_one() {
    // The hook of the first CONNECT is slower than that of the second.
    let mut server = ServerNamespaces::new(8);
    let mut client = ClientNamespace::default();
    ask(&mut client, 1);
    server.connect(namespace("/b"), 1, "first").unwrap();
    assert!(client.disconnect());
    let (socket, unanswered) = server.disconnect("/b").unwrap();
    assert_eq!(
        (socket, unanswered),
        ("first", Some(1)),
        "to be refused now"
    );
    ask(&mut client, 3);
    server.connect(namespace("/b"), 3, "second").unwrap();
    assert!(server.accept("/b", 3));
    assert!(!server.accept("/b", 1), "answered already");

    assert!(!client.refused(1), "the first one's answer");
    assert!(client.connected(3), "the second one's");
    assert!(client.is_connected());
    assert_eq!(server.get("/b"), Some(&"second"));
}

#[test]
fn a_disconnect_that_crosses_a_new_connect_does_not_harm_it() {
    let mut client = ClientNamespace::default();
    ask(&mut client, 1);
    assert!(client.connected(1));
    client.disconnect();
    ask(&mut client, 3);
    assert!(!client.disconnected(), "of the socket that was left");
    assert!(client.connected(3));
}

#[test]
fn a_namespace_that_was_left_is_free_again_and_counts_no_more() {
    let mut server = ServerNamespaces::new(1);
    server.connect(namespace("/a"), 1, ()).unwrap();
    assert_eq!(
        server.connect(namespace("/b"), 2, ()),
        Err(Code::TOO_MANY_NAMESPACES)
    );
    assert!(server.accept("/a", 1));
    server.disconnect("/a").unwrap();
    server.connect(namespace("/b"), 3, ()).unwrap();
    assert!(server.refuse("/b", 3).is_some());
    assert!(server.is_empty());
}

#[test]
fn a_root_namespace_is_one_among_others() {
    let mut server = ServerNamespaces::new(2);
    server.connect(namespace("/"), 1, "root").unwrap();
    server.connect(namespace("/b"), 2, "b").unwrap();
    assert!(server.accept("/", 1) && server.accept("/b", 2));
    assert_eq!(server.disconnect("/"), Some(("root", None)));
    assert_eq!(server.get("/b"), Some(&"b"));
}

#[test]
fn leaving_a_namespace_settles_its_acks_once() {
    let mut acks = AckTable::new(8);
    acks.insert(ack_id(1), namespace("/"), 1).unwrap();
    acks.insert(ack_id(2), namespace("/b"), 2).unwrap();
    assert_eq!(acks.leave("/b"), [2]);
    assert_eq!(acks.answer(ack_id(2), "/b"), None, "it comes too late");
    assert_eq!(acks.answer(ack_id(1), "/"), Some(1));
    assert!(acks.drain().is_empty());
}
