//! More than a limit allows: the named error with its figures, and nobody else is harmed.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use trunkline::server::{Data, FloodLimits, Rate, Room, Server, Socket, Stats};

use crate::handshake::head;
use crate::house::{House, soon};
use crate::log;
use crate::peer::{Encoding, Peer};

/// A handshake from this address of the loopback network, after these bytes: the stream and the
/// answer to it, empty if there was none.
pub(crate) async fn visit(
    from: &str,
    server: SocketAddr,
    before: &str,
    header: &str,
) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    let from = SocketAddr::new(from.parse().unwrap(), 0);
    socket.bind(from).unwrap();
    let mut tcp = socket.connect(server).await.unwrap();
    let request = format!("{before}{}", head("GET /trunkline", "", header));
    // Whoever is turned away at once may not get this far.
    let _ = tcp.write_all(request.as_bytes()).await;
    let mut answer = vec![0; 2048];
    let length = soon("an answer", tcp.read(&mut answer)).await.unwrap_or(0);
    answer.truncate(length);
    (tcp, String::from_utf8(answer).unwrap())
}

async fn house(limits: FloodLimits) -> House {
    House::with(Server::builder().flood_limits(limits), |_| {}).await
}

async fn until(house: &House, what: &str, is_so: impl Fn(&Stats) -> bool) {
    let so = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
        while !is_so(&house.server.stats()) {
            ticks.tick().await;
        }
    };
    soon(what, so).await;
}

#[tokio::test]
async fn an_address_has_as_many_connections_as_it_may_and_others_have_theirs() {
    let house = house(FloodLimits {
        connections_per_address: 2,
        ..FloodLimits::default()
    })
    .await;
    let server = house.address;
    let (first, answer) = visit("127.0.0.2", server, "", "").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    let (_second, answer) = visit("127.0.0.2", server, "", "").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    for _ in 0..10 {
        let (_, answer) = visit("127.0.0.2", server, "", "").await;
        assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
        assert!(answer.contains("retry-after: 10\r\n"), "{answer}");
        assert!(answer.contains("2 are allowed"), "{answer}");
    }
    assert_eq!(house.server.stats().refused_full_of_address, 10);
    let (_other, answer) = visit("127.0.0.3", server, "", "").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    drop(first);
    until(&house, "a place is free", |stats| stats.connections == 3).await;
    let (_again, answer) = visit("127.0.0.2", server, "", "").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    house.unharmed(0).await;
}

#[tokio::test]
async fn a_full_server_says_so_and_serves_those_it_has() {
    let house = house(FloodLimits {
        connections: 2,
        ..FloodLimits::default()
    })
    .await;
    let mut guest = house.peer(Encoding::Json).await;
    for from in ["127.0.0.1", "127.0.0.2"] {
        let (_, answer) = visit(from, house.address, "", "").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("as it takes: 2"), "{answer}");
    }
    assert_eq!(house.server.stats().refused_full, 2);
    guest.still_lives().await;
    house.unharmed(1).await;
}

#[tokio::test]
async fn an_address_that_comes_too_often_is_turned_away_before_it_is_read() {
    let house = house(FloodLimits {
        attempts: Rate::new(1, 20),
        ..FloodLimits::default()
    })
    .await;
    for _ in 0..100 {
        let (_, answer) = visit("127.0.0.2", house.address, "", "Origin: null").await;
        let is_answered = answer.starts_with("HTTP/1.1 403");
        let is_turned_away = answer.starts_with("HTTP/1.1 429");
        assert!(is_answered || is_turned_away, "{answer}");
        assert_eq!(answer.contains("retry-after: 1\r\n"), is_turned_away);
    }
    let turned = house.server.stats().refused_attempts;
    assert!((50..=80).contains(&turned), "{turned}");
    let (_other, answer) = visit("127.0.0.3", house.address, "", "").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    house.unharmed(0).await;
}

/// Sends numbered events until it is closed; gives the CLOSE.
async fn flood(house: &House, peer: &mut Peer, text: &str) -> Value {
    for _ in 0..1_000 {
        for _ in 0..100 {
            let seq = peer.seq() + 1;
            peer.count_sent();
            peer.try_send(json!([20, seq, null, null, "number", [text]]))
                .await;
        }
        if house.server.stats().closed_too_fast > 0 {
            break;
        }
    }
    peer.is_closed(3602, "3602 rate-limited").await
}

#[tokio::test]
async fn a_flood_of_frames_or_bytes_is_closed_and_its_session_kept() {
    let slow = FloodLimits {
        frames: Rate::new(2_000, 10_000),
        bytes: Rate::new(200_000, 2_000_000),
        ..FloodLimits::default()
    };
    for (text, what) in [
        ("", "too many frames: 2000 a"),
        ("long", "too many bytes: 200000 a"),
    ] {
        let house = house(slow).await;
        let mut peer = house.peer(Encoding::MessagePack).await;
        let close = flood(&house, &mut peer, &text.repeat(500)).await;
        let reason = close["reason"].as_str().unwrap();
        assert!(reason.starts_with(what), "{close}");
        assert!(close["retry_after"].as_u64().unwrap() > 0, "{close}");
        assert_eq!(house.server.stats().closed_too_fast, 1);
        log::tells(peer.address, "peer sends too fast").await;

        let mut back = Peer::open(house.address, Encoding::MessagePack).await;
        let resume = peer.resume(1);
        back.send(json!([0, {"v": 1, "agent": "back", "resume": resume}]))
            .await;
        let welcome = back.frame().await;
        assert_eq!(welcome[1]["resumed"], true, "{welcome}");
        let taken = welcome[1]["received"].as_u64().unwrap();
        assert!(taken > 100 && taken <= peer.seq(), "{welcome}");
        house.unharmed(1).await;
    }
}

#[tokio::test]
async fn a_connect_storm_is_refused_without_a_look_at_the_names() {
    let house = house(FloodLimits {
        connects: Rate::new(1, 10),
        ..FloodLimits::default()
    })
    .await;
    let mut peer = house.peer(Encoding::Json).await;
    for number in 1..10 {
        peer.numbered(|seq| json!([16, seq, format!("/none{number}"), null]))
            .await;
        let seq = peer.seq();
        peer.is_refused(seq, 3004).await;
    }
    for number in 0..100 {
        peer.numbered(|seq| json!([16, seq, format!("/n{number}"), null]))
            .await;
    }
    let refused = peer.sequenced().await;
    assert_eq!(
        (&refused[0], &refused[4]),
        (&json!(18), &json!(3602)),
        "{refused}"
    );
    let text = refused[5].as_str().unwrap();
    assert!(text.contains("1 a second, 10 at once"), "{refused}");
    for _ in 1..100 {
        let _ = peer.sequenced().await;
    }
    assert!(house.server.stats().refused_connects >= 90);
    peer.still_lives().await;
    house.unharmed(1).await;
}

#[tokio::test]
async fn a_join_storm_fails_and_asks_no_hook() {
    let house = house(FloodLimits {
        joins: Rate::new(1, 5),
        ..FloodLimits::default()
    })
    .await;
    let namespace = house.server.namespace("/");
    namespace.on_join(|_room: Room| async move { Ok::<_, trunkline::server::Failure>(()) });
    namespace.on("join", |socket: Socket, Data(room): Data<String>| async move {
        socket.join_if_allowed(&room).await
    });
    let mut peer = house.peer(Encoding::Json).await;
    for number in 0..200 {
        peer.event(Some(number), "join", json!([format!("room {number}")]))
            .await;
    }
    let mut failed = 0;
    for number in 0..200 {
        let answer = peer.sequenced().await;
        assert_eq!(answer[3], number, "{answer}");
        if answer[0] == 22 {
            assert_eq!(answer[4], 3602, "{answer}");
            failed += 1;
        }
    }
    assert!((150..=195).contains(&failed), "{failed}");
    assert_eq!(house.server.stats().refused_joins, failed);
    peer.still_lives().await;
    house.unharmed(1).await;
}

#[tokio::test]
async fn whoever_guesses_sessions_is_not_heard_any_more() {
    let house = house(FloodLimits {
        failed_resumes: Rate::new(1, 3),
        ..FloodLimits::default()
    })
    .await;
    let mut refused = 0;
    for _ in 0..20 {
        let mut guess = Peer::open(house.address, Encoding::Json).await;
        let resume = json!({
            "session": "none", "secret": "guess", "attach": 1, "received": 0, "strict": true,
        });
        guess
            .send(json!([0, {"v": 1, "agent": "guess", "resume": resume}]))
            .await;
        let close = guess.frame().await[1].clone();
        if close["code"] == 3602 {
            assert!(close["retry_after"].as_u64().unwrap() > 0, "{close}");
            let reason = close["reason"].as_str().unwrap();
            assert!(reason.contains("1 a second, 3 at once"), "{close}");
            refused += 1;
        } else {
            assert_eq!(close["code"], 3202, "{close}");
        }
    }
    assert!(refused >= 10, "{refused}");
    assert_eq!(house.server.stats().refused_resumes, refused);
    house.peer(Encoding::Json).await.still_lives().await;
    house.unharmed(1).await;
}
