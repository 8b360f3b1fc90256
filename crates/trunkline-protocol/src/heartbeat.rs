//! Heartbeat: who is asked for a sign of life, and when a connection is dead.

use std::time::Duration;

use crate::Time;

/// The server's side: a PING every interval, whatever the traffic, and a time limit for life.
///
/// Life is a growing number of bytes on the message channel, either way. Specification:
/// heartbeat.md.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    pinged: Time,
    /// The count of bytes at the last PING, while no life has shown since.
    awaiting: Option<u64>,
}

/// What a heartbeat or a watchdog asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing now.
    Nothing,
    /// Send a PING.
    Ping,
    /// The connection is dead: detach the session.
    Dead,
}

impl Heartbeat {
    /// For a connection that was attached at `now`.
    #[must_use]
    pub const fn new(interval: Duration, timeout: Duration, now: Time) -> Self {
        Self {
            interval,
            timeout,
            pinged: now,
            awaiting: None,
        }
    }

    /// Looks at the time and at `life`, the count of bytes moved so far.
    pub fn poll(&mut self, now: Time, life: u64) -> Beat {
        if self.awaiting.is_some_and(|then| life != then) {
            self.awaiting = None;
        }
        let since = now.since(self.pinged);
        if self.awaiting.is_some() && since >= self.timeout {
            return Beat::Dead;
        }
        if since >= self.interval && self.awaiting.is_none() {
            self.pinged = now;
            self.awaiting = Some(life);
            return Beat::Ping;
        }
        Beat::Nothing
    }
}

/// The client's side: a connection on which nothing came for the interval and the time-out is dead.
///
/// A timer that fires late (sleep, throttling) proves nothing about the peer: it PINGs and waits the
/// time-out first.
#[derive(Debug)]
pub struct Watchdog {
    interval: Duration,
    timeout: Duration,
    life: u64,
    alive: Time,
    probed: Option<Time>,
}

impl Watchdog {
    /// For a connection that was attached at `now`.
    #[must_use]
    pub const fn new(interval: Duration, timeout: Duration, now: Time) -> Self {
        Self {
            interval,
            timeout,
            life: 0,
            alive: now,
            probed: None,
        }
    }

    /// When to [`poll`](Self::poll) next.
    #[must_use]
    pub fn due(&self) -> Time {
        match self.probed {
            Some(probed) => probed + self.timeout,
            None => self.alive + self.interval + self.timeout,
        }
    }

    /// Asks for a PING at once and starts the time limit for its answer, as on waking up.
    pub fn probe(&mut self, now: Time) -> Beat {
        self.probed = Some(now);
        Beat::Ping
    }

    /// Looks at the time and at `life`, the count of bytes moved so far.
    pub fn poll(&mut self, now: Time, life: u64) -> Beat {
        if life != self.life {
            self.life = life;
            self.alive = now;
            self.probed = None;
            return Beat::Nothing;
        }
        let due = self.due();
        if now < due {
            return Beat::Nothing;
        }
        if self.probed.is_none() && now.since(due) > LATE {
            return self.probe(now);
        }
        Beat::Dead
    }
}

/// How late a timer may fire before its owner must have slept.
const LATE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(20);

    fn at(s: u64) -> Time {
        Time::from_ms(s * 1000)
    }

    #[test]
    fn a_server_pings_every_interval_whatever_the_traffic() {
        let mut heartbeat = Heartbeat::new(INTERVAL, TIMEOUT, at(0));
        assert_eq!(heartbeat.poll(at(24), 100), Beat::Nothing);
        assert_eq!(heartbeat.poll(at(25), 200), Beat::Ping);
        assert_eq!(heartbeat.poll(at(26), 300), Beat::Nothing);
        assert_eq!(heartbeat.poll(at(50), 400), Beat::Ping);
    }

    #[test]
    fn a_silent_client_is_dead_after_the_time_out_and_any_byte_is_life() {
        let mut heartbeat = Heartbeat::new(INTERVAL, TIMEOUT, at(0));
        assert_eq!(heartbeat.poll(at(25), 7), Beat::Ping);
        assert_eq!(heartbeat.poll(at(44), 7), Beat::Nothing);
        assert_eq!(heartbeat.poll(at(45), 7), Beat::Dead);

        let mut heartbeat = Heartbeat::new(INTERVAL, TIMEOUT, at(0));
        assert_eq!(heartbeat.poll(at(25), 7), Beat::Ping);
        assert_eq!(heartbeat.poll(at(45), 8), Beat::Nothing);
    }

    #[test]
    fn a_watchdog_that_fires_on_time_ends_the_connection() {
        let mut watchdog = Watchdog::new(INTERVAL, TIMEOUT, at(0));
        assert_eq!(watchdog.poll(at(10), 5), Beat::Nothing);
        assert_eq!(watchdog.due(), at(55));
        assert_eq!(watchdog.poll(at(55), 5), Beat::Dead);
    }

    #[test]
    fn a_watchdog_that_fires_late_asks_first() {
        let mut watchdog = Watchdog::new(INTERVAL, TIMEOUT, at(0));
        assert_eq!(watchdog.poll(at(500), 0), Beat::Ping);
        assert_eq!(watchdog.due(), at(520));
        assert_eq!(watchdog.poll(at(510), 1), Beat::Nothing);
        assert_eq!(watchdog.poll(at(555), 1), Beat::Dead);
    }
}
