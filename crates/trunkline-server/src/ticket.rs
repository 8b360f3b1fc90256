//! One-time tickets: credentials for a URL, good once and for a short while.

mod memory;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use trunkline_driver::sync::Arc;
use trunkline_protocol::Secret;

use crate::accept::random;
use crate::{Credentials, Failure};

pub use memory::{MemoryTickets, TICKETS_MAX};

/// Issues one-time tickets over the program's own authenticated HTTP routes, and redeems them in the
/// handshake.
///
/// A browser cannot send headers with a WebSocket, and what is in a URL is logged by proxies: a
/// ticket there is good once, for [`TICKET_VALIDITY`], and is 128 random bits, of which the store
/// keeps a SHA-256 only. A client takes a fresh one for each attempt. Specification: SEC-016.
///
/// A cheap handle: clones share the store.
///
/// ```
/// # use trunkline_server::{Admission, Credentials, Failure, Principal, Server, Tickets};
/// let tickets = Tickets::default();
/// let judge = tickets.clone();
/// let server = Server::builder()
///     .authenticate(move |credentials: Credentials| {
///         let tickets = judge.clone();
///         async move { Ok(Principal::new(&tickets.redeem_from(&credentials).await?)) }
///     })
///     .build();
/// // In the route that the user is logged in at already:
/// # async fn route(tickets: &Tickets) -> Result<(), Box<dyn std::error::Error>> {
/// let ticket = tickets.issue("ada").await?;
/// let answer = ticket.expose();
/// # let _ = answer; Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tickets {
    store: Arc<dyn TicketStore>,
    valid_for: Duration,
}

impl Tickets {
    /// Tickets in this store, which several server processes may share.
    #[must_use]
    pub fn new(store: Arc<dyn TicketStore>) -> Self {
        Self {
            store,
            valid_for: TICKET_VALIDITY,
        }
    }

    /// How long a ticket may be redeemed after it was issued. Default [`TICKET_VALIDITY`], 30 s. It
    /// has to last from the HTTP answer to the handshake, and no longer.
    #[must_use]
    pub fn valid_for(mut self, duration: Duration) -> Self {
        self.valid_for = duration;
        self
    }

    /// Issues a ticket for the principal with this identity. Whoever calls it has made sure that it
    /// is given to that one, and that nobody asks for them without end.
    ///
    /// # Errors
    /// The store did not take it; see [`TicketError`].
    ///
    /// # Cancel safety
    /// A ticket that nobody was given may be in the store when the future is dropped, until its time is
    /// over.
    pub async fn issue(&self, identity: &str) -> Result<Secret, TicketError> {
        let ticket = Secret::new(random());
        let digest = TicketDigest::of(&ticket);
        self.store.put(digest, identity, self.valid_for).await?;
        Ok(ticket)
    }

    /// The identity that a ticket was issued for, once: after that, and after its time, none, as for
    /// one that never was.
    ///
    /// # Errors
    /// The store failed.
    ///
    /// # Cancel safety
    /// A ticket that was taken out is gone, also when the future is dropped.
    pub async fn redeem(&self, ticket: &str) -> Result<Option<String>, TicketError> {
        // What cannot be one costs the store nothing.
        if ticket.len() != TICKET_BYTES {
            return Ok(None);
        }
        let digest = TicketDigest::of(&Secret::from_text(ticket));
        self.store.take(digest).await
    }

    /// Redeems the ticket in the query's parameter [`TICKET_PARAMETER`], for use in the
    /// authentication hook.
    ///
    /// # Errors
    /// `unauthorized`, alike for a ticket that is missing, malformed, unknown, expired or used; a
    /// store that failed is an internal failure.
    ///
    /// # Cancel safety
    /// As [`redeem`](Self::redeem)'s.
    pub async fn redeem_from(&self, credentials: &Credentials) -> Result<String, Failure> {
        let refused = || Failure::unauthorized("the ticket is missing, unknown, expired or used");
        let ticket = credentials.query(TICKET_PARAMETER).ok_or_else(refused)?;
        self.redeem(&ticket).await?.ok_or_else(refused)
    }
}

impl Default for Tickets {
    /// Tickets in the memory of this process: see [`MemoryTickets`].
    fn default() -> Self {
        Self::new(Arc::new(MemoryTickets::default()))
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("valid_for", &self.valid_for)
            .finish_non_exhaustive()
    }
}

/// Where tickets wait to be redeemed.
#[async_trait]
pub trait TicketStore: Send + Sync + 'static {
    /// Keeps a ticket for this long.
    ///
    /// # Errors
    /// It is not kept.
    async fn put(
        &self,
        ticket: TicketDigest,
        identity: &str,
        valid_for: Duration,
    ) -> Result<(), TicketError>;

    /// Takes a ticket out, if it is there and its time is not over: of several callers exactly one
    /// gets it (in Redis `GETDEL`).
    ///
    /// # Errors
    /// The store cannot say.
    async fn take(&self, ticket: TicketDigest) -> Result<Option<String>, TicketError>;
}

/// The SHA-256 of a ticket, which is all that a store sees: who reads the store cannot redeem it.
#[derive(Clone, Copy)]
pub struct TicketDigest([u8; 32]);

impl TicketDigest {
    fn of(ticket: &Secret) -> Self {
        Self(Sha256::digest(ticket.expose().as_bytes()).into())
    }

    /// Its bytes, for a key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TicketDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketDigest(…)")
    }
}

/// Why a ticket was not issued, or could not be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The store is full of tickets that nobody has redeemed yet.
    #[error("{limit} tickets wait to be redeemed, which is the limit")]
    Full {
        /// How many it holds.
        limit: usize,
    },
    /// The store failed.
    #[error("the store of tickets: {0}")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

/// How long a ticket may be redeemed, unless [`Tickets::valid_for`] says otherwise.
pub const TICKET_VALIDITY: Duration = Duration::from_secs(30);

/// The query's parameter that [`Tickets::redeem_from`] reads.
pub const TICKET_PARAMETER: &str = "ticket";

/// 16 random bytes in base64url.
const TICKET_BYTES: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue("ada").await.unwrap();
        let redeem = || tickets.redeem(ticket.expose());
        assert_eq!(redeem().await.unwrap().as_deref(), Some("ada"));
        assert_eq!(redeem().await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_for_half_a_minute() {
        let tickets = Tickets::default();
        let [in_time, late] = [
            tickets.issue("ada").await.unwrap(),
            tickets.issue("ada").await.unwrap(),
        ];
        tokio::time::advance(TICKET_VALIDITY - Duration::from_millis(1)).await;
        assert!(tickets.redeem(in_time.expose()).await.unwrap().is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(tickets.redeem(late.expose()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_ticket_never_reaches_the_store() {
        struct Untouched;
        #[async_trait]
        impl TicketStore for Untouched {
            async fn put(&self, _: TicketDigest, _: &str, _: Duration) -> Result<(), TicketError> {
                Ok(())
            }
            async fn take(&self, _: TicketDigest) -> Result<Option<String>, TicketError> {
                panic!("the store was asked")
            }
        }
        let tickets = Tickets::new(Arc::new(Untouched));
        for malformed in [
            "",
            "short",
            &"x".repeat(21),
            &"x".repeat(23),
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(tickets.redeem(malformed).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn neither_a_ticket_nor_its_digest_shows_for_debugging() {
        let tickets = Tickets::default();
        let ticket = tickets.issue("ada").await.unwrap();
        let shown = format!("{tickets:?} {ticket:?} {:?}", TicketDigest::of(&ticket));
        assert!(!shown.contains(ticket.expose()), "{shown}");
        assert!(shown.ends_with("TicketDigest(…)"), "{shown}");
    }
}
