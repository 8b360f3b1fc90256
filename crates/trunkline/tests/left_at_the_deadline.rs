//! A draining server that is left only at its deadline, with events and acks under way in both
//! directions, for another one that knows nothing of its sessions: every event is handled once or told
//! of once.
//!
//! Everything is in virtual time, over networks of [`Net`]. A seed fixes when each event is emitted, how
//! long its ack is awaited and its handler takes, and what keeps the client at the first server. A seed
//! that fails is printed; `TRUNKLINE_SEED` runs it alone.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use trunkline::client::{self, Client, LostEvent};
use trunkline::server::{self, Ack, Data, DisconnectReason, Drain, Drained, Server};
use trunkline::testing::Net;
use trunkline::transport::{Connection, DialError, DialRequest, Dialer, TransportKind};
use trunkline_netem::{Rng, Seed};

/// What is known of one event at the end.
#[derive(Clone, Debug, Default)]
struct Record {
    /// It was taken by `emit`.
    taken: bool,
    /// By which of the two servers each handler of the other side had it.
    handled: Vec<usize>,
    /// Whether it had left, each time that its sender was told that it may be lost.
    told: Vec<bool>,
    /// What became of its ack, if that was asked for.
    answer: Option<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Given,
    /// Whoever asked had stopped waiting.
    Late,
    SessionLost,
    /// The event was not taken: its ack says so.
    Refused,
}

/// The numbered events of one direction. Clones are the same ledger.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<BTreeMap<u32, Record>>>);

impl Ledger {
    fn note(&self, number: u32, note: impl FnOnce(&mut Record)) {
        note(self.0.lock().unwrap().entry(number).or_default());
    }

    fn handled(&self, number: u32, server: usize) {
        self.note(number, |record| record.handled.push(server));
    }

    fn told(&self, number: u32, sent: bool) {
        self.note(number, |record| record.told.push(sent));
    }

    /// Asserts that nothing was lost in silence or handled twice; gives what came of all.
    ///
    /// `knows_answered`: whether its side tells nothing of events that were answered. The client must
    /// (SES-047); the server tells all that are without a receipt, as what may have arrived.
    fn close(&self, what: &str, knows_answered: bool) -> Sum {
        let records = self.0.lock().unwrap();
        let mut sum = Sum::default();
        for (number, record) in &*records {
            let fate = record.fate(knows_answered);
            let fate = fate.unwrap_or_else(|wrong| panic!("{what} {number} {wrong}: {record:?}"));
            *sum.fates.entry(fate).or_default() += 1;
            if record.answer == Some(Answer::Late) && record.handled == [SECOND] {
                sum.sent_late += 1;
            }
        }
        sum
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Handled,
    /// Told as unknown, and handled indeed.
    HandledAndUnknown,
    Unknown,
    Unsent,
    /// Only its ack says that it may not have been handled.
    Unanswered,
    /// It had arrived behind a handler that never ended. The server counts it; nobody is told.
    Unhandled,
    Refused,
}

impl Record {
    fn fate(&self, knows_answered: bool) -> Result<Fate, &'static str> {
        let fate = match (self.taken, self.handled.len(), &*self.told) {
            (true, 1, []) => Fate::Handled,
            (true, 1, [true]) => Fate::HandledAndUnknown,
            (true, 0, [true]) => Fate::Unknown,
            (true, 0, [false]) => Fate::Unsent,
            (true, 0, []) if self.answer == Some(Answer::SessionLost) => Fate::Unanswered,
            (true, 0, []) => Fate::Unhandled,
            (false, 0, []) => Fate::Refused,
            (false, ..) => return Err("was refused, and yet there is more of it"),
            (true, 1, [false]) => return Err("was told as unsent, and handled"),
            (true, 2.., _) => return Err("was handled more than once"),
            (true, _, _) => return Err("was told of more than once"),
        };
        match (self.answer, fate) {
            (Some(Answer::Given), Fate::Handled) => Ok(fate),
            (Some(Answer::Given), Fate::HandledAndUnknown) if !knows_answered => Ok(fate),
            (Some(Answer::Given), _) => Err("was answered, and yet is not known as handled"),
            _ => Ok(fate),
        }
    }
}

/// What came of the events of one direction, of all seeds.
#[derive(Debug, Default)]
struct Sum {
    fates: BTreeMap<Fate, u64>,
    /// Events whose sender stopped waiting for the ack, and that the second server handled.
    sent_late: u32,
}

impl Sum {
    fn of(&self, fate: Fate) -> u64 {
        self.fates.get(&fate).copied().unwrap_or_default()
    }

    fn add(&mut self, other: &Self) {
        for (fate, events) in &other.fates {
            *self.fates.entry(*fate).or_default() += events;
        }
        self.sent_late += other.sent_late;
    }
}

/// What the client dials: the server of the moment.
struct Balancer {
    servers: [Arc<dyn Dialer>; 2],
    leads_to_second: Arc<AtomicBool>,
}

#[async_trait]
impl Dialer for Balancer {
    fn transport(&self) -> TransportKind {
        TransportKind::Memory
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        let server = match self.leads_to_second.load(Ordering::Relaxed) {
            true => SECOND,
            false => FIRST,
        };
        self.servers[server].dial(request).await
    }
}

/// What keeps the client at the first server until that one's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    /// The balancer leads there as long as it is there.
    Balancer,
    /// The second server cannot be reached.
    Refusal,
    /// A handler at the server does not end.
    Handler,
    /// Nothing arrives any more, and nobody knows.
    BlackHole,
}

const TIES: [Tie; 4] = [Tie::Balancer, Tie::Refusal, Tie::Handler, Tie::BlackHole];

/// One run: a client, and two servers one after the other.
struct Run {
    seed: Seed,
    tie: Tie,
    servers: [Server; 2],
    nets: [Net; 2],
    leads_to_second: Arc<AtomicBool>,
    /// What the servers have left to say.
    numbers: Numbers,
    client: Client,
    upwards: Ledger,
    downwards: Ledger,
}

impl Run {
    fn new(seed: Seed) -> Self {
        let tie = TIES[seed.part(0).rng().index(TIES.len())];
        let (upwards, downwards) = (Ledger::default(), Ledger::default());
        let numbers = Arc::new(Mutex::new(0..u32::MAX));
        let servers = [FIRST, SECOND].map(|which| {
            let server = Server::new();
            serve(&server, which, (seed.part(1 + which as u64), tie), &upwards);
            let seed = seed.part(3 + which as u64);
            talk_down(&server, seed, &numbers, &downwards);
            server
        });
        let nets = [FIRST, SECOND].map(|which| Net::new(&servers[which]));
        let mut random = seed.part(5).rng();
        for net in &nets {
            net.set_delay(Duration::from_millis(random.below(80)));
        }
        let leads_to_second = Arc::new(AtomicBool::new(false));
        let balancer = Balancer {
            servers: [nets[FIRST].dialer(), nets[SECOND].dialer()],
            leads_to_second: Arc::clone(&leads_to_second),
        };
        let client = nets[FIRST].client().dialer(Arc::new(balancer));
        let client = client.queue_events(u32::MAX).build().unwrap();
        listen(&client, seed.part(6), &upwards, &downwards);
        Self {
            seed,
            tie,
            servers,
            nets,
            leads_to_second,
            numbers,
            client,
            upwards,
            downwards,
        }
    }

    async fn run(self) -> [Sum; 2] {
        let socket = self.client.socket("/");
        socket.connect().await.unwrap();
        if self.tie == Tie::Handler {
            socket.emit("hang", ()).unwrap();
        }
        let talking = tokio::spawn(talk_up(socket, self.seed.part(7), self.upwards.clone()));
        // tidy: allow sleep: the moment at which the first server is asked to end, in virtual time.
        sleep(Duration::from_millis(self.seed.part(8).rng().below(2_000))).await;
        let drained = self.drain().await;
        // One that hears nothing may have gone by the deadline that it was told in time.
        assert_eq!(drained.left + drained.cut, 1, "seed {}", self.seed);
        self.servers[FIRST].closed().await;
        self.leads_to_second.store(true, Ordering::Relaxed);
        if self.seed.part(9).rng().chance(1, 2) {
            // What a black hole has swallowed is lost with it, and arrives otherwise.
            self.nets[FIRST].cut();
        }
        self.nets.iter().for_each(Net::heal);
        talking.await.unwrap();
        *self.numbers.lock().unwrap() = 0..0;
        // Those that nobody asked about arrive too, and are handled: a client that closes drops what waits
        // for its handlers.
        // tidy: allow sleep: nothing tells when they have, and it is virtual time.
        sleep(AFTERMATH).await;
        // Both say their last words: what is in the ledgers then is all there is.
        self.client.close().await;
        self.servers[SECOND].shut_down();
        self.servers[SECOND].closed().await;
        let what = format!("seed {}, {:?}", self.seed, self.tie);
        let up = self.upwards.close(&format!("{what}: up"), true);
        let down = self.downwards.close(&format!("{what}: down"), false);
        let unhandled = self.servers[FIRST].stats().unhandled_events;
        let known = up.of(Fate::Unhandled) + up.of(Fate::Unanswered);
        // The server had also some of those whose receipt did not arrive.
        let most = known + up.of(Fate::Unknown);
        assert!(
            (known..=most).contains(&unhandled),
            "{what}: {unhandled}, {up:?}"
        );
        if self.tie != Tie::Handler {
            assert_eq!(known, 0, "{what}: {up:?}");
        }
        assert_eq!(down.of(Fate::Unhandled), 0, "{what}");
        [up, down]
    }

    async fn drain(&self) -> Drained {
        match self.tie {
            Tie::Balancer => {}
            Tie::Refusal => {
                self.nets[SECOND].refuse_dials();
                self.leads_to_second.store(true, Ordering::Relaxed);
            }
            Tie::Handler => self.leads_to_second.store(true, Ordering::Relaxed),
            Tie::BlackHole => self.nets[FIRST].black_hole(),
        }
        let drain = Drain::new().spread(Duration::ZERO).deadline(DEADLINE);
        self.servers[FIRST].drain(drain).await
    }
}

/// Handlers of what the client says.
fn serve(server: &Server, which: usize, (seed, tie): (Seed, Tie), upwards: &Ledger) {
    let root = server.namespace("/");
    let pace = Arc::new(Mutex::new(seed.rng()));
    let handled = upwards.clone();
    root.on("up", move |Data(number): Data<u32>| {
        handled.handled(number, which);
        let takes = draw(&pace, HANDLER_MS);
        async move {
            // tidy: allow sleep: how long a handler takes, in virtual time.
            sleep(takes).await;
            Ack(number)
        }
    });
    if tie == Tie::Handler {
        root.on("hang", std::future::pending::<()>);
    }
}

/// The numbers that two servers share: each says one that no other has said.
type Numbers = Arc<Mutex<Range<u32>>>;

/// Has a server speak to its clients from the first moment of each to its last.
fn talk_down(server: &Server, seed: Seed, numbers: &Numbers, downwards: &Ledger) {
    let root = server.namespace("/");
    let (numbers, ledger) = (Arc::clone(numbers), downwards.clone());
    root.on_connect(move |socket: server::Socket| {
        let (numbers, ledger) = (Arc::clone(&numbers), ledger.clone());
        let mut random = seed.rng();
        async move {
            tokio::spawn(async move {
                while !socket.is_closed() {
                    let Some(number) = numbers.lock().unwrap().next() else {
                        break;
                    };
                    say_down(&socket, &mut random, number, &ledger);
                    // tidy: allow sleep: the pace of the server's events, in virtual time.
                    sleep(Duration::from_millis(random.below(GAP_MS))).await;
                }
            });
        }
    });
    let told = downwards.clone();
    root.on_disconnect(move |reason: DisconnectReason| {
        if let DisconnectReason::SessionEnded { undelivered, .. } = reason {
            for event in undelivered {
                told.told(event.args.first().unwrap(), event.sent);
            }
        }
        async {}
    });
}

fn say_down(socket: &server::Socket, random: &mut Rng, number: u32, ledger: &Ledger) {
    if random.chance(1, 2) {
        let taken = socket.emit("down", &number).is_ok();
        return ledger.note(number, |record| record.taken = taken);
    }
    ledger.note(number, |record| record.taken = true);
    let asked = socket.emit_with_ack::<u32, _>("down", &number);
    let asked = asked.timeout(PATIENCE[random.index(PATIENCE.len())]);
    let ledger = ledger.clone();
    tokio::spawn(async move {
        let answer = match asked.await {
            Ok(_) => Answer::Given,
            Err(server::AckError::Timeout) => Answer::Late,
            Err(server::AckError::SessionLost | server::AckError::Disconnected) => {
                Answer::SessionLost
            }
            Err(server::AckError::Emit(_)) => Answer::Refused,
            Err(error) => panic!("{number}: {error}"),
        };
        ledger.note(number, |record| {
            record.taken = answer != Answer::Refused;
            record.answer = Some(answer);
        });
    });
}

/// Handlers and hooks of the client.
fn listen(client: &Client, seed: Seed, upwards: &Ledger, downwards: &Ledger) {
    let pace = Arc::new(Mutex::new(seed.rng()));
    let handled = downwards.clone();
    client
        .socket("/")
        .on("down", move |Data(number): Data<u32>| {
            // Which server it is of does not matter.
            handled.handled(number, FIRST);
            let takes = draw(&pace, HANDLER_MS);
            async move {
                // tidy: allow sleep: how long a handler takes, in virtual time.
                sleep(takes).await;
                Ack(number)
            }
        });
    let tell = |ledger: &Ledger, events: &[LostEvent]| {
        for event in events.iter().filter(|event| &*event.event == "up") {
            ledger.told(event.args.first().unwrap(), event.sent);
        }
    };
    let (lost, dropped) = (upwards.clone(), upwards.clone());
    client.on_session_lost(move |loss| {
        tell(&lost, &loss.events);
        async {}
    });
    client.on_events_dropped(move |loss| {
        tell(&dropped, &loss.events);
        async {}
    });
}

/// Has the client speak from before the drain until some time after the deadline.
async fn talk_up(socket: client::Socket, seed: Seed, ledger: Ledger) {
    let mut random = seed.rng();
    let mut asked = JoinSet::new();
    let end = Instant::now() + DEADLINE + AFTERMATH;
    for number in 0.. {
        if Instant::now() >= end {
            break;
        }
        if random.chance(1, 2) {
            let taken = socket.emit("up", &number).is_ok();
            ledger.note(number, |record| record.taken = taken);
        } else {
            ledger.note(number, |record| record.taken = true);
            let answer = socket.emit_with_ack::<u32, _>("up", &number);
            let limit = PATIENCE[random.index(PATIENCE.len())];
            let mut answer = Box::pin(answer.timeout(limit));
            // It is emitted when it is first polled, and order counts.
            assert!(futures_util::poll!(answer.as_mut()).is_pending());
            asked.spawn(async move { (number, answer.await) });
        }
        // tidy: allow sleep: the pace of the client's events, in virtual time.
        sleep(Duration::from_millis(random.below(GAP_MS))).await;
    }
    while let Some(answered) = asked.join_next().await {
        let (number, answer) = answered.unwrap();
        let answer = match answer {
            Ok(_) => Answer::Given,
            Err(client::AckError::Timeout) => Answer::Late,
            Err(client::AckError::SessionLost) => Answer::SessionLost,
            Err(error) => panic!("{number}: {error}"),
        };
        ledger.note(number, |record| record.answer = Some(answer));
    }
}

fn draw(random: &Mutex<Rng>, below_ms: u64) -> Duration {
    Duration::from_millis(random.lock().unwrap().below(below_ms))
}

/// The two servers.
const FIRST: usize = 0;
const SECOND: usize = 1;

/// How long the first server may be left.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long the client goes on speaking at the second one.
const AFTERMATH: Duration = Duration::from_secs(20);

/// How long acks are awaited: some not until the deadline, some beyond all.
const PATIENCE: [Duration; 3] = [
    Duration::from_secs(3),
    Duration::from_secs(20),
    Duration::from_secs(600),
];

/// The longest time between two events of a side.
const GAP_MS: u64 = 500;

/// The longest time that a handler takes: shorter on average than the gap, or all would pile up.
const HANDLER_MS: u64 = 300;

/// How long one run may take, in virtual time.
const LIMIT: Duration = Duration::from_secs(1_000);

fn run(seed: Seed) -> [Sum; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let ended = runtime.block_on(async { timeout(LIMIT, Run::new(seed).run()).await });
    ended.unwrap_or_else(|_| panic!("seed {seed} does not come to its end"))
}

#[test]
fn a_server_that_is_left_at_its_deadline_loses_no_event_in_silence() {
    let only = std::env::var("TRUNKLINE_SEED").ok();
    let only: Option<Seed> = only.map(|seed| seed.parse().unwrap());
    let seeds = (0..SEEDS).map(Seed::new);
    let seeds = only.map_or_else(|| seeds.collect(), |only| vec![only]);
    let mut sums = [Sum::default(), Sum::default()];
    for seed in seeds {
        for (sum, of_seed) in sums.iter_mut().zip(run(seed)) {
            sum.add(&of_seed);
        }
    }
    println!("{sums:?}");
    if only.is_some() {
        return;
    }
    let [up, down] = sums;
    // All of it has happened.
    assert!(up.sent_late > 100 && up.of(Fate::Unhandled) > 10, "{up:?}");
    assert!(down.of(Fate::Unsent) > 100, "{down:?}");
    for sum in [up, down] {
        assert!(sum.of(Fate::Handled) > 1_000, "{sum:?}");
        let unknown = sum.of(Fate::Unknown) + sum.of(Fate::HandledAndUnknown);
        assert!(unknown > 10, "{sum:?}");
    }
}

const SEEDS: u64 = 60;
