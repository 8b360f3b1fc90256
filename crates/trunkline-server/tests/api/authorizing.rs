//! Namespaces and rooms that judge who may enter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use trunkline_server::{
    Credentials, Data, DisconnectReason, Failure, Principal, Room, Server, Socket, State,
};

use crate::peer::{Answer, Peer};

/// A server whose "/" lets in whoever says "open sesame", as long as the door is open.
fn guarded() -> (Server, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(true));
    let door = Arc::clone(&open);
    let server = Server::new();
    let chat = server.namespace("/");
    chat.authorize(move |Data(word): Data<String>| {
        let open = door.load(Ordering::Relaxed);
        async move {
            match word.as_str() {
                "open sesame" if open => Ok(()),
                "panic" => panic!("on purpose"),
                "hang" => std::future::pending().await,
                _ => Err(Failure::unauthorized("say the word").with_data(&7)),
            }
        }
    });
    chat.on_connect(|socket: Socket| async move {
        socket.join("inside")?;
        Ok::<_, Failure>(())
    });
    chat.on("echo", || async {});
    (server, open)
}

async fn refusal(server: &Server, word: &str) -> Value {
    let mut peer = Peer::greet(server).await;
    peer.send_connect(json!(word)).await;
    let refused = peer.receive().await;
    assert_eq!(refused[0], 18, "{refused}");
    refused
}

#[tokio::test(start_paused = true)]
async fn a_namespace_refuses_with_code_text_and_data_and_in_time() {
    let (server, _door) = guarded();
    let refused = refusal(&server, "please").await;
    assert_eq!(refused[4], 3002);
    assert_eq!(
        (&refused[5], &refused[6]),
        (&json!("say the word"), &json!(7))
    );
    for bad in ["panic", "hang"] {
        assert_eq!(refusal(&server, bad).await[4], 3011, "{bad}");
    }
    assert_eq!(server.namespace("/").socket_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_on_connect_that_never_ends_is_refused_in_time() {
    let server = Server::new();
    let chat = server.namespace("/");
    chat.on_connect(|| async { std::future::pending::<()>().await });
    assert_eq!(refusal(&server, "hello").await[4], 3011);
}

#[tokio::test]
async fn a_resume_is_judged_again_and_goes_on_without_on_connect() {
    let (server, _door) = guarded();
    let mut peer = Peer::connect_as(&server, json!("open sesame")).await;
    peer.confirm().await;
    peer.ping().await;
    peer.cut();
    let mut peer = peer.resume(&server, 1).await;
    assert_eq!(peer.call("echo", json!([])).await, Answer::Acked(json!([])));
    assert_eq!(server.namespace("/").count_in("inside"), 1);
}

#[tokio::test]
async fn a_socket_that_is_locked_out_at_a_resume_ends_and_nothing_it_sent_runs() {
    let (server, door) = guarded();
    let (told, mut reasons) = tokio::sync::mpsc::unbounded_channel();
    let chat = server.namespace("/");
    let ran = Arc::new(AtomicBool::new(false));
    let (by_event, by_hook) = (Arc::clone(&ran), Arc::clone(&ran));
    chat.on("run", move || {
        by_event.store(true, Ordering::Relaxed);
        async {}
    });
    chat.on_resume(move || {
        by_hook.store(true, Ordering::Relaxed);
        async {}
    });
    chat.on_disconnect(move |reason: DisconnectReason| {
        let _ = told.send(reason);
        async {}
    });
    let other = server.namespace("/other");
    other.on("echo", || async {});
    let mut peer = Peer::connect_as(&server, json!("open sesame")).await;
    peer.send(json!([16, 2, "/other", null])).await;
    assert_eq!(peer.receive().await[0], 17);
    peer.confirm().await;
    peer.ping().await;
    peer.cut();
    door.store(false, Ordering::Relaxed);
    let mut peer = peer.resume(&server, 1).await;
    peer.send(json!([20, 3, null, 9, "run", []])).await;
    peer.send(json!([20, 4, "/other", 10, "echo", []])).await;
    let disconnect = peer.receive().await;
    assert_eq!(
        (&disconnect[0], &disconnect[3], &disconnect[4]),
        (&json!(19), &json!(3002), &json!("say the word")),
        "{disconnect}"
    );
    let (run, echo) = (peer.receive().await, peer.receive().await);
    assert_eq!((&run[0], &run[4]), (&json!(22), &json!(3010)), "{run}");
    assert_eq!(echo[0], 21, "the other namespace is unharmed: {echo}");
    assert!(!ran.load(Ordering::Relaxed));
    let reason = reasons.recv().await.unwrap();
    assert!(
        matches!(reason, DisconnectReason::ByServer { .. }),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_socket_that_is_locked_out_gets_nothing_of_what_waited_for_it() {
    let (server, door) = guarded();
    let (chat, other) = (server.namespace("/"), server.namespace("/other"));
    let mut peer = Peer::connect_as(&server, json!("open sesame")).await;
    peer.enter("/other", Value::Null).await;
    peer.confirm().await;
    peer.ping().await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    peer.cut();
    while socket.is_attached() {
        tokio::task::yield_now().await;
    }
    for number in 0..3 {
        chat.emit("secret", &number).unwrap();
        other.emit("open", &number).unwrap();
    }
    door.store(false, Ordering::Relaxed);
    let mut peer = peer.resume(&server, 1).await;
    for number in 0..3 {
        assert_eq!(peer.expect("open").await, json!([number]));
    }
    let disconnect = peer.receive().await;
    assert_eq!(
        (&disconnect[0], &disconnect[2], &disconnect[3]),
        (&json!(19), &Value::Null, &json!(3002)),
        "{disconnect}"
    );
    assert_eq!(server.stats().discarded_events, 3);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_ends_at_a_resume_locks_out_and_the_session_lives() {
    let server = Server::new();
    let judged = Arc::new(AtomicBool::new(false));
    server.namespace("/").authorize(move || {
        let is_first = !judged.swap(true, Ordering::Relaxed);
        async move {
            if !is_first {
                std::future::pending::<()>().await;
            }
        }
    });
    let mut peer = Peer::connect(&server).await;
    peer.confirm().await;
    peer.ping().await;
    peer.cut();
    let mut peer = peer.resume(&server, 1).await;
    let disconnect = peer.receive().await;
    assert_eq!((&disconnect[0], &disconnect[3]), (&json!(19), &json!(3002)));
    assert_eq!(server.stats().sessions, 1);
}

#[tokio::test]
async fn a_stranger_who_offers_to_resume_has_no_hook_run() {
    let judged = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&judged);
    let server = Server::new();
    let chat = server.namespace("/");
    chat.authorize(move || {
        counting.fetch_add(1, Ordering::Relaxed);
        async {}
    });
    chat.on("echo", || async {});
    let mut peer = Peer::connect(&server).await;
    peer.confirm().await;
    let session = peer.welcome["session"].clone();
    let offer = json!({
        "v": 1, "agent": "eve",
        "resume": {"session": session, "secret": "guess", "attach": 1, "received": 0},
    });
    let answer = Peer::hello(&server, offer).await;
    assert_eq!(answer[1]["reason"], "unknown");
    assert_eq!(judged.load(Ordering::Relaxed), 1);
    assert_eq!(peer.call("echo", json!([])).await, Answer::Acked(json!([])));
}

/// A server on which clients say which room they would like.
fn with_rooms() -> Server {
    let server = Server::builder().state("team-1".to_owned()).build();
    let chat = server.namespace("/");
    chat.on_join(|room: Room, State(own): State<String>| async move {
        match &*room {
            "panic" => panic!("on purpose"),
            "hang" => std::future::pending().await,
            room if *room == **own => Ok(()),
            _ => Err(Failure::new(4003, "not your team")),
        }
    });
    chat.on("join", |socket: Socket, Data(room): Data<String>| async move {
        socket.join_if_allowed(&room).await
    });
    server
}

#[tokio::test(start_paused = true)]
async fn a_client_joins_only_the_rooms_that_the_hook_allows() {
    let server = with_rooms();
    let mut peer = Peer::connect(&server).await;
    let join = |room: &str| json!([room]);
    assert_eq!(
        peer.call("join", join("team-1")).await,
        Answer::Acked(json!([true]))
    );
    assert_eq!(
        peer.call("join", join("team-1")).await,
        Answer::Acked(json!([false]))
    );
    let refused = Answer::failed(4003, "not your team");
    assert_eq!(peer.call("join", join("team-2")).await, refused);
    for bad in ["panic", "hang"] {
        assert_eq!(
            peer.call("join", join(bad)).await,
            Answer::failed(3011, ""),
            "{bad}"
        );
    }
    for bad in ["", &"x".repeat(256)] {
        let Answer::Failed { code, .. } = peer.call("join", join(bad)).await else {
            panic!("{bad:?} was joined")
        };
        assert_eq!(code, 3007);
    }
    assert_eq!(server.namespace("/").room_count(), 1);
}

#[tokio::test]
async fn without_a_hook_no_client_joins_a_room_of_its_choice() {
    let server = Server::new();
    server
        .namespace("/")
        .on("join", |socket: Socket| async move {
            socket.join_if_allowed("anywhere").await
        });
    let mut peer = Peer::connect(&server).await;
    let Answer::Failed { code, .. } = peer.call("join", json!([])).await else {
        panic!("it was joined")
    };
    assert_eq!(code, 3002);
}

#[tokio::test]
async fn a_resume_is_judged_by_what_the_new_credentials_say() {
    let member = Arc::new(AtomicBool::new(true));
    let known = Arc::clone(&member);
    let server = Server::builder()
        .authenticate(move |_: Credentials| {
            let is_member = known.load(Ordering::Relaxed);
            async move { Ok::<_, Failure>(Principal::with("ada", is_member)) }
        })
        .build();
    let chat = server.namespace("/");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    chat.authorize(move |is_member: Principal<bool>| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            let refused = || Failure::unauthorized("no member any more");
            is_member.then_some(()).ok_or_else(refused)
        }
    });
    let mut peer = Peer::connect(&server).await;
    peer.confirm().await;
    peer.ping().await;
    // Who offers what comes too late has no hook run, though it is the owner.
    let stale = peer.resume_answer(&server, 0).await;
    assert_eq!(stale[1]["code"], 3401, "{stale}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    peer.cut();
    member.store(false, Ordering::Relaxed);
    let mut peer = peer.resume(&server, 1).await;
    let disconnect = peer.receive().await;
    assert_eq!((&disconnect[0], &disconnect[3]), (&json!(19), &json!(3002)));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
