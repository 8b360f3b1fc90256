//! A client and a server in virtual time, over links that are cut, stall and deliver late.
//!
//! | file | what it holds |
//! |---|---|
//! | `line.rs` | a connection: messages over a byte link that may die at any byte |
//! | `session.rs` | the machines of one side, joined as the driver joins them |
//! | `server.rs` | the server's connections, sessions and namespaces |
//! | `decision.rs` | its one decision: resumed, fresh or refused |
//! | `client.rs` | the client's connections, sessions and namespaces |
//! | `attempt.rs` | its attempts: HELLO, first flight, resume, switch, back-off; strangers |
//! | `app.rs` | what both applications do: emit, answer, count |
//! | `chaos.rs` | what the seed does to all of them, and how it ends |
//! | `ledger.rs` | the promises: exactly once, in order, or said to be lost |

mod app;
mod attempt;
mod chaos;
mod client;
mod decision;
mod ledger;
mod line;
mod server;
mod session;

use std::collections::BTreeMap;
use std::time::Duration;

use trunkline_netem::{End, Rng, Seed, Time};
use trunkline_protocol::{Encoding, Limits};

use client::Client;
use ledger::Ledger;
use line::Line;
use server::Server;

/// A rule of the specification that a run can leave out, to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// At a resume the client sends nothing more until WELCOME.
    SilenceUntilWelcome,
    /// The client raises `attach` at every attempt.
    AttachIsRaised,
    /// The server refuses an `attach` that is not above the session's.
    AttachMustRise,
    /// The server takes the greater of HELLO's receipt and the highest one seen.
    GreaterReceipt,
    /// The secret stays the same for the session's life.
    FixedSecret,
    /// An event is counted whether or not its args decode.
    BadContentCounts,
    /// The server PINGs whatever the traffic.
    PingWhateverTheTraffic,
}

/// What a run went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Events that arrived.
    pub(crate) arrivals: u64,
    /// Connections that were dialled.
    pub(crate) lines: u64,
    /// Resumes that succeeded.
    pub(crate) resumes: u64,
    /// Resumes while the older connection was alive.
    pub(crate) switches: u64,
    /// Sessions that ended at either side before the end.
    pub(crate) lost_sessions: u64,
    /// Resumes by who may not, all refused.
    pub(crate) strangers: u64,
    /// Acks that were asked for.
    pub(crate) acks: u64,
    /// When the run was over, in microseconds.
    pub(crate) ended_at: u64,
}

/// Nothing, or what was broken.
pub(crate) type Checked = Result<(), String>;

/// Runs a seed to its end; the error says which promise was broken, and how to see it again.
pub(crate) fn run(seed: Seed, left_out: Option<Rule>) -> Result<Summary, String> {
    let mut world = World::new(seed, left_out);
    world.run().map_err(|problem| {
        let trace = world.trace.take().map(|lines| lines.join("\n")).unwrap_or_default();
        format!(
            "{problem}\n  at {} with {:?}\n  again with: TRUNKLINE_SEED={seed} TRUNKLINE_TRACE=1\n{trace}",
            world.now, world.config
        )
    })?;
    Ok(world.summary())
}

/// Both sides, the network between them, and the time.
struct World {
    seed: Seed,
    rng: Rng,
    now: Time,
    config: Config,
    left_out: Option<Rule>,
    lines: Vec<Line>,
    timers: BTreeMap<(Time, u64), Timer>,
    next_timer: u64,
    server: Server,
    client: Client,
    ledger: Ledger,
    /// Handlers and hooks that have not finished.
    open_work: usize,
    next_number: u64,
    phase: Phase,
    progress: Progress,
    counts: Summary,
    trace: Option<Vec<String>>,
}

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Everything goes wrong.
    Chaos,
    /// The network is whole again; what was promised must come true by then.
    Healing { until: Time },
    /// All is said: the connection must live on, though only datagrams travel.
    Quiet { until: Time },
}

/// When anything was last seen to go on.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    since: Time,
    /// What had arrived, been numbered and been confirmed by then.
    sum: u64,
}

#[derive(Clone, Debug)]
struct Config {
    encoding: Encoding,
    server: Limits,
    client: Limits,
    ping_interval: Duration,
    ping_timeout: Duration,
    resume_window: Duration,
    /// A connection is cursed from birth in so many of 100 cases.
    curses_percent: u64,
    /// A connection is harmed in so many of 100 things that happen.
    harm_percent: u64,
}

#[derive(Clone, Debug)]
enum Timer {
    Sweep,
    Chaos,
    Heal,
    Datagram,
    /// The client dials, unless it is connected.
    Dial,
    /// The client gives an attempt up.
    AttemptEnds {
        line: usize,
    },
    /// The slot of a GOAWAY.
    Leave {
        line: usize,
    },
    /// The application's hook after a lost session has run.
    HookDone {
        session: usize,
    },
    Authenticated {
        line: usize,
    },
    ClosingEnds {
        line: usize,
        end: End,
    },
    ConnectJudged {
        session: usize,
        namespace: &'static str,
        connect: u64,
        passes: bool,
    },
    Answer {
        end: End,
        session: usize,
        namespace: &'static str,
        number: u64,
        fails: bool,
    },
    Expire {
        session: usize,
        generation: u64,
    },
    Release {
        end: End,
        session: usize,
    },
}

impl World {
    fn new(seed: Seed, left_out: Option<Rule>) -> Self {
        let mut rng = seed.part(0).rng();
        let config = Config::random(&mut rng);
        let trace = std::env::var_os("TRUNKLINE_TRACE").map(|_| Vec::new());
        Self {
            seed,
            rng,
            now: Time::ZERO,
            config,
            left_out,
            lines: Vec::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            server: Server::default(),
            client: Client::default(),
            ledger: Ledger::default(),
            open_work: 0,
            next_number: 1,
            phase: Phase::Chaos,
            progress: Progress::default(),
            counts: Summary::default(),
            trace,
        }
    }

    fn run(&mut self) -> Checked {
        self.after(Duration::ZERO, Timer::Dial);
        self.after(Duration::from_millis(50), Timer::Chaos);
        self.after(SWEEP, Timer::Sweep);
        let chaos_ms = self.rng.between(500..=12_000);
        self.after(Duration::from_millis(chaos_ms), Timer::Heal);
        while !self.is_over()? {
            self.step()?;
            self.settle_turn()?;
        }
        self.ledger.check()
    }

    /// Goes to the next moment at which anything happens.
    fn step(&mut self) -> Checked {
        let timer = self.timers.first_key_value().map(|((at, _), _)| *at);
        let line = self
            .lines
            .iter()
            .filter_map(|line| line.link.next_event())
            .min();
        match (timer, line) {
            (Some(timer), line) if line.is_none_or(|line| timer <= line) => {
                self.now = self.now.max(timer);
                match self.timers.pop_first() {
                    Some((_, timer)) => self.fire(timer),
                    None => Ok(()),
                }
            }
            (_, Some(line)) => {
                self.now = self.now.max(line);
                self.deliver()
            }
            _ => Err("nothing will ever happen again".to_owned()),
        }
    }

    fn deliver(&mut self) -> Checked {
        for index in 0..self.lines.len() {
            if self.lines[index]
                .link
                .next_event()
                .is_none_or(|at| at > self.now)
            {
                continue;
            }
            for end in [End::Client, End::Server] {
                if self.lines[index].receive(end, self.now) {
                    self.read(index, end)?;
                }
                if self.lines[index].link.is_over(end, self.now) {
                    self.cut_seen(index, end)?;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, line: usize, end: End) -> Checked {
        match end {
            End::Client => self.client_reads(line),
            End::Server => self.server_reads(line),
        }
    }

    fn cut_seen(&mut self, line: usize, end: End) -> Checked {
        match end {
            End::Client => self.client_sees_cut(line),
            End::Server => self.server_sees_cut(line),
        }
    }

    fn fire(&mut self, timer: Timer) -> Checked {
        match timer {
            Timer::Sweep => self.sweep(),
            Timer::Chaos => self.chaos(),
            Timer::Heal => self.heal(),
            Timer::Datagram => self.client_emits_datagram(),
            Timer::Dial => self.client_dials_if_idle(),
            Timer::AttemptEnds { line } => self.client_gives_up(line),
            Timer::Leave { line } => self.client_leaves(line),
            Timer::HookDone { session } => self.client_hook_done(session),
            Timer::Authenticated { line } => self.server_decides(line),
            Timer::ClosingEnds {
                line,
                end: End::Client,
            } => self.client_connection_over(line),
            Timer::ClosingEnds {
                line,
                end: End::Server,
            } => self.server_connection_over(line),
            Timer::ConnectJudged {
                session,
                namespace,
                connect,
                passes,
            } => {
                self.open_work -= 1;
                self.server_connect_judged(session, namespace, connect, passes)
            }
            Timer::Answer {
                end,
                session,
                namespace,
                number,
                fails,
            } => {
                self.open_work -= 1;
                self.answer(end, session, namespace, number, fails)
            }
            Timer::Expire {
                session,
                generation,
            } => self.server_session_expires(session, generation),
            Timer::Release { end, session } => self.hold_receipts(end, session, false),
        }
    }

    /// The end of a turn: writes what was pushed, and looks which connections are to close.
    fn settle_turn(&mut self) -> Checked {
        self.server_writes()?;
        self.client_writes()?;
        self.check_withheld()
    }

    fn after(&mut self, delay: Duration, timer: Timer) {
        self.timers
            .insert((self.now + delay, self.next_timer), timer);
        self.next_timer += 1;
    }

    fn random_ms(&mut self, up_to: u64) -> Duration {
        Duration::from_micros(self.rng.between(0..=up_to * 1_000))
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("  {now}: {}", text()));
        }
    }

    fn leaves_out(&self, rule: Rule) -> bool {
        self.left_out == Some(rule)
    }

    fn summary(&self) -> Summary {
        Summary {
            arrivals: self.ledger.arrivals,
            lines: self.lines.len() as u64,
            lost_sessions: self.ledger.lost_sessions,
            ended_at: self.now.as_micros(),
            ..self.counts
        }
    }
}

impl Config {
    fn random(rng: &mut Rng) -> Self {
        let limits = |rng: &mut Rng| Limits {
            frame: 4_096,
            replay: rng.between(150..=700) as u32,
            inbound: rng.between(150..=700) as u32,
            queue: rng.between(500..=8_000) as u32,
            depth: DEPTH,
            pending_acks: rng.between(2..=20) as u32,
            ..Limits::default()
        };
        Self {
            encoding: *rng.pick(&Encoding::ALL),
            server: limits(rng),
            client: limits(rng),
            ping_interval: Duration::from_millis(*rng.pick(&[1_000, 2_000, 5_000, 30_000])),
            ping_timeout: Duration::from_millis(*rng.pick(&[2_000, 4_000])),
            resume_window: Duration::from_millis(*rng.pick(&[1_000, 20_000, 60_000])),
            curses_percent: *rng.pick(&[0, 10, 40]),
            harm_percent: *rng.pick(&[1, 3, 9]),
        }
    }
}

/// The deepest nesting that either side takes.
const DEPTH: u32 = 8;

/// How often both sides look at the time.
const SWEEP: Duration = Duration::from_secs(1);

/// How long a farewell may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// On a whole connection something must go on before then, or both sides wait for each other: a
/// receipt may wait for ten seconds, and for the next look at the time.
const STALL_LIMIT: Duration = Duration::from_secs(13);

/// By then a healed network has delivered everything, or something is stuck.
const HEALING_LIMIT: Duration = Duration::from_secs(400);
