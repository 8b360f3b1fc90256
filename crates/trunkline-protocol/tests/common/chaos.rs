//! What the seed does to both sides and to the network, and how a run ends.

use std::time::Duration;

use trunkline_netem::End;
use trunkline_protocol::{
    Close, Code, EventName, GoAway, Hold, Kind, Payload, Prepared, encode_ignorable,
};

use super::app::{NAMESPACES, name};
use super::client::index;
use super::{Checked, HEALING_LIMIT, Phase, Progress, STALL_LIMIT, SWEEP, Timer, World};

impl World {
    /// One thing happens, of all that can.
    pub(crate) fn chaos(&mut self) -> Checked {
        if self.phase != Phase::Chaos {
            return Ok(());
        }
        let delay = self.random_ms(120);
        self.after(delay, Timer::Chaos);
        if self.rng.chance(self.config.harm_percent, 100) {
            return self.harms_a_line();
        }
        match self.rng.below(100) {
            0..30 => self.client_emits(),
            30..60 => self.server_emits(),
            60..66 => self.holds(),
            66..76 => self.client_switches(),
            76..79 => Ok(()),
            79..80 => self.server_goes_away(),
            80..86 => self.client_changes_namespace(),
            86..89 => self.server_leaves_namespace(),
            89..93 => self.sends_ignorable(),
            93..97 => self.client_emits_datagram(),
            97..98 => self.ends_a_session(),
            98..99 => self.stranger_dials(),
            _ => Ok(()),
        }
    }

    fn client_emits(&mut self) -> Checked {
        for _ in 0..self.rng.between(1..=4) {
            let ready = self.client.current.filter(|session| {
                self.client
                    .sessions
                    .get(session)
                    .is_some_and(|found| found.ready)
            });
            match ready {
                Some(session) => {
                    let namespace = self.joined_namespace(session);
                    self.emit(End::Client, session, namespace, "")?;
                }
                None if self.client.backlog.len() < 8 => {
                    self.client.backlog.push_back(self.next_number);
                    self.next_number += 1;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// "/", or now and then the one that comes and goes.
    fn joined_namespace(&mut self, session: usize) -> &'static str {
        let joined = self
            .client
            .sessions
            .get(&session)
            .is_some_and(|found| found.namespaces[1].is_connected());
        if joined && self.rng.chance(1, 3) {
            NAMESPACES[1]
        } else {
            NAMESPACES[0]
        }
    }

    fn server_emits(&mut self) -> Checked {
        let attached: Vec<(usize, u64, &'static str)> = self.server_sockets();
        if attached.is_empty() {
            return Ok(());
        }
        let (session, socket, namespace) = *self.rng.pick(&attached);
        for _ in 0..self.rng.between(1..=4) {
            let over = self
                .server
                .sessions
                .get(&session)
                .is_none_or(|found| found.half.ended);
            if over {
                break;
            }
            self.emit(End::Server, session, namespace, &format!("s{socket}"))?;
        }
        Ok(())
    }

    fn server_sockets(&self) -> Vec<(usize, u64, &'static str)> {
        let mut all = Vec::new();
        for (session, found) in &self.server.sessions {
            for namespace in NAMESPACES {
                if let Some(socket) = found.namespaces.get(namespace).copied()
                    && found.attached.contains(&socket)
                {
                    all.push((*session, socket, namespace));
                }
            }
        }
        all
    }

    fn random_end(&mut self) -> End {
        *self.rng.pick(&[End::Client, End::Server])
    }

    /// One side's application is slow for a while.
    fn holds(&mut self) -> Checked {
        let Some(session) = self.client.current else {
            return Ok(());
        };
        let end = self.random_end();
        self.hold_receipts(end, session, true)?;
        let delay = self.random_ms(2_000);
        self.after(delay, Timer::Release { end, session });
        Ok(())
    }

    /// A connection that will not live to tell.
    pub(crate) fn curse(&mut self, line: usize) {
        if self.phase != Phase::Chaos || !self.rng.chance(self.config.curses_percent, 100) {
            return;
        }
        let end = self.random_end();
        let byte = self.rng.below(500);
        self.note(|| format!("line {line} will be cut at byte {byte} of the {end:?}"));
        self.lines[line].disturbed = true;
        self.lines[line].link.cut_at_byte(end, byte);
    }

    fn harms_a_line(&mut self) -> Checked {
        let alive: Vec<usize> = (0..self.lines.len())
            .filter(|line| {
                let line = &self.lines[*line];
                !line.has_left(End::Client) || !line.has_left(End::Server)
            })
            .collect();
        if alive.is_empty() {
            return Ok(());
        }
        let index = *self.rng.pick(&alive);
        let end = self.random_end();
        let more = self.rng.below(400);
        let later = self.now + self.random_ms(4_000);
        let now = self.now;
        let harm = self.rng.below(6);
        self.note(|| format!("line {index}, {end:?}: harm {harm}"));
        let line = &mut self.lines[index];
        line.disturbed = true;
        match harm {
            0 => line.link.cut(now),
            1 => line.link.cut_at_byte(end, line.link.sent(end) + more),
            2 => line.link.black_hole(),
            3 => line.link.black_hole_from(end),
            _ => line.link.stall(end, later),
        }
        if harm == 5 {
            // Given up by its client at once; what it sent comes late.
            return self.client_gives_up(index);
        }
        Ok(())
    }

    /// The client joins or leaves the namespace that comes and goes.
    fn client_changes_namespace(&mut self) -> Checked {
        let Some(session) = self.client.current else {
            return Ok(());
        };
        let Some(found) = self
            .client
            .sessions
            .get_mut(&session)
            .filter(|found| found.ready)
        else {
            return Ok(());
        };
        let namespace = NAMESPACES[1];
        let joined = &mut found.namespaces[index(namespace)?];
        if joined.connect() {
            found.unanswered += 1;
            let connect = Prepared::connect(&name(namespace), &trunkline_protocol::Value::nil());
            joined.asked(&connect);
            self.note(|| format!("client joins {namespace} in session {session}"));
            return self.push(End::Client, session, connect).map(drop);
        }
        if joined.disconnect() {
            self.note(|| format!("client leaves {namespace} in session {session}"));
            self.leave_acks(End::Client, session, namespace)?;
            let disconnect = Prepared::disconnect(&name(namespace), Code::DISCONNECTED, "");
            return self.push(End::Client, session, disconnect).map(drop);
        }
        Ok(())
    }

    fn server_leaves_namespace(&mut self) -> Checked {
        let namespace = NAMESPACES[1];
        let attached = self
            .server_sockets()
            .into_iter()
            .find(|(_, _, of)| *of == namespace);
        let Some((session, socket, _)) = attached else {
            return Ok(());
        };
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(());
        };
        found.namespaces.disconnect(namespace);
        found.attached.remove(&socket);
        self.note(|| format!("server leaves {namespace} in session {session}"));
        self.leave_acks(End::Server, session, namespace)?;
        let disconnect = Prepared::disconnect(&name(namespace), Code::DISCONNECTED, "");
        self.push(End::Server, session, disconnect).map(drop)
    }

    /// Frames of no meaning, numbered and not.
    fn sends_ignorable(&mut self) -> Checked {
        let Some(session) = self.client.current else {
            return Ok(());
        };
        let end = self.random_end();
        let number = self.rng.below(0x20) as u8;
        if self.rng.chance(1, 2) {
            let frame = Prepared::ignorable(Kind::new(0x60 + number)).ok_or("an ignorable kind")?;
            return self.push(end, session, frame).map(drop);
        }
        let now = self.now;
        let encoding = self.config.encoding;
        let Some(half) = self
            .half(end, session)
            .filter(|half| !half.session.outbound.is_closing())
        else {
            return Ok(());
        };
        let Some(line) = half.session.line else {
            return Ok(());
        };
        let mut message = Vec::new();
        assert!(
            encode_ignorable(encoding, Kind::new(0x40 + number), &mut message),
            "0x40 to 0x5f"
        );
        self.lines[line].send(end, now, &[&message])
    }

    pub(crate) fn client_emits_datagram(&mut self) -> Checked {
        if let Phase::Quiet { .. } = self.phase {
            self.after(Duration::from_millis(500), Timer::Datagram);
        }
        let Some(session) = self.client.current else {
            return Ok(());
        };
        let event = EventName::try_from("moved").map_err(|no| no.to_string())?;
        let datagram = Prepared::datagram(&name("/"), &event, &Payload::empty());
        if let Some(half) = self.half(End::Client, session) {
            half.session.outbound.push_best_effort(datagram, false);
        }
        Ok(())
    }

    /// The server asks the client to come back on another connection.
    fn server_goes_away(&mut self) -> Checked {
        let slot = self.rng.below(700);
        let Some(session) = self.client.current else {
            return Ok(());
        };
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(());
        };
        let session = &mut found.half.session;
        if session.line.is_none() || session.outbound.is_closing() {
            return Ok(());
        }
        session.hold(Hold::EventsAndConnects);
        session.outbound.go_away(GoAway {
            reason: "the server goes away".to_owned(),
            slot,
            deadline: 60_000,
            url: None,
        });
        Ok(())
    }

    fn ends_a_session(&mut self) -> Checked {
        let Some(session) = self.client.current.filter(|_| self.rng.chance(1, 3)) else {
            return Ok(());
        };
        let end = self.random_end();
        let code = if end == End::Client {
            Code::NORMAL
        } else {
            Code::ENDED
        };
        self.end_session(
            end,
            session,
            Close::new(code, "the application ends it"),
            "ended",
        )
    }

    pub(crate) fn sweep(&mut self) -> Checked {
        self.after(SWEEP, Timer::Sweep);
        self.server_sweeps()?;
        self.client_sweeps()
    }

    /// The network is whole again.
    pub(crate) fn heal(&mut self) -> Checked {
        self.phase = Phase::Healing {
            until: self.now + HEALING_LIMIT,
        };
        self.note(|| "the network heals".to_owned());
        Ok(())
    }

    /// Whether the run has ended well; an error if it should have by now.
    pub(crate) fn is_over(&mut self) -> Result<bool, String> {
        match self.phase {
            Phase::Chaos => Ok(false),
            Phase::Healing { until } => {
                if self.is_settled()? {
                    let quiet = self.config.ping_interval + self.config.ping_timeout;
                    let until = self.now + quiet + Duration::from_secs(4);
                    self.note(|| "everything is said".to_owned());
                    self.phase = Phase::Quiet { until };
                    self.after(Duration::ZERO, Timer::Datagram);
                } else if self.is_stalled() {
                    return Err(format!("stalled: {}", self.what_is_open()));
                } else if self.now > until {
                    return Err(format!("not settled: {}", self.what_is_open()));
                }
                Ok(false)
            }
            Phase::Quiet { until } => Ok(self.now > until),
        }
    }

    /// Whether both sides have been on one whole connection for long, have something to say, and
    /// say nothing.
    fn is_stalled(&mut self) -> bool {
        let line = self.current_line();
        let (Some(session), Some(line)) = (self.client.current, line) else {
            self.progress.since = self.now;
            return false;
        };
        let (Some(ours), Some(theirs)) = (
            self.client.sessions.get(&session),
            self.server.sessions.get(&session),
        ) else {
            return false;
        };
        let sides = [&ours.half.session, &theirs.half.session];
        let sum = sides
            .iter()
            .fold(self.ledger.arrivals + line as u64, |sum, side| {
                sum + side.outbound.numbered() + side.confirmed
            });
        let whole = theirs.half.session.line == Some(line) && !self.lines[line].disturbed;
        let waits = !sides.iter().all(|side| side.outbound.is_settled());
        if sum != self.progress.sum || !whole || !waits {
            self.progress = Progress {
                since: self.now,
                sum,
            };
        }
        self.now > self.progress.since + STALL_LIMIT
    }

    fn is_settled(&self) -> Result<bool, String> {
        let Some((session, line)) = self.client.current.zip(self.current_line()) else {
            return Ok(false);
        };
        let (Some(ours), Some(theirs)) = (
            self.client.sessions.get(&session),
            self.server.sessions.get(&session),
        ) else {
            return Ok(false);
        };
        let settled = ours.ready
            && !ours.half.ended
            && !theirs.half.ended
            && ours.half.session.outbound.is_settled()
            && theirs.half.session.outbound.is_settled()
            && theirs.half.session.line == Some(line)
            && self.open_work == 0
            && self.ledger.open_acks == 0
            && !self.client_is_dialling()
            && self.server_has_only(session, line);
        if !settled {
            return Ok(false);
        }
        self.check_agreement(session)?;
        Ok(true)
    }

    /// Both sides hold nothing, and mean the same by everything.
    fn check_agreement(&self, session: usize) -> Checked {
        let (ours, theirs) = (
            &self.client.sessions[&session],
            &self.server.sessions[&session],
        );
        if ours.unanswered != 0 {
            return Err(format!("{} CONNECTs are never answered", ours.unanswered));
        }
        for (namespace, at_client) in NAMESPACES.iter().zip(&ours.namespaces) {
            let at_server = theirs.namespaces.get(namespace).is_some();
            if at_client.is_connected() != at_server {
                let sides = (at_client.is_connected(), at_server);
                return Err(format!(
                    "client and server disagree about {namespace}: {sides:?}"
                ));
            }
        }
        for half in [&ours.half, &theirs.half] {
            let held = (
                half.session.outbound.queued_bytes(),
                half.session.outbound.unconfirmed_bytes(),
            );
            if held != (0, 0) || !half.acks.is_empty() {
                return Err(format!("bytes are kept for nobody: {held:?}"));
            }
        }
        if !self.ledger.is_complete(session) {
            return Err(format!(
                "session {session} is settled and events are missing"
            ));
        }
        Ok(())
    }

    fn what_is_open(&self) -> String {
        let current = self.client.current;
        let line = self.current_line();
        let sides = current.map(|session| {
            let ours = self
                .client
                .sessions
                .get(&session)
                .map(|found| found.half.session.outbound.is_settled());
            let theirs = self
                .server
                .sessions
                .get(&session)
                .map(|found| found.half.session.outbound.is_settled());
            (ours, theirs)
        });
        format!(
            "session {current:?} on line {line:?}, settled {sides:?}, work {}, acks {}, dialling {}",
            self.open_work,
            self.ledger.open_acks,
            self.client_is_dialling()
        )
    }
}
