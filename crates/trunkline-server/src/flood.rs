//! How much strangers and clients may ask for.

use std::time::Duration;

use trunkline_driver::clock;
use trunkline_protocol::{Bucket, Rate};

use crate::Failure;
use crate::context::SessionContext;

/// How many connections a server takes, and how often clients may do what costs it something.
///
/// An address is an IPv4 address, or the first 64 bits of an IPv6 address; an IPv4 address mapped
/// into IPv6 is the former. Behind a proxy every client has the proxy's, unless the listener or the
/// mounted service is told which proxies to trust. What comes with no address is limited only in
/// all. Each limit is explained, with its outcome and worst-case memory, in the guide under
/// "Limits".
///
/// ```
/// # use trunkline_server::{FloodLimits, Rate, Server};
/// let limits = FloodLimits {
///     connections_per_address: 20,
///     frames: Rate::new(100, 1_000),
///     ..FloodLimits::default()
/// };
/// let server = Server::builder().flood_limits(limits).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodLimits {
    /// Connections in all. Default 65,536. Further ones are answered 503.
    pub connections: usize,
    /// Connections from one address. Default 1,024: a house behind one address. Further ones are
    /// answered 429.
    pub connections_per_address: usize,
    /// Attempts to connect from one address. Default 50 a second, 500 at once. Further ones are
    /// answered 429, or closed where there is no HTTP yet.
    pub attempts: Rate,
    /// Offers to resume from one address that named no session there, or not its secret. Default 1 a
    /// second, 100 at once. Further offers are closed with `rate-limited`, good ones too.
    pub failed_resumes: Rate,
    /// Frames of one session, of every kind. Default 5,000 a second, 50,000 at once. Past it the
    /// connection is closed with `rate-limited`; the session stays and loses nothing.
    pub frames: Rate,
    /// Bytes of one session, as they were on the wire. Default 32 MiB a second, 128 MiB at once. As
    /// `frames`.
    pub bytes: Rate,
    /// CONNECTs of one session. Default 10 a second, 256 at once. Further ones are refused with
    /// `rate-limited`, and no hook runs for them.
    pub connects: Rate,
    /// Rooms that one session asks for, by
    /// [`join_if_allowed`](crate::Socket::join_if_allowed). Default 50 a second, 2,048 at once.
    /// Further ones fail with `rate-limited`, and no hook runs for them.
    pub joins: Rate,
    /// Addresses whose attempts are remembered, and as many whose failed resumes are. Default
    /// 65,536, up to 126 bytes each. Past it the one seen longest ago is forgotten.
    pub addresses: usize,
}

impl FloodLimits {
    /// No limits: for benchmarks and tests, and where something ahead of the server limits.
    pub const OFF: Self = Self {
        connections: usize::MAX,
        connections_per_address: usize::MAX,
        attempts: Rate::UNLIMITED,
        failed_resumes: Rate::UNLIMITED,
        frames: Rate::UNLIMITED,
        bytes: Rate::UNLIMITED,
        connects: Rate::UNLIMITED,
        joins: Rate::UNLIMITED,
        addresses: 0,
    };
}

impl Default for FloodLimits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            connections_per_address: 1_024,
            attempts: Rate::new(50, 500),
            failed_resumes: Rate::new(1, 100),
            frames: Rate::new(5_000, 50_000),
            bytes: Rate::new(32 << 20, 128 << 20),
            connects: Rate::new(10, 256),
            joins: Rate::new(50, 2_048),
            addresses: 65_536,
        }
    }
}

/// What a session's client asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    connects: Bucket,
    joins: Bucket,
}

impl SessionContext {
    /// Whether one more CONNECT is looked at; else why not. Specification: LIM-013.
    pub(crate) fn may_connect(&self) -> Result<(), String> {
        let rate = self.server.config.flood.connects;
        let taken = self.wishes.lock().connects.take(rate, 1, clock::now());
        taken.map_err(|wait| {
            self.server.count_refused_connect();
            too_often("CONNECTs", rate, wait)
        })
    }

    /// Whether one more room that the client names is looked at.
    pub(crate) fn may_join(&self) -> Result<(), Failure> {
        let rate = self.server.config.flood.joins;
        let taken = self.wishes.lock().joins.take(rate, 1, clock::now());
        taken.map_err(|wait| {
            self.server.count_refused_join();
            Failure::rate_limited(too_often("joins", rate, wait))
        })
    }
}

fn too_often(what: &str, rate: Rate, wait: Duration) -> String {
    format!(
        "too many {what}: {rate}; come back in {} ms",
        wait.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use trunkline_driver::sync::Mutex;

    use super::*;

    #[test]
    fn what_a_session_asked_for_takes_as_much_as_the_guide_says() {
        assert_eq!(size_of::<Mutex<Wishes>>(), 40);
    }
}
