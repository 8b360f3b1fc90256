//! The server: registry, authentication, the decision about a resume, namespaces.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_netem::{End, Time};
use trunkline_protocol::{
    Attachment, Beat, Code, Frame, Hello, Prepared, Role, SecretHash, Sequenced, ServerNamespaces,
    SocketId, Value, read_hello,
};

use super::app::{Ending, Half, is_bad, known, name};
use super::session::Handled;
use super::{CLOSE_LIMIT, Checked, Rule, Timer, World};

#[derive(Default)]
pub(crate) struct Server {
    /// By the line on which each was made; ended ones stay, for what is still said of them.
    pub(crate) sessions: BTreeMap<usize, ServerSession>,
    /// What ended sessions leave behind.
    pub(crate) graves: BTreeMap<usize, Grave>,
    pub(crate) connections: Vec<Connection>,
    next_socket: u64,
}

/// Told only to who has the session's secret.
pub(crate) struct Grave {
    pub(crate) secret: SecretHash,
    pub(crate) code: Code,
    pub(crate) until: Time,
}

pub(crate) struct ServerSession {
    pub(crate) half: Half,
    pub(crate) secret: SecretHash,
    pub(crate) attachment: Attachment,
    pub(crate) namespaces: ServerNamespaces<u64>,
    /// Sockets whose CONNECTED has been pushed.
    pub(crate) attached: BTreeSet<u64>,
    /// Counts detaches, so that an old one's expiry means nothing.
    pub(crate) generation: u64,
}

pub(crate) enum Connection {
    Greeting,
    /// Nothing is read past HELLO until it is answered.
    Authenticating {
        hello: Box<Hello>,
        gone: bool,
    },
    Live {
        session: usize,
        attach: u64,
    },
    /// A newer connection has the session; this one's task has not noticed yet.
    Superseded {
        session: usize,
        attach: u64,
    },
    Closing {
        session: Option<(usize, u64)>,
        ending: Option<Ending>,
    },
    Over,
}

impl World {
    pub(crate) fn server_accepts(&mut self) {
        self.server.connections.push(Connection::Greeting);
    }

    pub(crate) fn server_reads(&mut self, line: usize) -> Checked {
        loop {
            match &self.server.connections[line] {
                Connection::Greeting => {
                    let Some(message) = self.lines[line].next_message(End::Server) else {
                        return Ok(());
                    };
                    let hello = read_hello(self.lines[line].encoding, &message)
                        .map_err(|violation| format!("HELLO refused: {violation}"))?;
                    let hello = Box::new(hello);
                    self.server.connections[line] =
                        Connection::Authenticating { hello, gone: false };
                    let delay = self.random_ms(800);
                    self.after(delay, Timer::Authenticated { line });
                }
                Connection::Live { session, attach } => {
                    let (session, attach) = (*session, *attach);
                    if !self.server_handles(line, session, attach)? {
                        self.server_turn_ends(line, session, attach);
                        return Ok(());
                    }
                }
                Connection::Superseded { session, attach } => {
                    let (session, attach) = (*session, *attach);
                    if !self.server_handles(line, session, attach)? {
                        return Ok(());
                    }
                }
                Connection::Closing { .. } => {
                    while self.lines[line].next_message(End::Server).is_some() {}
                    return Ok(());
                }
                Connection::Authenticating { .. } | Connection::Over => return Ok(()),
            }
        }
    }

    fn server_turn_ends(&mut self, line: usize, session: usize, attach: u64) {
        let now = self.now;
        if let Some(found) = self.server.sessions.get_mut(&session) {
            found
                .half
                .session
                .turn_ends(attach, &mut self.lines[line], now);
        }
    }

    /// Handles one message; false if there is none, or the connection is no longer read.
    fn server_handles(&mut self, line: usize, session: usize, attach: u64) -> Result<bool, String> {
        let Some(message) = self.lines[line].next_message(End::Server) else {
            return Ok(false);
        };
        let now = self.now;
        if self.leaves_out(Rule::BadContentCounts) && self.is_poisoned(line, &message) {
            self.server_begins_closing(line, Ending::Cut);
            return Ok(false);
        }
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(false);
        };
        let handled = found
            .half
            .session
            .handle(attach, &message, now)
            .map_err(|violation| {
                format!("the server sees a violation on line {line}: {violation}")
            })?;
        match handled {
            Handled::Nothing => {}
            Handled::Superseded => {
                self.server_begins_closing(line, Ending::Superseded);
                return Ok(false);
            }
            Handled::Closed(close) => {
                self.server_begins_closing(line, Ending::ByPeer(close));
                return Ok(false);
            }
            Handled::GoAway { .. } => return Err("the client says GOAWAY".to_owned()),
            Handled::Sequenced { seq, frame } => self.server_takes(session, seq, &frame)?,
        }
        Ok(true)
    }

    fn server_takes(&mut self, session: usize, seq: u64, frame: &Sequenced<'_>) -> Checked {
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(());
        };
        match frame {
            Sequenced::Connect { namespace, .. } => {
                self.server_connect(session, known(namespace)?, seq)
            }
            Sequenced::Disconnect { namespace, .. } => {
                let namespace = known(namespace)?;
                let left = found.namespaces.disconnect(namespace);
                if let Some((socket, _)) = left {
                    found.attached.remove(&socket);
                }
                if let Some((_, Some(connect))) = left {
                    self.server_refuses(session, namespace, connect, Code::DISCONNECTED)?;
                }
                self.leave_acks(End::Server, session, namespace)
            }
            Sequenced::Event { namespace, .. } => {
                let connected = found.namespaces.get(namespace).is_some();
                self.event_arrives(End::Server, session, frame, connected)
            }
            Sequenced::Ack {
                namespace, ack_id, ..
            }
            | Sequenced::Failed {
                namespace, ack_id, ..
            } => self.answer_arrives(End::Server, session, namespace, *ack_id),
            Sequenced::Ignorable { .. } => Ok(()),
            Sequenced::Connected { .. } | Sequenced::Refused { .. } => {
                Err(format!("the client sends {}", frame.kind()))
            }
        }
    }

    fn server_connect(&mut self, session: usize, namespace: &'static str, connect: u64) -> Checked {
        let socket = self.server.next_socket;
        self.server.next_socket += 1;
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(());
        };
        if let Err(code) = found.namespaces.connect(name(namespace), connect, socket) {
            return self.server_refuses(session, namespace, connect, code);
        }
        let passes = namespace == "/" || self.rng.chance(4, 5);
        let delay = self.random_ms(400);
        self.open_work += 1;
        self.after(
            delay,
            Timer::ConnectJudged {
                session,
                namespace,
                connect,
                passes,
            },
        );
        Ok(())
    }

    pub(crate) fn server_connect_judged(
        &mut self,
        session: usize,
        namespace: &'static str,
        connect: u64,
        passes: bool,
    ) -> Checked {
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(());
        };
        if !passes {
            return match found.namespaces.refuse(namespace, connect) {
                Some(_) => self.server_refuses(session, namespace, connect, Code::UNAUTHORIZED),
                // Left meanwhile, and refused then.
                None => Ok(()),
            };
        }
        if !found.namespaces.accept(namespace, connect) {
            return Ok(());
        }
        let Some(socket) = found.namespaces.get(namespace).copied() else {
            return Err("an accepted socket is not there".to_owned());
        };
        found.attached.insert(socket);
        let socket = SocketId::try_from(format!("s{socket}")).expect("a short id");
        let data = Value::encode(&"x".repeat(self.rng.index(120))).expect("a plain value");
        let connected = Prepared::connected(&name(namespace), connect, &socket, &data);
        self.push(End::Server, session, connected).map(drop)
    }

    fn server_refuses(
        &mut self,
        session: usize,
        namespace: &str,
        connect: u64,
        code: Code,
    ) -> Checked {
        let refused = Prepared::refused(&name(namespace), connect, code, "", &Value::nil());
        self.push(End::Server, session, refused).map(drop)
    }

    pub(crate) fn server_sees_cut(&mut self, line: usize) -> Checked {
        match &mut self.server.connections[line] {
            Connection::Authenticating { gone, .. } => {
                *gone = true;
                Ok(())
            }
            Connection::Greeting => {
                self.server.connections[line] = Connection::Over;
                Ok(())
            }
            Connection::Live { .. } | Connection::Superseded { .. } => {
                self.server_begins_closing(line, Ending::Cut);
                self.server_connection_over(line)
            }
            Connection::Closing { .. } => self.server_connection_over(line),
            Connection::Over => Ok(()),
        }
    }

    pub(crate) fn server_begins_closing(&mut self, line: usize, ending: Ending) {
        let (Connection::Live { session, attach } | Connection::Superseded { session, attach }) =
            self.server.connections[line]
        else {
            return;
        };
        let session = Some((session, attach));
        self.server.connections[line] = Connection::Closing {
            session,
            ending: Some(ending),
        };
        self.after(
            CLOSE_LIMIT,
            Timer::ClosingEnds {
                line,
                end: End::Server,
            },
        );
    }

    /// The connection's task ends.
    pub(crate) fn server_connection_over(&mut self, line: usize) -> Checked {
        let now = self.now;
        self.lines[line].leave(End::Server, now);
        let before = std::mem::replace(&mut self.server.connections[line], Connection::Over);
        let Connection::Closing {
            session: Some((session, attach)),
            ending: Some(ending),
        } = before
        else {
            return Ok(());
        };
        let Some(found) = self.server.sessions.get_mut(&session) else {
            return Ok(());
        };
        if !found.half.session.detach(attach) || found.half.ended {
            return Ok(());
        }
        let (code, keeps) = match &ending {
            Ending::ByPeer(close) => (
                close.code,
                close.code.disposition(Role::Client).keeps_session(),
            ),
            Ending::Here(close) => (
                close.code,
                close.code.disposition(Role::Server).keeps_session(),
            ),
            Ending::Superseded | Ending::Cut => (Code::ABNORMAL, true),
        };
        let worth_keeping =
            found.half.session.outbound.has_receipt() && !found.namespaces.is_empty();
        if !keeps {
            self.ledger
                .cause(session, format!("the connection ended with {code}"));
            return self.finish(End::Server, session, code, None);
        }
        if !worth_keeping {
            self.ledger
                .cause(session, "cut before anything was confirmed");
            return self.finish(End::Server, session, code, None);
        }
        found.generation += 1;
        let generation = found.generation;
        self.note(|| format!("session {session} is detached at the server"));
        self.after(
            self.config.resume_window,
            Timer::Expire {
                session,
                generation,
            },
        );
        Ok(())
    }

    pub(crate) fn server_session_expires(&mut self, session: usize, generation: u64) -> Checked {
        let Some(found) = self.server.sessions.get(&session) else {
            return Ok(());
        };
        if found.generation != generation || found.half.ended {
            return Ok(());
        }
        self.ledger.cause(session, "expired");
        self.finish(End::Server, session, Code::SESSION_EXPIRED, None)
    }

    pub(crate) fn server_session_over(&mut self, session: usize, code: Code) {
        let until = self.now + self.config.resume_window;
        if let Some(found) = self.server.sessions.get_mut(&session) {
            let secret = found.secret;
            let grave = Grave {
                secret,
                code,
                until,
            };
            self.server.graves.insert(session, grave);
            found.namespaces.drain();
            found.attached.clear();
        }
    }

    pub(crate) fn server_sweeps(&mut self) -> Checked {
        let now = self.now;
        let only_when_idle = self.leaves_out(Rule::PingWhateverTheTraffic);
        for (session, found) in &mut self.server.sessions {
            let beat = found
                .half
                .session
                .sweep(&mut self.lines, now, only_when_idle);
            let line = found.half.session.line;
            if beat == Beat::Dead && line.is_some_and(|line| !self.lines[line].disturbed) {
                return Err(format!(
                    "the server takes session {session} on a whole connection for dead"
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn server_writes(&mut self) -> Checked {
        let now = self.now;
        let mut farewells = Vec::new();
        for found in self.server.sessions.values_mut() {
            let session = &mut found.half.session;
            session.transmit(&mut self.lines, now)?;
            if let (Some(line), Some(close)) = (session.line, session.outbound.farewell()) {
                farewells.push((line, close.clone()));
            }
        }
        for (line, close) in farewells {
            if matches!(self.server.connections[line], Connection::Live { .. }) {
                self.server_begins_closing(line, Ending::Here(close));
            }
        }
        Ok(())
    }

    /// All sessions but `session` are over, and no connection but `line` is left.
    pub(crate) fn server_has_only(&self, session: usize, line: usize) -> bool {
        let sessions = self
            .server
            .sessions
            .iter()
            .all(|(of, found)| *of == session || found.half.ended);
        let connections = self.server.connections.iter().enumerate();
        sessions
            && connections
                .filter(|(of, _)| *of != line)
                .all(|(_, connection)| {
                    matches!(connection, Connection::Over | Connection::Greeting)
                })
    }

    fn is_poisoned(&self, line: usize, message: &[u8]) -> bool {
        matches!(
            Frame::decode(self.lines[line].encoding, message),
            Ok(Frame::Sequenced { frame: Sequenced::Event { args, .. }, .. }) if is_bad(&args)
        )
    }
}
