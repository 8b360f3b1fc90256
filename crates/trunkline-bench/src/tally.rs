//! Counts deliveries and checks that each member got each sender's messages once, and in order
//! where the dialect keeps it.

use crate::payload::Stamp;

/// What went wrong with a delivery. Every one of these fails the run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TallyError {
    /// A message came that the sender has not sent in this run.
    #[error("member {member} got {stamp:?}, which was not sent in this run")]
    Stray {
        /// The receiving member.
        member: usize,
        /// The stamp of the message.
        stamp: Stamp,
    },
    /// A message came again, or after a later one.
    #[error("member {member} got message {got} of sender {sender} after message {last}")]
    Doubled {
        /// The receiving member.
        member: usize,
        /// The sender.
        sender: usize,
        /// The last message the member had from that sender.
        last: u32,
        /// The message that came.
        got: u32,
    },
    /// A message is missing before this one.
    #[error("member {member} got message {got} of sender {sender} where {expected} was due")]
    Lost {
        /// The receiving member.
        member: usize,
        /// The sender.
        sender: usize,
        /// The message that was due.
        expected: u32,
        /// The message that came.
        got: u32,
    },
    /// The run is over and a member does not have everything.
    #[error("member {member} has {has} of the {sent} messages of sender {sender}")]
    Short {
        /// The receiving member.
        member: usize,
        /// The sender.
        sender: usize,
        /// The last message it has.
        has: u32,
        /// How many were sent.
        sent: u32,
    },
}

/// The deliveries of one run.
///
/// Memory: four bytes for each pair of member and sender, and sixteen more where messages may come in
/// any order.
#[derive(Debug)]
pub struct Tally {
    run: u32,
    members: usize,
    sent: Vec<u32>,
    /// The last message up to which a member has all of a sender's.
    last: Vec<u32>,
    /// Which of the [`EARLY`] messages after that it has too; empty where order is kept.
    early: Vec<u128>,
    delivered: u64,
}

impl Tally {
    /// A run in which `senders` of the members send and all `members` receive.
    pub fn new(run: u32, members: usize, senders: usize) -> Self {
        Self {
            run,
            members,
            sent: vec![0; senders],
            last: vec![0; members * senders],
            early: Vec::new(),
            delivered: 0,
        }
    }

    /// The same, with each sender's messages in any order, none more than [`EARLY`] places ahead.
    pub fn in_any_order(mut self) -> Self {
        self.early = vec![0; self.last.len()];
        self
    }

    /// Counts a message as sent and returns its stamp.
    pub fn send(&mut self, sender: usize) -> Stamp {
        self.sent[sender] += 1;
        let narrow = u32::try_from(sender).unwrap_or(u32::MAX);
        Stamp {
            run: self.run,
            sender: narrow,
            sequence: self.sent[sender],
        }
    }

    /// The sequence number of a sender's next message.
    pub fn next(&self, sender: usize) -> u32 {
        self.sent[sender] + 1
    }

    /// Counts a message as delivered to a member. Returns the sender's index.
    pub fn deliver(&mut self, member: usize, stamp: Stamp) -> Result<usize, TallyError> {
        let sender = usize::try_from(stamp.sender).unwrap_or(usize::MAX);
        let known = stamp.run == self.run
            && self
                .sent
                .get(sender)
                .is_some_and(|&sent| stamp.sequence <= sent);
        if !known {
            return Err(TallyError::Stray { member, stamp });
        }
        let pair = member * self.sent.len() + sender;
        let (last, got) = (&mut self.last[pair], stamp.sequence);
        let doubled = TallyError::Doubled {
            member,
            sender,
            last: *last,
            got,
        };
        let lost = TallyError::Lost {
            member,
            sender,
            expected: *last + 1,
            got,
        };
        if got <= *last {
            return Err(doubled);
        }
        let ahead = got - *last - 1;
        match self.early.get_mut(pair) {
            Some(_) if ahead >= EARLY => return Err(lost),
            Some(early) if *early & (1 << ahead) != 0 => return Err(doubled),
            Some(early) => {
                *early |= 1 << ahead;
                while *early & 1 != 0 {
                    *early >>= 1;
                    *last += 1;
                }
            }
            None if ahead > 0 => return Err(lost),
            None => *last = got,
        }
        self.delivered += 1;
        Ok(sender)
    }

    /// Deliveries so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Messages sent so far, of all senders.
    pub fn sent(&self) -> u64 {
        self.sent.iter().copied().map(u64::from).sum()
    }

    /// Checks that every member has every message.
    pub fn finish(&self) -> Result<(), TallyError> {
        for member in 0..self.members {
            for (sender, &sent) in self.sent.iter().enumerate() {
                let has = self.last[member * self.sent.len() + sender];
                if has != sent {
                    return Err(TallyError::Short {
                        member,
                        sender,
                        has,
                        sent,
                    });
                }
            }
        }
        Ok(())
    }
}

/// How many places ahead of a missing message another may come, where order is not kept: the most
/// that a sender keeps in flight.
pub const EARLY: u32 = u128::BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_order_is_not_kept_each_message_still_counts_once() {
        let mut tally = Tally::new(1, 1, 1).in_any_order();
        let [first, second, third] = [tally.send(0), tally.send(0), tally.send(0)];
        assert_eq!(tally.deliver(0, third), Ok(0));
        assert_eq!(tally.deliver(0, first), Ok(0));
        for again in [first, third] {
            let error = tally.deliver(0, again).unwrap_err();
            assert!(matches!(error, TallyError::Doubled { .. }));
        }
        assert!(matches!(tally.finish(), Err(TallyError::Short { .. })));
        assert_eq!(tally.deliver(0, second), Ok(0));
        assert_eq!(tally.finish(), Ok(()));
    }

    #[test]
    fn where_order_is_not_kept_a_message_is_lost_once_too_many_have_overtaken_it() {
        let mut tally = Tally::new(1, 1, 1).in_any_order();
        let stamps: Vec<Stamp> = (0..=EARLY).map(|_| tally.send(0)).collect();
        let (last, overtaking) = stamps[1..].split_last().unwrap();
        for stamp in overtaking {
            assert_eq!(tally.deliver(0, *stamp), Ok(0));
        }
        let error = tally.deliver(0, *last).unwrap_err();
        assert!(matches!(error, TallyError::Lost { expected: 1, .. }));
    }

    #[test]
    fn deliveries_in_order_to_every_member_are_complete() {
        let mut tally = Tally::new(1, 2, 1);
        let stamps = [tally.send(0), tally.send(0)];
        for member in 0..2 {
            for stamp in stamps {
                assert_eq!(tally.deliver(member, stamp), Ok(0));
            }
        }
        assert_eq!((tally.sent(), tally.delivered()), (2, 4));
        assert_eq!(tally.finish(), Ok(()));
    }

    #[test]
    fn a_doubled_message_fails() {
        let mut tally = Tally::new(1, 1, 1);
        let stamp = tally.send(0);
        tally.deliver(0, stamp).unwrap();
        let error = tally.deliver(0, stamp).unwrap_err();
        assert_eq!(
            error,
            TallyError::Doubled {
                member: 0,
                sender: 0,
                last: 1,
                got: 1
            }
        );
    }

    #[test]
    fn a_gap_fails_at_the_message_after_it() {
        let mut tally = Tally::new(1, 1, 1);
        tally.send(0);
        let second = tally.send(0);
        let error = tally.deliver(0, second).unwrap_err();
        assert_eq!(
            error,
            TallyError::Lost {
                member: 0,
                sender: 0,
                expected: 1,
                got: 2
            }
        );
    }

    #[test]
    fn a_message_lost_at_the_end_fails_the_finish() {
        let mut tally = Tally::new(1, 2, 1);
        let stamp = tally.send(0);
        tally.deliver(0, stamp).unwrap();
        let error = tally.finish().unwrap_err();
        assert_eq!(
            error,
            TallyError::Short {
                member: 1,
                sender: 0,
                has: 0,
                sent: 1
            }
        );
    }

    #[test]
    fn senders_are_ordered_independently() {
        let mut tally = Tally::new(1, 1, 2);
        let (first, other) = (tally.send(0), tally.send(1));
        assert_eq!(tally.deliver(0, other), Ok(1));
        assert_eq!(tally.deliver(0, first), Ok(0));
        assert_eq!(tally.finish(), Ok(()));
    }

    #[test]
    fn messages_of_another_run_or_never_sent_are_strays() {
        let mut tally = Tally::new(2, 1, 1);
        tally.send(0);
        for stamp in [
            Stamp {
                run: 1,
                sender: 0,
                sequence: 1,
            },
            Stamp {
                run: 2,
                sender: 0,
                sequence: 2,
            },
            Stamp {
                run: 2,
                sender: 9,
                sequence: 1,
            },
        ] {
            let error = tally.deliver(0, stamp).unwrap_err();
            assert_eq!(error, TallyError::Stray { member: 0, stamp });
        }
    }
}
