use super::*;

/// Everything that arrives at `at`, delivery by delivery, until nothing more happens.
fn deliveries(link: &mut Link, at: End) -> Vec<(Time, Vec<u8>)> {
    let mut deliveries = Vec::new();
    while let Some(now) = link.next_event() {
        link.poll(at.peer(), now);
        let bytes = link.poll(at, now);
        if !bytes.is_empty() {
            deliveries.push((now, bytes));
        }
    }
    deliveries
}

fn joined(deliveries: &[(Time, Vec<u8>)]) -> Vec<u8> {
    deliveries
        .iter()
        .flat_map(|(_, bytes)| bytes.clone())
        .collect()
}

fn alphabet() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn bytes_arrive_once_and_in_order_for_every_seed() {
    for number in 0..500 {
        let mut rng = Seed::new(number).rng();
        let mut link = Link::new(Seed::new(number), Profile::random(&mut rng));
        let mut now = Time::ZERO;
        for piece in alphabet().chunks(7) {
            link.send(End::Client, now, piece);
            now += Duration::from_micros(rng.below(30_000));
        }
        assert_eq!(
            joined(&deliveries(&mut link, End::Server)),
            alphabet(),
            "seed {number}"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut link = Link::new(Seed::new(seed), Profile::default());
        link.send(End::Server, Time::ZERO, &alphabet());
        deliveries(&mut link, End::Client)
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}

#[test]
fn a_delivery_can_end_at_any_byte() {
    let mut ends = [false; 10];
    for number in 0..500 {
        let mut link = Link::new(Seed::new(number), Profile::default());
        link.send(End::Client, Time::ZERO, b"0123456789");
        let first = deliveries(&mut link, End::Server).remove(0).1;
        ends[first.len() - 1] = true;
    }
    assert_eq!(ends, [true; 10]);
}

#[test]
fn two_sends_can_arrive_as_one_delivery() {
    let mut link = Link::new(Seed::new(1), Profile::INSTANT);
    link.send(End::Client, Time::ZERO, b"ab");
    link.send(End::Client, Time::ZERO, b"cd");
    assert_eq!(link.poll(End::Server, Time::ZERO), b"abcd");
}

#[test]
fn nothing_arrives_before_the_delay_or_after_delay_and_jitter() {
    let profile = Profile::default();
    for number in 0..100 {
        let mut link = Link::new(Seed::new(number), profile);
        link.send(End::Client, Time::ZERO, &alphabet());
        for (now, _) in deliveries(&mut link, End::Server) {
            assert!(now >= Time::ZERO + profile.delay);
            assert!(now <= Time::ZERO + profile.delay + profile.jitter);
        }
    }
}

#[test]
fn a_cut_at_a_byte_delivers_exactly_that_many() {
    for byte in 0..=256 {
        let mut link = Link::new(Seed::new(byte), Profile::default());
        link.cut_at_byte(End::Client, byte);
        link.send(End::Client, Time::ZERO, &alphabet());
        let arrived = joined(&deliveries(&mut link, End::Server));
        assert_eq!(arrived, alphabet()[..byte as usize]);
        let end = Time::from_millis(1_000);
        assert!(link.is_over(End::Server, end) && link.is_over(End::Client, end));
    }
}

#[test]
fn a_cut_loses_what_is_on_its_way_and_tells_both_ends() {
    let mut link = Link::new(Seed::new(5), Profile::default());
    link.send(End::Client, Time::ZERO, b"lost");
    link.send(End::Server, Time::ZERO, b"lost too");
    link.cut(Time::from_millis(1));
    assert_eq!(deliveries(&mut link, End::Server), []);
    let end = Time::from_millis(16);
    assert!(link.is_over(End::Server, end) && link.is_over(End::Client, end));
    link.send(End::Client, end, b"more");
    assert_eq!(link.next_event(), None);
}

#[test]
fn a_black_hole_swallows_what_is_sent_later_and_tells_nobody() {
    let mut link = Link::new(Seed::new(5), Profile::default());
    link.send(End::Client, Time::ZERO, b"before");
    link.black_hole();
    link.send(End::Client, Time::ZERO, b"after");
    link.send(End::Server, Time::ZERO, b"after");
    assert_eq!(joined(&deliveries(&mut link, End::Server)), b"before");
    assert!(!link.is_over(End::Server, Time::from_millis(1_000_000)));
    assert!(!link.is_over(End::Client, Time::from_millis(1_000_000)));
}

#[test]
fn nobody_learns_that_an_end_gave_a_black_hole_up() {
    let mut link = Link::new(Seed::new(5), Profile::default());
    link.black_hole();
    link.abandon(End::Client, Time::ZERO);
    assert!(link.is_over(End::Client, Time::ZERO));
    assert_eq!(link.next_event(), None);
    assert!(!link.is_over(End::Server, Time::from_millis(1_000_000)));
}

#[test]
fn a_black_hole_in_one_direction_leaves_the_other() {
    let mut link = Link::new(Seed::new(5), Profile::INSTANT);
    link.black_hole_from(End::Client);
    link.send(End::Client, Time::ZERO, b"lost");
    link.send(End::Server, Time::ZERO, b"kept");
    assert_eq!(link.poll(End::Server, Time::ZERO), b"");
    assert_eq!(link.poll(End::Client, Time::ZERO), b"kept");
}

#[test]
fn what_an_abandoning_end_sent_arrives_late() {
    let mut link = Link::new(Seed::new(5), Profile::default());
    let late = Time::from_millis(60_000);
    link.send(End::Client, Time::ZERO, b"late");
    link.stall(End::Client, late);
    link.send(End::Server, Time::ZERO, b"unread");
    link.abandon(End::Client, Time::from_millis(1));

    assert!(link.is_over(End::Client, Time::from_millis(1)));
    assert!(!link.is_over(End::Server, Time::from_millis(59_999)));
    let delivered = deliveries(&mut link, End::Server);
    assert_eq!(delivered, [(late, b"late".to_vec())]);
    assert!(link.is_over(End::Server, late));
}

#[test]
fn the_counters_count_what_was_sent_taken_and_is_on_its_way() {
    let mut link = Link::new(Seed::new(5), Profile::INSTANT);
    link.send(End::Client, Time::ZERO, b"abc");
    assert_eq!(
        (link.sent(End::Client), link.in_flight(End::Client)),
        (3, 3)
    );
    link.poll(End::Server, Time::ZERO);
    assert_eq!(
        (link.delivered(End::Server), link.in_flight(End::Client)),
        (3, 0)
    );
    link.black_hole();
    link.send(End::Client, Time::ZERO, b"abc");
    assert_eq!(
        (link.sent(End::Client), link.in_flight(End::Client)),
        (6, 0)
    );
}
