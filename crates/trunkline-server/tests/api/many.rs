//! What is asked of, and done with, many sockets at once.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use trunkline_server::{
    AckError, Args, Code, Credentials, EmitError, Event, Limits, Principal, Server, Socket,
};

use crate::peer::Peer;

async fn crowd<const N: usize>(server: &Server) -> [(Peer, Socket); N] {
    let chat = server.namespace("/");
    let mut crowd = Vec::new();
    for _ in 0..N {
        let peer = Peer::connect(server).await;
        let socket = chat.socket(&peer.socket_id).unwrap();
        socket.join("lobby").unwrap();
        crowd.push((peer, socket));
    }
    crowd.try_into().ok().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_asked_gives_the_answers_that_came_and_who_gave_none() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [
        (mut yes, ada),
        (mut no, bob),
        (mut misfit, cyd),
        (mut gone, dan),
        (silent, eve),
    ] = crowd(&server).await;
    let begun = Instant::now();
    let asked = tokio::spawn(async move {
        let asked = chat.to("lobby").emit_with_ack("agree?", "lunch");
        asked.timeout(Duration::from_secs(3)).await
    });
    let mut events = Vec::new();
    for peer in [&mut yes, &mut no, &mut misfit, &mut gone] {
        events.push(peer.receive().await);
    }
    assert!(
        events.iter().all(|event| event[3] == events[0][3]),
        "one id for all"
    );
    yes.ack(&events[0], json!([true])).await;
    no.fail(&events[1], 4001, "busy").await;
    misfit.ack(&events[2], json!(["perhaps"])).await;
    gone.send_disconnect().await;
    let answers: trunkline_server::Answers<bool> = asked.await.unwrap().unwrap();
    assert_eq!(
        begun.elapsed().as_secs(),
        3,
        "partial results at the deadline"
    );
    assert_eq!(answers.answered, [(ada, true)]);
    assert_eq!(answers.unanswered, [eve]);
    let failed = |of: &Socket| {
        let (_, error) = answers
            .failed
            .iter()
            .find(|(socket, _)| socket == of)
            .unwrap();
        error.clone()
    };
    let AckError::Failed { code, message, .. } = failed(&bob) else {
        panic!()
    };
    assert_eq!((code, &*message), (Code::new(4001), "busy"));
    assert!(matches!(failed(&cyd), AckError::Decode(_)));
    assert_eq!(failed(&dan), AckError::Disconnected);
    assert_eq!(server.stats().pending_acks, 0, "a late answer is nobody's");
    drop(silent);
}

#[tokio::test]
async fn when_all_have_answered_nothing_is_waited_for() {
    const ADD: Event<Args<(u32, u32)>, u32> = Event::new("add");
    let server = Server::new();
    let chat = server.namespace("/");
    let crowd = crowd::<3>(&server).await;
    let asked = tokio::spawn(async move {
        let forever = Duration::from_secs(1 << 40);
        let sums = chat.everyone().emit_with_ack(ADD, Args((1, 2)));
        let sums = sums.timeout(forever).await.unwrap();
        let nobody = chat.to("nowhere").emit_with_ack::<(), _>("x", ());
        (sums, nobody.timeout(forever).await.unwrap())
    });
    for (mut peer, _) in crowd {
        let event = peer.receive().await;
        peer.ack(&event, json!([3])).await;
    }
    let (sums, nobody) = asked.await.unwrap();
    let sums: Vec<_> = sums.answered.into_iter().map(|(_, sum)| sum).collect();
    assert_eq!(sums, [3, 3, 3]);
    assert!(nobody.answered.is_empty() && nobody.unanswered.is_empty());
}

#[tokio::test]
async fn a_session_that_owes_too_many_answers_is_not_asked_and_said_so() {
    let limits = Limits {
        pending_acks: 1,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let chat = server.namespace("/");
    let [(mut free, _), (_busy, owing)] = crowd(&server).await;
    let owed = owing.emit_with_ack::<(), _>("first", ()).into_future();
    let asked = tokio::spawn(async move {
        let asked = chat.to("lobby").emit_with_ack::<Value, _>("agree?", ());
        asked.await.unwrap()
    });
    let event = free.receive().await;
    free.ack(&event, json!([true])).await;
    let answers = asked.await.unwrap();
    let too_many = AckError::Emit(EmitError::TooManyAcks { limit: 1 });
    assert_eq!(answers.failed, [(owing, too_many)]);
    assert_eq!(answers.answered.len(), 1);
    drop(owed);
}

#[tokio::test]
async fn nobody_is_asked_anything_under_a_name_that_is_none_and_a_dropped_question_owes_nothing() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(mut peer, _)] = crowd(&server).await;
    let nameless = chat.everyone().emit_with_ack::<(), _>("", ()).await;
    assert!(matches!(nameless, Err(EmitError::InvalidName(_))));
    let nowhere = chat.to("").emit_with_ack::<(), _>("x", ()).await;
    assert!(matches!(nowhere, Err(EmitError::InvalidName(_))));
    let asked = chat
        .everyone()
        .emit_with_ack::<(), _>("real", ())
        .into_future();
    assert_eq!(server.stats().pending_acks, 1);
    drop(asked);
    assert_eq!(server.stats().pending_acks, 0);
    assert_eq!(peer.receive().await[4], "real");
}

#[tokio::test]
async fn an_answer_with_all_its_args_is_given_as_it_came() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(mut peer, ada)] = crowd(&server).await;
    let asked = tokio::spawn(async move {
        let asked = chat.to("lobby").emit_with_ack("pair", ());
        asked.payloads().await.unwrap()
    });
    let event = peer.receive().await;
    peer.ack(&event, json!([1, "two"])).await;
    let answers = asked.await.unwrap();
    let [(socket, payload)] = &answers.answered[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (socket, payload.decode().unwrap()),
        (&ada, (1, "two".to_owned()))
    );
}

#[tokio::test]
async fn many_sockets_join_leave_and_are_counted_at_once() {
    let limits = Limits {
        rooms: 2,
        ..Limits::default()
    };
    let server = Server::builder().limits(limits).build();
    let chat = server.namespace("/");
    let crowd = crowd::<4>(&server).await;
    let [ada, bob, cyd, dan] = crowd.each_ref().map(|(_, socket)| socket.clone());
    cyd.join("a").unwrap();
    dan.join("vip").unwrap();
    assert_eq!(
        chat.to("lobby").join("vip"),
        Ok(2),
        "one may not, one is in it already"
    );
    assert_eq!(chat.to("vip").to("a").count(), 4);
    assert_eq!(chat.to("vip").except("a").count(), 3);
    assert!(ada.is_in("vip") && bob.is_in("vip") && !cyd.is_in("vip"));
    assert_eq!(ada.to("vip").leave("lobby"), 2, "not the one who asks");
    assert!(ada.is_in("lobby") && !bob.is_in("lobby") && !dan.is_in("lobby"));
    assert_eq!(chat.everyone().count(), 4);
    assert!(chat.everyone().join("").is_err());
}

#[tokio::test]
async fn many_sockets_are_disconnected_at_once() {
    let server = Server::new();
    let chat = server.namespace("/");
    let mut crowd = crowd::<3>(&server).await;
    crowd[2].1.join("staff").unwrap();
    assert_eq!(
        chat.to("lobby").except("staff").disconnect("closing time"),
        2
    );
    for (peer, socket) in &mut crowd[..2] {
        let frame = peer.receive().await;
        assert_eq!((&frame[0], &frame[4]), (&json!(19), &json!("closing time")));
        assert!(socket.is_closed());
    }
    assert_eq!(chat.sockets(), [crowd[2].1.clone()]);
}

/// A server whose clients say in HELLO who they are; who says nothing is nobody.
fn naming() -> Server {
    Server::builder()
        .authenticate(|credentials: Credentials| async move {
            let name: Option<String> = credentials.decode()?;
            Ok(name.map(|name| Principal::new(&name)))
        })
        .build()
}

#[tokio::test]
async fn all_sockets_of_a_principal_are_addressed_by_its_id() {
    let server = naming();
    let chat = server.namespace("/");
    let mut phone = Peer::named(&server, json!("ada")).await;
    let mut laptop = Peer::named(&server, json!("ada")).await;
    let mut other = Peer::named(&server, json!("bob")).await;
    let nobody = Peer::named(&server, Value::Null).await;
    assert_eq!(chat.to_principal("ada").count(), 2);
    assert_eq!(chat.to_principal("nobody").count(), 0);
    chat.to_principal("ada").emit("mail", &1).unwrap();
    for peer in [&mut phone, &mut laptop] {
        assert_eq!(peer.expect("mail").await, json!([1]));
    }
    let socket = chat.socket(&phone.socket_id).unwrap();
    let elsewhere = socket.broadcast().to_principal("ada");
    assert_eq!(
        elsewhere.sockets(),
        [chat.socket(&laptop.socket_id).unwrap()]
    );
    socket.join("lobby").unwrap();
    assert_eq!(
        chat.to("lobby")
            .to_principal("bob")
            .to_principal("ada")
            .count(),
        3
    );
    chat.to_principal("ada").disconnect("password changed");
    assert_eq!(phone.receive().await[0], 19);
    assert_eq!(chat.to_principal("ada").count(), 0);
    chat.emit("still", &2).unwrap();
    assert_eq!(other.expect("still").await, json!([2]));
    drop(nobody);
}

#[tokio::test]
async fn a_principals_id_is_any_text_and_nobodys_is_no_error() {
    let server = naming();
    let chat = server.namespace("/");
    let long = "x".repeat(1_000);
    for id in ["", "/", "an id, with spaces\n", &long] {
        let mut peer = Peer::named(&server, json!(id)).await;
        chat.to_principal(id).emit("mail", ()).unwrap();
        assert_eq!(peer.expect("mail").await, json!([]), "{id:?}");
        let socket = chat.socket(&peer.socket_id).unwrap();
        let asked = chat.to_principal(id).emit_with_ack::<(), _>("ack?", ());
        let answers = asked.timeout(Duration::ZERO).await.unwrap();
        assert_eq!(answers.unanswered, [socket], "{id:?}");
    }
    chat.to_principal("nobody's").emit("mail", ()).unwrap();
    let misnamed = chat.to_principal("nobody's").to("").emit("mail", ());
    assert!(matches!(misnamed, Err(EmitError::InvalidName(_))), "a room");
}

#[tokio::test]
async fn principals_by_the_thousand_leave_no_group_behind() {
    let server = naming();
    let chat = server.namespace("/");
    for number in 0..1_000 {
        let name = format!("user {number}");
        let mut peer = Peer::named(&server, json!(name)).await;
        assert_eq!(chat.to_principal(&name).count(), 1);
        peer.send_disconnect().await;
        peer.ping().await;
        assert_eq!(chat.to_principal(&name).count(), 0);
    }
    assert!(format!("{chat:?}").contains("principals: 0"), "{chat:?}");
}

#[tokio::test]
async fn rooms_by_the_ten_thousand_leave_nothing_behind() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(_peer, ada)] = crowd(&server).await;
    let mut refused = 0;
    for number in 0..10_000 {
        let room = format!("room {number}");
        match ada.join(&room) {
            Ok(joined) => assert!(joined),
            Err(_) => refused += 1,
        }
        assert!(chat.room_count() <= 1_024);
        if number % 2_000 == 1_999 {
            ada.rooms().iter().for_each(|room| assert!(ada.leave(room)));
            assert_eq!(chat.room_count(), 0);
        }
    }
    // The lobby took one place in the first round.
    assert_eq!(refused, 10_000 - 5 * 1_024 + 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_is_told_with_bytes_and_time() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(mut slow, ada), (mut quick, _), (_idle, _)] = crowd(&server).await;
    quick.confirm().await;
    assert!(chat.everyone().laggards().is_empty());
    let text = "x".repeat(10_000);
    for _ in 0..10 {
        chat.to("lobby").emit("line", &text).unwrap();
        for peer in [&mut slow, &mut quick] {
            peer.expect("line").await;
        }
        quick.confirm().await;
        quick.ping().await;
    }
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(1)).await;
        quick.ping().await;
    }
    let laggards = chat.to("lobby").laggards();
    let told: Vec<_> = laggards.iter().map(|laggard| &laggard.socket).collect();
    assert!(told.contains(&&ada), "{laggards:?}");
    assert_eq!(
        told.len(),
        2,
        "also the one that does not read: {laggards:?}"
    );
    for laggard in &laggards {
        assert!((100_000..110_000).contains(&laggard.bytes), "{laggard:?}");
        let seconds = laggard.behind_for.as_secs();
        assert!((3..=5).contains(&seconds), "{laggard:?}");
    }
    slow.confirm().await;
    slow.ping().await;
    assert_eq!(chat.everyone().laggards().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_away_is_behind_by_what_waits() {
    let server = Server::new();
    let chat = server.namespace("/");
    let [(mut peer, ada)] = crowd(&server).await;
    peer.confirm().await;
    peer.ping().await;
    peer.cut();
    while ada.is_attached() {
        tokio::task::yield_now().await;
    }
    ada.emit("line", &"x".repeat(100_000)).unwrap();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    let laggards = chat.everyone().laggards();
    assert_eq!(laggards.len(), 1);
    assert!(laggards[0].bytes > 100_000 && laggards[0].behind_for >= Duration::from_secs(1));
}
