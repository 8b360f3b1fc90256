//! All connections of the load generator, on one thread and one poll.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use mio::{Events, Poll};

use crate::{
    connection::{Connection, ConnectionError, Member, SCRATCH_BYTES},
    dialect::Incoming,
    load_error::LoadError,
    target::Target,
};

/// Events taken from the kernel at a time.
const EVENTS: usize = 1024;
/// How often receipts and the like are looked after.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How long the last connection may take to get ready after it was opened.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Open connections that may be waiting for their first answer at a time.
const MAX_GREETING: usize = 64;

/// A number of ready connections to one server.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    /// Members with something to write.
    unflushed: VecDeque<usize>,
    next_sweep: Instant,
    runs: u32,
    keeps_order: bool,
    /// Time spent on looking for what had not come yet.
    idle: Duration,
}

impl Crowd {
    /// Opens `count` connections, one after the other, and waits until each is ready.
    pub fn gather(target: &Target, count: usize) -> Result<Self, LoadError> {
        let mut crowd = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            connections: Vec::with_capacity(count),
            scratch: vec![0; SCRATCH_BYTES],
            unflushed: VecDeque::new(),
            next_sweep: Instant::now() + SWEEP_INTERVAL,
            runs: 0,
            keeps_order: target.dialect.keeps_order(),
            idle: Duration::ZERO,
        };
        let mut ready = vec![false; count];
        let mut ready_count = 0;
        for index in 0..count {
            let mut connection =
                Connection::open(target, index).map_err(|source| LoadError::Connection {
                    member: index,
                    source,
                })?;
            connection.register(crowd.poll.registry(), index)?;
            crowd.connections.push(connection);
            let allowed = if index + 1 == count { 0 } else { MAX_GREETING };
            crowd.wait_ready(&mut ready, &mut ready_count, allowed)?;
        }
        Ok(crowd)
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// How long it has waited in all, by [`turn`](Self::turn)ing in vain.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Waits for the kernel to report something, at most `timeout`, and hands every message that
    /// came to `handler` with the index of its member. What the members have to send is written.
    ///
    /// It does not sleep meanwhile. A server that writes to a process asleep on its own machine pays
    /// for waking it, which it does for no client elsewhere; and a slower server would pay more often,
    /// so that the figure would not be its own.
    pub fn turn(
        &mut self,
        timeout: Duration,
        mut handler: impl FnMut(usize, Member<'_>, Incoming<'_>, Instant) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        self.flush()?;
        let mut began = None;
        loop {
            match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            if !self.events.is_empty() {
                break;
            }
            if began.get_or_insert_with(Instant::now).elapsed() >= timeout {
                break;
            }
        }
        self.idle += began.map_or(Duration::ZERO, |began| began.elapsed());
        let Self {
            events,
            connections,
            scratch,
            ..
        } = self;
        for event in events.iter() {
            let member = event.token().0;
            let connection = &mut connections[member];
            let located = |source| LoadError::Connection { member, source };
            if event.is_writable() {
                connection.flush().map_err(located)?;
            }
            if event.is_readable() {
                connection
                    .read(scratch, &mut |handle, incoming, now| {
                        handler(member, handle, incoming, now).map_err(Stopped::Handler)
                    })
                    .map_err(|stopped| stopped.located(member))?;
            }
        }
        self.sweep()
    }

    /// Sends a payload from a member to everyone in the room, at the next turn.
    pub fn broadcast(&mut self, member: usize, payload: &[u8]) {
        self.connections[member].broadcast(payload);
        self.touch(member);
    }

    /// Sends a payload that is to be acknowledged with itself, at the next turn. Returns the ack's
    /// id.
    pub fn echo(&mut self, member: usize, payload: &[u8]) -> u64 {
        self.touch(member);
        self.connections[member].echo(payload)
    }

    /// Whether a sender's messages come in the order in which it sent them.
    pub fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    /// A number for the next run, so that no message of an earlier one is taken for its own.
    pub fn next_run(&mut self) -> u32 {
        self.runs += 1;
        self.runs
    }

    /// Reads and answers for a while in which nothing but the dialect's own traffic may come.
    pub fn rest(&mut self, duration: Duration) -> Result<(), LoadError> {
        let end = Instant::now() + duration;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left.min(SWEEP_INTERVAL), |member, _, _, _| {
                Err(LoadError::Unexpected { member })
            })?;
        }
    }

    /// Says on every connection that its session is over, and drops them all.
    pub fn disperse(mut self) {
        self.connections.iter_mut().for_each(Connection::close);
    }

    fn touch(&mut self, member: usize) {
        if self.unflushed.back() != Some(&member) {
            self.unflushed.push_back(member);
        }
    }

    fn flush(&mut self) -> Result<(), LoadError> {
        while let Some(member) = self.unflushed.pop_front() {
            let located = |source| LoadError::Connection { member, source };
            self.connections[member].flush().map_err(located)?;
        }
        Ok(())
    }

    fn sweep(&mut self) -> Result<(), LoadError> {
        let now = Instant::now();
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP_INTERVAL;
            for (member, connection) in self.connections.iter_mut().enumerate() {
                connection
                    .sweep(now)
                    .map_err(|source| LoadError::Connection { member, source })?;
            }
        }
        Ok(())
    }

    /// Takes answers until at most `allowed` of the open connections are not ready.
    fn wait_ready(
        &mut self,
        ready: &mut [bool],
        ready_count: &mut usize,
        allowed: usize,
    ) -> Result<(), LoadError> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while self.len() - *ready_count > allowed {
            if Instant::now() >= deadline {
                let waiting = self.len() - *ready_count;
                return Err(LoadError::NotReady {
                    waiting,
                    after: READY_TIMEOUT,
                });
            }
            self.turn(Duration::from_millis(100), |member, _, incoming, _| {
                if incoming != Incoming::Ready || ready[member] {
                    return Err(LoadError::Unexpected { member });
                }
                ready[member] = true;
                *ready_count += 1;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Why reading a connection stopped: its own failure, or the handler's.
enum Stopped {
    Connection(ConnectionError),
    Handler(LoadError),
}

impl Stopped {
    fn located(self, member: usize) -> LoadError {
        match self {
            Self::Connection(source) => LoadError::Connection { member, source },
            Self::Handler(error) => error,
        }
    }
}

impl From<ConnectionError> for Stopped {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}
