//! The client's sessions and connections, from WELCOME to their end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use trunkline_netem::End;
use trunkline_protocol::{
    AckTable, Beat, ClientHandshake, ClientNamespace, Close, Code, Hold, Limits, Prepared, Role,
    Secret, Sequenced, SessionId, Value, Welcome,
};

use super::app::{Ending, Half, NAMESPACES, known, name};
use super::ledger::number_in;
use super::session::{Attach, Handled, Session};
use super::{CLOSE_LIMIT, Checked, Timer, World};

#[derive(Default)]
pub(crate) struct Client {
    pub(crate) sessions: BTreeMap<usize, ClientSession>,
    /// The session that is not lost, if there is one.
    pub(crate) current: Option<usize>,
    pub(crate) connections: Vec<Connection>,
    /// The attempt under way.
    pub(crate) pending: Option<usize>,
    pub(crate) failures: u32,
    pub(crate) dialling: bool,
    /// Events that wait for a session.
    pub(crate) backlog: VecDeque<u64>,
}

pub(crate) struct ClientSession {
    pub(crate) half: Half,
    pub(crate) id: SessionId,
    pub(crate) secret: Secret,
    /// Raised at every attempt.
    pub(crate) counter: u64,
    /// The highest that was ever offered.
    pub(crate) offered: u64,
    pub(crate) namespaces: [ClientNamespace; 2],
    /// CONNECTs that have no answer yet.
    pub(crate) unanswered: u32,
    /// Sockets whose CONNECTED has arrived.
    sockets: BTreeSet<String>,
    pub(crate) heartbeat: (Duration, Duration),
    /// The application's hook has run: events may be pushed.
    pub(crate) ready: bool,
    /// The line on which the server said GOAWAY.
    pub(crate) leaving: Option<usize>,
}

impl ClientSession {
    fn number_connects(&mut self) {
        for (seq, frame) in self.half.session.outbound.take_connects() {
            for namespace in &mut self.namespaces {
                namespace.numbered(&frame, seq);
            }
        }
    }
}

pub(crate) enum Connection {
    Waiting {
        handshake: ClientHandshake,
        offer: Offer,
    },
    Live {
        session: usize,
        attach: u64,
    },
    Superseded {
        session: usize,
        attach: u64,
    },
    Closing {
        session: Option<(usize, u64)>,
        ending: Option<Ending>,
    },
    /// Somebody else's, who must be refused.
    Stranger,
    Over,
}

/// What a HELLO asked for.
pub(crate) enum Offer {
    Fresh {
        flight: Vec<Prepared>,
        acks: AckTable<u64>,
    },
    Resume {
        session: usize,
        attach: u64,
    },
}

impl World {
    pub(crate) fn client_reads(&mut self, line: usize) -> Checked {
        loop {
            match &self.client.connections[line] {
                Connection::Waiting { .. } => {
                    let Some(message) = self.lines[line].next_message(End::Client) else {
                        return Ok(());
                    };
                    self.client_answered(line, &message)?;
                }
                Connection::Live { session, attach } => {
                    let (session, attach) = (*session, *attach);
                    if !self.client_handles(line, session, attach)? {
                        let now = self.now;
                        if let Some(found) = self.client.sessions.get_mut(&session) {
                            found
                                .half
                                .session
                                .turn_ends(attach, &mut self.lines[line], now);
                        }
                        return Ok(());
                    }
                }
                Connection::Superseded { session, attach } => {
                    let (session, attach) = (*session, *attach);
                    if !self.client_handles(line, session, attach)? {
                        return Ok(());
                    }
                }
                Connection::Closing { .. } => {
                    while self.lines[line].next_message(End::Client).is_some() {}
                    return Ok(());
                }
                Connection::Stranger => {
                    let Some(message) = self.lines[line].next_message(End::Client) else {
                        return Ok(());
                    };
                    return self.stranger_answered(line, &message);
                }
                Connection::Over => return Ok(()),
            }
        }
    }

    pub(crate) fn client_resumed(
        &mut self,
        line: usize,
        session: usize,
        attach: u64,
        welcome: Welcome,
    ) -> Checked {
        let now = self.now;
        self.client.failures = 0;
        self.counts.resumes += 1;
        let Some(found) = self
            .client
            .sessions
            .get_mut(&session)
            .filter(|found| !found.half.ended)
        else {
            // It was ended meanwhile: nobody wants this connection.
            self.lines[line].leave(End::Client, now);
            return Ok(());
        };
        found.counter = found.counter.max(attach);
        if let Some(secret) = welcome.secret {
            found.secret = secret;
        }
        self.client.connections[line] = Connection::Live { session, attach };
        let attach = Attach {
            line,
            attach,
            received: welcome.received,
            heartbeat: found.heartbeat,
        };
        let hold = if found.ready {
            Hold::Nothing
        } else {
            Hold::Events
        };
        found.half.session.hold(hold);
        found.leaving = None;
        let retired = found
            .half
            .session
            .attach(&mut self.lines, &attach, now, |_| None)?;
        self.note(|| format!("session {session} resumed at the client, line {line}"));
        if let Some(retired) = retired {
            self.counts.switches += 1;
            self.client_retires(retired);
        }
        Ok(())
    }

    fn client_retires(&mut self, line: usize) {
        let Connection::Live { session, attach } = self.client.connections[line] else {
            return;
        };
        if self.rng.chance(1, 2) {
            self.client.connections[line] = Connection::Superseded { session, attach };
            self.after(
                CLOSE_LIMIT,
                Timer::ClosingEnds {
                    line,
                    end: End::Client,
                },
            );
        } else {
            self.client_begins_closing(line, Ending::Superseded);
        }
    }

    pub(crate) fn client_begins(
        &mut self,
        line: usize,
        welcome: Welcome,
        flight: Vec<Prepared>,
        acks: AckTable<u64>,
    ) -> Checked {
        self.client.failures = 0;
        let ours: Limits = self.config.client;
        let session = Session::new(End::Client, self.config.encoding, &ours, &welcome.limits);
        let ms = Duration::from_millis;
        let heartbeat = (ms(welcome.ping_interval), ms(welcome.ping_timeout));
        let mut found = ClientSession {
            half: Half {
                acks,
                ..Half::new(session)
            },
            id: welcome.session,
            secret: welcome.secret.ok_or("a fresh session without a secret")?,
            counter: 0,
            offered: 0,
            namespaces: Default::default(),
            unanswered: 0,
            sockets: BTreeSet::new(),
            heartbeat,
            ready: false,
            leaving: None,
        };
        let attach = Attach {
            line,
            attach: 0,
            received: welcome.received,
            heartbeat,
        };
        found
            .half
            .session
            .attach(&mut self.lines, &attach, self.now, |_| None)?;
        let root = flight.first().cloned();
        let flew = root.is_some();
        let root = root.unwrap_or_else(|| Prepared::connect(&name("/"), &Value::nil()));
        found.namespaces[0].connect();
        found.namespaces[0].asked(&root);
        found.unanswered = 1;
        found.half.session.adopt(flight);
        // The application's hook runs before anything that waits is sent.
        found.half.session.hold(Hold::Events);
        self.client.sessions.insert(line, found);
        self.client.current = Some(line);
        self.client.connections[line] = Connection::Live {
            session: line,
            attach: 0,
        };
        self.note(|| format!("session {line} begins at the client"));
        if !flew {
            self.push(End::Client, line, root)?;
        }
        let delay = self.random_ms(50);
        self.after(delay, Timer::HookDone { session: line });
        Ok(())
    }

    /// The slot of a GOAWAY has come: a successor is made while the connection lives.
    pub(crate) fn client_leaves(&mut self, line: usize) -> Checked {
        if self.current_line() != Some(line) {
            return Ok(());
        }
        if let Some(found) = self
            .client
            .current
            .and_then(|of| self.client.sessions.get_mut(&of))
        {
            found.leaving = Some(line);
        }
        self.client_switches()
    }

    pub(crate) fn client_hook_done(&mut self, session: usize) -> Checked {
        if self.client.current != Some(session) {
            return Ok(());
        }
        if let Some(found) = self.client.sessions.get_mut(&session) {
            if found.half.session.held != Hold::EventsAndConnects {
                found.half.session.hold(Hold::Nothing);
            }
            found.ready = true;
        }
        while self.client.current == Some(session)
            && let Some(number) = self.client.backlog.pop_front()
        {
            let frame = self.event(number, "/", "", false);
            self.ledger.emit(session, End::Client, number);
            if !self.push(End::Client, session, frame)? {
                self.ledger.take_back(session, End::Client, number);
            }
        }
        Ok(())
    }

    /// The server has said that the session is gone.
    pub(crate) fn client_loses(&mut self, session: usize) -> Checked {
        self.finish(End::Client, session, Code::SESSION_UNKNOWN, None)
    }

    pub(crate) fn client_session_over(&mut self, session: usize) {
        if self.client.current == Some(session) {
            self.client.current = None;
            self.back_off();
        }
        let Some(found) = self.client.sessions.get_mut(&session) else {
            return;
        };
        found.unanswered = 0;
        // What is left of its connection has said farewell, or has nobody to hear it.
        if let Some(line) = found.half.session.line
            && !found.half.session.outbound.is_closing()
        {
            self.client_begins_closing(line, Ending::Superseded);
        }
    }

    /// Handles one message; false if there is none, or the connection is no longer read.
    fn client_handles(&mut self, line: usize, session: usize, attach: u64) -> Result<bool, String> {
        let Some(message) = self.lines[line].next_message(End::Client) else {
            return Ok(false);
        };
        let now = self.now;
        let Some(found) = self.client.sessions.get_mut(&session) else {
            return Ok(false);
        };
        let handled = found
            .half
            .session
            .handle(attach, &message, now)
            .map_err(|violation| {
                format!("the client sees a violation on line {line}: {violation}")
            })?;
        match handled {
            Handled::Nothing => {}
            Handled::Superseded => {
                self.client_begins_closing(line, Ending::Superseded);
                return Ok(false);
            }
            Handled::Closed(close) => {
                self.check_superseded(session, attach, &close)?;
                self.client_begins_closing(line, Ending::ByPeer(close));
                return Ok(false);
            }
            Handled::Sequenced { frame, .. } => self.client_takes(session, &frame)?,
            Handled::GoAway { slot } => {
                found.half.session.hold(Hold::EventsAndConnects);
                self.note(|| format!("line {line} is to be left"));
                self.after(slot, Timer::Leave { line });
            }
        }
        Ok(true)
    }

    /// The newer attach wins, and nobody but this client has made one.
    fn check_superseded(&self, session: usize, attach: u64, close: &Close) -> Checked {
        let made = self
            .client
            .sessions
            .get(&session)
            .map_or(0, |found| found.offered);
        match close.attach {
            Some(winner)
                if close.code == Code::SUPERSEDED && (winner <= attach || winner > made) =>
            {
                Err(format!(
                    "attach {attach} of session {session} is superseded by {winner}, {made} were made"
                ))
            }
            _ => Ok(()),
        }
    }

    fn client_takes(&mut self, session: usize, frame: &Sequenced<'_>) -> Checked {
        let Some(found) = self.client.sessions.get_mut(&session) else {
            return Ok(());
        };
        match frame {
            Sequenced::Connected {
                namespace,
                connect,
                socket_id,
                ..
            } => {
                found.number_connects();
                found.sockets.insert(socket_id.to_string());
                found.unanswered = found
                    .unanswered
                    .checked_sub(1)
                    .ok_or("an answer to no CONNECT")?;
                found.namespaces[index(namespace)?].connected(*connect);
                Ok(())
            }
            Sequenced::Refused {
                namespace, connect, ..
            } => {
                found.number_connects();
                found.unanswered = found
                    .unanswered
                    .checked_sub(1)
                    .ok_or("an answer to no CONNECT")?;
                let refused = found.namespaces[index(namespace)?].refused(*connect);
                if refused {
                    self.leave_acks(End::Client, session, namespace)
                } else {
                    Ok(())
                }
            }
            Sequenced::Disconnect { namespace, .. } => {
                let left = found.namespaces[index(namespace)?].disconnected();
                if left {
                    self.leave_acks(End::Client, session, namespace)
                } else {
                    Ok(())
                }
            }
            Sequenced::Event {
                namespace, event, ..
            } => {
                let socket = event.split(' ').nth(1).unwrap_or_default();
                if !found.sockets.contains(socket) {
                    let number = number_in(event);
                    return Err(format!(
                        "event {number} of socket {socket} comes before its CONNECTED"
                    ));
                }
                let connected = found.namespaces[index(namespace)?].is_connected();
                self.event_arrives(End::Client, session, frame, connected)
            }
            Sequenced::Ack {
                namespace, ack_id, ..
            }
            | Sequenced::Failed {
                namespace, ack_id, ..
            } => self.answer_arrives(End::Client, session, namespace, *ack_id),
            Sequenced::Ignorable { .. } => Ok(()),
            Sequenced::Connect { .. } => Err("the server sends CONNECT".to_owned()),
        }
    }

    pub(crate) fn client_sees_cut(&mut self, line: usize) -> Checked {
        match &self.client.connections[line] {
            Connection::Waiting { .. } => {
                self.note(|| format!("line {line} is cut before its answer"));
                let now = self.now;
                self.lines[line].leave(End::Client, now);
                self.attempt_failed(line)?;
                self.back_off();
                Ok(())
            }
            Connection::Live { .. } | Connection::Superseded { .. } => {
                self.client_begins_closing(line, Ending::Cut);
                self.client_connection_over(line)
            }
            Connection::Closing { .. } => self.client_connection_over(line),
            Connection::Stranger | Connection::Over => {
                let now = self.now;
                self.lines[line].leave(End::Client, now);
                Ok(())
            }
        }
    }

    pub(crate) fn client_begins_closing(&mut self, line: usize, ending: Ending) {
        let (Connection::Live { session, attach } | Connection::Superseded { session, attach }) =
            self.client.connections[line]
        else {
            return;
        };
        let session = Some((session, attach));
        self.client.connections[line] = Connection::Closing {
            session,
            ending: Some(ending),
        };
        self.after(
            CLOSE_LIMIT,
            Timer::ClosingEnds {
                line,
                end: End::Client,
            },
        );
    }

    /// The connection's task ends.
    pub(crate) fn client_connection_over(&mut self, line: usize) -> Checked {
        let now = self.now;
        self.lines[line].leave(End::Client, now);
        let before = std::mem::replace(&mut self.client.connections[line], Connection::Over);
        let Connection::Closing {
            session: Some((session, attach)),
            ending: Some(ending),
        } = before
        else {
            return Ok(());
        };
        let Some(found) = self.client.sessions.get_mut(&session) else {
            return Ok(());
        };
        if !found.half.session.detach(attach) || found.half.ended {
            return Ok(());
        }
        self.note(|| format!("session {session} is detached at the client"));
        let keeps = match &ending {
            Ending::ByPeer(close) => close.code.disposition(Role::Server).keeps_session(),
            Ending::Here(close) => close.code.disposition(Role::Client).keeps_session(),
            Ending::Superseded | Ending::Cut => true,
        };
        if !keeps {
            return self.client_loses(session);
        }
        if self.client.pending.is_none() {
            self.back_off();
        }
        Ok(())
    }

    pub(crate) fn client_sweeps(&mut self) -> Checked {
        let now = self.now;
        for (session, found) in &mut self.client.sessions {
            let beat = found.half.session.sweep(&mut self.lines, now, false);
            let line = found.half.session.line;
            if beat == Beat::Dead && line.is_some_and(|line| !self.lines[line].disturbed) {
                return Err(format!(
                    "the client takes session {session} on a whole connection for dead"
                ));
            }
        }
        if let Some(session) = self.client.current
            && let Some(line) = self
                .client
                .sessions
                .get(&session)
                .and_then(|found| found.leaving)
        {
            // The attempt to leave came to nothing.
            self.client_leaves(line)?;
        }
        // Whatever went wrong: a client without a connection goes on trying.
        if self.current_line().is_none() && self.client.pending.is_none() {
            self.dial_after(Duration::from_millis(100));
        }
        Ok(())
    }

    pub(crate) fn client_writes(&mut self) -> Checked {
        let now = self.now;
        let mut farewells = Vec::new();
        for found in self.client.sessions.values_mut() {
            let session = &mut found.half.session;
            session.transmit(&mut self.lines, now)?;
            if let (Some(line), Some(close)) = (session.line, session.outbound.farewell()) {
                farewells.push((line, close.clone()));
            }
        }
        for (line, close) in farewells {
            if matches!(self.client.connections[line], Connection::Live { .. }) {
                self.client_begins_closing(line, Ending::Here(close));
            }
        }
        Ok(())
    }

    pub(crate) fn client_is_dialling(&self) -> bool {
        self.client.pending.is_some()
    }
}

/// The place of a namespace among those of the run.
pub(crate) fn index(namespace: &str) -> Result<usize, String> {
    let namespace = known(namespace)?;
    NAMESPACES
        .iter()
        .position(|known| *known == namespace)
        .ok_or_else(|| format!("no namespace {namespace}"))
}
