//! The server's events and their handlers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::*;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};
use trunkline_client::{
    Ack, Args, Client, Code, Data, EventName, Failure, Limits, Payload, Socket,
};
use trunkline_protocol::{Prepared, Welcome};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    text: String,
}

#[tokio::test(start_paused = true)]
async fn handlers_take_what_they_ask_for_and_their_values_are_the_acks() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    root.on("nothing", || async {});
    root.on("value", |Data(line): Data<Line>| async move {
        Ok::<_, Failure>(line.text.len())
    });
    root.on("several", |Args((a, b)): Args<(u8, String)>| async move {
        Ack(Args((b, a)))
    });
    root.on(
        "raw",
        |name: EventName, args: Payload, socket: Socket| async move {
            assert_eq!(socket.namespace(), "/");
            Ack((name.to_string(), args.count()))
        },
    );
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let line = Line {
        text: "four".into(),
    };
    peer.push(&event("nothing", Some(1), &7)).await;
    peer.push(&event("value", Some(2), &line)).await;
    peer.push(&event("several", Some(3), Args((1, "b")))).await;
    peer.push(&event("raw", Some(4), Args((1, 2, 3)))).await;
    let mut answer = async || match peer.next().await {
        Got::Ack { ack, args, .. } => (ack, args),
        other => panic!("{other:?}"),
    };
    assert_eq!(answer().await, (1, Payload::empty()));
    assert_eq!(answer().await.1.first(), Ok(4));
    assert_eq!(answer().await.1.decode(), Ok(("b".to_owned(), 1)));
    assert_eq!(answer().await.1.first(), Ok(("raw".to_owned(), 3)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_handled_is_failed_with_its_reason_and_harms_nothing() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    root.on("line", |Data(_): Data<Line>| async {});
    root.on("panic", || async { fail() });
    root.on("late panic", || async {
        tokio::task::yield_now().await;
        fail()
    });
    root.on("foreign", || async {
        Err::<(), Failure>(std::io::Error::other("inner secret").into())
    });
    root.on("on purpose", || async {
        Err::<(), _>(Failure::new(4001, "sold out"))
    });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let wrong = std::collections::BTreeMap::from([("text", 5)]);
    let mut cases = vec![
        ("unknown", Code::UNKNOWN_EVENT, "no handler"),
        ("panic", Code::INTERNAL, ""),
        ("late panic", Code::INTERNAL, ""),
        ("foreign", Code::INTERNAL, ""),
        ("on purpose", Code::new(4001), "sold out"),
    ];
    for (name, expected, text) in cases.drain(..) {
        peer.push(&event(name, Some(1), ())).await;
        // Without an ack asked for nothing is said.
        peer.push(&event(name, None, ())).await;
        let Got::Failed { code, message, .. } = peer.next().await else {
            panic!("{name}")
        };
        assert_eq!(code, expected, "{name}");
        assert!(
            message.contains(text) && !message.contains("secret"),
            "{message}"
        );
    }
    peer.push(&event("line", Some(2), &wrong)).await;
    let Got::Failed { code, message, .. } = peer.next().await else {
        panic!("FAILED")
    };
    assert_eq!(code, Code::BAD_ARGS);
    assert!(message.contains("text"), "{message}");
    peer.push(&event_in("/elsewhere", "line", Some(3), ()))
        .await;
    let Got::Failed { code, .. } = peer.next().await else {
        panic!("FAILED")
    };
    assert_eq!(code, Code::NOT_CONNECTED);
    assert!(!server.was_dialled(), "the connection stands");
}

#[tokio::test(start_paused = true)]
async fn poisoned_args_are_answered_and_close_nothing() {
    let mut server = Server::new();
    let client = server.client();
    client.socket("/").on("line", || async {});
    let (_socket, mut peer) = connect(&client, &mut server).await;
    // An EVENT whose args hold the byte that begins nothing.
    let mut poisoned =
        event("line", Some(1), &1).to_message(trunkline_client::Encoding::MessagePack, 2);
    *poisoned.last_mut().unwrap() = 0xc1;
    peer.send(&poisoned).await;
    peer.next_seq = 3;
    let Got::Failed { code, .. } = peer.next().await else {
        panic!("FAILED")
    };
    assert_eq!(code, Code::BAD_ARGS);
    peer.push(&event("line", Some(2), ())).await;
    assert!(matches!(peer.next().await, Got::Ack { ack: 2, .. }));
}

#[tokio::test(start_paused = true)]
async fn an_answer_the_server_does_not_take_is_failed_and_ends_nothing() {
    let mut server = Server::new();
    let client = server.client();
    let socket = client.socket("/");
    let large = "x".repeat(3_000);
    let (value, data) = (large.clone(), large);
    socket.on("value", move || async move { Ack(value) });
    socket.on("data", move || async move {
        Err::<(), _>(Failure::new(4001, "sold out").with_data(&data))
    });
    socket.on("small", || async { Ack("small") });
    let script = async {
        let mut peer = server.accept().await;
        peer.hello().await;
        let limits = Limits {
            frame: 2_000,
            ..Limits::default()
        };
        peer.welcome(Welcome {
            limits,
            ..fresh("session-1")
        })
        .await;
        peer.attach("/").await;
        peer
    };
    let (connected, mut peer) = tokio::join!(socket.connect(), script);
    connected.unwrap();
    for (name, expected) in [("value", Code::INTERNAL), ("data", Code::new(4001))] {
        peer.push(&event(name, Some(1), ())).await;
        let Got::Failed { code, message, .. } = peer.next().await else {
            panic!("{name}")
        };
        assert_eq!((code, message.as_str()), (expected, ""), "{name}");
    }
    peer.push(&event("small", Some(2), ())).await;
    assert!(matches!(peer.next().await, Got::Ack { ack: 2, .. }));
}

fn fail() {
    panic!("this panic belongs to the test");
}

/// Notes what it is told, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_handled_in_order_one_at_a_time_and_acks_are_not_behind_them() {
    let mut server = Server::new();
    let client = server.client();
    let notes = Notes::default();
    let noted = notes.clone();
    client.socket("/").on(
        "tick",
        move |Data(number): Data<u32>, socket: Socket| async move {
            noted.add(format!("begin {number}"));
            let answer: u32 = socket.emit_with_ack("ask", &number).await.unwrap();
            noted.add(format!("end {number} {answer}"));
        },
    );
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for number in 0..3 {
        peer.push(&event("tick", None, &number)).await;
    }
    for number in 0..3_u32 {
        let (_, _, ack) = peer.next_event().await;
        settle().await;
        assert_eq!(notes.taken(), [format!("begin {number}")]);
        peer.ack(ack, &(number + 10)).await;
        settle().await;
        let ended = notes.0.lock().unwrap().remove(0);
        assert_eq!(ended, format!("end {number} {}", number + 10));
    }
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn namespaces_do_not_wait_for_each_other() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let other = client.socket("/other");
    let (connected, _) = tokio::join!(other.connect(), peer.attach("/other"));
    connected.unwrap();
    socket.on("slow", std::future::pending::<()>);
    other.on("quick", || async {});
    peer.push(&event("slow", Some(1), ())).await;
    peer.push(&event_in("/other", "quick", Some(2), ())).await;
    assert!(matches!(peer.next().await, Got::Ack { ack: 2, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_inert_when_dropped_and_ends_when_cancelled() {
    let mut server = Server::new();
    let client = server.client();
    let gate = Arc::new(Notify::new());
    let root = client.socket("/");
    let waits = gate.clone();
    drop(root.on("wait", move || async move { waits.notified().await }));
    let tick = root.on("tick", || async { Ack("first") });
    let (socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("wait", Some(1), ())).await;
    peer.push(&event("tick", Some(2), ())).await;
    settle().await;
    tick.cancel();
    socket.on("tick", || async { Ack("second") });
    gate.notify_one();
    assert!(matches!(peer.next().await, Got::Ack { ack: 1, .. }));
    assert!(matches!(
        peer.next().await,
        Got::Failed {
            ack: 2,
            code: Code::UNKNOWN_EVENT,
            ..
        }
    ));
    peer.push(&event("tick", Some(3), ())).await;
    let Got::Ack { args, .. } = peer.next().await else {
        panic!("ACK")
    };
    assert_eq!(args.first(), Ok("second".to_owned()));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "has a handler already")]
async fn registering_an_event_twice_panics() {
    let client = Server::new().client();
    let socket = client.socket("/");
    socket.on("said", || async {});
    socket.on("said", || async {});
}

#[tokio::test(start_paused = true)]
async fn a_backlog_withholds_receipts_until_it_is_worked_off() {
    let mut server = Server::new();
    let client = server.client_taking(10_000);
    let gate = Arc::new(Notify::new());
    let waits = gate.clone();
    client.socket("/").on(
        "load",
        move |_: Payload| async move { waits.notified().await },
    );
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let load = vec![7_u8; 4_000];
    for _ in 0..4 {
        peer.push(&event("load", None, &load)).await;
    }
    settle().await;
    // Drains what had been confirmed before the backlog was too long.
    while tokio::time::timeout(Duration::from_secs(15), peer.next_of_any())
        .await
        .is_ok()
    {}
    let before = peer.receipt;
    assert!(before < 5, "{before}");
    for _ in 0..4 {
        gate.notify_one();
        settle().await;
    }
    while tokio::time::timeout(Duration::from_secs(15), peer.next_of_any())
        .await
        .is_ok()
    {}
    assert_eq!(peer.receipt, 5);
}

#[tokio::test(start_paused = true)]
async fn datagrams_reach_handlers_and_stale_latest_values_do_not() {
    let mut server = Server::new();
    let client = server.client();
    let notes = Notes::default();
    let noted = notes.clone();
    let handler = move |Data(note): Data<String>| async move { noted.add(note) };
    client.socket("/").on("moved", handler);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let root = namespace("/");
    let name = EventName::try_from("moved").unwrap();
    let args = |text: &str| trunkline_client::IntoArgs::into_args(text).unwrap();
    let key = trunkline_protocol::Key::try_from("k").unwrap();
    let encoding = trunkline_client::Encoding::MessagePack;
    let frames = [
        Prepared::datagram(&root, &name, &args("datagram")),
        Prepared::latest(&root, &name, &key, 5, &args("five")),
        Prepared::latest(&root, &name, &key, 4, &args("four")),
        Prepared::latest(&root, &name, &key, 6, &args("six")),
        Prepared::datagram(&namespace("/elsewhere"), &name, &args("elsewhere")),
    ];
    for frame in frames {
        peer.send(&frame.to_message(encoding, 0)).await;
    }
    settle().await;
    assert_eq!(notes.taken(), ["datagram", "five", "six"]);
}

/// Handlers of "wait", which ends when a permit is there, and of "quick".
fn gated(client: &Client) -> (Arc<Semaphore>, Notes) {
    let (gate, notes) = (Arc::new(Semaphore::new(0)), Notes::default());
    let (opened, noted) = (gate.clone(), notes.clone());
    let root = client.socket("/");
    root.on("wait", move |Data(note): Data<String>| async move {
        opened.acquire().await.unwrap().forget();
        noted.add(note);
    });
    let noted = notes.clone();
    root.on("quick", move |Data(note): Data<String>| async move {
        noted.add(note)
    });
    (gate, notes)
}

// Specification: best-effort.md, BEF-002, BEF-007.
#[tokio::test(start_paused = true)]
async fn of_latest_values_that_wait_for_a_handler_only_the_newest_of_each_key_is_handled() {
    let mut server = Server::new();
    let client = server.client();
    let (gate, notes) = gated(&client);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push_latest("wait", "k", 1, "first").await;
    peer.push_latest("wait", "k", 2, "older").await;
    peer.push(&event("quick", None, "reliable")).await;
    peer.push_latest("wait", "other", 3, "other").await;
    peer.push_best_effort("quick", "datagram").await;
    peer.push_latest("wait", "k", 4, "old").await;
    peer.push(&event("quick", None, "reliable too")).await;
    peer.push_latest("quick", "k", 5, "of another event").await;
    peer.push_latest("wait", "k", 6, "newest").await;
    settle().await;
    let ignored = client.stats().ignored_best_effort;
    assert_eq!((ignored.conflated, ignored.busy), (2, 1));
    assert_eq!(ignored.total(), 3);
    gate.add_permits(3);
    settle().await;
    assert_eq!(
        notes.taken(),
        [
            "first",
            "newest",
            "reliable",
            "other",
            "reliable too",
            "of another event",
        ]
    );
    assert_eq!(client.stats().waiting_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_latest_value_that_finds_no_room_is_dropped_but_takes_the_place_of_an_older_one() {
    let mut server = Server::new();
    let client = server.client();
    let (gate, notes) = gated(&client);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("wait", None, "running")).await;
    for key in 0..64 {
        peer.push_latest("wait", &key.to_string(), 1, "old").await;
    }
    peer.push_latest("wait", "one more", 1, "too many").await;
    let large = "x".repeat(100 * 1024);
    for key in 0..3 {
        let key = key.to_string();
        peer.push_latest("wait", &key, 2, &*large).await;
    }
    for key in 3..64 {
        peer.push_latest("wait", &key.to_string(), 2, "new").await;
    }
    settle().await;
    let ignored = client.stats().ignored_best_effort;
    // One key more than may wait, and one value larger than there is room for.
    assert_eq!((ignored.busy, ignored.conflated), (2, 63));
    gate.add_permits(65);
    settle().await;
    let taken = notes.taken();
    assert_eq!(taken[..4], ["running", &large, &large, "old"]);
    assert_eq!(taken.len(), 65);
    assert!(taken[4..].iter().all(|note| note == "new"));
    assert_eq!(client.stats().waiting_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_taken_out_leaves_a_latest_value_that_waits_to_nobody_else() {
    let mut server = Server::new();
    let client = server.client();
    let (gate, notes) = gated(&client);
    let root = client.socket("/");
    let (before, after) = (notes.clone(), notes.clone());
    let moved = root.on("moved", move |Data(note): Data<String>| async move {
        before.add(format!("before: {note}"))
    });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("wait", None, "running")).await;
    peer.push_latest("moved", "k", 1, "one").await;
    settle().await;
    moved.cancel();
    root.on("moved", move |Data(note): Data<String>| async move {
        after.add(format!("after: {note}"))
    });
    peer.push_latest("moved", "k", 2, "two").await;
    settle().await;
    gate.add_permits(1);
    settle().await;
    assert_eq!(notes.taken(), ["running", "after: two"]);
}

#[tokio::test(start_paused = true)]
async fn best_effort_events_that_are_dropped_are_counted_by_cause_and_over_sessions() {
    let mut server = Server::new();
    let client = server.client();
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let handler = move || async move { opened.notified().await };
    client.socket("/").on("moved", handler);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push_best_effort("nobody", ()).await;
    peer.push_latest("moved", "k", 2, ()).await;
    peer.push_latest("moved", "k", 2, ()).await;
    peer.push_best_effort("moved", ()).await;
    let (root, name) = (namespace("/elsewhere"), EventName::try_from("moved"));
    let args = trunkline_client::IntoArgs::into_args(()).unwrap();
    let elsewhere = Prepared::datagram(&root, &name.unwrap(), &args);
    let encoding = trunkline_client::Encoding::MessagePack;
    peer.send(&elsewhere.to_message(encoding, 0)).await;
    // DATAGRAM, the root namespace, "moved", and args that are no array.
    peer.send(b"\x94\x20\xc0\xa5moved\x07").await;
    settle().await;
    let ignored = client.stats().ignored_best_effort;
    assert_eq!(
        (ignored.unknown_event, ignored.stale, ignored.busy),
        (1, 1, 1)
    );
    assert_eq!((ignored.not_connected, ignored.malformed), (1, 1));
    assert_eq!(ignored.total(), 5);
    peer.cut();
    server.refuse_resume().await.attach("/").await;
    assert_eq!(client.stats().sessions_lost, 1);
    assert_eq!(client.stats().ignored_best_effort, ignored);
    gate.notify_one();
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_close_the_client_and_goes_on() {
    let mut server = Server::new();
    let client = server.client();
    let notes = Notes::default();
    let noted = notes.clone();
    client
        .socket("/")
        .on("stop", move |socket: Socket| async move {
            socket.client().close().await;
            noted.add("closed");
        });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("stop", None, ())).await;
    assert!(matches!(peer.next().await, Got::Close(close) if close.code == Code::NORMAL));
    peer.close_transport(1000).await;
    settle().await;
    assert_eq!(notes.taken(), ["closed"]);
}

#[tokio::test(start_paused = true)]
async fn handles_may_be_shared_between_threads() {
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<Client>();
    shareable::<Socket>();
    shareable::<trunkline_client::Subscription>();
    fn sendable<T: Send>(_: &T) {}
    let client = Server::new().client();
    let socket = client.socket("/");
    sendable(&socket.connect());
    sendable(&socket.emit_with_ack::<u32, _>("ask", ()));
    sendable(&client.close());
}

#[tokio::test(start_paused = true)]
async fn after_close_a_handler_under_way_ends_and_no_other_begins() {
    let mut server = Server::new();
    let client = server.client();
    let (notes, gate) = (Notes::default(), Arc::new(Notify::new()));
    let (noted, waits) = (notes.clone(), gate.clone());
    client
        .socket("/")
        .on("work", move |Data(number): Data<u32>| async move {
            noted.add(format!("begin {number}"));
            waits.notified().await;
            noted.add(format!("end {number}"));
        });
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("work", None, &1)).await;
    peer.push(&event("work", None, &2)).await;
    settle().await;
    client.close().await;
    gate.notify_one();
    settle().await;
    assert_eq!(notes.taken(), ["begin 1", "end 1"]);
}
