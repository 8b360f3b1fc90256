//! Tickets in the memory of one process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use subtle::ConstantTimeEq;
use trunkline_driver::clock;
use trunkline_driver::sync::Mutex;
use trunkline_protocol::Time;

use super::{TicketDigest, TicketError, TicketStore};

/// Tickets in the memory of this process, for a server that is one process.
///
/// It holds [`TICKETS_MAX`] tickets, unless said otherwise, and refuses more: to throw out the oldest
/// would let one user's flood use up everybody's. Each costs about 150 bytes and its identity.
pub struct MemoryTickets {
    waiting: Mutex<Waiting>,
    limit: usize,
}

/// The first half of a digest finds a ticket, the second is compared in constant time: what the time
/// of a lookup could tell is of the half that proves nothing.
type Half = [u8; 16];

#[derive(Default)]
struct Waiting {
    tickets: HashMap<Half, Ticket>,
    /// In the order in which they were issued, those that were redeemed among them.
    order: VecDeque<(Half, Time)>,
}

struct Ticket {
    proof: Half,
    identity: String,
    until: Time,
}

impl MemoryTickets {
    /// A store of at most this many tickets.
    #[must_use]
    pub fn holding(limit: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            limit,
        }
    }

    /// How many tickets it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.lock().tickets.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for MemoryTickets {
    fn default() -> Self {
        Self::holding(TICKETS_MAX)
    }
}

impl fmt::Debug for MemoryTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTickets")
            .field("len", &self.len())
            .field("limit", &self.limit)
            .finish()
    }
}

#[async_trait]
impl TicketStore for MemoryTickets {
    async fn put(
        &self,
        ticket: TicketDigest,
        identity: &str,
        valid_for: Duration,
    ) -> Result<(), TicketError> {
        let now = clock::now();
        let (key, proof) = halves(&ticket);
        let mut waiting = self.waiting.lock();
        waiting.forget_expired(now);
        // What was redeemed takes its place in the order until its time is over.
        if waiting.order.len() >= self.limit {
            waiting.forget_the_rest(now);
        }
        if waiting.order.len() >= self.limit {
            return Err(TicketError::Full { limit: self.limit });
        }
        let until = now + valid_for;
        let identity = identity.to_owned();
        waiting.order.push_back((key, until));
        waiting.tickets.insert(
            key,
            Ticket {
                proof,
                identity,
                until,
            },
        );
        Ok(())
    }

    async fn take(&self, ticket: TicketDigest) -> Result<Option<String>, TicketError> {
        let now = clock::now();
        let (key, proof) = halves(&ticket);
        let mut waiting = self.waiting.lock();
        let is_it = |found: &Ticket| bool::from(found.proof.ct_eq(&proof));
        if !waiting.tickets.get(&key).is_some_and(is_it) {
            return Ok(None);
        }
        let taken = waiting.tickets.remove(&key);
        drop(waiting);
        Ok(taken
            .filter(|ticket| now < ticket.until)
            .map(|ticket| ticket.identity))
    }
}

impl Waiting {
    fn forget_expired(&mut self, now: Time) {
        while let Some((key, _)) = self.order.front().filter(|(_, until)| *until <= now) {
            self.tickets.remove(key);
            self.order.pop_front();
        }
    }

    /// Those that were redeemed, and those that expired ahead of older ones with more time.
    fn forget_the_rest(&mut self, now: Time) {
        let Self { tickets, order } = self;
        tickets.retain(|_, ticket| now < ticket.until);
        order.retain(|(key, _)| tickets.contains_key(key));
    }
}

fn halves(ticket: &TicketDigest) -> (Half, Half) {
    let (mut key, mut proof) = (Half::default(), Half::default());
    let (first, second) = ticket.as_bytes().split_at(key.len());
    key.copy_from_slice(first);
    proof.copy_from_slice(second);
    (key, proof)
}

/// How many tickets [`MemoryTickets`] holds by default.
pub const TICKETS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    /// A digest whose halves are these bytes.
    fn digest(key: u8, proof: u8) -> TicketDigest {
        let mut bytes = [key; 32];
        bytes[16..].fill(proof);
        TicketDigest(bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_refuses_until_tickets_were_redeemed_or_expired() {
        let store = MemoryTickets::holding(2);
        for key in [1, 2] {
            store.put(digest(key, 0), "ada", SOON).await.unwrap();
        }
        let full = store.put(digest(3, 0), "eve", SOON).await;
        assert!(
            matches!(full, Err(TicketError::Full { limit: 2 })),
            "{full:?}"
        );
        assert!(store.take(digest(1, 0)).await.unwrap().is_some());
        store.put(digest(3, 0), "eve", SOON).await.unwrap();
        tokio::time::advance(SOON).await;
        store.put(digest(4, 0), "ada", SOON).await.unwrap();
        assert_eq!(store.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn tickets_that_come_and_go_leave_nothing_behind() {
        let store = MemoryTickets::holding(10);
        for key in 0..=255 {
            store.put(digest(key, 0), "ada", SOON).await.unwrap();
            assert!(store.take(digest(key, 0)).await.unwrap().is_some());
        }
        assert!(store.is_empty());
        assert!(store.waiting.lock().order.len() <= 10);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_digest_redeems_nothing_and_harms_nothing() {
        let store = MemoryTickets::default();
        store.put(digest(1, 2), "ada", SOON).await.unwrap();
        assert!(store.take(digest(1, 3)).await.unwrap().is_none());
        assert!(store.take(digest(1, 2)).await.unwrap().is_some());
    }
}
