//! What a bot does with its ship. Nothing of the network is in here.

use trunkline_netem::{Rng, Seed};

use crate::words::Pose;
use crate::world::{BEAM_LENGTH, Field, SHIP_RADIUS};

/// One pilot, with a ship and a temper of its own.
#[derive(Debug)]
pub(super) struct Pilot {
    field: Field,
    rng: Rng,
    ship: Pose,
    /// Where it flies when nobody is near.
    goal: (f32, f32),
    /// Which way round it circles an opponent, and how far away.
    turn: f32,
    distance: f32,
    /// How far it aims beside its target, in radians.
    aim: f32,
    /// Seconds until it fires again, and until it changes its mind.
    reload: f32,
    whim: f32,
}

impl Pilot {
    pub(super) fn new(seed: Seed) -> Self {
        let field = Field::new();
        let goal = (field.width / 2.0, field.height / 4.0);
        Self {
            field,
            rng: seed.rng(),
            ship: Pose::default(),
            goal,
            turn: 1.0,
            distance: 250.0,
            aim: 0.0,
            reload: 1.0,
            whim: 0.0,
        }
    }

    /// Puts the ship somewhere, at rest.
    pub(super) fn place(&mut self, x: f32, y: f32) {
        self.ship = Pose {
            x,
            y,
            heading: self.ship.heading,
            ..Pose::default()
        };
    }

    /// Flies on for a while, and says whether it fires.
    pub(super) fn tick(&mut self, others: &[Pose], seconds: f32) -> (Pose, bool) {
        self.whim -= seconds;
        self.reload -= seconds;
        if self.whim <= 0.0 {
            self.change_mind();
        }
        let target = self.nearest(others);
        let thrust = target.map_or_else(|| self.towards_goal(), |target| self.around(&target));
        let thrust = self.away_from_pylons(thrust);
        let wanted = target.map_or_else(
            || thrust.1.atan2(thrust.0),
            |target| (target.y - self.ship.y).atan2(target.x - self.ship.x) + self.aim,
        );
        self.ship.heading +=
            turned(wanted - self.ship.heading).clamp(-TURN * seconds, TURN * seconds);
        self.ship = self.field.fly(&self.ship, thrust, seconds);
        let is_aimed = target.is_some() && turned(wanted - self.ship.heading).abs() < 0.05;
        let fires = is_aimed && self.reload <= 0.0;
        if fires {
            self.reload = self.random(0.7, 1.7);
            self.aim = self.random(-0.16, 0.16);
        }
        (self.ship, fires)
    }

    fn change_mind(&mut self) {
        self.whim = self.random(0.8, 3.0);
        self.goal = (
            self.random(0.1, 0.9) * self.field.width,
            self.random(0.1, 0.9) * self.field.height,
        );
        self.turn = if self.rng.chance(1, 2) { 1.0 } else { -1.0 };
        self.distance = self.random(140.0, 330.0);
    }

    /// The nearest ship within reach that no pylon hides.
    fn nearest(&self, others: &[Pose]) -> Option<Pose> {
        let seen = others.iter().filter_map(|other| {
            let (to_x, to_y) = (other.x - self.ship.x, other.y - self.ship.y);
            let distance = to_x.hypot(to_y);
            let line = Pose {
                heading: to_y.atan2(to_x),
                ..self.ship
            };
            let is_seen =
                distance < BEAM_LENGTH && self.field.beam(&line) + SHIP_RADIUS >= distance;
            is_seen.then_some((distance, *other))
        });
        let nearest = seen.min_by(|(one, _), (other, _)| one.total_cmp(other));
        nearest.map(|(_, pose)| pose)
    }

    fn towards_goal(&self) -> (f32, f32) {
        unit((self.goal.0 - self.ship.x, self.goal.1 - self.ship.y))
    }

    /// Circles an opponent at the distance it likes.
    fn around(&self, target: &Pose) -> (f32, f32) {
        let way = (target.x - self.ship.x, target.y - self.ship.y);
        let nearer = ((way.0.hypot(way.1) - self.distance) / 120.0).clamp(-1.0, 1.0);
        let (to_x, to_y) = unit(way);
        unit((
            (-to_y).mul_add(self.turn, to_x * nearer),
            to_x.mul_add(self.turn, to_y * nearer),
        ))
    }

    fn away_from_pylons(&self, thrust: (f32, f32)) -> (f32, f32) {
        let mut thrust = thrust;
        for pylon in &self.field.pylons {
            let away = (self.ship.x - pylon.x, self.ship.y - pylon.y);
            let room = away.0.hypot(away.1) - pylon.radius - SHIP_RADIUS;
            if room < CAUTION {
                let (x, y) = unit(away);
                let weight = 1.6 * (1.0 - room / CAUTION);
                thrust = (x.mul_add(weight, thrust.0), y.mul_add(weight, thrust.1));
            }
        }
        thrust
    }

    fn random(&mut self, from: f32, to: f32) -> f32 {
        let part = f32::from(u16::try_from(self.rng.below(10_001)).unwrap_or(0)) / 10_000.0;
        (to - from).mul_add(part, from)
    }
}

fn unit((x, y): (f32, f32)) -> (f32, f32) {
    let length = x.hypot(y).max(f32::EPSILON);
    (x / length, y / length)
}

/// An angle as the shorter turn that it is.
fn turned(angle: f32) -> f32 {
    let (sin, cos) = angle.sin_cos();
    sin.atan2(cos)
}

/// Radians a second.
const TURN: f32 = 5.0;

/// How near to a pylon it begins to fly around it.
const CAUTION: f32 = 70.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::SPEED_MAX;

    const TICK: f32 = 1.0 / 30.0;

    #[test]
    fn a_pilot_keeps_to_the_rules_and_does_not_rest() {
        for seed in 1..=10 {
            let mut pilot = Pilot::new(Seed::new(seed));
            pilot.place(300.0, 300.0);
            let (mut before, mut way) = (pilot.ship, 0.0);
            for _ in 0..900 {
                let (ship, _) = pilot.tick(&[], TICK);
                let step = (ship.x - before.x).hypot(ship.y - before.y);
                assert!(step <= SPEED_MAX * TICK * 1.05, "{step}, seed {seed}");
                let (x, y) = pilot.field.keep_inside(ship.x, ship.y);
                assert!(
                    (x - ship.x).hypot(y - ship.y) < 0.1,
                    "{ship:?}, seed {seed}"
                );
                way += step;
                before = ship;
            }
            assert!(way > 1_000.0, "{way}, seed {seed}");
        }
    }

    #[test]
    fn a_pilot_fires_at_whom_it_sees_and_not_at_whom_a_pylon_hides() {
        let seen = Pose {
            x: 700.0,
            y: 940.0,
            ..Pose::default()
        };
        let shots = |target: Pose, x: f32, y: f32| {
            let mut pilot = Pilot::new(Seed::new(3));
            pilot.place(x, y);
            let first: Vec<bool> = (0..60).map(|_| pilot.tick(&[target], TICK).1).collect();
            first.into_iter().filter(|fires| *fires).count()
        };
        assert!(shots(seen, 400.0, 940.0) >= 1);
        let far = Pose { x: 1_400.0, ..seen };
        assert_eq!(shots(far, 100.0, 60.0), 0);
        let mut pilot = Pilot::new(Seed::new(3));
        pilot.place(550.0, 520.0);
        let hidden = Pose {
            x: 890.0,
            y: 520.0,
            ..Pose::default()
        };
        assert_eq!(pilot.nearest(&[hidden]), None);
    }
}
