use super::*;

/// Everything that arrives, until nothing more is on its way.
fn arrivals(link: &mut PacketLink) -> Vec<(Time, Vec<u8>)> {
    let mut arrivals = Vec::new();
    while let Some(now) = link.next_due() {
        while let Some(packet) = link.pop(now) {
            arrivals.push((now, packet));
        }
    }
    arrivals
}

/// The numbers of the packets that `push_numbered` sent.
fn numbers(arrivals: &[(Time, Vec<u8>)]) -> Vec<u32> {
    let number = |(_, packet): &(Time, Vec<u8>)| packet[..4].try_into().map(u32::from_be_bytes);
    arrivals
        .iter()
        .filter_map(|each| number(each).ok())
        .collect()
}

fn push_numbered(link: &mut PacketLink, now: Time, count: u32) {
    for number in 0..count {
        link.push(now, number.to_be_bytes().to_vec());
    }
}

fn jittery(keeps_order: bool) -> PacketProfile {
    PacketProfile {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(10),
        keeps_order,
        ..PacketProfile::INSTANT
    }
}

/// 1,000 bytes in a second, and at most 300 of them wait.
const SLOW: PacketProfile = PacketProfile {
    bytes_per_second: NonZeroU64::new(1_000),
    queue_bytes: 300,
    ..PacketProfile::INSTANT
};

#[test]
fn every_packet_arrives_once_or_is_counted_for_every_seed() {
    for number in 0..300 {
        let seed = Seed::new(number);
        let mut rng = seed.part(2).rng();
        let profile = PacketProfile::random(&mut rng);
        let mut link = PacketLink::new(seed, profile);
        let mut arrived = Vec::new();
        let mut now = Time::ZERO;
        for number in 0_u32..200 {
            let mut packet = number.to_be_bytes().to_vec();
            packet.resize(4 + rng.index(1_400), 0);
            link.push(now, packet);
            now += Duration::from_micros(rng.below(30_000));
            while let Some(packet) = link.pop(now) {
                arrived.push((now, packet));
            }
        }
        arrived.extend(arrivals(&mut link));

        let counters = link.counters();
        let gone = counters.lost + counters.dropped;
        let mut numbers = numbers(&arrived);
        assert_eq!(counters.sent, 200, "seed {seed}");
        assert_eq!(numbers.len() as u64 + gone, 200, "seed {seed}");
        assert_eq!(counters.delivered + gone, 200, "seed {seed}");
        if profile.keeps_order {
            assert!(numbers.is_sorted(), "seed {seed}");
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len() as u64, counters.delivered, "seed {seed}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut link = PacketLink::new(
            Seed::new(seed),
            PacketProfile {
                loss_per_million: 300_000,
                ..jittery(false)
            },
        );
        push_numbered(&mut link, Time::ZERO, 100);
        arrivals(&mut link)
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}

#[test]
fn a_packet_travels_for_the_delay_and_at_most_the_jitter_more() {
    let profile = jittery(false);
    for number in 0..100 {
        let seed = Seed::new(number);
        let mut link = PacketLink::new(seed, profile);
        push_numbered(&mut link, Time::from_millis(5), 10);
        for (now, _) in arrivals(&mut link) {
            assert!(now >= Time::from_millis(25), "seed {seed}: {now}");
            assert!(now <= Time::from_millis(35), "seed {seed}: {now}");
        }
    }
}

#[test]
fn packets_overtake_each_other_unless_the_order_is_kept() {
    let run = |keeps_order| {
        let mut link = PacketLink::new(Seed::new(1), jittery(keeps_order));
        push_numbered(&mut link, Time::ZERO, 100);
        numbers(&arrivals(&mut link))
    };
    assert!(!run(false).is_sorted());
    assert_eq!(run(true), (0..100).collect::<Vec<_>>());
}

#[test]
fn as_many_are_lost_as_the_profile_says() {
    for (loss_per_million, expected) in [
        (0, 0..=0),
        (25_000, 400..=600),
        (1_000_000, 20_000..=20_000),
    ] {
        let seed = Seed::new(3);
        let mut link = PacketLink::new(
            seed,
            PacketProfile {
                loss_per_million,
                ..PacketProfile::INSTANT
            },
        );
        push_numbered(&mut link, Time::ZERO, 20_000);
        let lost = link.counters().lost;
        assert!(
            expected.contains(&lost),
            "seed {seed}: {lost} of {loss_per_million}"
        );
        assert_eq!(arrivals(&mut link).len() as u64, 20_000 - lost);
    }
}

#[test]
fn a_rate_sends_one_packet_after_the_other() {
    let mut link = PacketLink::new(Seed::new(1), SLOW);
    link.push(Time::ZERO, vec![1; 100]);
    link.push(Time::ZERO, vec![2; 50]);
    // The link was idle from 150 ms on: the time is not made up for.
    assert_eq!(link.pop(Time::from_millis(99)), None);
    link.push(Time::from_millis(1_000), vec![3; 100]);
    let moments: Vec<_> = arrivals(&mut link).iter().map(|(now, _)| *now).collect();
    assert_eq!(moments, [100, 150, 1_100].map(Time::from_millis));
}

#[test]
fn a_full_queue_drops_what_comes_last_and_takes_more_when_some_has_left() {
    let mut link = PacketLink::new(Seed::new(1), SLOW);
    for content in 1..=4 {
        link.push(Time::ZERO, vec![content; 100]);
    }
    assert_eq!(link.counters().dropped, 1);
    // Too long for what is left, at the last moment before one has left, and after it.
    link.push(Time::from_micros(99_999), vec![5; 100]);
    link.push(Time::from_millis(100), vec![6; 101]);
    link.push(Time::from_millis(100), vec![7; 100]);
    assert_eq!(link.counters().dropped, 3);
    let contents: Vec<_> = arrivals(&mut link)
        .iter()
        .map(|(_, packet)| packet[0])
        .collect();
    assert_eq!(contents, [1, 2, 3, 7]);
}

#[test]
fn what_nobody_takes_is_bounded() {
    let mut link = PacketLink::new(Seed::new(1), PacketProfile::INSTANT);
    for _ in 0..=MAX_PACKETS {
        link.push(Time::ZERO, Vec::new());
    }
    assert_eq!(link.counters().dropped, 1);
    assert_eq!(arrivals(&mut link).len(), MAX_PACKETS);
}

#[test]
fn a_black_hole_swallows_what_is_pushed_until_it_is_off() {
    let mut link = PacketLink::new(Seed::new(1), jittery(true));
    link.push(Time::ZERO, b"before".to_vec());
    link.black_hole(true);
    link.push(Time::ZERO, b"lost".to_vec());
    link.black_hole(false);
    link.push(Time::ZERO, b"after".to_vec());
    let packets: Vec<_> = arrivals(&mut link)
        .into_iter()
        .map(|(_, packet)| packet)
        .collect();
    assert_eq!(packets, [&b"before"[..], b"after"]);
    assert_eq!(link.counters().lost, 1);
}

#[test]
fn what_a_black_hole_swallowed_does_not_change_what_later_packets_meet() {
    let run = |swallows| {
        let mut link = PacketLink::new(Seed::new(1), jittery(false));
        link.black_hole(swallows);
        push_numbered(&mut link, Time::ZERO, 10);
        link.black_hole(false);
        arrivals(&mut link);
        push_numbered(&mut link, Time::from_millis(100), 10);
        arrivals(&mut link)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_cut_loses_what_is_on_its_way_and_what_comes_later() {
    let mut link = PacketLink::new(Seed::new(1), jittery(true));
    push_numbered(&mut link, Time::ZERO, 3);
    link.cut();
    link.black_hole(false);
    push_numbered(&mut link, Time::ZERO, 2);
    assert_eq!(link.next_due(), None);
    let counters = PacketCounters {
        sent: 5,
        lost: 5,
        ..PacketCounters::default()
    };
    assert_eq!(link.counters(), counters);
}

#[test]
fn counters_add_up_and_tell_what_was_counted_since() {
    let mut link = PacketLink::new(Seed::new(1), PacketProfile::INSTANT);
    push_numbered(&mut link, Time::ZERO, 3);
    let before = link.counters();
    arrivals(&mut link);
    let mut total = before;
    total += link.counters().since(before);
    assert_eq!(total, link.counters());
    assert_eq!(link.counters().since(before).delivered, 3);
}

#[test]
fn what_is_repaired_arrives_late_and_those_behind_it_wait_where_order_is_kept() {
    let late = Duration::from_millis(50);
    let run = |keeps_order| {
        let profile = PacketProfile {
            loss_per_million: 100_000,
            repaired_after: Some(late),
            delay: Duration::from_millis(10),
            keeps_order,
            ..PacketProfile::INSTANT
        };
        let mut link = PacketLink::new(Seed::new(1), profile);
        push_numbered(&mut link, Time::ZERO, 100);
        (link.counters().repaired, arrivals(&mut link))
    };
    let (repaired, arrived) = run(false);
    let is_late = |(now, _): &&(Time, Vec<u8>)| *now == Time::from_millis(60);
    assert!(repaired > 0);
    assert_eq!(arrived.iter().filter(is_late).count() as u64, repaired);
    let late = arrived.iter().find(is_late).map(std::slice::from_ref);
    let first_late = numbers(late.unwrap_or_default())[0];
    let (_, arrived) = run(true);
    assert_eq!(numbers(&arrived), (0..100).collect::<Vec<_>>());
    let waiting = arrived.iter().filter(is_late).count();
    assert_eq!(waiting as u32, 100 - first_late);
}

#[test]
fn another_profile_holds_for_what_is_pushed_from_then_on() {
    let mut link = PacketLink::new(Seed::new(1), SLOW);
    link.push(Time::ZERO, vec![1; 100]);
    link.set_profile(PacketProfile::INSTANT);
    link.push(Time::ZERO, vec![2; 100]);
    let moments: Vec<_> = arrivals(&mut link).iter().map(|(now, _)| *now).collect();
    // The second one keeps its place behind the first.
    assert_eq!(moments, [100, 100].map(Time::from_millis));
}
