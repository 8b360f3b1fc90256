//! The rules, in a time of their own.

use super::*;

const START: Duration = Duration::from_secs(100);

fn after(ms: u64) -> Duration {
    START + Duration::from_millis(ms)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn enter(world: &mut World, text: &str) -> (PlayerId, Placed) {
    world.enter(name(text), false, None, START).unwrap()
}

/// A move of the ship's present life, stamped with the time at which it arrives.
fn to(world: &World, id: PlayerId, x: f32, y: f32, now: Duration) -> Move {
    let pose = Pose {
        x,
        y,
        ..Pose::default()
    };
    Move {
        life: world.players[&id].life,
        at: millis(now),
        pose,
    }
}

/// Puts a ship where a test needs it, as no player can.
fn put(world: &mut World, id: PlayerId, x: f32, y: f32) {
    let player = world.players.get_mut(&id).unwrap();
    player.pose = Pose {
        x,
        y,
        ..Pose::default()
    };
}

/// Two ships on a free line, 300 apart, the first to the left.
fn duel() -> (World, PlayerId, PlayerId) {
    let mut world = World::new();
    let (left, _) = enter(&mut world, "left");
    let (right, _) = enter(&mut world, "right");
    put(&mut world, left, 500.0, 940.0);
    put(&mut world, right, 800.0, 940.0);
    (world, left, right)
}

/// Fires to the right from where the ship is.
fn fire(world: &mut World, id: PlayerId, now: Duration) -> Result<Fired, NoShot> {
    let pose = world.players[&id].pose;
    let trigger = to(world, id, pose.x, pose.y, now);
    world.shoot(id, &trigger, now)
}

#[test]
fn not_all_places_are_for_one_address_and_each_is_free_again_when_its_player_leaves() {
    let mut world = World::new();
    let from = |last| Some(IpAddr::from([192, 0, 2, last]));
    let mut enter = |number: usize, home| {
        let name = name(&format!("player {number}"));
        world.enter(name, false, home, START).map(|(id, _)| id)
    };
    for number in 0..PLAYERS_PER_HOME_MAX {
        enter(number, from(1)).unwrap();
    }
    assert_eq!(enter(20, from(1)), Err(Refusal::FullOfHome));
    enter(21, from(2)).unwrap();
    for number in 30..30 + PLAYERS_PER_HOME_MAX + 1 {
        enter(number, None).unwrap();
    }
    assert!(world.leave(PlayerId(1)));
    assert!(
        world
            .enter(name("player 20"), false, from(1), START)
            .is_ok()
    );
}

#[test]
fn everybody_has_a_number_a_name_and_a_place_of_their_own() {
    let mut world = World::new();
    let mut places = Vec::new();
    for number in 0..PLAYERS_MAX {
        let (_, placed) = enter(&mut world, &format!("player {number}"));
        places.push((placed.x, placed.y));
    }
    for (index, one) in places.iter().enumerate() {
        for other in &places[index + 1..] {
            assert!((one.0 - other.0).hypot(one.1 - other.1) > 2.0 * SHIP_RADIUS);
        }
    }
    let again = world.enter(name("player 3"), false, None, START);
    assert_eq!(again, Err(Refusal::Full));
    assert!(world.leave(PlayerId(24)));
    assert!(!world.leave(PlayerId(24)));
    let again = world.enter(name("player 3"), false, None, START);
    assert_eq!(again, Err(Refusal::NameTaken));
    let (id, _) = enter(&mut world, "player 23");
    assert_eq!(id, PlayerId(25));
}

#[test]
fn a_ship_is_where_its_player_says_as_far_as_it_can_fly() {
    let (mut world, left, _) = duel();
    let near = to(&world, left, 520.0, 930.0, after(50));
    let Flown::There(pose) = world.fly(left, &near, after(50)) else {
        panic!("20 units are no leap");
    };
    assert_eq!((pose.x, pose.y), (520.0, 930.0));
    let far = to(&world, left, 1_410.0, 930.0, after(100));
    let Flown::Elsewhere(placed) = world.fly(left, &far, after(100)) else {
        panic!("890 units are a leap");
    };
    assert!(
        placed.x > 520.0 && placed.x < 520.0 + SPEED_MAX * 2.7,
        "{placed:?}"
    );
    // What the player sent before it knew is of an earlier life.
    let late = Move {
        at: millis(after(150)),
        ..far
    };
    assert_eq!(world.fly(left, &late, after(150)), Flown::Ignored);
    // And whoever leaps again gets nowhere: there is nothing left to fly.
    let far = to(&world, left, 1_410.0, 930.0, after(200));
    let Flown::Elsewhere(again) = world.fly(left, &far, after(200)) else {
        panic!("a leap again");
    };
    assert!(again.x - placed.x < SPEED_MAX * 1.1 * 0.11, "{again:?}");
}

#[test]
fn nobody_flies_faster_in_the_long_run_than_a_ship_can() {
    let (mut world, left, _) = duel();
    let (mut x, mut way) = (500.0, 0.0);
    // A tenth of a second at twice the speed, to and fro.
    for step in 1..=100_u16 {
        let now = after(u64::from(step) * 100);
        let there = if step % 2 == 0 {
            SPEED_MAX * 0.2
        } else {
            -SPEED_MAX * 0.2
        };
        let wanted = to(&world, left, x + there, 960.0, now);
        let reached = match world.fly(left, &wanted, now) {
            Flown::There(pose) => pose.x,
            Flown::Elsewhere(placed) => placed.x,
            Flown::Ignored => panic!("it is looked at"),
        };
        way += (reached - x).abs();
        x = reached;
    }
    let seconds = 10.0;
    assert!(way <= SPEED_MAX * (1.1 * seconds + 2.5) + 1.0, "{way}");
    assert!(way >= SPEED_MAX * seconds, "{way}");
}

#[test]
fn speed_is_told_to_others_within_its_bound() {
    let (mut world, left, _) = duel();
    let mut wanted = to(&world, left, 505.0, 940.0, after(50));
    wanted.pose.vx = -1e30;
    let Flown::There(pose) = world.fly(left, &wanted, after(50)) else {
        panic!("the place is fine");
    };
    assert!((pose.vx + SPEED_MAX).abs() < 0.1, "{pose:?}");
}

#[test]
fn a_move_that_is_older_than_the_last_or_dated_wrongly_is_ignored() {
    let (mut world, left, _) = duel();
    let newer = to(&world, left, 510.0, 940.0, after(50));
    assert!(matches!(
        world.fly(left, &newer, after(50)),
        Flown::There(_)
    ));
    for at in [millis(after(50)), millis(after(20))] {
        let older = Move { at, ..newer };
        assert_eq!(world.fly(left, &older, after(60)), Flown::Ignored);
    }
    for at in [f64::NAN, f64::INFINITY, millis(after(1_000)), f64::MAX] {
        let odd = Move { at, ..newer };
        assert_eq!(world.fly(left, &odd, after(60)), Flown::Ignored, "{at}");
    }
    let late = Move {
        at: millis(after(60)),
        ..newer
    };
    assert_eq!(world.fly(left, &late, after(11_000)), Flown::Ignored);
    assert_eq!(world.fly(PlayerId(99), &newer, after(60)), Flown::Ignored);
}

#[test]
fn what_is_no_number_moves_nothing() {
    let (mut world, left, _) = duel();
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for field in 0..5 {
            let mut numbers = [505.0, 940.0, 0.0, 0.0, 0.0];
            numbers[field] = odd;
            let wanted = Move {
                pose: Pose::from(numbers),
                ..to(&world, left, 0.0, 0.0, after(50))
            };
            assert_eq!(world.fly(left, &wanted, after(50)), Flown::Ignored);
        }
    }
    assert_eq!(world.players[&left].pose.x, 500.0);
}

#[test]
fn moves_beyond_the_rate_are_ignored() {
    let (mut world, left, _) = duel();
    let mut looked_at = 0;
    for step in 0..400_u32 {
        let mut wanted = to(&world, left, 500.0, 940.0, after(1_000));
        wanted.at += f64::from(step) * 0.1;
        looked_at += u32::from(world.fly(left, &wanted, after(1_000)) != Flown::Ignored);
    }
    assert_eq!(looked_at, 150);
}

#[test]
fn a_shot_meets_the_first_ship_ahead_and_takes_a_quarter_of_it() {
    let (mut world, left, right) = duel();
    let (behind, _) = enter(&mut world, "behind");
    put(&mut world, behind, 900.0, 940.0);
    let fired = fire(&mut world, left, after(5_000)).unwrap();
    let hit = fired.shot.hit.unwrap();
    assert_eq!((hit.player, hit.health, hit.back_at), (right, 75, None));
    assert!((fired.shot.length - (300.0 - SHIP_RADIUS)).abs() < 0.1);
    assert_eq!(fired.placed, []);
}

#[test]
fn a_shot_past_everybody_is_a_miss() {
    let (mut world, left, right) = duel();
    put(&mut world, right, 800.0, 900.0);
    let fired = fire(&mut world, left, after(5_000)).unwrap();
    assert_eq!(fired.shot.hit, None);
    assert_eq!(fired.shot.length, BEAM_LENGTH);
    // Out of its reach is a miss too.
    put(
        &mut world,
        right,
        500.0 + BEAM_LENGTH + 2.0 * SHIP_RADIUS,
        940.0,
    );
    assert_eq!(fire(&mut world, left, after(6_000)).unwrap().shot.hit, None);
}

#[test]
fn the_fourth_hit_destroys_counts_and_begins_a_new_ship_elsewhere() {
    let (mut world, left, right) = duel();
    for _ in 0..3 {
        fire(&mut world, left, after(5_000)).unwrap();
    }
    let before = world.players[&right].life;
    let fired = fire(&mut world, left, after(5_000)).unwrap();
    let [(reborn, placed)] = *fired.placed else {
        panic!("one ship begins anew: {fired:?}");
    };
    assert_eq!(reborn, right);
    assert_eq!(placed.life, before + 1);
    assert_eq!(fired.shot.hit.unwrap().back_at, Some(placed.from));
    assert_eq!(fired.shot.score, 1);
    assert_eq!(world.entrant(right).unwrap().health, HEALTH);
    // Until then it neither flies nor fires, and a while longer it cannot be hit.
    let wanted = to(&world, right, placed.x, placed.y, after(5_100));
    assert_eq!(world.fly(right, &wanted, after(5_100)), Flown::Ignored);
    let shot = fire(&mut world, right, after(5_100));
    assert_eq!(shot, Err(NoShot::NoShip));
    put(&mut world, right, 800.0, 940.0);
    let fired = fire(&mut world, left, after(6_600)).unwrap();
    assert_eq!(fired.shot.hit, None);
    let fired = fire(&mut world, left, after(8_000)).unwrap();
    assert!(fired.shot.hit.is_some());
}

#[test]
fn shots_come_no_faster_than_they_may_and_a_held_up_burst_counts() {
    let (mut world, left, _) = duel();
    let mut fired = 0;
    for _ in 0..100 {
        fired += u32::from(fire(&mut world, left, after(5_000)).is_ok());
    }
    assert_eq!(fired, 10);
    assert_eq!(fire(&mut world, left, after(5_100)), Err(NoShot::TooSoon));
    assert!(fire(&mut world, left, after(5_250)).is_ok());
}

#[test]
fn a_shot_of_an_earlier_life_is_none() {
    let (mut world, left, _) = duel();
    let mut trigger = to(&world, left, 500.0, 940.0, after(5_000));
    trigger.life -= 1;
    let shot = world.shoot(left, &trigger, after(5_000));
    assert_eq!(shot, Err(NoShot::NoShip));
    trigger.life += 1;
    trigger.pose.heading = f32::NAN;
    let shot = world.shoot(left, &trigger, after(5_000));
    assert_eq!(shot, Err(NoShot::NoShip));
    let shot = world.shoot(PlayerId(99), &trigger, after(5_000));
    assert_eq!(shot, Err(NoShot::Nobody));
}

#[test]
fn a_shot_begins_where_the_ship_can_be_and_not_where_its_player_says() {
    let (mut world, left, right) = duel();
    put(&mut world, right, 1_400.0, 940.0);
    let trigger = to(&world, left, 1_380.0, 940.0, after(5_000));
    let fired = world.shoot(left, &trigger, after(5_000)).unwrap();
    assert!(fired.shot.pose.x < 500.0 + SPEED_MAX * 2.6, "{fired:?}");
    let told: Vec<_> = fired.placed.iter().map(|(id, _)| *id).collect();
    assert_eq!(told, [left]);
}

#[test]
fn whoever_is_cut_off_is_left_alone() {
    let (mut world, left, right) = duel();
    assert!(world.set_away(right, true));
    assert!(!world.set_away(right, true));
    assert_eq!(fire(&mut world, left, after(5_000)).unwrap().shot.hit, None);
    assert!(world.set_away(right, false));
    assert!(
        fire(&mut world, left, after(6_000))
            .unwrap()
            .shot
            .hit
            .is_some()
    );
}

#[test]
fn lines_come_no_faster_than_they_may() {
    let (mut world, left, _) = duel();
    let said = (0..20).filter(|_| world.may_say(left, START)).count();
    assert_eq!(said, 6);
    assert!(world.may_say(left, after(1_500)));
    assert!(!world.may_say(PlayerId(99), after(1_500)));
}
