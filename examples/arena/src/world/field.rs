//! The field: its walls, what stands in it, and how ships fly there.

use crate::words::{Pose, Pylon};

/// Where ships are.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) pylons: Vec<Pylon>,
}

impl Field {
    /// The one field there is.
    pub(crate) fn new() -> Self {
        let pylon = |x, y, radius| Pylon { x, y, radius };
        Self {
            width: 1_440.0,
            height: 1_040.0,
            pylons: vec![
                pylon(720.0, 520.0, 84.0),
                pylon(370.0, 290.0, 50.0),
                pylon(1_070.0, 750.0, 50.0),
                pylon(1_110.0, 240.0, 36.0),
                pylon(330.0, 800.0, 36.0),
            ],
        }
    }

    /// The nearest place where a ship may be.
    pub(crate) fn keep_inside(&self, x: f32, y: f32) -> (f32, f32) {
        let (mut x, mut y) = (x, y);
        for pylon in &self.pylons {
            let (away_x, away_y) = (x - pylon.x, y - pylon.y);
            let (distance, least) = (away_x.hypot(away_y), pylon.radius + SHIP_RADIUS);
            if distance < least {
                // Its very centre has no direction: one is as good as another.
                let (to_x, to_y) = match distance > f32::EPSILON {
                    true => (away_x / distance, away_y / distance),
                    false => (1.0, 0.0),
                };
                x = to_x.mul_add(least, pylon.x);
                y = to_y.mul_add(least, pylon.y);
            }
        }
        let within = |value: f32, most: f32| value.clamp(SHIP_RADIUS, most - SHIP_RADIUS);
        (within(x, self.width), within(y, self.height))
    }

    /// How far a beam goes, if it meets no ship.
    pub(crate) fn beam(&self, from: &Pose) -> f32 {
        let (along_x, along_y) = (from.heading.cos(), from.heading.sin());
        let walls = [
            (along_x, from.x, self.width),
            (along_y, from.y, self.height),
        ];
        let walls = walls.into_iter().filter_map(|(along, at, most)| {
            let to_wall = if along > 0.0 { most - at } else { -at };
            (along.abs() > f32::EPSILON).then(|| (to_wall / along).max(0.0))
        });
        let pylons = self.pylons.iter();
        let pylons = pylons.filter_map(|pylon| meets(from, (pylon.x, pylon.y), pylon.radius));
        walls.chain(pylons).fold(BEAM_LENGTH, f32::min)
    }

    /// Where a ship is a little later, if it is driven by `thrust`, whose length counts up to 1.
    /// `page/game.js` does the same.
    pub(crate) fn fly(&self, ship: &Pose, thrust: (f32, f32), seconds: f32) -> Pose {
        let strength = thrust.0.hypot(thrust.1).max(1.0);
        let gained = ACCELERATION * seconds / strength;
        let kept = (-DRAG * seconds).exp();
        let mut vx = thrust.0.mul_add(gained, ship.vx) * kept;
        let mut vy = thrust.1.mul_add(gained, ship.vy) * kept;
        let slower = (SPEED_MAX / vx.hypot(vy).max(SPEED_MAX)).min(1.0);
        vx *= slower;
        vy *= slower;
        let wanted = (vx.mul_add(seconds, ship.x), vy.mul_add(seconds, ship.y));
        let (x, y) = self.keep_inside(wanted.0, wanted.1);
        // What a wall or a pylon took away is thrown back, in part.
        let (push_x, push_y) = (x - wanted.0, y - wanted.1);
        let push = push_x.hypot(push_y);
        if push > 0.01 {
            let (along_x, along_y) = (push_x / push, push_y / push);
            let against = vx.mul_add(along_x, vy * along_y).min(0.0);
            vx -= along_x * against * (1.0 + BOUNCE);
            vy -= along_y * against * (1.0 + BOUNCE);
        }
        Pose {
            x,
            y,
            vx,
            vy,
            heading: ship.heading,
        }
    }
}

/// Where a beam meets something round, if it does; at once, if it begins in it.
pub(crate) fn meets(from: &Pose, centre: (f32, f32), radius: f32) -> Option<f32> {
    let (to_x, to_y) = (centre.0 - from.x, centre.1 - from.y);
    let (along_x, along_y) = (from.heading.cos(), from.heading.sin());
    let ahead = to_x.mul_add(along_x, to_y * along_y);
    let beside = to_x.mul_add(along_y, -(to_y * along_x)).abs();
    if to_x.hypot(to_y) <= radius {
        return Some(0.0);
    }
    (ahead > 0.0 && beside <= radius)
        .then(|| ahead - radius.mul_add(radius, -(beside * beside)).max(0.0).sqrt())
}

/// The radius of a ship.
pub(crate) const SHIP_RADIUS: f32 = 20.0;

/// Units a second.
pub(crate) const SPEED_MAX: f32 = 330.0;

/// Units a second, gained in a second at full thrust.
pub(crate) const ACCELERATION: f32 = 1_050.0;

/// What part of its speed a ship loses in a second, as the rate of a decay.
pub(crate) const DRAG: f32 = 1.9;

/// What part of its speed a wall gives back.
const BOUNCE: f32 = 0.45;

/// How far a beam goes.
pub(crate) const BEAM_LENGTH: f32 = 560.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, y: f32, heading: f32) -> Pose {
        Pose {
            x,
            y,
            heading,
            ..Pose::default()
        }
    }

    #[test]
    fn nobody_is_in_a_wall_or_in_a_pylon() {
        let field = Field::new();
        assert_eq!(field.keep_inside(-50.0, 2_000.0), (20.0, 1_020.0));
        assert_eq!(field.keep_inside(600.0, 120.0), (600.0, 120.0));
        for pylon in field.pylons.clone() {
            let (x, y) = field.keep_inside(pylon.x, pylon.y);
            let distance = (x - pylon.x).hypot(y - pylon.y);
            assert!(distance >= pylon.radius + SHIP_RADIUS - 0.01, "{distance}");
        }
    }

    #[test]
    fn a_beam_ends_at_a_wall_at_a_pylon_or_after_its_length() {
        let field = Field::new();
        let right = 0.0;
        assert_eq!(field.beam(&at(1_340.0, 950.0, right)), 100.0);
        assert!((field.beam(&at(500.0, 520.0, right)) - 136.0).abs() < 0.1);
        assert_eq!(field.beam(&at(100.0, 950.0, right)), BEAM_LENGTH);
    }

    #[test]
    fn a_beam_meets_what_is_ahead_and_not_what_is_behind() {
        let from = at(0.0, 0.0, 0.0);
        assert_eq!(meets(&from, (100.0, 0.0), 10.0), Some(90.0));
        assert_eq!(meets(&from, (100.0, 10.5), 10.0), None);
        assert_eq!(meets(&from, (-100.0, 0.0), 10.0), None);
        assert_eq!(meets(&from, (3.0, 0.0), 10.0), Some(0.0));
    }

    #[test]
    fn a_ship_gets_no_faster_than_it_may_and_comes_to_rest() {
        let field = Field::new();
        let mut ship = at(100.0, 950.0, 0.0);
        for _ in 0..60 {
            ship = field.fly(&ship, (30.0, 0.0), 1.0 / 60.0);
        }
        assert!((200.0..=SPEED_MAX).contains(&ship.vx), "{}", ship.vx);
        for _ in 0..600 {
            ship = field.fly(&ship, (0.0, 0.0), 1.0 / 60.0);
        }
        assert!(ship.vx.abs() < 0.1, "{}", ship.vx);
    }

    #[test]
    fn a_wall_throws_a_ship_back() {
        let field = Field::new();
        let mut ship = at(1_419.0, 950.0, 0.0);
        ship.vx = 300.0;
        let ship = field.fly(&ship, (0.0, 0.0), 0.1);
        assert_eq!(ship.x, 1_420.0);
        assert!(ship.vx < 0.0, "{}", ship.vx);
    }
}
