//! The loop that carries packets from one device to the other.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use tokio_tun::Tun;
use trunkline_netem::{PacketLink, Time};

use super::TunCounters;

/// Both devices, and the link that leads away from each: near first.
pub(super) struct Forwarder {
    devices: [Tun; 2],
    links: [PacketLink; 2],
    /// Whether a device may have more to read. It is told once, and not again before it was emptied.
    readable: [bool; 2],
    poll: Poll,
    alarm: Alarm,
    switches: Arc<Switches>,
    started: Instant,
}

/// What the handle wants of the loop, and what the loop tells it.
#[derive(Debug)]
pub(super) struct Switches {
    black_hole: AtomicBool,
    is_over: AtomicBool,
    waker: Waker,
    counters: Mutex<TunCounters>,
}

impl Switches {
    pub(super) fn black_hole(&self, on: bool) {
        self.black_hole.store(on, Ordering::Relaxed);
        self.wake();
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub(super) fn counters(&self) -> TunCounters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It fails only when it is awake already, more often than can be counted.
        let _ = self.waker.wake();
    }
}

impl Forwarder {
    pub(super) fn new(devices: [Tun; 2], links: [PacketLink; 2]) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (device, token) in devices.iter().zip([NEAR, FAR]) {
            let descriptor = device.as_raw_fd();
            let registry = poll.registry();
            registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)?;
        }
        Ok(Self {
            devices,
            links,
            readable: [true; 2],
            alarm: Alarm::new(&poll)?,
            switches: Arc::new(Switches {
                black_hole: AtomicBool::new(false),
                is_over: AtomicBool::new(false),
                waker: Waker::new(poll.registry(), SWITCH)?,
                counters: Mutex::default(),
            }),
            poll,
            started: Instant::now(),
        })
    }

    pub(super) fn switches(&self) -> Arc<Switches> {
        Arc::clone(&self.switches)
    }

    /// Passes packets on until it is ended, or a device is gone.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(8);
        let mut buffer = vec![0; MAX_PACKET];
        while !self.switches.is_over.load(Ordering::Relaxed) {
            // What is left to read is not told again.
            let at_once = self.readable.contains(&true).then_some(Duration::ZERO);
            // It fails when a signal came in between; what is to be read is told the next time.
            let _ = self.poll.poll(&mut events, at_once);
            for event in &events {
                match event.token() {
                    NEAR => self.readable[0] = true,
                    FAR => self.readable[1] = true,
                    ALARM => self.alarm.has_rung(),
                    _ => {}
                }
            }
            let black_hole = self.switches.black_hole.load(Ordering::Relaxed);
            for side in [0, 1] {
                self.links[side].black_hole(black_hole);
                if self.readable[side] && !self.take(side, &mut buffer) {
                    return;
                }
            }
            self.pass_on();
        }
    }

    /// Takes some packets of those that lie in a device; false if the device is gone.
    fn take(&mut self, side: usize, buffer: &mut [u8]) -> bool {
        for _ in 0..AT_ONCE {
            match self.devices[side].try_recv(buffer) {
                Ok(length) => {
                    let now = self.now();
                    self.links[side].push(now, buffer[..length].to_vec());
                }
                Err(cause) => {
                    self.readable[side] = false;
                    return cause.kind() == io::ErrorKind::WouldBlock;
                }
            }
        }
        true
    }

    /// Hands over what has arrived, and sets the alarm for what comes next.
    fn pass_on(&mut self) {
        let now = self.now();
        for (side, link) in self.links.iter_mut().enumerate() {
            while let Some(packet) = link.pop(now) {
                // It fails when the device was taken down, and then there is nobody.
                let _ = self.devices[1 - side].try_send(&packet);
            }
        }
        let due = self.links.iter().filter_map(PacketLink::next_due).min();
        self.alarm.set(due, now);
        let counters = self.switches.counters.lock();
        let mut counters = counters.unwrap_or_else(PoisonError::into_inner);
        counters.to_far = self.links[0].counters();
        counters.to_near = self.links[1].counters();
    }

    fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }
}

/// A timer of the kernel's: the time-outs of a poll are good to a millisecond, these to some ten
/// microseconds.
struct Alarm {
    timer: TimerFd,
    set: Option<Time>,
}

impl Alarm {
    fn new(poll: &Poll) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let descriptor = timer.as_fd().as_raw_fd();
        let registry = poll.registry();
        registry.register(&mut SourceFd(&descriptor), ALARM, Interest::READABLE)?;
        Ok(Self { timer, set: None })
    }

    /// Rings at this moment; never, if there is none.
    fn set(&mut self, due: Option<Time>, now: Time) {
        if due == self.set {
            return;
        }
        self.set = due;
        // Zero would unset it.
        let later = due.map(|due| (due - now).max(Duration::from_nanos(1)));
        let done = match later {
            Some(later) => self.timer.set(
                Expiration::OneShot(TimeSpec::from(later)),
                TimerSetTimeFlags::empty(),
            ),
            None => self.timer.unset(),
        };
        debug_assert_eq!(done, Ok(()), "a timer takes any time that is not negative");
    }

    fn has_rung(&mut self) {
        // It may have been set anew since: then there is nothing to read, and nothing is due.
        let _ = self.timer.wait();
        self.set = None;
    }
}

const NEAR: Token = Token(0);
const FAR: Token = Token(1);
const ALARM: Token = Token(2);
const SWITCH: Token = Token(3);

/// No packet of IP is longer, bytes.
const MAX_PACKET: usize = 65_536;

/// Packets of one direction taken in a row, before those that are due have their turn.
const AT_ONCE: usize = 64;
