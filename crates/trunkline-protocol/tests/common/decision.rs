//! The server's one decision: a session has the connection, or it is refused.

use std::collections::BTreeSet;

use trunkline_netem::End;
use trunkline_protocol::{
    AttachRefusal, Attachment, Close, Code, Datagrams, Disposition, Hello, Hold, Resume,
    ResumeRefusal, Role, Secret, ServerNamespaces, SessionId, VERSION, Welcome,
};

use super::app::{Ending, Half};
use super::server::{Connection, ServerSession};
use super::session::{Attach, Session, time};
use super::{CLOSE_LIMIT, Checked, Rule, Timer, World};

/// The id of the session that was made on a line.
pub(crate) fn id(session: usize) -> SessionId {
    SessionId::try_from(format!("session {session}")).expect("a short id")
}

fn session_of(id: &SessionId) -> Option<usize> {
    id.strip_prefix("session ")?.parse().ok()
}

impl World {
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
            secret: secret.hash(),
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
        let rotated = self.rng.bytes();
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
            return Ok(self.server_bereaved(session, &resume.secret));
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
            let secret = Secret::new(rotated);
            rotate_secret(found, resume, secret.clone(), time(now))?;
            welcome.secret = Some(secret);
        }
        found.generation += 1;
        found.half.session.hold(Hold::Nothing);
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

    /// The session is not there: whoever has its secret learns what became of it.
    fn server_bereaved(&self, session: usize, secret: &Secret) -> Resumption {
        let grave = self.server.graves.get(&session);
        let grave = grave.filter(|grave| grave.until > self.now && grave.secret.matches(secret));
        match grave.map(|grave| grave.code) {
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

/// The rule left out that a secret is fixed for the session's life.
fn rotate_secret(
    found: &mut ServerSession,
    resume: &Resume,
    secret: Secret,
    now: trunkline_protocol::Time,
) -> Result<(), String> {
    let encoding = found.half.session.encoding;
    found.secret = secret.hash();
    found.attachment = Attachment::new(found.secret, encoding);
    let again = Resume {
        secret,
        ..resume.clone()
    };
    found
        .attachment
        .attach(&again, true, encoding, now)
        .map_err(|no| no.to_string())
}
