//! A server that does what no server should: each thing has a name, and costs the client little.

use std::time::Duration;

use crate::support::*;
use tokio::time::{Instant, sleep};
use trunkline_client::{
    CLOSE_WAIT, Client, Code, EmitError, Encoding, Limits, LossReason, Payload, Socket, State,
};
use trunkline_protocol::{Close, Prepared, ResumeRefusal, Value, Welcome};

/// Why the client has no connection.
async fn cause(client: &Client) -> String {
    let mut state = client.state();
    let down = state.wait_for(|state| matches!(state, State::Reconnecting { .. }));
    match down.await.unwrap() {
        State::Reconnecting { cause, .. } => cause,
        other => panic!("{other:?}"),
    }
}

/// A frame that the client must not swallow in silence, and what it says of it.
const GARBAGE: [(&str, &str); 8] = [
    ("garbage", "not JSON"),
    (
        "[20,9,null,null,\"gap\",[]]",
        "sequence number 9 where 2 was due",
    ),
    ("[0,{\"v\":1,\"agent\":\"a\"}]", "HELLO"),
    ("[1,{\"v\":1}]", "`session` is missing"),
    ("[16,2,\"/x\",null]", "CONNECT"),
    ("[4,99]", "receipt"),
    ("[20,2,\"no slash\",null,\"e\",[]]", "name"),
    ("[12]", "kind"),
];

#[tokio::test(start_paused = true)]
async fn a_reason_without_end_is_cut_and_has_no_lines_of_its_own() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let reason = format!("first\nsecond {}", "\u{e4}".repeat(100_000));
    peer.close(Close::new(Code::new(4001), reason)).await;
    peer.close_transport(4001).await;
    let mut states = client.state();
    let closed = states.wait_for(|state| matches!(state, State::Closed { .. }));
    let Some(State::Closed { reason, .. }) = closed.await else {
        unreachable!("it was waited for")
    };
    assert!(reason.starts_with("first\u{fffd}second \u{e4}"), "{reason}");
    assert_eq!(reason.len(), 1_023, "a letter of two bytes fits no more");
}

#[tokio::test(start_paused = true)]
async fn garbage_after_welcome_is_named_to_both_sides_and_begins_a_fresh_session_after_a_wait() {
    for (frame, said) in GARBAGE {
        let mut server = Server::speaking(Encoding::Json);
        let client = server.client();
        let (lost, mut losses) = tokio::sync::mpsc::unbounded_channel();
        client.on_session_lost(move |loss| {
            lost.send(loss.reason).unwrap();
            async {}
        });
        let (_socket, mut peer) = connect(&client, &mut server).await;
        let start = Instant::now();
        peer.send(frame.as_bytes()).await;
        let Got::Close(close) = peer.next().await else {
            panic!("{frame}: CLOSE")
        };
        assert_eq!(close.code, Code::PROTOCOL_ERROR, "{frame}");
        assert!(close.reason.contains(said), "{frame}: {}", close.reason);
        peer.close_transport(3200).await;
        let cause = cause(&client).await;
        assert!(cause.contains(said), "{frame}: {cause}");
        let _peer = server.accept_fresh().await;
        assert_eq!(start.elapsed(), Duration::from_millis(500), "{frame}");
        let expected = LossReason::Ended(Code::PROTOCOL_ERROR);
        assert_eq!(losses.recv().await.unwrap(), expected, "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_in_place_of_welcome_is_named_and_met_with_ever_longer_waits() {
    let mut server = Server::speaking(Encoding::Json);
    let client = server.client();
    let start = Instant::now();
    let socket = client.socket("/");
    let connecting = tokio::spawn(async move { socket.connect().await });
    for garbage in [
        "",
        "[]",
        "{}",
        "[1,{}]",
        "[5,{\"reason\":\"\",\"slot\":0,\"deadline\":0}]",
    ] {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.send(garbage.as_bytes()).await;
        loop {
            match peer.next().await {
                Got::Close(close) => {
                    assert_eq!(close.code, Code::PROTOCOL_ERROR, "{garbage}");
                    break;
                }
                Got::Connect { .. } => {}
                other => panic!("{garbage}: {other:?}"),
            }
        }
        assert!(cause(&client).await.contains("protocol-error"), "{garbage}");
    }
    server.accept_fresh().await;
    connecting.await.unwrap().unwrap();
    let dials = server.dials_ms(start);
    assert_eq!(dials, [0, 500, 1_500, 3_500, 7_500, 15_500]);
}

#[tokio::test(start_paused = true)]
async fn absurd_figures_in_welcome_leave_a_client_that_works() {
    for figure in [0, (1 << 53) - 1] {
        let mut server = Server::new();
        let client = server.client();
        let socket = client.socket("/");
        let limit = u32::try_from(figure).unwrap_or(u32::MAX);
        let script = async {
            let mut peer = server.accept().await;
            peer.hello().await;
            let limits = Limits {
                frame: limit,
                datagram: limit,
                replay: limit,
                inbound: limit,
                queue: limit,
                depth: limit,
                name: limit,
                namespaces: limit,
                rooms: limit,
                pending_acks: limit,
                latest_keys: limit,
            };
            let welcome = Welcome {
                limits,
                ping_interval: figure,
                ping_timeout: figure.max(1_000),
                resume_window: figure,
                ..fresh("session-1")
            };
            peer.welcome(welcome).await;
            peer.attach("/").await;
            peer.received(1).await;
            peer
        };
        let (connected, mut peer) = tokio::join!(socket.connect(), script);
        connected.unwrap();
        let small = socket.emit("small", ());
        if figure == 0 {
            // A server that takes nothing gets nothing, and whoever emits is told.
            assert!(matches!(small, Err(EmitError::TooLarge { limit: 0, .. })));
            continue;
        }
        small.unwrap();
        assert_eq!(peer.next_event().await.1, "small");
        // The client's own bounds hold.
        let large = socket.emit("large", &"x".repeat(2 << 20));
        assert!(
            matches!(large, Err(EmitError::QueueFull { .. })),
            "{large:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_of_no_time_at_all_is_no_busy_loop() {
    let mut server = Server::new();
    let client = server.client();
    let start = Instant::now();
    let socket = client.socket("/");
    let connecting = tokio::spawn(async move { socket.connect().await });
    for _ in 0..5 {
        let mut peer = server.accept().await;
        let hello = peer.hello().await;
        let is_first = hello.resume.is_none();
        let welcome = match hello.resume {
            None => fresh("session-1"),
            Some(resume) => {
                peer.next_seq = resume.received + 1;
                resumed("session-1", 1)
            }
        };
        peer.welcome(Welcome {
            ping_interval: 0,
            ping_timeout: 0,
            ..welcome
        })
        .await;
        if is_first {
            peer.attach("/").await;
        }
        let close = loop {
            match peer.next().await {
                Got::Close(close) => break close,
                Got::End(end) => panic!("{end}"),
                _ => {}
            }
        };
        assert_eq!(close.code, Code::PING_TIMEOUT);
        peer.close_transport(3402).await;
    }
    connecting.await.unwrap().unwrap();
    let dials = server.dials_ms(start);
    let waits: Vec<_> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([0, 500, 1_000, 2_000]) {
        assert!((least..least + 100).contains(wait), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_asked_for_are_counted_and_nothing_else() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    for number in 1..=5_000 {
        let frame = Prepared::ack(&namespace("/"), ack_id(number + 10), &Payload::empty());
        peer.push(&frame).await;
    }
    let elsewhere = namespace("/elsewhere");
    let failed = Prepared::failed(&elsewhere, ack_id(1), Code::INTERNAL, "", &Value::nil());
    peer.push(&failed).await;
    peer.connected("/elsewhere", 77).await;
    settle().await;
    assert_eq!(client.stats().acks_ignored, 5_001);
    // One of them is the id of a later event, which waits for its own answer.
    let asked = socket.emit_with_ack::<u32, _>("ask", ());
    let script = async {
        let (_, _, ack) = peer.next_event().await;
        peer.ack(ack, &7).await;
    };
    let (answer, ()) = tokio::join!(asked, script);
    assert_eq!(answer, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_events_that_nobody_can_handle_in_time_is_stopped_at_the_window() {
    let mut server = Server::new();
    let client = server.client_taking(10_000);
    let never = |_: Payload| std::future::pending::<()>();
    client.socket("/").on("load", never);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let load = event("load", None, &"x".repeat(5_000));
    let mut most = 0;
    let close = loop {
        peer.push(&load).await;
        settle().await;
        most = most.max(client.stats().waiting_bytes);
        if let Ok(Got::Close(close)) = tokio::time::timeout(Duration::ZERO, peer.next()).await {
            break close;
        }
    };
    assert_eq!(close.code, Code::PROTOCOL_ERROR);
    assert!(
        close.reason.contains("where 1068576 are allowed"),
        "{}",
        close.reason
    );
    // The window twice, and a frame, with what holding each takes.
    assert!(most < 1_068_576 * 11 / 10, "{most}");
}

/// Asks for answers, of which it confirms none, until the client closes the connection; why it does.
async fn ask_and_never_confirm(peer: &mut Peer, number: &mut u64) -> Close {
    let unknown = "u".repeat(200);
    for _ in 0..100 {
        for _ in 0..50 {
            *number += 1;
            peer.push(&event(&unknown, Some(*number), ())).await;
        }
        settle().await;
        while let Ok(got) = tokio::time::timeout(Duration::ZERO, peer.next()).await {
            match got {
                Got::Failed { .. } => {}
                Got::Close(close) => return *close,
                other => panic!("{other:?} after {number}"),
            }
        }
    }
    panic!("nothing stops it")
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_and_never_confirms_the_answers_is_closed_and_then_given_up() {
    let mut server = Server::new();
    let limits = Limits {
        replay: 10_000,
        queue: 10_000,
        ..Limits::default()
    };
    let client = server.builder().limits(limits).build().unwrap();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let mut number = 0;
    let close = ask_and_never_confirm(&mut peer, &mut number).await;
    assert_eq!(close.code, Code::SLOW_CONSUMER);
    assert!((10_000..20_000).contains(&client.stats().queued_bytes));
    peer.close_transport(3600).await;
    let mut peer = server.accept_resume(1).await;
    let close = ask_and_never_confirm(&mut peer, &mut number).await;
    assert_eq!(close.code, Code::OVERFLOW);
    assert!(client.stats().queued_bytes < 21_000);
    peer.close_transport(3201).await;
    server.accept_fresh().await;
    assert_eq!(client.stats().queued_bytes, 0, "the session is lost");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_makes_one_answer_at_a_time_wait() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    for t in 0..50_000 {
        peer.ping(t).await;
    }
    settle().await;
    assert_eq!(client.stats().queued_bytes, 0);
    // The newest is answered; those that it made worthless need not be.
    loop {
        if let Got::Pong { t: 49_999 } = peer.next_of_any().await {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_close_is_left_within_a_second() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    let start = Instant::now();
    client.close().await;
    assert!(start.elapsed() <= CLOSE_WAIT + Duration::from_secs(1));
    assert!(matches!(peer.next().await, Got::Close(close) if close.code == Code::NORMAL));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn servers_that_send_a_client_to_each_other_are_dialled_ever_more_seldom() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.received(1).await;
    settle().await;
    let start = Instant::now();
    for number in 0..6 {
        let url = format!("https://{}.example/x", ["one", "two"][number % 2]);
        peer.close(Close {
            url: Some(url.clone()),
            ..Close::new(Code::new(3401), "go there")
        })
        .await;
        peer.close_transport(3401).await;
        peer = server.accept_resume(1).await;
        assert_eq!(peer.request.url, url);
    }
    let dials = server.dials_ms(start);
    let waits: Vec<_> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        waits.ends_with(&[500, 1_000, 2_000, 4_000, 8_000]),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_never_resumed_are_begun_ever_more_seldom() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, peer): (Socket, Peer) = connect(&client, &mut server).await;
    let start = Instant::now();
    peer.cut();
    for _ in 0..5 {
        let mut peer = server.accept().await;
        peer.hello().await;
        peer.welcome(not_resumed("session-n", ResumeRefusal::Unknown))
            .await;
        peer.attach("/").await;
        peer.cut();
    }
    let dials = server.dials_ms(start);
    let waits: Vec<_> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.ends_with(&[500, 1_000, 2_000, 4_000]), "{waits:?}");
    assert_eq!(client.stats().sessions_lost, 5);
}
