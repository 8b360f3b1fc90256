//! Frames without a meaning, sent now and then so that no peer forgets to tolerate them.

use trunkline_protocol::{Kind, Prepared, encode_ignorable};

use crate::Session;
use crate::sync::Arc;

/// One kind of each ignorable class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    unnumbered: Kind,
    numbered: Kind,
}

impl Pair {
    /// A random pair, one time in [`ONE_IN`].
    pub(crate) fn draw() -> Option<Self> {
        let mut random = [0; 3];
        // They are of no use to anybody now, so that a system without randomness is no reason to fail.
        getrandom::fill(&mut random).ok()?;
        Self::from_random(random)
    }

    const fn from_random([chance, unnumbered, numbered]: [u8; 3]) -> Option<Self> {
        if !chance.is_multiple_of(ONE_IN) {
            return None;
        }
        Some(Self {
            unnumbered: Kind::new(0x40 | unnumbered & 0x1f),
            numbered: Kind::new(0x60 | numbered & 0x1f),
        })
    }
}

impl Session {
    /// Sends frames without a meaning along with a heartbeat now and then, so that peers are known to
    /// tolerate them. Default: none. Specification: frames.md, FRM-003.
    #[must_use]
    pub fn sending_ignorable(mut self, sends_ignorable: bool) -> Self {
        self.sends_ignorable = sends_ignorable;
        self
    }

    /// At a heartbeat of connection `attach`.
    pub(crate) fn now_and_then_ignorable(self: &Arc<Self>, attach: u64) {
        if self.sends_ignorable
            && let Some(pair) = Pair::draw()
        {
            self.send_ignorable(attach, pair);
        }
    }

    /// Sends both on connection `attach`, unless something else waits there.
    fn send_ignorable(self: &Arc<Self>, attach: u64, pair: Pair) {
        let encoding = self.encoding();
        let mut message = Vec::new();
        encode_ignorable(encoding, pair.unnumbered, &mut message);
        let sent = self.with_link(attach, |link, machine| {
            let idle =
                machine.is_some_and(|machine| !machine.is_closing() && machine.queued_bytes() == 0);
            if idle {
                link.push(encoding, &message);
            }
            idle
        });
        if sent == Some(true)
            && let Some(frame) = Prepared::ignorable(pair.numbered)
        {
            // A session that takes no more has no need of it.
            let _ = self.push(frame);
        }
    }
}

/// How many heartbeats there are for one pair, on average: with the default interval, one pair in
/// 100 s.
const ONE_IN: u8 = 4;

#[cfg(test)]
mod tests {
    use trunkline_protocol::Class;

    use super::*;

    #[test]
    fn every_draw_is_of_the_right_classes_and_one_in_four_is_sent() {
        let drawn =
            |chance| (0..=255).filter_map(move |byte| Pair::from_random([chance, byte, byte]));
        for pair in drawn(0) {
            assert_eq!(pair.unnumbered.class(), Class::Ignorable);
            assert_eq!(pair.numbered.class(), Class::IgnorableSequenced);
        }
        assert_eq!(
            (0..=255)
                .filter(|&chance| drawn(chance).count() > 0)
                .count(),
            64
        );
    }
}
