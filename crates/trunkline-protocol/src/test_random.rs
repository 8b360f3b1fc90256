//! Seeded random values for tests. Everything it makes is canonical and keeps the value model.

use crate::message_pack::write;

/// A small generator (splitmix64): the same seed gives the same numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }
}

/// Appends a random value with at most `levels` containers within one another.
pub(crate) fn random_value(random: &mut Random, levels: u32, out: &mut Vec<u8>) {
    match random.below(if levels == 0 { 7 } else { 9 }) {
        0 => write::nil(out),
        1 => write::boolean(out, random.below(2) == 0),
        2 => {
            let width = random.below(64);
            write::unsigned(out, random.next() >> width);
        }
        3 => {
            let width = random.below(64);
            write::signed(out, random.next().cast_signed() >> width);
        }
        4 => write::float(out, random_float(random)),
        5 => write::text(out, &random_text(random)),
        6 => {
            let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
            write::bytes(out, &bytes);
        }
        7 => {
            let count = random.below(20);
            write::array(out, count as u32);
            (0..count).for_each(|_| random_value(random, levels / 2, out));
        }
        _ => {
            let keys: std::collections::BTreeSet<String> =
                (0..random.below(4)).map(|_| random_text(random)).collect();
            write::map(out, keys.len() as u32);
            for key in keys {
                write::text(out, &key);
                random_value(random, levels - 1, out);
            }
        }
    }
}

fn random_float(random: &mut Random) -> f64 {
    match random.below(8) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => -0.0,
        4 => random.below(1000) as f64,
        _ => match f64::from_bits(random.next()) {
            // JSON has one NaN alone.
            float if float.is_nan() => f64::NAN,
            float => float,
        },
    }
}

fn random_text(random: &mut Random) -> String {
    let special = [
        "$bin",
        "$int",
        "$num",
        "$",
        "$$",
        "$$bin",
        "",
        "NaN",
        "7",
        "_w",
        "\u{1f600}",
    ];
    if random.below(2) == 0 {
        return special[random.below(special.len() as u64) as usize].to_owned();
    }
    let characters = [
        'a',
        '$',
        '"',
        '\\',
        '/',
        '\0',
        '\n',
        '\u{7f}',
        'é',
        '\u{2028}',
        '\u{10ffff}',
    ];
    (0..random.below(40))
        .map(|_| characters[random.below(characters.len() as u64) as usize])
        .collect()
}
