//! Randomness that can be replayed: a seed that prints itself, and a small generator.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What a run follows from. Prints as it parses, so that a failing seed can be pasted back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(u64);

impl Seed {
    /// The seed with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The seed's number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// A seed for one part of the run, independent of the parts with other numbers.
    ///
    /// Parts that draw from their own generators stay the same when another part draws more.
    pub const fn part(self, number: u64) -> Self {
        let mut state = self.0 ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(split_mix(&mut state))
    }

    /// A generator that follows from this seed.
    pub const fn rng(self) -> Rng {
        Rng::new(self)
    }
}

/// Hexadecimal with `0x`, as [`Seed::from_str`] reads it.
impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Reads decimal, or hexadecimal after `0x`.
impl FromStr for Seed {
    type Err = InvalidSeed;

    fn from_str(text: &str) -> Result<Self, InvalidSeed> {
        let number = match text.trim().strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.trim().parse(),
        };
        number.map(Self).map_err(|_| InvalidSeed)
    }
}

/// The text is not a seed: neither a decimal number below 2^64 nor a hexadecimal one after `0x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSeed;

impl fmt::Display for InvalidSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a seed is a number below 2^64, decimal or hexadecimal after 0x")
    }
}

impl Error for InvalidSeed {}

/// A small, fast generator (xoshiro256**), seeded through splitmix64. For tests only: it is
/// predictable, and must not make secrets.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator that follows from `seed`.
    pub const fn new(seed: Seed) -> Self {
        let mut source = seed.0;
        let state = [
            split_mix(&mut source),
            split_mix(&mut source),
            split_mix(&mut source),
            split_mix(&mut source),
        ];
        Self { state }
    }

    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        let state = &mut self.state;
        let result = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let carry = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= carry;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// A number from 0 to `bound - 1`.
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below 0");
        // The high half of the product is uniform up to a bias of bound / 2^64, which no test sees.
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// An index into something of `length` elements.
    ///
    /// # Panics
    ///
    /// If `length` is 0.
    pub const fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number in the range, both ends included.
    ///
    /// # Panics
    ///
    /// If the range is empty.
    pub fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        assert!(low <= high, "the range {low}..={high} is empty");
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.next_u64(),
        }
    }

    /// True `times` in `of` times.
    ///
    /// # Panics
    ///
    /// If `of` is 0.
    pub const fn chance(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }

    /// One of the elements.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub const fn pick<'a, T>(&mut self, elements: &'a [T]) -> &'a T {
        &elements[self.index(elements.len())]
    }

    /// Puts the elements in random order.
    pub const fn shuffle<T>(&mut self, elements: &mut [T]) {
        let mut left = elements.len();
        while left > 1 {
            let other = self.index(left);
            left -= 1;
            elements.swap(left, other);
        }
    }

    /// Fills the buffer with random bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    /// This many random bytes, for ids and secrets of a test.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// One step of splitmix64: spreads seeds that are close together over the whole state space.
const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_published_sequence() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn xoshiro_gives_the_published_sequence() {
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        let drawn: [u64; 5] = std::array::from_fn(|_| rng.next_u64());
        assert_eq!(
            drawn,
            [
                11_520,
                0,
                1_509_978_240,
                1_215_971_899_390_074_240,
                1_216_172_134_540_287_360
            ]
        );
    }

    #[test]
    fn a_seed_reads_what_it_prints() {
        let seed = Seed::new(0xdead_beef);
        assert_eq!(seed.to_string(), "0xdeadbeef");
        assert_eq!(seed.to_string().parse(), Ok(seed));
        assert_eq!("3735928559".parse(), Ok(seed));
        assert_eq!("0xfg".parse::<Seed>(), Err(InvalidSeed));
        assert_eq!("".parse::<Seed>(), Err(InvalidSeed));
    }

    #[test]
    fn parts_of_a_seed_differ() {
        let seed = Seed::new(1);
        let mut parts: Vec<_> = (0..1_000).map(|number| seed.part(number)).collect();
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), 1_000);
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Seed::new(3).rng();
        let drawn: Vec<_> = (0..1_000).map(|_| rng.between(5..=8)).collect();
        assert_eq!(drawn.iter().min(), Some(&5));
        assert_eq!(drawn.iter().max(), Some(&8));
        rng.between(0..=u64::MAX);
        assert!(!rng.chance(0, 10));
        assert!(rng.chance(10, 10));
    }

    #[test]
    fn a_shuffle_keeps_every_element() {
        let mut rng = Seed::new(9).rng();
        let mut elements: Vec<_> = (0..100).collect();
        rng.shuffle(&mut elements);
        assert_ne!(elements, (0..100).collect::<Vec<_>>());
        elements.sort_unstable();
        assert_eq!(elements, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn bytes_fill_lengths_that_are_no_multiple_of_a_word() {
        let first: [u8; 13] = Seed::new(4).rng().bytes();
        let second: [u8; 13] = Seed::new(4).rng().bytes();
        assert_eq!(first, second);
        assert_ne!(first[8..], [0; 5]);
    }
}
