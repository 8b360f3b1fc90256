//! A server that asks to be left.

use std::time::Duration;

use crate::support::*;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use trunkline_client::{Data, GO_AWAY_MAX, STANDING, Socket};
use trunkline_protocol::{Close, Code, GoAway, ResumeRefusal};

fn go_away(slot: u64, deadline: u64, url: Option<&str>) -> GoAway {
    GoAway {
        reason: "restart".into(),
        slot,
        deadline,
        url: url.map(Into::into),
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_from_go_away_on_and_leave_on_the_next_connection_after_the_slot() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    let start = Instant::now();
    old.go_away(go_away(5_000, 30_000, None)).await;
    settle().await;
    socket.emit("held", ()).unwrap();
    let mut peer = server.accept().await;
    assert_eq!(
        start.elapsed(),
        Duration::from_secs(5),
        "the slot is not anticipated"
    );
    let resume = peer.hello().await.resume.unwrap();
    assert!(!resume.strict);
    // Both live until WELCOME; nothing was sent on the older one.
    peer.next_seq = resume.received + 1;
    peer.welcome(resumed("session-1", 1)).await;
    assert_eq!(peer.next_event().await.1, "held");
    let Got::Close(close) = old.next().await else {
        panic!("CLOSE")
    };
    assert_eq!(close.code, Code::SUPERSEDED);
    assert_eq!(client.state().current(), connected(true));
    socket.emit("free", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "free");
}

#[tokio::test(start_paused = true)]
async fn running_handlers_and_unconfirmed_events_delay_leaving_until_the_deadline() {
    let mut server = Server::new();
    let client = server.client();
    let gate = std::sync::Arc::new(Notify::new());
    let waits = gate.clone();
    client
        .socket("/")
        .on("work", move || async move { waits.notified().await });
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.push(&event("work", Some(1), ())).await;
    settle().await;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    sleep(Duration::from_secs(10)).await;
    assert!(!server.was_dialled());
    gate.notify_one();
    let Got::Ack { seq, .. } = old.next().await else {
        panic!("the answer goes on the old one")
    };
    old.received(seq).await;
    let peer = server.accept_resume(seq).await;
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    drop(peer);

    let mut old = server.accept_resume(2).await;
    old.push(&event("work", Some(2), ())).await;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    server.accept_resume(2).await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_sent_elsewhere_ends_the_old_session_if_it_gets_a_fresh_one() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, Some("https://other.example/x")))
        .await;
    let mut peer = server.accept().await;
    assert_eq!(peer.request.url, "https://other.example/x");
    assert!(peer.hello().await.resume.is_some());
    socket.emit("held", ()).unwrap();
    peer.welcome(not_resumed("session-2", ResumeRefusal::Unknown))
        .await;
    assert!(matches!(old.next().await, Got::Close(close) if close.code == Code::NORMAL));
    peer.attach("/").await;
    assert_eq!(peer.next_event().await.1, "held");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_led_from_https_to_http() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, Some("http://other.example/")))
        .await;
    let peer = server.accept().await;
    assert_eq!(
        peer.request.url,
        "https://server.example/trunkline?ticket=7"
    );
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_does_not_come_about_leaves_the_old_connection_in_use() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    socket.on("tick", || async {});
    old.received(1).await;
    server.plan([Dial::Hang]);
    old.go_away(go_away(0, 60_000, None)).await;
    settle().await;
    old.push(&event("tick", Some(1), ())).await;
    assert!(matches!(old.next().await, Got::Ack { ack: 1, .. }));
    // The hanging dial is given up after its limit, and another one tried.
    server.accept_resume(2).await;
}

#[tokio::test(start_paused = true)]
async fn being_superseded_by_the_own_successor_before_its_welcome_does_no_harm() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, None)).await;
    let mut peer = server.accept().await;
    let resume = peer.hello().await.resume.unwrap();
    let superseded = Close::new(Code::SUPERSEDED, "");
    let attach = Some(resume.attach);
    old.close(Close {
        attach,
        ..superseded
    })
    .await;
    old.close_transport(3400).await;
    settle().await;
    peer.next_seq = resume.received + 1;
    peer.welcome(resumed("session-1", 1)).await;
    let socket = client.socket("/");
    socket.emit("on", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "on");
    assert!(!server.was_dialled());
}

#[tokio::test(start_paused = true)]
async fn closing_in_a_switch_closes_both_connections() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    old.go_away(go_away(0, 30_000, None)).await;
    let mut peer = server.accept().await;
    peer.hello().await;
    let script = async {
        for connection in [&mut old, &mut peer] {
            let Got::Close(close) = connection.next().await else {
                panic!("CLOSE")
            };
            assert_eq!(close.code, Code::NORMAL);
        }
    };
    tokio::join!(client.close(), script);
}

/// Lets the server confirm all that came, and reads what may come of it.
async fn confirm(peer: &mut Peer, seq: u64) {
    peer.received(seq).await;
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_unread_stream_whose_events_ask_for_acks_delays_leaving_until_it_is_read() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    let mut asked = socket.stream::<Data<u32>>("asked");
    let mut told = socket.stream::<Data<u32>>("told");
    old.received(1).await;
    old.push(&event("asked", Some(1), &1_u32)).await;
    old.push(&event("asked", Some(2), &2_u32)).await;
    old.push(&event("told", None, &3_u32)).await;
    settle().await;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    sleep(Duration::from_secs(5)).await;
    assert!(!server.was_dialled(), "two answers are due");
    assert!(asked.next().await.is_some());
    assert!(matches!(old.next().await, Got::Ack { ack: 1, .. }));
    confirm(&mut old, 2).await;
    sleep(Duration::from_secs(5)).await;
    assert!(!server.was_dialled(), "an answer is due");
    assert!(asked.next().await.is_some());
    assert!(matches!(old.next().await, Got::Ack { ack: 2, .. }));
    confirm(&mut old, 3).await;
    // Nobody waits for an answer to the third: it is confirmed, and can be read at any time.
    let _peer = server.accept_resume(3).await;
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert!(told.next().await.is_some());
}

/// A client that withholds receipts once two events wait unread in a stream.
async fn withholding(
    server: &mut Server,
) -> (Socket, trunkline_client::EventStream<Data<u32>>, Peer) {
    let client = server.client_taking(1_024);
    let (socket, mut old) = connect(&client, server).await;
    let stream = socket.stream::<Data<u32>>("tick");
    old.received(1).await;
    let mut pushed = 0;
    while client.stats().waiting_bytes <= 1_024 {
        pushed += 1;
        old.push(&event("tick", None, &pushed)).await;
        settle().await;
    }
    (socket, stream, old)
}

#[tokio::test(start_paused = true)]
async fn withheld_receipts_delay_leaving_until_the_stream_is_read_and_nothing_is_lost_or_repeated()
{
    let mut server = Server::new();
    let (_socket, mut stream, mut old) = withholding(&mut server).await;
    let sent = old.next_seq - 1;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    sleep(Duration::from_secs(5)).await;
    assert!(!server.was_dialled(), "the server waits for its receipts");
    assert!(stream.next().await.is_some());
    let mut peer = server.accept().await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let resume = peer.hello().await.resume.unwrap();
    assert_eq!(resume.received, sent, "all is confirmed");
    peer.next_seq = sent + 1;
    peer.welcome(resumed("session-1", 1)).await;
    for expected in 2..=stream.waiting() as u32 + 1 {
        assert_eq!(stream.next().await.unwrap().0, expected);
    }
    assert_eq!(stream.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_at_the_deadline_reads_each_event_once_and_answers_on_the_next_connection()
 {
    let mut server = Server::new();
    let (socket, mut stream, mut old) = withholding(&mut server).await;
    let mut asked = socket.stream::<Data<u32>>("asked");
    old.push(&event("asked", Some(9), &9_u32)).await;
    let sent = old.next_seq - 1;
    let waiting = stream.waiting() as u32;
    let start = Instant::now();
    old.go_away(go_away(1_000, 30_000, None)).await;
    let mut peer = server.accept().await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    let resume = peer.hello().await.resume.unwrap();
    assert!(resume.received < sent, "receipts are withheld");
    peer.next_seq = resume.received + 1;
    peer.welcome(resumed("session-1", 1)).await;
    // What was not confirmed comes again, and something new.
    let known = sent - resume.received;
    for number in 0..known - 1 {
        let number = u32::try_from(number).unwrap() + waiting + 2 - u32::try_from(known).unwrap();
        peer.push(&event("tick", None, &number)).await;
    }
    peer.push(&event("asked", Some(9), &9_u32)).await;
    peer.push(&event("tick", None, &(waiting + 1))).await;
    settle().await;
    for expected in 1..=waiting + 1 {
        assert_eq!(stream.next().await.unwrap().0, expected);
    }
    assert_eq!(asked.next().await.unwrap().0, 9);
    assert_eq!((stream.waiting(), asked.waiting()), (0, 0));
    assert!(matches!(peer.next().await, Got::Ack { ack: 9, .. }));
    // The one answer is all that it sends.
    settle().await;
    peer.ping(1).await;
    assert!(matches!(
        peer.next_of_any().await,
        Got::Ping { .. } | Got::Pong { .. } | Got::Received(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn answers_of_a_session_that_was_lost_do_not_delay_leaving_the_next_one() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut old) = connect(&client, &mut server).await;
    let stream = socket.stream::<Data<u32>>("asked");
    old.push(&event("asked", Some(1), &1_u32)).await;
    settle().await;
    old.close(Close::new(Code::new(3200), "")).await;
    old.close_transport(3200).await;
    let mut fresh = server.accept_fresh().await;
    fresh.received(1).await;
    // It stands: a GOAWAY that comes too early is another matter.
    sleep(STANDING + Duration::from_secs(1)).await;
    let start = Instant::now();
    fresh.go_away(go_away(1_000, 30_000, None)).await;
    server.accept_resume(1).await;
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert_eq!(stream.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn absurd_slots_and_deadlines_are_taken_for_an_hour() {
    for (slot, deadline, expected) in [
        (u64::MAX >> 11, u64::MAX >> 11, GO_AWAY_MAX),
        (u64::MAX >> 11, 0, Duration::ZERO),
        (0, u64::MAX >> 11, Duration::ZERO),
    ] {
        let mut server = Server::new();
        let client = server.client();
        let (_socket, mut old) = connect(&client, &mut server).await;
        old.received(1).await;
        let start = Instant::now();
        old.go_away(go_away(slot, deadline, None)).await;
        // Signs of life, for as long as it takes.
        let peer = loop {
            tokio::select! {
                biased;
                peer = server.accept_resume(1) => break peer,
                () = sleep(PING_INTERVAL) => old.ping(1).await,
            }
        };
        assert_eq!(start.elapsed(), expected);
        drop(peer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_every_successor_to_leave_is_dialled_ever_more_seldom() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.received(1).await;
    settle().await;
    let start = Instant::now();
    for _ in 0..6 {
        peer.go_away(go_away(0, 60_000, Some("https://server.example/again")))
            .await;
        peer = server.accept_resume(1).await;
        settle().await;
    }
    let dials = server.dials_ms(start);
    assert_eq!(
        dials[dials.len() - 6..],
        [0, 500, 1_500, 3_500, 7_500, 15_500]
    );
    // One that stood is left at once.
    sleep(STANDING + Duration::from_secs(1)).await;
    let asked = start.elapsed().as_millis();
    peer.go_away(go_away(0, 60_000, None)).await;
    server.accept_resume(1).await;
    assert_eq!(server.dials_ms(start).last(), Some(&asked));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_over_and_over_does_not_keep_the_client_for_longer_than_an_hour() {
    let mut server = Server::new();
    let client = server.client();
    let (_socket, mut old) = connect(&client, &mut server).await;
    old.received(1).await;
    let start = Instant::now();
    let peer = loop {
        old.go_away(go_away(60_000, 60_000, None)).await;
        tokio::select! {
            biased;
            peer = server.accept_resume(1) => break peer,
            () = sleep(PING_INTERVAL) => {}
        }
    };
    assert_eq!(start.elapsed(), GO_AWAY_MAX);
    drop(peer);
}
