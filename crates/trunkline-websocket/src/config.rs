//! What every WebSocket connection is configured with.

use crate::sync::{Arc, AtomicU64, Ordering};

/// What every connection of a listener or dialer shares.
#[derive(Clone, Debug)]
pub struct Config {
    /// The largest message accepted, bytes. Default 1 MiB. A connection may buffer this much of one
    /// message; a longer one ends it with close code 1009. The receiving half can be told another
    /// limit later.
    pub max_message: usize,
    /// Where what happens is counted.
    pub counters: Arc<Counters>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message: 1024 * 1024,
            counters: Arc::default(),
        }
    }
}

/// What was dropped, refused or broken, since the start.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) pongs_replaced: AtomicU64,
    pub(crate) violations: AtomicU64,
    pub(crate) upgrades_refused: AtomicU64,
    pub(crate) upgrades_failed: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
    pub(crate) connections_shed: AtomicU64,
    pub(crate) handshake_errors: AtomicU64,
    pub(crate) handshakes_full: AtomicU64,
}

impl Counters {
    /// Pongs that were replaced by a newer one before they could be sent: the peer pings faster
    /// than it reads. RFC 6455 section 5.5.3 allows it.
    #[must_use]
    pub fn pongs_replaced(&self) -> u64 {
        self.pongs_replaced.load(Ordering::Relaxed)
    }

    /// Connections ended because the peer broke RFC 6455 or a size limit.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations.load(Ordering::Relaxed)
    }

    /// Upgrade requests answered with an HTTP error.
    #[must_use]
    pub fn upgrades_refused(&self) -> u64 {
        self.upgrades_refused.load(Ordering::Relaxed)
    }

    /// Upgrades that were granted and then did not come about: the client went away, or did not read
    /// the answer.
    #[must_use]
    pub fn upgrades_failed(&self) -> u64 {
        self.upgrades_failed.load(Ordering::Relaxed)
    }

    /// Connections turned away with 503, or closed at once, because no file descriptors were left.
    #[must_use]
    pub fn connections_shed(&self) -> u64 {
        self.connections_shed.load(Ordering::Relaxed)
    }

    /// Errors of the listening socket after which accepting paused.
    #[must_use]
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.load(Ordering::Relaxed)
    }

    /// Times that as many connections were in their handshake as
    /// [`ListenerConfig::max_handshakes`](crate::ListenerConfig::max_handshakes) allows: the next ones
    /// waited in the kernel's queue.
    #[must_use]
    pub fn handshakes_full(&self) -> u64 {
        self.handshakes_full.load(Ordering::Relaxed)
    }

    /// TCP connections that ended in the handshake of TLS or HTTP: malformed, too slow, or cut.
    #[must_use]
    pub fn handshake_errors(&self) -> u64 {
        self.handshake_errors.load(Ordering::Relaxed)
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
