//! Events that ask a socket for an answer.

use std::time::Duration;

use serde_json::json;
use trunkline_server::{AckError, Args, Code, EmitError, Failure, Limits, Server, Socket};

use crate::peer::Peer;

async fn connected(server: &Server) -> (Peer, Socket) {
    let chat = server.namespace("/");
    let peer = Peer::connect(server).await;
    let socket = chat.socket(&peer.socket_id).unwrap();
    (peer, socket)
}

#[tokio::test]
async fn the_answer_is_decoded_as_what_is_wanted() {
    let (mut peer, socket) = connected(&Server::new()).await;
    let asked = tokio::spawn(async move {
        let number: u32 = socket.emit_with_ack("add", Args((1, 2))).await?;
        let misfit = socket.emit_with_ack::<u8, _>("name", ()).await;
        let all = socket.emit_with_ack("pair", &[0]).payload().await?;
        Ok::<_, AckError>((number, misfit, all.decode::<(u8, String)>().unwrap()))
    });
    let add = peer.receive().await;
    assert_eq!((&add[4], &add[5]), (&json!("add"), &json!([1, 2])));
    peer.ack(&add, json!([3])).await;
    let name = peer.receive().await;
    assert_ne!(name[3], add[3], "ids are never reused");
    peer.ack(&name, json!(["ada"])).await;
    let pair = peer.receive().await;
    peer.ack(&pair, json!([7, "seven"])).await;
    let (number, misfit, pair) = asked.await.unwrap().unwrap();
    assert_eq!((number, pair), (3, (7, "seven".to_owned())));
    assert!(matches!(misfit, Err(AckError::Decode(_))), "{misfit:?}");
}

#[tokio::test]
async fn a_failed_answer_says_why() {
    let (mut peer, socket) = connected(&Server::new()).await;
    let asked = tokio::spawn(async move { socket.emit_with_ack::<(), _>("try", ()).await });
    let event = peer.receive().await;
    peer.fail(&event, 4004, "not mine").await;
    let AckError::Failed {
        code,
        message,
        data,
    } = asked.await.unwrap().unwrap_err()
    else {
        panic!()
    };
    assert_eq!(
        (code, message.as_str(), data.is_nil()),
        (Code::new(4004), "not mine", true)
    );
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_a_time_out_and_a_late_one_is_ignored() {
    let (mut peer, socket) = connected(&Server::new()).await;
    let begun = tokio::time::Instant::now();
    let asked = socket
        .emit_with_ack::<(), _>("try", ())
        .timeout(Duration::from_secs(3));
    assert_eq!(asked.await, Err(AckError::Timeout));
    assert_eq!(begun.elapsed().as_secs(), 3);
    let event = peer.receive().await;
    peer.ack(&event, json!([])).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(
        socket.emit_with_ack::<(), _>("try", ()).await,
        Err(AckError::Timeout)
    );
    assert_eq!(begun.elapsed(), trunkline_server::ACK_TIMEOUT);
}

#[tokio::test]
async fn a_socket_that_leaves_settles_what_it_was_asked() {
    let (mut peer, socket) = connected(&Server::new()).await;
    let asker = socket.clone();
    let asked = tokio::spawn(async move { asker.emit_with_ack::<(), _>("try", ()).await });
    peer.receive().await;
    peer.send_disconnect().await;
    assert_eq!(asked.await.unwrap(), Err(AckError::Disconnected));
    let late = socket.emit_with_ack::<(), _>("try", ()).await;
    assert_eq!(late, Err(AckError::Emit(EmitError::Disconnected)));
}

#[tokio::test]
async fn a_lost_session_settles_what_its_sockets_were_asked() {
    let (mut peer, socket) = connected(&Server::new()).await;
    let asked = tokio::spawn(async move { socket.emit_with_ack::<(), _>("try", ()).await });
    peer.receive().await;
    peer.send(json!([6, {"code": 1000, "reason": "enough"}]))
        .await;
    assert_eq!(asked.await.unwrap(), Err(AckError::SessionLost));
}

#[tokio::test]
async fn pending_acks_have_a_limit_and_forgotten_ones_do_not_count() {
    let limits = Limits {
        pending_acks: 1,
        ..Default::default()
    };
    let (mut peer, socket) = connected(&Server::builder().limits(limits).build()).await;
    let forgotten = socket.emit_with_ack::<(), _>("a", ()).into_future();
    let refused = socket.emit_with_ack::<(), _>("b", ()).await;
    assert_eq!(
        refused,
        Err(AckError::Emit(EmitError::TooManyAcks { limit: 1 }))
    );
    drop(forgotten);
    let asked = tokio::spawn(async move { socket.emit_with_ack::<(), _>("c", ()).await });
    assert_eq!(peer.receive().await[4], "a");
    let event = peer.receive().await;
    assert_eq!(event[4], "c", "b was never sent");
    peer.ack(&event, json!([])).await;
    assert_eq!(asked.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_local_error() {
    let (mut peer, socket) = connected(&Server::new()).await;
    assert!(matches!(
        socket.emit("", ()),
        Err(EmitError::InvalidName(_))
    ));
    let keys: std::collections::BTreeMap<u8, u8> = [(1, 2)].into();
    assert!(matches!(
        socket.emit("map", &keys),
        Err(EmitError::Encode(_))
    ));
    let large = "x".repeat(2 << 20);
    assert!(matches!(
        socket.emit("large", &large),
        Err(EmitError::TooLarge { .. })
    ));
    socket.emit("fine", ()).unwrap();
    assert_eq!(peer.expect("fine").await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn what_a_socket_asked_before_it_was_refused_is_settled_at_once() {
    let server = Server::new();
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    server
        .namespace("/")
        .on_connect(|socket: Socket| async move {
            let asked = socket.emit_with_ack::<(), _>("try", ()).into_future();
            told.send(asked).unwrap();
            Err::<(), _>(Failure::new(4001, "full"))
        });
    let mut peer = Peer::greet(&server).await;
    peer.send_connect(serde_json::Value::Null).await;
    let asked = hears.recv().await.unwrap();
    assert_eq!(asked.await, Err(AckError::Disconnected));
    assert_eq!(peer.receive().await[0], 18, "the event was never sent");
    assert_eq!(server.stats().pending_acks, 0);
}

#[tokio::test]
async fn a_question_shows_whom_it_asks_and_not_what() {
    let (_peer, socket) = connected(&Server::new()).await;
    let one = socket.emit_with_ack::<(), _>("agree?", "s3cret");
    let shown = format!("{one:?}");
    assert!(shown.starts_with("EmitWithAck {"), "{shown}");
    let many = socket
        .within("lobby")
        .emit_with_ack::<(), _>("agree?", "s3cret");
    let shown = [shown, format!("{many:?}")];
    assert!(shown[1].starts_with("EmitWithAcks {"), "{shown:?}");
    for shown in shown {
        let told = ["to: ", "agree?", "timeout: 10s"];
        assert!(told.iter().all(|it| shown.contains(it)), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
