//! The door: who is turned away before there is a connection, by address and in all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use trunkline_driver::clock;
use trunkline_driver::sync::{Arc, AtomicU64, Mutex, Ordering};

use crate::ledger::{Block, Ledger};
use crate::presence::Guest;
use crate::{FloodLimits, HttpRefusal};

/// What a server knows of who is there and who came lately. Its lock is held for a look into a map.
#[derive(Debug)]
pub(crate) struct Door {
    limits: FloodLimits,
    book: Mutex<Book>,
    pub(crate) turned: Turned,
}

/// How many were turned away, since the start.
#[derive(Debug, Default)]
pub(crate) struct Turned {
    pub(crate) full: AtomicU64,
    pub(crate) full_of_address: AtomicU64,
    pub(crate) attempts: AtomicU64,
    pub(crate) resumes: AtomicU64,
}

#[derive(Debug, Default)]
struct Book {
    places: usize,
    /// Bounded by the number of places.
    places_of: HashMap<Block, usize>,
    attempts: Ledger,
    failed_resumes: Ledger,
}

impl Door {
    pub(crate) fn new(limits: FloodLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            book: Mutex::default(),
            turned: Turned::default(),
        })
    }

    /// Counts an attempt to connect.
    pub(crate) fn knock(&self, address: IpAddr) -> Result<(), HttpRefusal> {
        let FloodLimits {
            attempts,
            addresses,
            ..
        } = self.limits;
        if attempts.is_unlimited() {
            return Ok(());
        }
        let block = Block::of(address);
        let now = clock::now();
        let taken = self
            .book
            .lock()
            .attempts
            .take(block, attempts, addresses, now);
        taken.map_err(|wait| {
            count(&self.turned.attempts);
            let text = format!("too many attempts to connect from one address: {attempts}");
            turn_away(StatusCode::TOO_MANY_REQUESTS, &text, wait)
        })
    }

    /// Whether an attempt from this address would be let go on; counts nothing.
    pub(crate) fn is_welcome(&self, address: IpAddr) -> bool {
        let rate = self.limits.attempts;
        let known = &self.book.lock().attempts;
        let peeked = known.peek(Block::of(address), rate, clock::now());
        rate.is_unlimited() || peeked.is_ok()
    }

    /// Takes a place for a connection.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Taken, HttpRefusal> {
        let block = address.map(Block::of);
        let mut book = self.book.lock();
        let most = self.limits.connections;
        if book.places >= most {
            count(&self.turned.full);
            let text = format!("the server has as many connections as it takes: {most}");
            return Err(turn_away(StatusCode::SERVICE_UNAVAILABLE, &text, COME_BACK));
        }
        if let Some(block) = block {
            let most = self.limits.connections_per_address;
            let here = book.places_of.get(&block).copied().unwrap_or(0);
            if here >= most {
                count(&self.turned.full_of_address);
                let text = format!("too many connections from one address: {most} are allowed");
                return Err(turn_away(StatusCode::TOO_MANY_REQUESTS, &text, COME_BACK));
            }
            book.places_of.insert(block, here + 1);
        }
        book.places += 1;
        drop(book);
        let door = Arc::clone(self);
        Ok(Taken { door, block })
    }

    /// Addresses that were forgotten, with their attempts or failed resumes.
    pub(crate) fn forgotten_addresses(&self) -> u64 {
        let book = self.book.lock();
        book.attempts.forgotten + book.failed_resumes.forgotten
    }

    /// Whether an offer to resume from there is looked at; else how long until then.
    pub(crate) fn may_resume(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let rate = self.limits.failed_resumes;
        let Some(address) = address.filter(|_| !rate.is_unlimited()) else {
            return Ok(());
        };
        let (block, now) = (Block::of(address), clock::now());
        let looked = self.book.lock().failed_resumes.peek(block, rate, now);
        looked.inspect_err(|_| count(&self.turned.resumes))
    }

    /// An offer to resume from there named no session, or not its secret.
    pub(crate) fn resume_failed(&self, address: Option<IpAddr>) {
        let FloodLimits {
            failed_resumes,
            addresses,
            ..
        } = self.limits;
        if let Some(address) = address {
            let (block, now) = (Block::of(address), clock::now());
            let ledger = &mut self.book.lock().failed_resumes;
            // Beyond the limit there is nothing more to remember.
            let _ = ledger.take(block, failed_resumes, addresses, now);
        }
    }
}

/// A connection's place among those that a server takes: free again when its last clone is dropped.
/// Until then the connection counts as there, whether it has come about yet or not. See
/// [`Server::enter`](crate::Server::enter).
#[derive(Clone)]
#[must_use = "the place is free again when this is dropped"]
pub struct Place(#[expect(dead_code, reason = "held for its drop")] Arc<Guest>);

impl Place {
    pub(crate) fn of(guest: Guest) -> Self {
        Self(Arc::new(guest))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    door: Arc<Door>,
    block: Option<Block>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut book = self.door.book.lock();
        book.places -= 1;
        let Some(block) = self.block else { return };
        if let Entry::Occupied(mut here) = book.places_of.entry(block) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

fn turn_away(status: StatusCode, text: &str, wait: Duration) -> HttpRefusal {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    let text = format!("{text}. Come back in {seconds} s.\n");
    HttpRefusal::new(status, text).with_header(RETRY_AFTER, HeaderValue::from(seconds))
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// When to try again where nobody knows when a place will be free.
const COME_BACK: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use trunkline_protocol::Rate;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn places_are_free_again_when_they_are_left() {
        let door = Door::new(FloodLimits {
            connections: 2,
            connections_per_address: 1,
            ..FloodLimits::default()
        });
        let first = door.enter(Some(HERE)).unwrap();
        let refusal = door.enter(Some(HERE)).unwrap_err();
        assert_eq!(refusal.status(), 429);
        assert!(refusal.text().contains("1 are allowed"), "{refusal:?}");
        let unknown = door.enter(None).unwrap();
        assert_eq!(door.enter(None).unwrap_err().status(), 503);
        drop((first, unknown));
        assert!(door.book.lock().places_of.is_empty());
        let again = door.enter(Some(HERE));
        assert!(again.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_come_back_with_time() {
        let door = Door::new(FloodLimits {
            attempts: Rate::new(1, 2),
            ..FloodLimits::default()
        });
        assert!(door.knock(HERE).is_ok() && door.knock(HERE).is_ok());
        let refusal = door.knock(HERE).unwrap_err();
        let (name, value) = refusal.header().unwrap();
        assert_eq!((name, value.as_bytes()), (&RETRY_AFTER, &b"1"[..]));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(door.knock(HERE).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_beyond_the_limit_are_forgotten_and_counted() {
        let door = Door::new(FloodLimits {
            attempts: Rate::new(1, 2),
            addresses: 4,
            ..FloodLimits::default()
        });
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        (0..6).for_each(|last| assert!(door.knock(address(last)).is_ok()));
        assert_eq!(door.forgotten_addresses(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn resumes_are_looked_at_again_with_time() {
        let door = Door::new(FloodLimits {
            failed_resumes: Rate::new(1, 1),
            ..FloodLimits::default()
        });
        assert!(door.may_resume(Some(HERE)).is_ok());
        door.resume_failed(Some(HERE));
        assert!(door.may_resume(Some(HERE)).is_err());
        assert!(door.may_resume(None).is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(door.may_resume(Some(HERE)).is_ok());
    }
}
