//! Players that are programs: each is a client of the server like any other.

mod pilot;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use trunkline::client::{AckError, Client, Data, Dial as _, Socket};
use trunkline_netem::Seed;

use crate::clock::ArenaClock;
use crate::words::{
    CLOCK, ENTER, Enter, Entered, LEFT, MOVE, MOVED, Move, Moved, OWN_SHIP, PLACED, Placed,
    PlayerId, Pose, SHOOT, Shot, Who,
};
use pilot::Pilot;

/// Some bots. They stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Bots {
    clients: Vec<Client>,
    playing: JoinSet<()>,
}

impl Bots {
    /// Sends bots to the server at `url`, each as a task of the runtime.
    pub(crate) fn send(url: &str, count: usize) -> Self {
        let mut bots = Self {
            clients: Vec::new(),
            playing: JoinSet::new(),
        };
        for number in 0..count {
            match Client::to(url).agent("arena-bot").build() {
                Ok(client) => {
                    bots.playing.spawn(play(client.clone(), number));
                    bots.clients.push(client);
                }
                Err(error) => tracing::error!(%error, url, "no bot can go there"),
            }
        }
        bots
    }

    /// Lets them leave the arena.
    pub(crate) async fn leave(mut self) {
        self.playing.abort_all();
        for client in self.clients {
            client.close().await;
        }
    }
}

/// Plays for as long as there is a server.
async fn play(client: Client, number: usize) {
    let name = name(number);
    let bot = Arc::new(Bot {
        socket: client.socket("/"),
        name: name.clone(),
        sight: Mutex::new(Sight {
            clock: ArenaClock::new(Instant::now()),
            others: BTreeMap::new(),
            pilot: Pilot::new(Seed::new(1).part(number as u64)),
            life: 0,
            flies_from: f64::MAX,
        }),
    });
    bot.listen();
    if let Err(error) = bot.begin().await {
        tracing::error!(%error, name, "a bot cannot play");
        return;
    }
    bot.fly().await;
}

/// One bot. It holds its client, so its handlers must not hold it: they are the client's.
struct Bot {
    socket: Socket,
    name: String,
    sight: Mutex<Sight>,
}

/// What a bot knows.
struct Sight {
    clock: ArenaClock,
    others: BTreeMap<PlayerId, Moved>,
    pilot: Pilot,
    life: u32,
    /// In the arena's time.
    flies_from: f64,
}

impl Bot {
    fn sight(&self) -> MutexGuard<'_, Sight> {
        self.sight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: &Arc<Self>) {
        let me = Arc::downgrade(self);
        self.socket.on(MOVED, move |Data(moved): Data<Moved>| {
            let me = me.upgrade();
            async move {
                if let Some(me) = me {
                    me.sight().others.insert(moved.player, moved);
                }
            }
        });
        let me = Arc::downgrade(self);
        self.socket.on(LEFT, move |Data(who): Data<Who>| {
            let me = me.upgrade();
            async move {
                if let Some(me) = me {
                    me.sight().others.remove(&who.player);
                }
            }
        });
        let me = Arc::downgrade(self);
        self.socket.on(PLACED, move |Data(placed): Data<Placed>| {
            let me = me.upgrade();
            async move {
                if let Some(me) = me {
                    me.sight().begin(&placed);
                }
            }
        });
        // All that it does not look at: chat, shots, who comes.
        self.socket.on_fallback(|| async {});
        let me = Arc::downgrade(self);
        self.socket.on_reattach(move |ahead| {
            let me = me.upgrade();
            async move {
                let Some(me) = me else { return };
                if let Err(error) = me.enter(&ahead).await {
                    tracing::warn!(%error, name = me.name, "a bot is not in the arena any more");
                }
            }
        });
    }

    async fn begin(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.socket.connect().await?;
        // One answer alone may be a slow one.
        for _ in 0..FIRST_QUESTIONS {
            self.ask_time().await?;
        }
        self.enter(&self.socket).await?;
        Ok(())
    }

    /// Enters the arena, which does not know it yet, or not any more.
    async fn enter(&self, socket: &Socket) -> Result<(), AckError> {
        let enter = Enter {
            name: self.name.clone(),
            bot: true,
        };
        let Entered { placed, .. } = socket.emit_with_ack(ENTER, &enter).await?;
        self.sight().begin(&placed);
        Ok(())
    }

    async fn ask_time(&self) -> Result<(), AckError> {
        let asked = Instant::now();
        let told: f64 = self.socket.emit_with_ack(CLOCK, ()).await?;
        self.sight().clock.answered(told, asked, Instant::now());
        Ok(())
    }

    async fn fly(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut asking: Option<JoinHandle<()>> = None;
        for tick in 0_u64.. {
            ticks.tick().await;
            let Some((moved, shoots)) = self.sight().tick() else {
                continue;
            };
            // Whatever is lost is followed by the next one.
            let _ = self.socket.latest(OWN_SHIP).emit(MOVE, &moved);
            let is_free = asking.as_ref().is_none_or(JoinHandle::is_finished);
            let asks_time = tick % TICKS_PER_QUESTION == 0;
            if is_free && (shoots || asks_time) {
                let me = Arc::clone(&self);
                asking = Some(tokio::spawn(async move {
                    if shoots {
                        me.shoot(moved).await;
                    } else {
                        let _ = me.ask_time().await;
                    }
                }));
            }
        }
    }

    async fn shoot(&self, trigger: Move) {
        let shot: Result<Shot, _> = self.socket.emit_with_ack(SHOOT, &trigger).await;
        if let Err(error) = shot {
            tracing::debug!(%error, name = self.name, "a bot did not fire");
        }
    }
}

impl Sight {
    fn begin(&mut self, placed: &Placed) {
        self.life = placed.life;
        self.flies_from = placed.from;
        self.pilot.place(placed.x, placed.y);
    }

    /// Flies a tick further: the move to tell, and whether to fire; none while there is no ship.
    fn tick(&mut self) -> Option<(Move, bool)> {
        let now = self.clock.time(Instant::now())?;
        if now < self.flies_from {
            return None;
        }
        let others = self
            .others
            .values()
            .filter(|moved| now - moved.at < FORGOTTEN_MS);
        let others: Vec<Pose> = others.map(|moved| moved.pose).collect();
        let (pose, shoots) = self.pilot.tick(&others, TICK.as_secs_f32());
        let moved = Move {
            life: self.life,
            at: now,
            pose,
        };
        Some((moved, shoots))
    }
}

fn name(number: usize) -> String {
    const NAMES: [&str; 20] = [
        "Vega", "Rigel", "Mira", "Deneb", "Altair", "Capella", "Lyra", "Castor", "Electra",
        "Antares", "Spica", "Procyon", "Maia", "Sirius", "Adhara", "Pollux", "Nashira", "Hadar",
        "Thuban", "Atria",
    ];
    let name = NAMES.get(number);
    name.map_or_else(|| format!("Bot {number}"), |name| (*name).to_owned())
}

/// Between two positions: 30 a second.
const TICK: Duration = Duration::from_micros(33_333);

/// What a bot asks before it plays: what time it is, so often.
const FIRST_QUESTIONS: usize = 5;

/// A bot asks what time it is once a second.
const TICKS_PER_QUESTION: u64 = 30;

/// Who was not heard of for so long is not aimed at: milliseconds.
const FORGOTTEN_MS: f64 = 1_000.0;
