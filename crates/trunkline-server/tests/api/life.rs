//! A socket's life: its hooks, and what happens around them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, oneshot};
use trunkline_server::{
    Data, DisconnectReason, FAREWELL_LIMIT, Failure, Room, Server, Socket, State,
};
use trunkline_transport::Home;

use crate::peer::{Answer, Peer};

type Told = mpsc::UnboundedSender<String>;

fn tells() -> (Told, mpsc::UnboundedReceiver<String>) {
    mpsc::unbounded_channel()
}

/// The one kind of value that is waited for in these tests.
async fn next(hears: &mut mpsc::UnboundedReceiver<String>) -> String {
    hears.recv().await.unwrap()
}

fn blow_up(place: &str) {
    panic!("{place}");
}

#[tokio::test]
async fn on_connect_gives_the_client_data_made_of_its_auth() {
    let server = Server::new();
    server
        .namespace("/")
        .on_connect(|Data(name): Data<String>| async move { Ok(format!("hello {name}")) });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(json!("ada")).await;
    assert_eq!(peer.receive().await[5], "hello ada");
}

#[tokio::test]
async fn on_connect_refuses_with_code_text_and_data() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on_connect(|| async { Err::<(), _>(Failure::new(4001, "full").with_data(&9)) });
    chat.on_disconnect(|| async { blow_up("nobody was connected") });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(Value::Null).await;
    peer.ask(1, "early", json!([])).await;
    let refused = loop {
        let frame = peer.receive().await;
        if frame[0] == 18 {
            break frame;
        }
        assert_eq!(
            (&frame[0], &frame[4]),
            (&json!(22), &json!(3010)),
            "{frame}"
        );
    };
    assert_eq!(
        (&refused[4], &refused[5], &refused[6]),
        (&json!(4001), &json!("full"), &json!(9))
    );
    assert_eq!(chat.socket_count(), 0);
}

#[tokio::test]
async fn a_panic_in_on_connect_refuses_as_internal() {
    let server = Server::new();
    server.namespace("/").on_connect(|| async {
        tokio::task::yield_now().await;
        blow_up("in the hook");
    });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(Value::Null).await;
    let refused = peer.receive().await;
    assert_eq!((&refused[0], &refused[4]), (&json!(18), &json!(3011)));
}

#[tokio::test]
async fn no_event_runs_before_on_connect_returned_and_nothing_is_sent_before_connected() {
    let server = Server::new();
    let (told, mut hears) = tells();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let chat = server.namespace("/");
    let begins = told.clone();
    chat.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        socket.emit("welcome", &1)?;
        begins.send("connecting".into())?;
        opened.notified().await;
        begins.send("connected".into())?;
        Ok(())
    });
    chat.on(
        "early",
        || async move { told.send("early".into()).unwrap() },
    );
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(Value::Null).await;
    peer.ask(1, "early", json!([])).await;
    peer.ask(2, "unknown", json!([])).await;
    assert_eq!(next(&mut hears).await, "connecting");
    chat.to("lobby").emit("announced", &2).unwrap();
    assert_eq!(chat.socket_count(), 0);
    gate.notify_one();
    let mut frames = Vec::new();
    for _ in 0..5 {
        frames.push(peer.receive().await);
    }
    assert_eq!(frames[0][0], 17, "CONNECTED comes first: {frames:?}");
    let events: Vec<_> = frames
        .iter()
        .filter(|f| f[0] == 20)
        .map(|f| f[4].clone())
        .collect();
    assert_eq!(events, ["welcome", "announced"]);
    let unknown = frames.iter().find(|frame| frame[0] == 22).unwrap();
    assert_eq!((&unknown[3], &unknown[4]), (&json!(2), &json!(3009)));
    let acked = frames.iter().find(|frame| frame[0] == 21).unwrap();
    assert_eq!(acked[3], 1);
    assert_eq!(next(&mut hears).await, "connected");
    assert_eq!(next(&mut hears).await, "early");
    assert_eq!(chat.socket_count(), 1);
}

fn describe(reason: &DisconnectReason, rooms: &[Room]) -> String {
    let why = match reason {
        DisconnectReason::ByPeer { .. } => "by peer",
        DisconnectReason::ByServer { .. } => "by server",
        DisconnectReason::SessionEnded { .. } => "session ended",
    };
    format!("{why} in {rooms:?}")
}

/// A server that tells every `on_disconnect`.
fn telling() -> (Server, mpsc::UnboundedReceiver<String>) {
    let (told, hears) = tells();
    let server = Server::builder().state(told).build();
    let chat = server.namespace("/");
    chat.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        Ok(())
    });
    chat.on_disconnect(
        |socket: Socket, reason: DisconnectReason, told: State<Told>| async move {
            told.send(describe(&reason, &socket.rooms())).unwrap();
        },
    );
    chat.on("kick-me", |socket: Socket| async move {
        socket.disconnect("asked for");
        socket.disconnect("asked for, again");
        socket.close(trunkline_server::Code::new(4000), "and the session too");
    });
    (server, hears)
}

#[tokio::test]
async fn on_disconnect_runs_once_with_its_rooms_when_the_client_leaves() {
    let (server, mut hears) = telling();
    let chat = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    let closed = socket.closed();
    peer.send_disconnect().await;
    assert_eq!(next(&mut hears).await, "by peer in [\"lobby\"]");
    closed.await;
    socket.closed().await;
    peer.cut();
    drop((server, peer));
    assert!(socket.is_closed() && !socket.is_in("lobby"));
    assert_eq!(chat.room_count(), 0);
    assert!(socket.emit("late", ()).is_err());
    assert!(socket.join("lobby").is_err());
    drop((socket, chat));
    assert_eq!(
        hears.recv().await,
        None,
        "only once, and nothing of the server is left"
    );
}

#[tokio::test]
async fn a_socket_ended_in_many_ways_at_once_says_farewell_once() {
    let (server, mut hears) = telling();
    let mut peer = Peer::connect(&server).await;
    peer.emit("kick-me", json!([])).await;
    assert_eq!(next(&mut hears).await, "by server in [\"lobby\"]");
    let disconnected = peer.receive().await;
    assert_eq!(
        (&disconnected[0], &disconnected[4]),
        (&json!(19), &json!("asked for"))
    );
    assert_eq!(peer.receive().await[0], 6);
    drop((server, peer));
    assert_eq!(hears.recv().await, None);
}

#[tokio::test]
async fn a_cut_session_that_is_worth_nothing_ends_its_sockets() {
    let (server, mut hears) = telling();
    let peer = Peer::connect(&server).await;
    peer.cut();
    assert_eq!(next(&mut hears).await, "session ended in [\"lobby\"]");
}

#[tokio::test]
async fn a_connect_that_is_cancelled_says_farewell_only_if_it_was_let_in() {
    let server = Server::new();
    let (told, mut hears) = tells();
    let gate = Arc::new(Notify::new());
    let (opened, connecting) = (Arc::clone(&gate), told.clone());
    let chat = server.namespace("/");
    chat.on_connect(|Data(good): Data<bool>| async move {
        connecting.send("connecting".into())?;
        opened.notified().await;
        if good {
            Ok(())
        } else {
            Err(Failure::unauthorized("no"))
        }
    });
    chat.on_disconnect(|reason: DisconnectReason| async move {
        told.send(describe(&reason, &[])).unwrap();
    });
    let mut peer = Peer::greet(&server).await;
    for good in [false, true] {
        peer.send_connect(json!(good)).await;
        assert_eq!(next(&mut hears).await, "connecting");
        peer.send_disconnect().await;
        assert_eq!(peer.receive().await[0], 18, "every CONNECT is answered");
        gate.notify_one();
    }
    assert_eq!(
        next(&mut hears).await,
        "by peer in []",
        "the second, and only that"
    );
}

#[tokio::test]
async fn events_received_before_the_end_run_before_on_disconnect() {
    let server = Server::new();
    let (told, mut hears) = tells();
    let (saved, gate) = (told.clone(), Arc::new(Notify::new()));
    let opened = Arc::clone(&gate);
    let chat = server.namespace("/");
    chat.on("save", |Data(name): Data<String>| async move {
        saved.send(format!("saving {name}")).unwrap();
        opened.notified().await;
    });
    chat.on_disconnect(|| async move { told.send("farewell".into()).unwrap() });
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    peer.emit("save", json!(["a"])).await;
    peer.emit("save", json!(["b"])).await;
    peer.send_disconnect().await;
    assert_eq!(next(&mut hears).await, "saving a");
    socket.closed().await;
    gate.notify_one();
    assert_eq!(next(&mut hears).await, "saving b");
    gate.notify_one();
    assert_eq!(next(&mut hears).await, "farewell");
}

#[tokio::test(start_paused = true)]
async fn on_disconnect_does_not_wait_for_ever_for_a_handler_that_hangs() {
    let (server, mut hears) = telling();
    let chat = server.namespace("/");
    let (begun, begins) = oneshot::channel();
    let begun = Arc::new(std::sync::Mutex::new(Some(begun)));
    chat.on("hang", move || async move {
        let begun = begun.lock().unwrap().take();
        begun.unwrap().send(()).unwrap();
        std::future::pending::<()>().await;
    });
    let mut peer = Peer::connect(&server).await;
    peer.emit("hang", json!([])).await;
    begins.await.unwrap();
    let ended = tokio::time::Instant::now();
    peer.send_disconnect().await;
    assert_eq!(next(&mut hears).await, "by peer in [\"lobby\"]");
    let waited = ended.elapsed();
    assert!(waited >= FAREWELL_LIMIT && waited < FAREWELL_LIMIT + Duration::from_secs(1));
}

#[tokio::test]
async fn a_resumed_session_keeps_its_socket_and_tells_its_hooks_in_order() {
    let server = Server::new();
    let (told, mut hears) = tells();
    let (detached, resumed, said) = (told.clone(), told.clone(), told);
    let chat = server.namespace("/");
    chat.on_detach(|| async move { detached.send("detached".into()).unwrap() });
    chat.on_resume(|socket: Socket| async move {
        tokio::task::yield_now().await;
        resumed
            .send(format!("resumed {}", socket.is_resumed()))
            .unwrap();
    });
    chat.on("say", |Data(line): Data<String>| async move {
        said.send(line).unwrap()
    });
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    socket.join("lobby").unwrap();
    peer.call("say", json!(["before"])).await;
    peer.confirm().await;
    // Its PONG says that the receipt has been read.
    peer.ping().await;
    peer.cut();
    assert_eq!(next(&mut hears).await, "before");
    assert_eq!(next(&mut hears).await, "detached");
    assert!(!socket.is_attached() && !socket.is_closed());
    chat.to("lobby").emit("meanwhile", &1).unwrap();
    let mut peer = peer.resume(&server, 1).await;
    peer.emit("say", json!(["after"])).await;
    assert_eq!(peer.expect("meanwhile").await, json!([1]));
    assert_eq!(next(&mut hears).await, "resumed true");
    assert_eq!(next(&mut hears).await, "after");
    assert_eq!(chat.socket(&peer.socket_id), Some(socket));
}

#[tokio::test]
async fn a_closed_code_that_keeps_the_session_leaves_its_sockets() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on(
        "close",
        |socket: Socket, Data(code): Data<u16>| async move {
            socket.close(trunkline_server::Code::new(code), "as asked");
        },
    );
    let mut peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    peer.confirm().await;
    peer.emit("close", json!([4400])).await;
    let close = peer.receive().await;
    assert_eq!((&close[0], &close[1]["code"]), (&json!(6), &json!(4400)));
    assert!(!socket.is_closed());
    let mut peer = peer.resume(&server, 1).await;
    peer.emit("close", json!([4000])).await;
    socket.closed().await;
    assert_eq!(peer.receive().await[1]["code"], 4000);
}

#[tokio::test]
async fn a_close_with_a_code_that_is_never_sent_is_a_mistake_of_the_program() {
    let server = Server::new();
    let chat = server.namespace("/");
    let peer = Peer::connect(&server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    for code in [0, 999, 5000, u16::MAX] {
        let close = || socket.close(trunkline_server::Code::new(code), "");
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(close)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains(&format!("not {code}")), "{text}");
    }
    assert!(!socket.is_closed());
}

#[tokio::test]
async fn a_handler_may_hold_a_lock_that_on_disconnect_takes() {
    let server = Server::new();
    let state = Arc::new(std::sync::Mutex::new(0));
    let (kicks, leaves) = (Arc::clone(&state), Arc::clone(&state));
    let chat = server.namespace("/");
    chat.on_disconnect(move || async move { *leaves.lock().unwrap() += 1 });
    let namespace = chat.clone();
    chat.on("kick", move |Data(id): Data<String>| async move {
        let mut count = kicks.lock().unwrap();
        namespace.socket(&id).unwrap().disconnect("kicked");
        *count += 10;
    });
    let mut peer = Peer::connect(&server).await;
    let mut other = Peer::connect(&server).await;
    let kicked = peer.call("kick", json!([other.socket_id])).await;
    assert_eq!(kicked, Answer::Acked(json!([])));
    assert_eq!(other.receive().await[0], 19);
    assert!(*state.lock().unwrap() >= 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_from_all_sides_at_once_are_one_farewell() {
    let (server, mut hears) = telling();
    let chat = server.namespace("/");
    for _ in 0..50 {
        let mut peer = Peer::connect(&server).await;
        let socket = chat.socket(&peer.socket_id).unwrap();
        let link = peer.link();
        peer.send_disconnect().await;
        std::thread::scope(|scope| {
            scope.spawn(|| socket.disconnect("from here"));
            scope.spawn(|| socket.close(trunkline_server::Code::new(4000), "the session too"));
            scope.spawn(move || link.cut());
        });
        assert!(next(&mut hears).await.ends_with("in [\"lobby\"]"));
    }
    drop((server, chat));
    assert_eq!(hears.recv().await, None, "one each");
}

#[tokio::test]
async fn connects_that_are_left_before_their_verdict_leave_a_bounded_number_of_hooks() {
    let server = Server::new();
    let (begins, mut begun) = mpsc::unbounded_channel();
    server.namespace("/").on_connect(move |_: Socket| {
        let begins = begins.clone();
        async move {
            begins.send(()).unwrap();
            std::future::pending::<Result<(), Failure>>().await
        }
    });
    let mut peer = Peer::greet(&server).await;
    let mut codes = Vec::new();
    for _ in 0..200 {
        peer.send_connect(json!(null)).await;
        peer.send_disconnect().await;
        codes.push(peer.receive().await[4].clone());
    }
    let namespaces = server.limits().namespaces as usize;
    assert_eq!(begun.len(), namespaces);
    assert!(codes[..namespaces].iter().all(|code| *code == 3013));
    assert!(
        codes[namespaces..].iter().all(|code| *code == 3006),
        "{codes:?}"
    );
    begun.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_while_it_connects_leaves_no_socket() {
    let server = Server::new();
    let chat = server.namespace("/");
    let (connects, mut connected) = mpsc::unbounded_channel();
    chat.on_connect(move |socket: Socket| {
        let connects = connects.clone();
        async move {
            connects.send(socket).unwrap();
            Ok::<_, Failure>(())
        }
    });
    let (ends, mut ended) = mpsc::unbounded_channel();
    chat.on_disconnect(move |_: Socket| {
        let ends = ends.clone();
        async move { ends.send(()).unwrap() }
    });
    for number in 0..60 {
        let _ = server.namespace(&format!("/{number}"));
    }
    for round in 0..500 {
        let mut peer = Peer::connect(&server).await;
        let socket = connected.recv().await.unwrap();
        let closing = std::thread::spawn(move || {
            // Closer to the CONNECTs in each round.
            for _ in 0..(round % 50) * 20 {
                std::hint::spin_loop();
            }
            socket.close(trunkline_server::Code::NORMAL, "over");
        });
        for number in 0..30_u64 {
            let name = format!("/{number}");
            peer.try_send(json!([16, 2 + number, name, null])).await;
        }
        closing.join().unwrap();
        ended.recv().await.unwrap();
    }
    assert_eq!((chat.socket_count(), server.stats().sessions), (0, 0));
}

#[tokio::test]
async fn strangers_that_come_and_go_do_not_make_a_server_forget_whom_it_closed() {
    let server = Server::new();
    let (connects, mut connected) = mpsc::unbounded_channel();
    server.namespace("/").on_connect(move |socket: Socket| {
        let connects = connects.clone();
        async move {
            connects.send(socket).unwrap();
            Ok::<_, Failure>(())
        }
    });
    let mut banned = Peer::connect(&server).await;
    banned.confirm().await;
    banned.ping().await;
    let socket = connected.recv().await.unwrap();
    socket.close(trunkline_server::Code::new(4001), "banned");
    for _ in 0..10_000 {
        Peer::greet(&server).await.cut();
    }
    while server.stats().sessions > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(banned.resume_answer(&server, 1).await[0], 6, "CLOSE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_socket_that_leaves_while_it_is_let_in_says_farewell_and_leaves_its_rooms() {
    let server = Server::new();
    let (told, mut hears) = tells();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let begins = told.clone();
    let chat = server.namespace("/");
    chat.on_connect(|socket: Socket| async move {
        socket.join("lobby")?;
        begins.send("begins".into())?;
        opened.notified().await;
        Ok(())
    });
    chat.on_disconnect(|| async move { told.send("farewell".into()).unwrap() });
    for _ in 0..1_000 {
        let mut peer = Peer::greet(&server).await;
        peer.send_connect(Value::Null).await;
        assert_eq!(next(&mut hears).await, "begins");
        let opener = Arc::clone(&gate);
        let opening = tokio::spawn(async move { opener.notify_one() });
        peer.send_disconnect().await;
        assert_eq!(next(&mut hears).await, "farewell");
        opening.await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_broke_the_protocol_is_over_before_its_connection_is() {
    let server = Server::new();
    let _ = server.namespace("/");
    let mut peer = Peer::connect(&server).await;
    peer.confirm().await;
    peer.ping().await;
    // A gap in the numbers.
    peer.send(json!([20, 1_000, null, null, "late", []])).await;
    assert_eq!(peer.is_closed().await, 3200);
    // The old connection is still there, and waits for the client to close it too.
    assert_eq!(server.stats().connections, 1);
    let answer = peer.resume_answer(&server, 1).await;
    assert_eq!(answer[0], 1, "WELCOME: {answer}");
    assert_eq!(answer[1]["resumed"], false);
}

#[tokio::test]
async fn a_connections_task_runs_where_its_transport_has_a_home_for_it() {
    let server = Server::new();
    let (sender, come) = oneshot::channel();
    let home = Home::new(|task| drop(sender.send(task)));
    let mut peer = Peer::housed(&server, home);
    peer.send(json!([0, {"v": 1, "agent": "test"}])).await;
    let task = tokio::spawn(come.await.unwrap());
    assert_eq!(peer.receive().await[0], 1);
    peer.cut();
    task.await.unwrap();
}
