//! The rules of the game: who is there, where a ship may be, and what a shot meets. Time is passed in, and
//! nothing in here sends anything.
//!
//! | file | what it holds |
//! |---|---|
//! | `world/field.rs` | walls, pylons, flight, beams |
//! | `world/player.rs` | one player, and what it may still do |
//! | `world/allowance.rs` | what fills up with time |
//! | `world/name.rs` | names and lines that may be shown to others |

mod allowance;
mod field;
mod name;
mod player;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

pub(crate) use allowance::Allowance;
pub(crate) use field::{BEAM_LENGTH, Field, SHIP_RADIUS, SPEED_MAX};
pub(crate) use name::{LINE_MAX, NAME_MAX, Name, line};
use player::Player;

use crate::words::{Entrant, Hit, Move, Placed, PlayerId, Pose, Rules, Shot};

/// All that there is in the arena.
#[derive(Debug)]
pub(crate) struct World {
    field: Field,
    players: BTreeMap<PlayerId, Player>,
    newest: u32,
    /// How many places were given out.
    places: u32,
}

/// Why somebody may not play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the arena is full: {PLAYERS_MAX} play")]
    Full,
    #[error("{PLAYERS_PER_HOME_MAX} play from where you are already")]
    FullOfHome,
    #[error("somebody plays under that name")]
    NameTaken,
}

/// What became of a move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flown {
    /// The ship is where its player says.
    There(Pose),
    /// It cannot be: it is put here instead, and what was sent before its player knows it means nothing.
    Elsewhere(Placed),
    /// It is of an earlier life or older than what is known, no number, dated wrongly, or one too many.
    Ignored,
}

/// Why nothing was fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoShot {
    #[error("nobody with that number plays")]
    Nobody,
    #[error("there is no ship to fire from at the moment")]
    NoShip,
    #[error("more shots than one in {SHOT_INTERVAL_MS} ms")]
    TooSoon,
}

/// A shot, and which ships are elsewhere because of it: one that begins anew, or the one that fired, if it
/// cannot be where its player says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fired {
    pub(crate) shot: Shot,
    pub(crate) placed: Vec<(PlayerId, Placed)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            field: Field::new(),
            players: BTreeMap::new(),
            newest: 0,
            places: 0,
        }
    }

    /// Lets somebody play. `home` is where it plays from; none for where all may.
    ///
    /// # Errors
    /// There is no room, not for one more from there, or somebody has the name.
    pub(crate) fn enter(
        &mut self,
        name: Name,
        bot: bool,
        home: Option<IpAddr>,
        now: Duration,
    ) -> Result<(PlayerId, Placed), Refusal> {
        if self.players.len() >= PLAYERS_MAX {
            return Err(Refusal::Full);
        }
        let neighbours = self.players.values().filter(|player| player.home == home);
        if home.is_some() && neighbours.count() >= PLAYERS_PER_HOME_MAX {
            return Err(Refusal::FullOfHome);
        }
        if self.players.values().any(|player| player.name == name) {
            return Err(Refusal::NameTaken);
        }
        self.newest += 1;
        let id = PlayerId(self.newest);
        let (x, y) = self.free_place();
        let mut player = Player::new(name, bot, home, now);
        let placed = player.place(x, y, now);
        self.players.insert(id, player);
        Ok((id, placed))
    }

    /// Takes somebody out; whether it was there.
    pub(crate) fn leave(&mut self, id: PlayerId) -> bool {
        self.players.remove(&id).is_some()
    }

    /// Follows what a player says of its ship, as far as a ship can fly.
    pub(crate) fn fly(&mut self, id: PlayerId, wanted: &Move, now: Duration) -> Flown {
        let Some(player) = self.players.get_mut(&id) else {
            return Flown::Ignored;
        };
        if !player.may_move(wanted, now) {
            return Flown::Ignored;
        }
        let Pose { x, y, .. } = wanted.pose;
        let (near_x, near_y) = player.within_reach(x, y, now);
        let (x_inside, y_inside) = self.field.keep_inside(near_x, near_y);
        if (x_inside - x).hypot(y_inside - y) > TOLERANCE {
            return Flown::Elsewhere(player.place(x_inside, y_inside, now));
        }
        Flown::There(player.take(wanted, x_inside, y_inside))
    }

    /// Fires from where the move says that the ship is, if it may be there, and sees what that meets.
    ///
    /// # Errors
    /// Nothing was fired.
    pub(crate) fn shoot(
        &mut self,
        id: PlayerId,
        trigger: &Move,
        now: Duration,
    ) -> Result<Fired, NoShot> {
        let player = self.players.get_mut(&id).ok_or(NoShot::Nobody)?;
        if player.life != trigger.life
            || !player.is_flying(now)
            || !trigger.pose.heading.is_finite()
        {
            return Err(NoShot::NoShip);
        }
        if !player.shots.take(1.0, now) {
            return Err(NoShot::TooSoon);
        }
        let mut elsewhere = Vec::new();
        if let Flown::Elsewhere(placed) = self.fly(id, trigger, now) {
            elsewhere.push((id, placed));
        }
        let from = self.players.get(&id).ok_or(NoShot::Nobody)?.pose;
        let pose = Pose {
            heading: trigger.pose.heading,
            ..from
        };
        let clear = self.field.beam(&pose);
        let target = self.first_met(id, &pose, clear, now);
        let length = target.map_or(clear, |(_, length)| length);
        let hit = target.and_then(|(met, _)| {
            let (hit, reborn) = self.hit(id, met, now)?;
            elsewhere.extend(reborn.map(|placed| (met, placed)));
            Some(hit)
        });
        let score = self.players.get(&id).map_or(0, |player| player.score);
        let shot = Shot {
            player: id,
            pose,
            length,
            hit,
            score,
        };
        Ok(Fired {
            shot,
            placed: elsewhere,
        })
    }

    /// Whether a player may say one more line.
    pub(crate) fn may_say(&mut self, id: PlayerId, now: Duration) -> bool {
        let player = self.players.get_mut(&id);
        player.is_some_and(|player| player.lines.take(1.0, now))
    }

    /// Notes that a player is cut off, or back; whether that is news.
    pub(crate) fn set_away(&mut self, id: PlayerId, away: bool) -> bool {
        let player = self.players.get_mut(&id);
        player.is_some_and(|player| std::mem::replace(&mut player.away, away) != away)
    }

    pub(crate) fn name(&self, id: PlayerId) -> Option<String> {
        Some(self.players.get(&id)?.name.to_string())
    }

    pub(crate) fn entrant(&self, id: PlayerId) -> Option<Entrant> {
        Some(self.players.get(&id)?.shown(id))
    }

    /// Everybody who plays, in the order in which they came.
    pub(crate) fn entrants(&self) -> Vec<Entrant> {
        let players = self.players.iter();
        players.map(|(id, player)| player.shown(*id)).collect()
    }

    /// What is to be known to fly here.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            width: self.field.width,
            height: self.field.height,
            pylons: self.field.pylons.clone(),
            ship_radius: SHIP_RADIUS,
            speed_max: SPEED_MAX,
            acceleration: field::ACCELERATION,
            drag: field::DRAG,
            beam_length: BEAM_LENGTH,
            shot_interval_ms: SHOT_INTERVAL_MS,
            health: HEALTH,
            name_max: NAME_MAX,
            line_max: LINE_MAX,
        }
    }

    /// The ship that a beam meets first, and how far it goes then.
    fn first_met(
        &self,
        shooter: PlayerId,
        from: &Pose,
        clear: f32,
        now: Duration,
    ) -> Option<(PlayerId, f32)> {
        let others = self
            .players
            .iter()
            .filter(|(id, player)| **id != shooter && player.can_be_hit(now));
        let met = others.filter_map(|(id, player)| {
            let centre = (player.pose.x, player.pose.y);
            Some((*id, field::meets(from, centre, SHIP_RADIUS)?))
        });
        met.filter(|(_, length)| *length <= clear)
            .min_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    fn hit(
        &mut self,
        shooter: PlayerId,
        met: PlayerId,
        now: Duration,
    ) -> Option<(Hit, Option<Placed>)> {
        let place = self.free_place();
        let target = self.players.get_mut(&met)?;
        let health = target.health.saturating_sub(DAMAGE);
        target.health = health;
        let mut reborn = None;
        if health == 0 {
            reborn = Some(target.begin_anew(place, now));
            if let Some(shooter) = self.players.get_mut(&shooter) {
                shooter.score += 1;
            }
        }
        let hit = Hit {
            player: met,
            health,
            back_at: reborn.map(|placed| placed.from),
        };
        Some((hit, reborn))
    }

    /// A place where a ship may begin: of the next few of a sequence that fills the field evenly, the one
    /// that is farthest from everybody.
    fn free_place(&mut self) -> (f32, f32) {
        let mut best = ((self.field.width / 2.0, self.field.height / 4.0), -1.0);
        for _ in 0..PLACES_TRIED {
            self.places = self.places.wrapping_add(1);
            let x = fraction(self.places, 2) * self.field.width;
            let y = fraction(self.places, 3) * self.field.height;
            let (x, y) = self.field.keep_inside(x, y);
            let ships = self.players.values().map(|player| &player.pose);
            let nearest = ships
                .map(|ship| (ship.x - x).hypot(ship.y - y))
                .fold(f32::MAX, f32::min);
            if nearest > best.1 {
                best = ((x, y), nearest);
            }
        }
        best.0
    }
}

/// The digits of a number behind the point, in reverse: Halton's sequence.
fn fraction(number: u32, base: u32) -> f32 {
    let (mut number, mut digit, mut sum) = (number, 1.0, 0.0_f32);
    let base_as_float = f32::from(u16::try_from(base).unwrap_or(u16::MAX));
    while number > 0 {
        digit /= base_as_float;
        let last = f32::from(u16::try_from(number % base).unwrap_or(0));
        sum = last.mul_add(digit, sum);
        number /= base;
    }
    sum
}

/// The arena's time, as it is told to players.
pub(crate) fn millis(now: Duration) -> f64 {
    now.as_secs_f64() * 1_000.0
}

/// Who may play at a time, bots among them.
pub(crate) const PLAYERS_MAX: usize = 24;

/// Of these from one address: as many as a household or a classroom's row may be, and not all places.
pub(crate) const PLAYERS_PER_HOME_MAX: usize = 8;

/// What a ship begins with.
pub(crate) const HEALTH: u8 = 100;

/// What a beam takes of it.
const DAMAGE: u8 = 25;

/// Milliseconds between two shots, in the long run.
pub(crate) const SHOT_INTERVAL_MS: u32 = 250;

/// How far a player's word may be from what a ship can do: rounding is no fault.
const TOLERANCE: f32 = 2.0;

/// How many places are looked at for a ship that begins.
const PLACES_TRIED: u32 = 6;

#[cfg(test)]
mod tests;
