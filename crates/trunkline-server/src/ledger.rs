//! What addresses did lately, in bounded memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use trunkline_protocol::{Bucket, Rate, Time};

/// The part of an address that one customer of a network has: all of an IPv4 address, 64 bits of an
/// IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Block(IpAddr);

impl Block {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address => address,
        })
    }
}

/// A bucket per address. Two generations: when the recent one holds half of what may be remembered,
/// it becomes the older one, and what was in that is forgotten, without a look at each.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    recent: HashMap<Block, Bucket>,
    older: HashMap<Block, Bucket>,
    /// How many were forgotten.
    pub(crate) forgotten: u64,
}

impl Ledger {
    /// Uses one of the block's rate.
    pub(crate) fn take(
        &mut self,
        block: Block,
        rate: Rate,
        most: usize,
        now: Time,
    ) -> Result<(), Duration> {
        if rate.is_unlimited() {
            return Ok(());
        }
        self.bucket(block, most).take(rate, 1, now)
    }

    /// How long until one more is left, if none is now; uses nothing.
    pub(crate) fn peek(&self, block: Block, rate: Rate, now: Time) -> Result<(), Duration> {
        let known = self.recent.get(&block).or_else(|| self.older.get(&block));
        known.map_or(Ok(()), |bucket| Bucket::clone(bucket).take(rate, 1, now))
    }

    fn bucket(&mut self, block: Block, most: usize) -> &mut Bucket {
        if !self.recent.contains_key(&block) {
            let known = self.older.remove(&block).unwrap_or_default();
            if self.recent.len() >= (most / 2).max(1) {
                let forgotten =
                    std::mem::replace(&mut self.older, std::mem::take(&mut self.recent));
                self.forgotten += forgotten.len() as u64;
            }
            self.recent.insert(block, known);
        }
        self.recent.entry(block).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(1, 1);

    fn block(text: &str) -> Block {
        Block::of(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_a_customer() {
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
        assert_ne!(block("192.0.2.2"), block("192.0.2.1"));
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff::"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
    }

    #[test]
    fn a_million_addresses_take_the_room_of_those_that_may_be_remembered() {
        let mut ledger = Ledger::default();
        let now = Time::from_ms(0);
        for number in 0..1_000_000 {
            let address = IpAddr::V6(Ipv6Addr::from_bits(number << 64));
            assert!(ledger.take(Block::of(address), RATE, 100, now).is_ok());
            assert!(ledger.recent.len() + ledger.older.len() <= 100);
        }
        let last = Block::of(IpAddr::V6(Ipv6Addr::from_bits(999_999 << 64)));
        assert!(ledger.take(last, RATE, 100, now).is_err());
        assert!(ledger.peek(last, RATE, now).is_err());
    }

    #[test]
    fn whoever_comes_again_is_not_forgotten() {
        let mut ledger = Ledger::default();
        let now = Time::from_ms(0);
        let flood = block("192.0.2.1");
        assert!(ledger.take(flood, RATE, 10, now).is_ok());
        for number in 0..1_000 {
            let address = IpAddr::V6(Ipv6Addr::from_bits(number << 64));
            assert!(ledger.take(Block::of(address), RATE, 10, now).is_ok());
            assert!(ledger.take(flood, RATE, 10, now).is_err(), "{number}");
        }
    }
}
