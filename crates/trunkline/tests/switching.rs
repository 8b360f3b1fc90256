//! Switches of transport in the middle of a stream of events each way, with acks outstanding: nothing
//! is lost, repeated or reordered.
//!
//! Everything is in virtual time, over two networks of [`Net`] that stand for the two transports. A seed
//! fixes when each event is emitted, when the session is moved and when a network is cut. A seed that
//! fails is printed; `TRUNKLINE_SEED` runs it alone, and `TRUNKLINE_EVENTS` says how many events.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use trunkline::client::{Client, Data, Jitter, SwitchError};
use trunkline::server::{Ack, Server, Socket as ServerSocket};
use trunkline::testing::Net;
use trunkline::transport::{Connection, DialError, DialRequest, Dialer, TransportKind};

/// Random numbers that their seed fixes (splitmix64).
struct Seeded(u64);

impl Seeded {
    /// One of several sequences of a seed.
    const fn of(seed: u64, purpose: u64) -> Self {
        Self(seed.wrapping_mul(4).wrapping_add(purpose))
    }

    const fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Always the longest wait.
struct Longest;

impl Jitter for Longest {
    fn draw(&self, at_most: Duration) -> Duration {
        at_most
    }
}

/// A network that passes for a transport.
struct Over(TransportKind, Arc<dyn Dialer>);

#[async_trait]
impl Dialer for Over {
    fn transport(&self) -> TransportKind {
        self.0
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        let connection = self.1.dial(request).await?;
        Ok(Connection {
            transport: self.0,
            ..connection
        })
    }
}

/// What came of one seed.
#[derive(Default)]
struct Moves {
    /// Switches that were made.
    done: u64,
    /// Those in which the session stayed.
    stayed: u64,
}

/// One run of both streams.
struct Run {
    seed: u64,
    events: u32,
    websocket: Net,
    webtransport: Net,
    client: Client,
    /// What the server and the client heard.
    heard: [Arc<Mutex<Vec<u32>>>; 2],
    /// The server's socket.
    sockets: mpsc::UnboundedReceiver<ServerSocket>,
}

impl Run {
    fn new(seed: u64, events: u32) -> Self {
        let server = Server::new();
        let root = server.namespace("/");
        let (told, sockets) = mpsc::unbounded_channel();
        root.on_connect(move |socket: ServerSocket| {
            let told = told.clone();
            async move {
                let _ = told.send(socket);
            }
        });
        let heard: [Arc<Mutex<Vec<u32>>>; 2] = Default::default();
        let note = heard[0].clone();
        root.on("number", move |Data(number): Data<u32>| {
            note.lock().unwrap().push(number);
            async move { Ack(number) }
        });
        let (websocket, webtransport) = (Net::new(&server), Net::new(&server));
        let mut random = Seeded::of(seed, 3);
        websocket.set_delay(Duration::from_millis(random.below(40)));
        webtransport.set_delay(Duration::from_millis(random.below(20)));
        let (near, far) = (TransportKind::WebTransport, TransportKind::WebSocket);
        let client = Client::builder("https://server.example")
            .dialer(Arc::new(Over(near, webtransport.dialer())))
            .dialer(Arc::new(Over(far, websocket.dialer())))
            .jitter(Arc::new(Longest))
            .back_off(Duration::from_millis(10), Duration::from_millis(50))
            .build()
            .unwrap();
        let note = heard[1].clone();
        client
            .socket("/")
            .on("said", move |Data(number): Data<u32>| {
                note.lock().unwrap().push(number);
                async move { Ack(number) }
            });
        client.on_session_lost(|lost| async move { panic!("lost: {lost:?}") });
        Self {
            seed,
            events,
            websocket,
            webtransport,
            client,
            heard,
            sockets,
        }
    }

    /// Runs both streams to their ends while the session is moved to and fro.
    async fn run(mut self) -> Moves {
        let socket = self.client.socket("/");
        socket.connect().await.unwrap();
        let far = self.sockets.recv().await.unwrap();
        let near = socket.clone();
        let (up, down) = (socket, far);
        let (over, is_over) = watch::channel(false);
        let streams = async {
            let upwards = stream(self.seed, 0, self.events, |number, ack| {
                if !ack {
                    up.emit("number", &number).unwrap();
                    return None;
                }
                let asked = up.emit_with_ack::<u32, _>("number", &number);
                let asked = asked.timeout(PATIENCE);
                Some(async move { asked.await.map_err(|error| error.to_string()) })
            });
            let downwards = stream(self.seed, 1, self.events, |number, ack| {
                if !ack {
                    down.emit("said", &number).unwrap();
                    return None;
                }
                let asked = down.emit_with_ack::<u32, _>("said", &number);
                let asked = asked.timeout(PATIENCE);
                Some(async move { asked.await.map_err(|error| error.to_string()) })
            });
            tokio::join!(upwards, downwards);
            let _ = over.send(true);
        };
        let ((), moves) = tokio::join!(streams, self.moves(is_over));
        for (side, heard) in ["server", "client"].iter().zip(&self.heard) {
            let heard = heard.lock().unwrap();
            let wrong = (0..)
                .zip(&*heard)
                .find(|(expected, heard)| expected != *heard);
            let all = heard.len();
            assert_eq!(
                wrong, None,
                "what the {side} heard with seed {}, of {all}",
                self.seed
            );
            assert_eq!(
                all, self.events as usize,
                "the {side} with seed {}",
                self.seed
            );
        }
        let stats = self.client.stats();
        assert_eq!(
            (stats.sessions_lost, stats.acks_ignored),
            (0, 0),
            "seed {}",
            self.seed
        );
        drop(near);
        moves
    }

    /// Moves the session until both streams are over; now and then a network is cut in the middle.
    async fn moves(&self, mut is_over: watch::Receiver<bool>) -> Moves {
        let mut random = Seeded::of(self.seed, 2);
        let mut moves = Moves::default();
        loop {
            // tidy: allow sleep: the moment of a move, in virtual time.
            let pause = sleep(Duration::from_millis(random.below(PAUSE_MS)));
            tokio::select! {
                biased;
                _ = is_over.wait_for(|over| *over) => return moves,
                () = pause => {}
            }
            let target = match random.below(2) {
                0 => TransportKind::WebSocket,
                _ => TransportKind::WebTransport,
            };
            let cut = (random.below(8) == 0).then(|| Duration::from_millis(random.below(60)));
            let switch = self.client.switch_to(target);
            let cutting = async {
                if let Some(after) = cut {
                    // tidy: allow sleep: the moment of a cut, in virtual time.
                    sleep(after).await;
                    self.websocket.cut();
                    self.webtransport.cut();
                }
            };
            match tokio::join!(switch, cutting).0 {
                Ok(()) => moves.done += 1,
                Err(SwitchError::NotConnected | SwitchError::Failed { .. }) => moves.stayed += 1,
                Err(error) => panic!("seed {}: {error}", self.seed),
            }
        }
    }
}

/// Emits numbered events, one in four of them with an ack that is awaited at the end, a burst at a time.
async fn stream<Asked>(
    seed: u64,
    purpose: u64,
    events: u32,
    mut emit: impl FnMut(u32, bool) -> Option<Asked>,
) where
    Asked: Future<Output = Result<u32, String>> + Send + 'static,
{
    let mut random = Seeded::of(seed, purpose);
    let mut asked = JoinSet::new();
    let mut burst = 0;
    for number in 0..events {
        // The last one too, so that all have arrived when all is answered.
        let with_ack = random.below(4) == 0 || number + 1 == events;
        if let Some(answer) = emit(number, with_ack) {
            // It is emitted when it is first polled, and order counts.
            let mut answer = Box::pin(answer);
            let answered = futures_util::poll!(answer.as_mut());
            assert!(answered.is_pending(), "seed {seed}: {answered:?}");
            asked.spawn(async move { (number, answer.await) });
            settle(seed, &mut asked, OUTSTANDING).await;
        }
        if burst == 0 {
            burst = random.below(u64::from(events / BURSTS).max(1) * 2);
            // tidy: allow sleep: it is the stream's pace, in virtual time.
            sleep(Duration::from_millis(random.below(GAP_MS))).await;
        }
        burst = burst.saturating_sub(1);
    }
    settle(seed, &mut asked, 0).await;
}

/// Waits until no more than so many acks are outstanding.
async fn settle(seed: u64, asked: &mut JoinSet<(u32, Result<u32, String>)>, at_most: usize) {
    while asked.len() > at_most {
        let (number, answer) = asked.join_next().await.unwrap().unwrap();
        assert_eq!(answer, Ok(number), "seed {seed}");
    }
}

/// Acks that are outstanding at most: fewer than both sides may have (`limits.pending_acks`).
const OUTSTANDING: usize = 1_000;

/// About as many bursts as a stream has.
const BURSTS: u32 = 200;

/// The longest time between two of them: often shorter than what a network takes, so that there are
/// events under way at any moment.
const GAP_MS: u64 = 120;

/// The longest time between two moves: the server takes ten resumes in ten seconds.
const PAUSE_MS: u64 = 2_500;

/// How long one run may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(600);

fn run(seed: u64, events: u32) -> Moves {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        let run = async { Run::new(seed, events).run().await };
        timeout(PATIENCE, run).await
    });
    ended.unwrap_or_else(|_| panic!("seed {seed} does not come to its end"))
}

/// Runs every seed once, on all processors; gives what came of them in all.
fn run_all(seeds: u64, events: u32) -> Moves {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let only = number("TRUNKLINE_SEED");
    let events = number("TRUNKLINE_EVENTS").map_or(events, |events| u32::try_from(events).unwrap());
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let all = Mutex::new(Moves::default());
    std::thread::scope(|scope| {
        for thread in 0..threads as u64 {
            let all = &all;
            scope.spawn(move || {
                let mine = (thread..seeds).step_by(threads);
                for seed in mine.filter(|seed| only.is_none_or(|only| only == *seed)) {
                    let moves = run(seed, events);
                    let mut all = all.lock().unwrap();
                    all.done += moves.done;
                    all.stayed += moves.stayed;
                }
            });
        }
    });
    let all = all.into_inner().unwrap();
    println!("{} switches, {} without success", all.done, all.stayed);
    all
}

#[test]
fn a_switch_in_the_middle_of_events_each_way_loses_repeats_and_reorders_nothing() {
    let moves = run_all(300, 200);
    assert!(moves.done > 1_500, "the session was moved");
    assert!(moves.stayed > 30, "some moves were cut short");
}

/// The same with 10,000 events each way. A step of its own, since it takes minutes.
#[test]
#[ignore = "takes minutes: `cargo xtask test --only long`"]
fn a_thousand_seeds_of_ten_thousand_events_each_way_lose_repeat_and_reorder_nothing() {
    let moves = run_all(1_000, 10_000);
    assert!(moves.done > 5_000, "the session was moved");
    assert!(moves.stayed > 100, "some moves were cut short");
}
