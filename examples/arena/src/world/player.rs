//! One player: its ship, and what it may still do.

use std::net::IpAddr;
use std::time::Duration;

use super::allowance::Allowance;
use super::name::Name;
use super::{HEALTH, SHOT_INTERVAL_MS, SPEED_MAX, millis};
use crate::words::{Entrant, Move, Placed, PlayerId, Pose};

#[derive(Debug)]
pub(super) struct Player {
    pub(super) name: Name,
    bot: bool,
    /// Where it plays from; none for where all may.
    pub(super) home: Option<IpAddr>,
    /// Which of its ships this is, counted by the times it was put somewhere.
    pub(super) life: u32,
    pub(super) pose: Pose,
    pub(super) health: u8,
    pub(super) score: u32,
    pub(super) away: bool,
    /// From when on the ship flies, and from when on it can be hit.
    flies_from: Duration,
    mortal_from: Duration,
    /// The stamp of the newest move.
    at: f64,
    moves: Allowance,
    /// How far the ship may be from where it was: units.
    reach: Allowance,
    pub(super) shots: Allowance,
    pub(super) lines: Allowance,
}

impl Player {
    pub(super) fn new(name: Name, bot: bool, home: Option<IpAddr>, now: Duration) -> Self {
        let shots_per_second = 1_000.0 / f32::from(u16::try_from(SHOT_INTERVAL_MS).unwrap_or(1));
        Self {
            name,
            bot,
            home,
            life: 0,
            pose: Pose::default(),
            health: HEALTH,
            score: 0,
            away: false,
            flies_from: now,
            mortal_from: now + PROTECTED,
            at: f64::MIN,
            moves: Allowance::new(MOVES_PER_SECOND, MOVES_PER_SECOND * BURST_SECONDS, now),
            reach: Allowance::new(SPEED_MAX * HEADROOM, SPEED_MAX * BURST_SECONDS, now),
            shots: Allowance::new(shots_per_second, shots_per_second * BURST_SECONDS, now),
            lines: Allowance::new(LINES_PER_SECOND, LINES_AT_ONCE, now),
        }
    }

    /// Puts the ship somewhere, at rest.
    pub(super) fn place(&mut self, x: f32, y: f32, now: Duration) -> Placed {
        self.life += 1;
        self.at = f64::MIN;
        self.pose = Pose {
            x,
            y,
            heading: self.pose.heading,
            ..Pose::default()
        };
        Placed {
            life: self.life,
            x,
            y,
            from: millis(self.flies_from.max(now)),
        }
    }

    /// A new ship in place of one that is destroyed: it flies after a while, and cannot be hit at once.
    pub(super) fn begin_anew(&mut self, (x, y): (f32, f32), now: Duration) -> Placed {
        self.health = HEALTH;
        self.flies_from = now + WAITING;
        self.mortal_from = self.flies_from + PROTECTED;
        self.place(x, y, now)
    }

    pub(super) fn is_flying(&self, now: Duration) -> bool {
        now >= self.flies_from
    }

    /// Whoever is cut off is left alone.
    pub(super) fn can_be_hit(&self, now: Duration) -> bool {
        now >= self.mortal_from && !self.away
    }

    /// Whether a move is looked at.
    pub(super) fn may_move(&mut self, wanted: &Move, now: Duration) -> bool {
        let Pose {
            x,
            y,
            heading,
            vx,
            vy,
        } = wanted.pose;
        let age = millis(now) - wanted.at;
        let is_sound = [x, y, heading, vx, vy].into_iter().all(f32::is_finite)
            && (-AHEAD_MAX_MS..=AGE_MAX_MS).contains(&age);
        let is_next = wanted.life == self.life && wanted.at > self.at && self.is_flying(now);
        is_sound && is_next && self.moves.take(1.0, now)
    }

    /// The place nearest to the wanted one that the ship can have come to.
    pub(super) fn within_reach(&mut self, x: f32, y: f32, now: Duration) -> (f32, f32) {
        let (way_x, way_y) = (x - self.pose.x, y - self.pose.y);
        let way = way_x.hypot(way_y);
        let flown = way.min(self.reach.left(now));
        self.reach.take(flown, now);
        let part = if way > flown { flown / way } else { 1.0 };
        (
            way_x.mul_add(part, self.pose.x),
            way_y.mul_add(part, self.pose.y),
        )
    }

    /// Takes a move as it was judged.
    pub(super) fn take(&mut self, wanted: &Move, x: f32, y: f32) -> Pose {
        let Pose {
            heading, vx, vy, ..
        } = wanted.pose;
        let slower = (SPEED_MAX / vx.hypot(vy).max(SPEED_MAX)).min(1.0);
        self.at = wanted.at;
        self.pose = Pose {
            x,
            y,
            heading,
            vx: vx * slower,
            vy: vy * slower,
        };
        self.pose
    }

    pub(super) fn shown(&self, id: PlayerId) -> Entrant {
        Entrant {
            player: id,
            name: self.name.to_string(),
            bot: self.bot,
            score: self.score,
            health: self.health,
            away: self.away,
        }
    }
}

/// Moves a second that are looked at: twice what a page sends.
const MOVES_PER_SECOND: f32 = 60.0;

/// How long a network may hold back what is then judged all at once.
const BURST_SECONDS: f32 = 2.5;

/// Ships fly a little faster than they may where two clocks differ.
const HEADROOM: f32 = 1.1;

/// Lines of chat.
const LINES_PER_SECOND: f32 = 0.7;
const LINES_AT_ONCE: f32 = 6.0;

/// How old a move may be, and how far ahead of the arena's time, when it comes in.
const AGE_MAX_MS: f64 = 10_000.0;
const AHEAD_MAX_MS: f64 = 500.0;

/// How long a destroyed ship takes to come back.
const WAITING: Duration = Duration::from_millis(1_500);

/// How long a ship that begins cannot be hit.
const PROTECTED: Duration = Duration::from_millis(1_200);
