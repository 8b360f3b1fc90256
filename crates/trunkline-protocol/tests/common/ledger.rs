//! Who emitted what and what arrived: the promises, kept or not.

use std::collections::BTreeMap;

use trunkline_netem::End;
use trunkline_protocol::{Encoding, Frame, Lost, Prepared, Sequenced};

use super::Checked;

/// All sessions of a run, by the line on which each was made.
#[derive(Default)]
pub(crate) struct Ledger {
    streams: BTreeMap<(usize, Direction), Stream>,
    acks: BTreeMap<(Direction, u64), Ack>,
    causes: BTreeMap<usize, String>,
    pub(crate) arrivals: u64,
    pub(crate) open_acks: usize,
    pub(crate) lost_sessions: u64,
}

/// From which end.
pub(crate) type Direction = bool;

pub(crate) const fn from(end: End) -> Direction {
    matches!(end, End::Server)
}

#[derive(Default)]
struct Stream {
    emitted: Vec<u64>,
    arrived: usize,
    handed_back: Option<HandedBack>,
}

struct HandedBack {
    unconfirmed: Vec<u64>,
    queued: Vec<u64>,
}

struct Ack {
    session: usize,
    namespace: &'static str,
    outcome: Option<&'static str>,
}

impl Ledger {
    pub(crate) fn emit(&mut self, session: usize, end: End, number: u64) {
        self.stream(session, end).emitted.push(number);
    }

    /// The event was not taken after all.
    pub(crate) fn take_back(&mut self, session: usize, end: End, number: u64) {
        let emitted = &mut self.stream(session, end).emitted;
        if emitted.last() == Some(&number) {
            emitted.pop();
        }
    }

    /// An event arrived in `session` from `end`: it must be the next one.
    pub(crate) fn arrive(&mut self, session: usize, end: End, number: u64) -> Checked {
        self.arrivals += 1;
        let stream = self.stream(session, end);
        let expected = stream.emitted.get(stream.arrived).copied();
        if expected != Some(number) {
            return Err(format!(
                "session {session}: event {number} of the {end:?} arrives where {expected:?} is next"
            ));
        }
        stream.arrived += 1;
        Ok(())
    }

    pub(crate) fn ask(&mut self, session: usize, end: End, number: u64, namespace: &'static str) {
        let ack = Ack {
            session,
            namespace,
            outcome: None,
        };
        self.acks.insert((from(end), number), ack);
        self.open_acks += 1;
    }

    /// The ack is settled because its namespace was left.
    pub(crate) fn settle_left(&mut self, end: End, number: u64, left: &str) -> Checked {
        let asked = self.acks.get(&(from(end), number)).map(|ack| ack.namespace);
        if asked != Some(left) {
            return Err(format!("leaving {left} settles ack {number} of {asked:?}"));
        }
        self.settle(end, number, "disconnected")
    }

    /// The ack of the event `number` that `end` emitted is settled, for good.
    pub(crate) fn settle(&mut self, end: End, number: u64, outcome: &'static str) -> Checked {
        let Some(ack) = self.acks.get_mut(&(from(end), number)) else {
            return Err(format!("ack {number} of the {end:?} was never asked for"));
        };
        if let Some(first) = ack.outcome.replace(outcome) {
            return Err(format!(
                "ack {number} of the {end:?}: {first}, and then {outcome}"
            ));
        }
        self.open_acks -= 1;
        let session = ack.session;
        let arrived = self
            .streams
            .get(&(session, from(end)))
            .is_some_and(|stream| stream.emitted[..stream.arrived].contains(&number));
        if outcome == "answered" && !arrived {
            return Err(format!(
                "ack {number} of the {end:?} answers what never arrived"
            ));
        }
        Ok(())
    }

    /// A session may end at one side because of this, and at the other thereafter.
    pub(crate) fn cause(&mut self, session: usize, cause: impl Into<String>) {
        self.causes.entry(session).or_insert_with(|| cause.into());
    }

    pub(crate) fn has_cause(&self, session: usize) -> bool {
        self.causes.contains_key(&session)
    }

    /// The session is over at `end`, which gets back what is not known to have arrived.
    pub(crate) fn hand_back(&mut self, session: usize, end: End, lost: &Lost) -> Checked {
        if !self.has_cause(session) {
            return Err(format!(
                "session {session} is lost at the {end:?} without a cause"
            ));
        }
        self.lost_sessions += 1;
        let numbers = |frames: &[Prepared]| frames.iter().filter_map(event_number).collect();
        let handed_back = HandedBack {
            unconfirmed: numbers(&lost.unconfirmed),
            queued: numbers(&lost.queued),
        };
        if self
            .stream(session, end)
            .handed_back
            .replace(handed_back)
            .is_some()
        {
            return Err(format!("session {session} is lost at the {end:?} twice"));
        }
        Ok(())
    }

    /// At the end of the run every promise is kept, or said to be broken.
    pub(crate) fn check(&self) -> Checked {
        for ((session, server), stream) in &self.streams {
            let side = if *server { "server" } else { "client" };
            stream
                .check()
                .map_err(|problem| format!("session {session}, {side}: {problem}"))?;
        }
        match self.acks.iter().find(|(_, ack)| ack.outcome.is_none()) {
            Some(((server, number), ack)) => Err(format!(
                "ack {number} of session {} is never settled (server: {server})",
                ack.session
            )),
            None => Ok(()),
        }
    }

    /// Whether everything that was emitted in `session` has arrived, either way.
    pub(crate) fn is_complete(&self, session: usize) -> bool {
        [false, true].iter().all(|direction| {
            self.streams
                .get(&(session, *direction))
                .is_none_or(|stream| stream.arrived == stream.emitted.len())
        })
    }

    fn stream(&mut self, session: usize, end: End) -> &mut Stream {
        self.streams.entry((session, from(end))).or_default()
    }
}

impl Stream {
    fn check(&self) -> Checked {
        let emitted = self.emitted.len();
        let Some(back) = &self.handed_back else {
            if self.arrived == emitted {
                return Ok(());
            }
            return Err(format!(
                "{} of {emitted} events arrived and the rest is not lost",
                self.arrived
            ));
        };
        let (unconfirmed, queued) = (back.unconfirmed.len(), back.queued.len());
        let all: Vec<u64> = back
            .unconfirmed
            .iter()
            .chain(&back.queued)
            .copied()
            .collect();
        if !self.emitted.ends_with(&all) {
            return Err(format!(
                "{all:?} is handed back, which is not the end of {:?}",
                self.emitted
            ));
        }
        if self.arrived > emitted - queued {
            return Err(format!(
                "events handed back as queued arrived: {:?}",
                back.queued
            ));
        }
        if self.arrived < emitted - queued - unconfirmed {
            return Err(format!(
                "{} of {emitted} arrived, {unconfirmed} are unconfirmed, {queued} queued",
                self.arrived
            ));
        }
        Ok(())
    }
}

/// The number that an event bears in its name.
pub(crate) fn number_in(event: &str) -> u64 {
    event
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn event_number(frame: &Prepared) -> Option<u64> {
    let message = frame.to_message(Encoding::MessagePack, 1);
    match Frame::decode(Encoding::MessagePack, &message) {
        Ok(Frame::Sequenced {
            frame: Sequenced::Event { event, .. },
            ..
        }) => Some(number_in(&event)),
        _ => None,
    }
}
