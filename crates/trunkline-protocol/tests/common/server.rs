//! The server: registry, authentication, the decision about a resume, namespaces.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_netem::{End, Time};
use trunkline_protocol::{
    AttachRefusal, Attachment, Beat, Close, Code, Datagrams, Disposition, Hello, Prepared, Resume,
    ResumeRefusal, Role, Secret, Sequenced, ServerNamespaces, SessionId, SocketId, VERSION, Value,
    Welcome, read_hello,
};

use super::app::{Ending, Half, is_bad, known, name};
use super::session::{Attach, Handled, Session, time};
use super::{CLOSE_LIMIT, Checked, Rule, Timer, World};

#[derive(Default)]
pub(crate) struct Server {
    /// By the line on which each was made; ended ones stay, for what is still said of them.
    pub(crate) sessions: BTreeMap<usize, ServerSession>,
    /// What ended sessions leave behind.
    graves: BTreeMap<usize, (Code, Time)>,
    connections: Vec<Connection>,
    next_socket: u64,
}

pub(crate) struct ServerSession {
    pub(crate) half: Half,
    attachment: Attachment,
    pub(crate) namespaces: ServerNamespaces<u64>,
    /// Sockets whose CONNECTED has been pushed.
    pub(crate) attached: BTreeSet<u64>,
    /// Counts detaches, so that an old one's expiry means nothing.
    generation: u64,
}

enum Connection {
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

/// The id of the session that was made on a line.
fn id(session: usize) -> SessionId {
    SessionId::try_from(format!("session {session}")).expect("a short id")
}

fn session_of(id: &SessionId) -> Option<usize> {
    id.strip_prefix("session ")?.parse().ok()
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

    /// Authentication is done: a session has the connection, or it is refused.
    pub(crate) fn server_decides(&mut self, line: usize) -> Checked {
        let (hello, gone) =
            match std::mem::replace(&mut self.server.connections[line], Connection::Over) {
                Connection::Authenticating { hello, gone } => (hello, gone),
                other => {
                    self.server.connections[line] = other;
                    return Ok(());
                }
            };
        match self.server_answer(line, &hello)? {
            Ok((session, attach)) => {
                self.server.connections[line] = Connection::Live { session, attach };
            }
            Err(close) => {
                self.note(|| format!("line {line} is refused: {}", close.code));
                let now = self.now;
                let encoding = self.lines[line].encoding;
                self.lines[line].send(End::Server, now, &[&close.encode(encoding)])?;
                self.server.connections[line] = Connection::Closing {
                    session: None,
                    ending: None,
                };
                self.after(
                    CLOSE_LIMIT,
                    Timer::ClosingEnds {
                        line,
                        end: End::Server,
                    },
                );
            }
        }
        if gone {
            return self.server_sees_cut(line);
        }
        self.server_reads(line)
    }

    fn server_answer(
        &mut self,
        line: usize,
        hello: &Hello,
    ) -> Result<Result<(usize, u64), Close>, String> {
        let Some(resume) = &hello.resume else {
            return self.server_begins(line, hello, None).map(Ok);
        };
        match self.server_resumes(line, resume)? {
            Resumption::Resumed(session) => Ok(Ok((session, resume.attach))),
            Resumption::Closed(close) => Ok(Err(close)),
            Resumption::Refused(why) if resume.strict => {
                Ok(Err(Close::new(Code::SESSION_UNKNOWN, why.as_str())))
            }
            Resumption::Refused(why) => self.server_begins(line, hello, Some(why)).map(Ok),
        }
    }

    fn server_begins(
        &mut self,
        line: usize,
        hello: &Hello,
        reason: Option<ResumeRefusal>,
    ) -> Result<(usize, u64), String> {
        let secret = Secret::new(self.rng.bytes());
        let encoding = self.lines[line].encoding;
        let session = Session::new(End::Server, encoding, &self.config.server, &hello.limits);
        let mut found = ServerSession {
            half: Half::new(session),
            attachment: Attachment::new(secret.hash(), encoding),
            namespaces: ServerNamespaces::new(8),
            attached: BTreeSet::new(),
            generation: 0,
        };
        let attach = self.server_attach(line, 0, 0);
        let welcome = Welcome {
            secret: Some(secret),
            reason,
            ..self.welcome(line)
        };
        let first = |received| {
            Some(
                Welcome {
                    received,
                    ..welcome
                }
                .encode(encoding),
            )
        };
        found
            .half
            .session
            .attach(&mut self.lines, &attach, self.now, first)?;
        self.server.sessions.insert(line, found);
        self.note(|| format!("session {line} begins"));
        Ok((line, 0))
    }

    fn server_resumes(&mut self, line: usize, resume: &Resume) -> Result<Resumption, String> {
        let session = session_of(&resume.session).ok_or("an id that was never given out")?;
        let encoding = self.lines[line].encoding;
        let now = self.now;
        let (accept_stale, rotate) = (
            self.leaves_out(Rule::AttachMustRise),
            self.leaves_out(Rule::FixedSecret),
        );
        let greater = !self.leaves_out(Rule::GreaterReceipt);
        let attach = self.server_attach(line, resume.attach, resume.received);
        let new_secret = Secret::new(self.rng.bytes());
        let mut welcome = Welcome {
            session: id(session),
            resumed: true,
            ..self.welcome(line)
        };
        let Some(found) = self
            .server
            .sessions
            .get_mut(&session)
            .filter(|found| !found.half.ended)
        else {
            return Ok(self.server_bereaved(session));
        };
        match found.attachment.attach(resume, true, encoding, time(now)) {
            Ok(()) => {}
            Err(AttachRefusal::Stale { .. }) if accept_stale => {}
            Err(refusal) => return Ok(refused(refusal)),
        }
        if !greater && resume.received < found.half.session.confirmed {
            // What it says it lacks is no longer there.
            return Ok(Resumption::Refused(ResumeRefusal::Unknown));
        }
        if rotate {
            found.attachment = Attachment::new(new_secret.hash(), encoding);
            let again = Resume {
                secret: new_secret.clone(),
                ..resume.clone()
            };
            found
                .attachment
                .attach(&again, true, encoding, time(now))
                .map_err(|no| no.to_string())?;
            welcome.secret = Some(new_secret);
        }
        found.generation += 1;
        let first = |received| {
            Some(
                Welcome {
                    received,
                    ..welcome
                }
                .encode(encoding),
            )
        };
        let retired = found
            .half
            .session
            .attach(&mut self.lines, &attach, now, first)?;
        self.note(|| {
            format!(
                "session {session} resumed on line {line}, attach {}",
                resume.attach
            )
        });
        if let Some(retired) = retired {
            self.server_retires(retired);
        }
        Ok(Resumption::Resumed(session))
    }

    /// An older connection: its task may still read for a while.
    fn server_retires(&mut self, line: usize) {
        let Connection::Live { session, attach } = self.server.connections[line] else {
            return;
        };
        if self.rng.chance(1, 2) {
            self.server.connections[line] = Connection::Superseded { session, attach };
            self.after(
                CLOSE_LIMIT,
                Timer::ClosingEnds {
                    line,
                    end: End::Server,
                },
            );
        } else {
            self.server_begins_closing(line, Ending::Superseded);
        }
    }

    fn server_bereaved(&self, session: usize) -> Resumption {
        let grave = self
            .server
            .graves
            .get(&session)
            .filter(|(_, until)| *until > self.now);
        match grave.map(|(code, _)| *code) {
            Some(Code::OVERFLOW) => Resumption::Refused(ResumeRefusal::Overflow),
            Some(Code::SESSION_EXPIRED) => Resumption::Refused(ResumeRefusal::Expired),
            Some(code) if code.disposition(Role::Server) == Disposition::Over => {
                Resumption::Closed(Close::new(code, "the session ended"))
            }
            Some(_) | None => Resumption::Refused(ResumeRefusal::Unknown),
        }
    }

    fn server_attach(&self, line: usize, attach: u64, received: u64) -> Attach {
        let heartbeat = (self.config.ping_interval, self.config.ping_timeout);
        Attach {
            line,
            attach,
            received,
            heartbeat,
        }
    }

    fn welcome(&self, session: usize) -> Welcome {
        let ms = |duration: std::time::Duration| duration.as_millis() as u64;
        Welcome {
            v: VERSION,
            session: id(session),
            secret: None,
            resumed: false,
            reason: None,
            received: 0,
            ping_interval: ms(self.config.ping_interval),
            ping_timeout: ms(self.config.ping_timeout),
            resume_window: ms(self.config.resume_window),
            limits: self.config.server,
            features: Vec::new(),
            datagrams: Datagrams::Emulated,
            alternatives: Vec::new(),
        }
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

    fn server_begins_closing(&mut self, line: usize, ending: Ending) {
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
        self.server.graves.insert(session, (code, until));
        if let Some(found) = self.server.sessions.get_mut(&session) {
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
        use trunkline_protocol::Frame;
        matches!(
            Frame::decode(self.lines[line].encoding, message),
            Ok(Frame::Sequenced { frame: Sequenced::Event { args, .. }, .. }) if is_bad(&args)
        )
    }
}

enum Resumption {
    Resumed(usize),
    Refused(ResumeRefusal),
    Closed(Close),
}

fn refused(refusal: AttachRefusal) -> Resumption {
    let reason = refusal.to_string();
    match refusal {
        AttachRefusal::Unknown => Resumption::Refused(ResumeRefusal::Unknown),
        AttachRefusal::Encoding => Resumption::Refused(ResumeRefusal::Encoding),
        AttachRefusal::Stale { current, .. } => Resumption::Closed(Close {
            attach: Some(current),
            ..Close::new(Code::STALE_ATTACH, reason)
        }),
        AttachRefusal::TooMany { retry_after } => Resumption::Closed(Close {
            retry_after: Some(retry_after.as_millis() as u64),
            ..Close::new(Code::TOO_MANY_ATTACHES, reason)
        }),
    }
}
