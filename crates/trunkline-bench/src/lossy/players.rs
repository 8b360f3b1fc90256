//! Players who send their positions, and see those of the others.

use std::{error::Error, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};
use trunkline::client::{Client, Data, Socket};

use super::{
    Reach, Way,
    ages::{Ages, Board, LOOK_EVERY, histogram},
    process,
    server::{MOVE, MOVE_RELIABLY, MOVED},
};
use crate::machine::CpuClock;

/// Who, the moment of sending, and where: two coordinates.
type Position = (u32, u64, f32, f32);

/// How the players play.
#[derive(Debug, Clone, clap::Args)]
pub struct Play {
    #[command(flatten)]
    reach: Reach,
    /// How positions travel.
    #[arg(long, value_enum)]
    way: Way,
    #[command(flatten)]
    game: Game,
}

/// What is played.
#[derive(Debug, Clone, clap::Args, Serialize, Deserialize)]
pub struct Game {
    /// Players in the room.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub players: u32,
    /// Positions that each of them sends in a second.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rate: u32,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
}

/// What they saw.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Played {
    /// How old the newest position was that a player had of another one, whenever it was looked at.
    pub ages: Ages,
    /// How old positions were at the moment at which they arrived, if they were news.
    pub on_arrival: Ages,
    /// Share of positions that arrived, of those that were sent to others, in the measured time.
    pub arrived: f64,
    /// Processor time of all players, of the measured time.
    pub load: f64,
}

impl Play {
    /// Plays, prints `measuring` when the measurement begins, and at its end a line of JSON.
    ///
    /// # Errors
    /// A player cannot connect, or none sees the others.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        process::answer(self.play())
    }

    async fn play(self) -> Result<Played, Box<dyn Error>> {
        let board = Arc::new(Board::new(self.game.players as usize));
        // Held to the end: a client closes with its last handle.
        let mut clients = Vec::new();
        let mut sending = JoinSet::new();
        let began = Instant::now();
        for player in 0..self.game.players {
            let (client, socket) = self.join(player, &board).await?;
            clients.push(client);
            sending.spawn(self.clone().send(player, socket, Arc::clone(&board), began));
        }
        self.everybody_sees(&board).await?;
        sleep(WARM_UP).await;
        println!("measuring");
        let (cpu, measured) = (CpuClock::own(), Instant::now());
        board.take_arrivals();
        let cpu_before = cpu.read()?;
        let mut ages = histogram();
        let end = measured + Duration::from_secs(self.game.seconds);
        while Instant::now() < end {
            board.look(&mut ages);
            sleep(LOOK_EVERY).await;
        }
        let seconds = measured.elapsed().as_secs_f64();
        let arrivals = board.take_arrivals();
        let load = (cpu.read()? - cpu_before).as_secs_f64() / seconds;
        if let Some(failed) = sending.try_join_next() {
            failed??;
        }
        let (players, rate) = (f64::from(self.game.players), f64::from(self.game.rate));
        let sent = players * (players - 1.0) * rate * seconds;
        Ok(Played {
            ages: Ages::of(&ages),
            on_arrival: Ages::of(&arrivals.ages).without_curve(),
            arrived: arrivals.count as f64 / sent,
            load,
        })
    }

    async fn join(
        &self,
        player: u32,
        board: &Arc<Board>,
    ) -> Result<(Client, Socket), Box<dyn Error>> {
        let client = self.reach.client(self.way.carrier())?;
        let socket = client.socket("/");
        let board = Arc::clone(board);
        socket.on(MOVED, move |Data(position): Data<Position>| {
            let (seen, stamp, ..) = position;
            board.note(player as usize, seen as usize, stamp);
            std::future::ready(())
        });
        socket.connect().await?;
        Ok((client, socket))
    }

    /// Sends this player's positions, at its own share of the time between two.
    async fn send(
        self,
        player: u32,
        socket: Socket,
        board: Arc<Board>,
        began: Instant,
    ) -> Result<(), trunkline::client::EmitError> {
        let between = Duration::from_secs(1) / self.game.rate;
        let phase = between * player / self.game.players;
        // In step with the others, whenever it has joined.
        let periods = began.elapsed().as_nanos() / between.as_nanos() + 1;
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        let mut ticks = interval_at(began + between * periods + phase, between);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let stamp = board.stamp();
            let position: Position = (player, stamp, stamp as f32, player as f32);
            match self.way.is_reliable() {
                true => socket.emit(MOVE_RELIABLY, &position)?,
                false => socket.latest("me").emit(MOVE, &position)?,
            }
        }
    }

    async fn everybody_sees(&self, board: &Board) -> Result<(), Box<dyn Error>> {
        let began = Instant::now();
        while !board.is_complete() {
            if began.elapsed() > PATIENCE {
                return Err("not every player sees every other one".into());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// From when everybody is there until it is measured: congestion control has found its pace then.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long it may take until everybody has seen everybody.
const PATIENCE: Duration = Duration::from_secs(30);
