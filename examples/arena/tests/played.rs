//! The arena on a free port, with bots and with real clients.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use example_arena::words::{
    CLOCK, ENTER, Enter, Entered, LINK, LinkQuality, MOVE, MOVED, Move, Moved, OWN_SHIP, PLACED,
    Placed, PlayerId, Pose, SAID, SAY, SCENE, SET_LINK, SHOOT, SHOT, Said, Say, Scene, Shot, WATCH,
};
use example_arena::{ArenaClock, Playing, Quality};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use trunkline::client::{AckError, Client, Data, Dial as _, Socket, TransportKind, Transports};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(30);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.unwrap()
}

async fn open(bots: usize) -> Playing {
    Playing::open("127.0.0.1:0", bots, Quality::default())
        .await
        .unwrap()
}

/// What a visitor hears.
#[derive(Debug)]
enum Heard {
    Scene(Scene),
    Moved(Moved),
    Placed(Placed),
    Shot(Shot),
    Said(Said),
    Link(LinkQuality),
}

struct Visitor {
    client: Client,
    socket: Socket,
    hears: mpsc::UnboundedReceiver<Heard>,
}

impl Visitor {
    /// Comes over one transport, and watches.
    async fn come(playing: &Playing, transport: TransportKind) -> Self {
        let url = format!("http://{}", playing.address());
        let transports = match transport {
            TransportKind::WebSocket => Transports::WebSocketOnly,
            _ => Transports::Auto,
        };
        let client = Client::to(&url).transports(transports).build().unwrap();
        let socket = client.socket("/");
        let (told, hears) = mpsc::unbounded_channel();
        macro_rules! tell {
            ($($event:ident $of:ident $type:ty,)*) => {
                $({
                    let told = told.clone();
                    socket.on($event, move |Data(content): Data<$type>| {
                        let told = told.clone();
                        // Nobody listens any more when a test is over.
                        async move { drop(told.send(Heard::$of(content))) }
                    });
                })*
            };
        }
        tell! {
            SCENE Scene Scene,
            MOVED Moved Moved,
            PLACED Placed Placed,
            SHOT Shot Shot,
            SAID Said Said,
            LINK Link LinkQuality,
        }
        socket.on_fallback(|| async {});
        soon(socket.connect()).await.unwrap();
        soon(client.switch_to(transport)).await.unwrap();
        soon(socket.emit_with_ack(WATCH, ())).await.unwrap();
        Self {
            client,
            socket,
            hears,
        }
    }

    async fn enter(&self, name: &str) -> Result<Entered, AckError> {
        let enter = Enter {
            name: name.to_owned(),
            bot: false,
        };
        soon(self.socket.emit_with_ack(ENTER, &enter)).await
    }

    /// Waits for something of what comes, and passes over the rest.
    async fn hear<T>(&mut self, mut wanted: impl FnMut(Heard) -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = wanted(self.hears.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        soon(search).await
    }

    async fn clock(&self) -> ArenaClock {
        let mut clock = ArenaClock::new(Instant::now());
        let asked = Instant::now();
        let told = soon(self.socket.emit_with_ack(CLOCK, ())).await.unwrap();
        clock.answered(told, asked, Instant::now());
        clock
    }

    async fn leave(self, playing: Playing) {
        soon(self.client.close()).await;
        soon(playing.close()).await;
    }
}

fn at_rest(placed: &Placed) -> Pose {
    Pose {
        x: placed.x,
        y: placed.y,
        ..Pose::default()
    }
}

/// The code that an event failed with.
fn code<T: std::fmt::Debug>(answer: Result<T, AckError>) -> u16 {
    match answer {
        Err(AckError::Failed { code, .. }) => code.number(),
        other => panic!("{other:?}"),
    }
}

/// Bots and a client play over one transport.
async fn plays_over(transport: TransportKind) {
    plays_on("127.0.0.1:0", transport).await;
}

async fn plays_on(listen: &str, transport: TransportKind) {
    const BOTS: usize = 3;
    let opened = Playing::open(listen, BOTS, Quality::default()).await;
    let playing = opened.unwrap();
    let mut visitor = Visitor::come(&playing, transport).await;
    let over = visitor.client.transport().current().unwrap();
    assert_eq!(over.kind, transport);

    // All bots fly, and every position is of a time that was.
    let clock = visitor.clock().await;
    let mut places: BTreeMap<PlayerId, BTreeSet<String>> = BTreeMap::new();
    visitor
        .hear(|heard| {
            let Heard::Moved(moved) = heard else {
                return None;
            };
            let age = clock.time(Instant::now())? - moved.at;
            assert!((-1_000.0..30_000.0).contains(&age), "{age}");
            let place = format!("{:?}", moved.pose);
            places.entry(moved.player).or_default().insert(place);
            let flying = places.values().filter(|places| places.len() >= 5);
            (flying.count() == BOTS).then_some(())
        })
        .await;

    // A shot is answered, and the bots' are told.
    let Entered { player, placed } = visitor.enter("Ada").await.unwrap();
    let trigger = Move {
        life: placed.life,
        at: clock.time(Instant::now()).unwrap(),
        pose: at_rest(&placed),
    };
    let shot: Shot = soon(visitor.socket.emit_with_ack(SHOOT, &trigger))
        .await
        .unwrap();
    assert_eq!(shot.player, player);
    assert!(shot.length > 0.0);
    let foreign = visitor
        .hear(|heard| match heard {
            Heard::Shot(shot) => Some(shot.player),
            _ => None,
        })
        .await;
    assert_ne!(foreign, player);
    visitor.leave(playing).await;
}

#[tokio::test]
async fn bots_and_a_client_play_over_websocket() {
    plays_over(TransportKind::WebSocket).await;
}

#[tokio::test]
async fn bots_and_a_client_play_over_webtransport() {
    plays_over(TransportKind::WebTransport).await;
}

#[tokio::test]
async fn bots_and_a_client_play_over_ipv6() {
    plays_on("[::1]:0", TransportKind::WebTransport).await;
}

#[tokio::test]
async fn a_position_reaches_the_others_as_the_newest_of_its_player() {
    let playing = open(0).await;
    let ada = Visitor::come(&playing, TransportKind::WebTransport).await;
    let mut bob = Visitor::come(&playing, TransportKind::WebSocket).await;
    let Entered { player, placed } = ada.enter("Ada").await.unwrap();
    let clock = ada.clock().await;
    // One may be lost, so it is told again, as a player does.
    let goal = at_rest(&placed);
    let telling = async {
        loop {
            let moved = Move {
                life: placed.life,
                at: clock.time(Instant::now()).unwrap(),
                pose: goal,
            };
            ada.socket.latest(OWN_SHIP).emit(MOVE, &moved).unwrap();
            // tidy: allow sleep: a player tells its position again after a while of real time.
            tokio::time::sleep(Duration::from_millis(33)).await;
        }
    };
    let seen = bob.hear(|heard| match heard {
        Heard::Moved(moved) => Some(moved),
        _ => None,
    });
    let moved = tokio::select! {
        moved = seen => moved,
        () = telling => unreachable!("it goes on for ever"),
    };
    assert_eq!((moved.player, moved.pose), (player, goal));
    soon(ada.client.close()).await;
    bob.leave(playing).await;
}

#[tokio::test]
async fn whoever_leaps_is_put_back_and_told_so() {
    let playing = open(0).await;
    let mut ada = Visitor::come(&playing, TransportKind::WebSocket).await;
    let Entered { placed, .. } = ada.enter("Ada").await.unwrap();
    let clock = ada.clock().await;
    let far = Pose {
        x: placed.x + 1e9,
        ..at_rest(&placed)
    };
    let leap = Move {
        life: placed.life,
        at: clock.time(Instant::now()).unwrap(),
        pose: far,
    };
    ada.socket.emit(MOVE, &leap).unwrap();
    let again = ada
        .hear(|heard| match heard {
            Heard::Placed(placed) => Some(placed),
            _ => None,
        })
        .await;
    assert_eq!(again.life, placed.life + 1);
    assert!(again.x < 1_440.0, "{again:?}");
    ada.leave(playing).await;
}

#[tokio::test]
async fn lines_are_heard_in_order_and_by_those_who_come_later() {
    let playing = open(0).await;
    let ada = Visitor::come(&playing, TransportKind::WebSocket).await;
    let mut bob = Visitor::come(&playing, TransportKind::WebTransport).await;
    ada.enter("Ada").await.unwrap();
    for number in 1..=5 {
        let say = Say {
            text: format!("line {number}"),
        };
        let receipt = soon(ada.socket.emit_with_ack(SAY, &say)).await.unwrap();
        assert_eq!(receipt.id, number);
    }
    let mut heard = Vec::new();
    bob.hear(|one| {
        if let Heard::Said(said) = one {
            heard.push(said);
        }
        (heard.len() == 5).then_some(())
    })
    .await;
    let texts: Vec<_> = heard.iter().map(|said| said.text.as_str()).collect();
    assert_eq!(texts, ["line 1", "line 2", "line 3", "line 4", "line 5"]);
    let mut late = Visitor::come(&playing, TransportKind::WebSocket).await;
    let scene = late
        .hear(|heard| match heard {
            Heard::Scene(scene) => Some(scene),
            _ => None,
        })
        .await;
    assert_eq!(scene.lines, heard);
    for client in [&ada.client, &bob.client] {
        soon(client.close()).await;
    }
    late.leave(playing).await;
}

#[tokio::test]
async fn what_is_not_allowed_has_a_code() {
    let playing = open(0).await;
    let ada = Visitor::come(&playing, TransportKind::WebSocket).await;
    let say = |text: &str| Say {
        text: text.to_owned(),
    };
    let again = ada.socket.emit_with_ack(WATCH, ());
    assert_eq!(code(soon(again).await), 4004);
    let early = ada.socket.emit_with_ack(SAY, &say("hello"));
    assert_eq!(code(soon(early).await), 4006);
    assert_eq!(code(ada.enter("A\u{202e}da").await), 4000);
    ada.enter("Ada").await.unwrap();
    assert_eq!(code(ada.enter("Eve").await), 4004);
    let bob = Visitor::come(&playing, TransportKind::WebSocket).await;
    assert_eq!(code(bob.enter(" Ada ").await), 4001);
    let long = say(&"x".repeat(201));
    assert_eq!(code(soon(ada.socket.emit_with_ack(SAY, &long)).await), 4003);
    let trigger = Move {
        life: 99,
        at: 0.0,
        pose: Pose::default(),
    };
    let shot: Result<Shot, _> = soon(ada.socket.emit_with_ack(SHOOT, &trigger)).await;
    assert_eq!(code(shot), 4002);
    let bad = LinkQuality {
        loss_percent: 101.0,
        delay_ms: 0.0,
    };
    let set = ada.socket.emit_with_ack(SET_LINK, &bad);
    assert_eq!(code(soon(set).await), 4005);
    soon(bob.client.close()).await;
    ada.leave(playing).await;
}

/// The TCP port of the relay, as the page learns it.
async fn relay(playing: &Playing) -> u16 {
    let mut stream = TcpStream::connect(playing.address()).await.unwrap();
    let request = "GET /relays HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    let (_, rest) = answer.split_once("\"websocket\":").unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[tokio::test]
async fn a_link_that_is_made_bad_is_so_for_connections_that_stand() {
    let playing = open(0).await;
    let url = format!("http://127.0.0.1:{}", relay(&playing).await);
    let client = Client::to(&url)
        .transports(Transports::WebSocketOnly)
        .build()
        .unwrap();
    let socket = client.socket("/");
    soon(socket.connect()).await.unwrap();
    let mut watcher = Visitor::come(&playing, TransportKind::WebSocket).await;
    let slow = LinkQuality {
        loss_percent: 0.0,
        delay_ms: 120.0,
    };
    let told = soon(watcher.socket.emit_with_ack(SET_LINK, &slow))
        .await
        .unwrap();
    assert_eq!(told, slow);
    let heard = watcher
        .hear(|heard| match heard {
            Heard::Link(quality) => Some(quality),
            _ => None,
        })
        .await;
    assert_eq!(heard, slow);
    // A floor and no ceiling: an answer cannot come sooner than the link lets it.
    let asked = Instant::now();
    soon(socket.emit_with_ack(CLOCK, ())).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(240));
    soon(client.close()).await;
    watcher.leave(playing).await;
}
