//! Two ends of a session and a script of what happens to them: connections that are cut, dialled
//! and switched, receipts that are withheld, writes that are blocked.
//!
//! Whatever the script does, each frame arrives once and in order, is said to be lost, or was
//! allowed to be dropped and is counted; nothing grows beyond its limit; and once the script leaves
//! both ends alone, everything arrives.

mod end;
mod frames;
mod ledger;

use std::collections::VecDeque;
use std::time::Duration;

use trunkline_protocol::{Close, Code, Encoding, GoAway, Hold, Limits, Time};

use crate::input::Input;
use end::{End, Received};
use frames::Making;

/// Two bytes for each end's limits, one for the encoding; then operations.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let encoding = input.encoding();
    let limits = [limits(&mut input), limits(&mut input)];
    let mut world = World::new(encoding, &limits);
    for _ in 0..OPERATIONS_MAX {
        if input.is_empty() {
            break;
        }
        world.happens(&mut input);
        if world.is_over {
            return;
        }
        world.settle_turn();
    }
    world.heals();
}

fn limits(input: &mut Input<'_>) -> Limits {
    let window = 100 + 8 * u32::from(input.byte());
    Limits {
        frame: FRAME_MAX,
        replay: window,
        inbound: window,
        queue: 500 + 32 * u32::from(input.byte()),
        ..Limits::default()
    }
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Messages under way on one connection.
#[derive(Debug, Default)]
struct Wire {
    to_client: VecDeque<Vec<u8>>,
    to_server: VecDeque<Vec<u8>>,
}

/// A connection on which the client has said HELLO.
#[derive(Debug)]
struct Dialled {
    /// HELLO's receipt.
    hello: u64,
    /// WELCOME's receipt, once the server has decided.
    welcome: Option<u64>,
    wire: Wire,
}

struct World {
    now: Time,
    client: End,
    server: End,
    /// The connection that the client is attached to. The server may have left it.
    present: Option<Wire>,
    /// The one that is to take its place.
    dialled: Option<Dialled>,
    /// Whether the server is attached to the present connection; to the dialled one if it has
    /// decided.
    server_stays: bool,
    making: Making,
    is_over: bool,
}

impl World {
    fn new(encoding: Encoding, [ours, theirs]: &[Limits; 2]) -> Self {
        let mut client = End::new(encoding, ours, theirs);
        let mut server = End::new(encoding, theirs, ours);
        client.attach(0);
        server.attach(0);
        Self {
            now: Time::from_ms(0),
            client,
            server,
            present: Some(Wire::default()),
            dialled: None,
            server_stays: true,
            making: Making::default(),
            is_over: false,
        }
    }

    /// One operation: its code and side, and what it needs.
    fn happens(&mut self, input: &mut Input<'_>) {
        let operation = input.byte();
        let side = match operation & 0x80 {
            0 => Side::Client,
            _ => Side::Server,
        };
        match operation & 0x1f {
            0..8 => self.emits(side, usize::from(operation & 7), input),
            8 | 9 => (0..=input.byte()).for_each(|_| self.delivers(side)),
            10 => self.end(side).blocked ^= true,
            11 => self.cuts_present(),
            12 => self.cuts_dialled(),
            13 => self.dials(),
            14 => self.decides(),
            15 => self.welcomes(),
            16 => {
                let now = self.now;
                let held = self.end(side).held ^ true;
                self.end(side).hold_receipts(held, now);
            }
            17 => {
                let hold = [Hold::Nothing, Hold::Events, Hold::EventsAndConnects];
                self.end(side).outbound.hold(hold[input.below(hold.len())]);
            }
            18 => self.passes(Duration::from_millis(100 * u64::from(input.byte()))),
            19 => self.end(side).outbound.ping(7),
            20 => {
                let frame = self.making.datagram(input.byte());
                let end = self.end(side);
                let is_blocked = end.blocked;
                end.outbound.push_best_effort(frame, is_blocked);
            }
            21 => self.end(side).outbound.go_away(GoAway {
                reason: String::new(),
                slot: 0,
                deadline: 0,
                url: None,
            }),
            22 => self.closes(side),
            23 => self.end(side).outbound.release_memory(),
            24 => self.ends(side),
            25 => self.end(side).discard_events(),
            _ => {}
        }
    }

    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn emits(&mut self, side: Side, kind: usize, input: &mut Input<'_>) {
        let frame = self.making.sequenced(kind, 4 * usize::from(input.byte()));
        if self.end(side).push(frame).is_err() {
            self.ends(side);
        }
    }

    /// The connection is to end and the session to go on.
    fn closes(&mut self, side: Side) {
        let close = Close::new(Code::SLOW_CONSUMER, "");
        self.end(side).outbound.close(close);
    }

    /// The session ends on both sides; what has not arrived is said to be lost.
    fn ends(&mut self, side: Side) {
        self.end(side)
            .outbound
            .close(Close::new(Code::ENDED, "the script ends it"));
        self.writes();
        let Self { client, server, .. } = self;
        client.check_lost(&server.arrived);
        server.check_lost(&client.arrived);
        self.is_over = true;
    }

    fn passes(&mut self, time: Duration) {
        self.now = self.now + time;
        let now = self.now;
        for side in [Side::Client, Side::Server] {
            self.end(side).confirm_if_due(now);
        }
    }

    fn dials(&mut self) {
        if self.dialled.is_none() {
            self.dialled = Some(Dialled {
                hello: self.client.inbound.receipt(),
                welcome: None,
                wire: Wire::default(),
            });
        }
    }

    /// The server takes the dialled connection for its own, and leaves the older one.
    fn decides(&mut self) {
        if let Some(dialled) = &mut self.dialled
            && dialled.welcome.is_none()
        {
            dialled.welcome = Some(self.server.attach(dialled.hello));
            self.server_stays = false;
        }
    }

    /// The client reads WELCOME.
    fn welcomes(&mut self) {
        let Some(dialled) = self.dialled.take_if(|dialled| dialled.welcome.is_some()) else {
            return;
        };
        self.client.attach(dialled.welcome.unwrap_or_default());
        self.present = Some(dialled.wire);
        self.server_stays = true;
    }

    fn cuts_present(&mut self) {
        if self.present.take().is_some() {
            self.client.outbound.detach();
        }
        if std::mem::take(&mut self.server_stays) {
            self.server.outbound.detach();
        }
    }

    fn cuts_dialled(&mut self) {
        if let Some(dialled) = self.dialled.take()
            && dialled.welcome.is_some()
        {
            self.server.outbound.detach();
        }
    }

    /// One message arrives at this side, if any is under way.
    fn delivers(&mut self, side: Side) {
        let arrived = match side {
            Side::Client => self
                .present
                .as_mut()
                .and_then(|wire| wire.to_client.pop_front()),
            Side::Server => self
                .server_wire()
                .and_then(|wire| wire.to_server.pop_front()),
        };
        let Some(message) = arrived else { return };
        let now = self.now;
        let (at, from) = match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        match at.receive(&message, from, now) {
            Received::Frame => {}
            Received::Close if side == Side::Server && !self.server_stays => self.cuts_dialled(),
            Received::Close => self.cuts_present(),
        }
    }

    fn server_wire(&mut self) -> Option<&mut Wire> {
        if self.server_stays {
            return self.present.as_mut();
        }
        let dialled = self.dialled.as_mut()?;
        dialled.welcome.is_some().then_some(&mut dialled.wire)
    }

    fn settle_turn(&mut self) {
        self.writes();
        self.client.check_bounds();
        self.server.check_bounds();
    }

    fn writes(&mut self) {
        if let Some(wire) = &mut self.present {
            self.client.write(&mut wire.to_server);
        }
        let mut written = VecDeque::new();
        self.server.write(&mut written);
        if let Some(wire) = self.server_wire() {
            wire.to_client.append(&mut written);
        }
        assert!(written.is_empty(), "written to no connection");
    }

    /// Nothing is in the way any more: everything that was pushed arrives.
    fn heals(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            end.blocked = false;
            end.outbound.hold(Hold::Nothing);
            end.hold_receipts(false, self.now);
        }
        for _ in 0..ROUNDS_MAX {
            if self.present.is_none() {
                self.dials();
                self.decides();
                self.welcomes();
            } else if !self.server_stays {
                // The client learns that another connection has taken this one's place.
                self.welcomes();
                if !self.server_stays {
                    self.cuts_present();
                }
            }
            self.writes();
            self.passes(Duration::from_secs(10));
            for side in [Side::Client, Side::Server] {
                (0..MESSAGES_A_ROUND).for_each(|_| self.delivers(side));
            }
            self.settle_turn();
            if self.client.is_settled() && self.server.is_settled() {
                self.client.check_all_arrived(&self.server.arrived);
                self.server.check_all_arrived(&self.client.arrived);
                return;
            }
        }
        panic!(
            "never settled: {:?} and {:?} wait",
            self.client.outbound.kept_bytes(),
            self.server.outbound.kept_bytes()
        );
    }
}

/// Longer scripts take longer and find no more.
const OPERATIONS_MAX: usize = 1_000;

/// The largest frame that is made, bytes.
const FRAME_MAX: u32 = 2_048;

/// Rounds within which everything arrives: a round brings at least one frame.
const ROUNDS_MAX: usize = OPERATIONS_MAX * 2;

/// Messages that each side reads in a round.
const MESSAGES_A_ROUND: usize = 64;
