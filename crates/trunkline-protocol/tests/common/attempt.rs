//! The client's attempts: HELLO, first flight, offers to resume, and the answers.

use std::time::Duration;

use trunkline_netem::{End, Link, Profile};
use trunkline_protocol::{
    AckId, AckTable, Answer, ClientHandshake, Close, Code, Encoding, Frame, Hello, Lost, Prepared,
    Resume, Role, Secret, VERSION, Value,
};

use super::app::name;
use super::client::{Connection, Offer};
use super::line::Line;
use super::session::Attach;
use super::{CLOSE_LIMIT, Checked, Phase, Rule, Timer, World};

impl World {
    pub(crate) fn client_dials_if_idle(&mut self) -> Checked {
        self.client.dialling = false;
        let attached = self.current_line().is_some();
        if attached || self.client.pending.is_some() {
            return Ok(());
        }
        self.client_dials(false)
    }

    /// The line of the present connection.
    pub(crate) fn current_line(&self) -> Option<usize> {
        let session = self.client.sessions.get(&self.client.current?)?;
        session.half.session.line
    }

    pub(crate) fn client_switches(&mut self) -> Checked {
        if self.current_line().is_none() || self.client.pending.is_some() {
            return Ok(());
        }
        self.client_dials(true)
    }

    fn new_line(&mut self, encoding: Encoding) -> usize {
        let line = self.lines.len();
        let mut profile = Profile::random(&mut self.rng);
        if self.phase != Phase::Chaos {
            profile.delay /= 4;
        }
        let link = Link::new(self.seed.part(1_000 + line as u64), profile);
        self.lines.push(Line::new(link, encoding));
        self.server_accepts();
        line
    }

    fn client_dials(&mut self, switch: bool) -> Checked {
        let line = self.new_line(self.config.encoding);
        self.curse(line);
        self.client.pending = Some(line);
        let give_up = Duration::from_secs(1) + self.random_ms(3_000);
        self.after(give_up, Timer::AttemptEnds { line });
        self.note(|| format!("dials line {line}, switch: {switch}"));
        match self.client.current {
            Some(session) => self.client_offers_resume(line, session, switch),
            None => self.client_offers_flight(line),
        }
    }

    fn hello(&self, resume: Option<Resume>) -> Hello {
        Hello {
            v: VERSION,
            agent: "simulation".to_owned(),
            auth: Value::nil(),
            resume,
            features: Vec::new(),
            limits: self.config.client,
            ping_interval: None,
        }
    }

    fn client_says_hello(&mut self, line: usize, hello: &Hello, offer: Offer) -> Checked {
        let encoding = self.config.encoding;
        let handshake = ClientHandshake::sent(encoding, hello);
        self.client
            .connections
            .push(Connection::Waiting { handshake, offer });
        self.lines[line].send(End::Client, self.now, &[&hello.encode(encoding)])
    }

    fn client_offers_resume(&mut self, line: usize, session: usize, switch: bool) -> Checked {
        let raises = !self.leaves_out(Rule::AttachIsRaised);
        let strict = switch || self.rng.chance(1, 5);
        let now = self.now;
        let silent = !self.leaves_out(Rule::SilenceUntilWelcome);
        let found = self
            .client
            .sessions
            .get_mut(&session)
            .ok_or("no session to resume")?;
        found.counter += u64::from(raises);
        let attach = if raises {
            found.counter
        } else {
            found.counter + 1
        };
        found.offered = found.offered.max(attach);
        let resume = Resume {
            session: found.id.clone(),
            secret: found.secret.clone(),
            attach,
            received: found.half.session.inbound.receipt(),
            strict,
        };
        let heartbeat = found.heartbeat;
        let hello = self.hello(Some(resume));
        self.client_says_hello(line, &hello, Offer::Resume { session, attach })?;
        if !silent
            && !switch
            && let Some(found) = self.client.sessions.get_mut(&session)
        {
            let early = Attach {
                line,
                attach,
                received: 0,
                heartbeat,
            };
            found
                .half
                .session
                .attach(&mut self.lines, &early, now, |_| None)?;
            found.half.session.transmit(&mut self.lines, now)?;
            found.half.session.detach(attach);
        }
        Ok(())
    }

    /// A first HELLO, with a CONNECT and some events right behind it.
    fn client_offers_flight(&mut self, line: usize) -> Checked {
        let hello = self.hello(None);
        let limit = self.config.client.pending_acks as usize;
        let offer = Offer::Fresh {
            flight: Vec::new(),
            acks: AckTable::new(limit),
        };
        self.client_says_hello(line, &hello, offer)?;
        let mut flight = vec![Prepared::connect(&name("/"), &Value::nil())];
        let most = if self.rng.chance(1, 2) { 3 } else { 0 };
        let mut acks = AckTable::new(limit);
        while flight.len() <= most
            && let Some(number) = self.client.backlog.pop_front()
        {
            let ack_id = AckId::new(number).ok_or("a large number")?;
            let asks = self.rng.chance(1, 2) && acks.insert(ack_id, name("/"), number).is_ok();
            if asks {
                self.ledger.ask(line, End::Client, number, "/");
                self.counts.acks += 1;
            }
            flight.push(self.event(number, "/", "", asks));
            self.ledger.emit(line, End::Client, number);
        }
        for (index, frame) in flight.iter().enumerate() {
            let message = frame.to_message(self.config.encoding, index as u64 + 1);
            self.lines[line].send(End::Client, self.now, &[&message])?;
        }
        if let Some(Connection::Waiting { offer, .. }) = self.client.connections.last_mut() {
            *offer = Offer::Fresh { flight, acks };
        }
        Ok(())
    }

    /// The attempt came to nothing.
    pub(crate) fn client_gives_up(&mut self, line: usize) -> Checked {
        if !matches!(self.client.connections[line], Connection::Waiting { .. }) {
            return Ok(());
        }
        self.note(|| format!("gives line {line} up"));
        let now = self.now;
        self.lines[line].leave(End::Client, now);
        self.attempt_failed(line)?;
        self.back_off();
        Ok(())
    }

    /// What was sent ahead is unknown now.
    pub(crate) fn attempt_failed(&mut self, line: usize) -> Checked {
        self.client.pending = self.client.pending.filter(|pending| *pending != line);
        let before = std::mem::replace(&mut self.client.connections[line], Connection::Over);
        let Connection::Waiting {
            offer: Offer::Fresh { flight, mut acks },
            ..
        } = before
        else {
            return Ok(());
        };
        self.ledger.cause(line, "its WELCOME was never read");
        self.ledger.hand_back(
            line,
            End::Client,
            &Lost {
                unconfirmed: flight,
                ..Lost::default()
            },
        )?;
        acks.drain()
            .into_iter()
            .try_for_each(|number| self.ledger.settle(End::Client, number, "lost"))
    }

    pub(crate) fn back_off(&mut self) {
        self.client.failures += 1;
        let most = (100 << self.client.failures.min(5)).min(2_000);
        let delay = self.random_ms(most);
        self.dial_after(delay);
    }

    pub(crate) fn dial_after(&mut self, delay: Duration) {
        if !std::mem::replace(&mut self.client.dialling, true) {
            self.after(delay, Timer::Dial);
        }
    }

    pub(crate) fn client_answered(&mut self, line: usize, message: &[u8]) -> Checked {
        let empty = Connection::Closing {
            session: None,
            ending: None,
        };
        let Connection::Waiting { handshake, offer } =
            std::mem::replace(&mut self.client.connections[line], empty)
        else {
            return Ok(());
        };
        let answer = handshake
            .read(message)
            .map_err(|violation| format!("the client refuses the answer to HELLO: {violation}"))?;
        match (answer, offer) {
            (Answer::Resumed(welcome), Offer::Resume { session, attach }) => {
                self.client.pending = None;
                self.client_resumed(line, session, attach, *welcome)
            }
            (Answer::Fresh(welcome), Offer::Resume { session, .. }) => {
                self.client.pending = None;
                self.client_loses(session)?;
                let acks = AckTable::new(self.config.client.pending_acks as usize);
                self.client_begins(line, *welcome, Vec::new(), acks)
            }
            (Answer::Fresh(welcome), Offer::Fresh { flight, acks }) => {
                self.client.pending = None;
                self.client_begins(line, *welcome, flight, acks)
            }
            (Answer::Closed(close), offer) => self.client_refused(line, offer, &close),
            (Answer::Resumed(_), Offer::Fresh { .. }) => {
                Err("resumed what was not offered".to_owned())
            }
        }
    }

    fn client_refused(&mut self, line: usize, offer: Offer, close: &Close) -> Checked {
        self.note(|| format!("line {line}: {} {:?}", close.code, close.reason));
        let (session, attach) = match &offer {
            Offer::Resume { session, attach } => (Some(*session), *attach),
            Offer::Fresh { .. } => (None, 0),
        };
        let newest = session.and_then(|session| self.client.sessions.get(&session));
        if close.code == Code::STALE_ATTACH && newest.is_some_and(|newest| newest.offered <= attach)
        {
            return Err(format!(
                "the client's newest attempt {attach} is stale: {}",
                close.reason
            ));
        }
        if let Offer::Fresh { .. } = offer {
            return Err(format!("a fresh session is refused: {}", close.code));
        }
        self.client.pending = None;
        self.after(
            CLOSE_LIMIT,
            Timer::ClosingEnds {
                line,
                end: End::Client,
            },
        );
        match session {
            Some(session) if !close.code.disposition(Role::Server).keeps_session() => {
                self.client_loses(session)?;
            }
            _ => {}
        }
        match close.retry_after {
            Some(ms) => self.dial_after(Duration::from_millis(ms)),
            None => self.back_off(),
        }
        Ok(())
    }

    /// Somebody offers to resume the client's session who may not: with a guessed secret, in the
    /// other encoding, or with a HELLO that was said before.
    pub(crate) fn stranger_dials(&mut self) -> Checked {
        if self.left_out.is_some() {
            // What a missing rule does among honest peers is asked then.
            return Ok(());
        }
        let Some(session) = self.client.current else {
            return Ok(());
        };
        let guess = Secret::new(self.rng.bytes());
        let Some(found) = self.client.sessions.get(&session) else {
            return Ok(());
        };
        let right = found.secret.clone();
        let (id, offered, ours) = (found.id.clone(), found.offered, self.config.encoding);
        let other = if ours == Encoding::Json {
            Encoding::MessagePack
        } else {
            Encoding::Json
        };
        let (secret, encoding, attach) = match self.rng.below(3) {
            0 => (guess, ours, offered + 1_000),
            1 => (right, other, offered + 1_000),
            // The attempt that it repeats may be under way still.
            _ if self.client.pending.is_some() || offered == 0 => return Ok(()),
            _ => (right, ours, self.rng.between(0..=self.attached_at(session))),
        };
        let resume = Resume {
            session: id,
            secret,
            attach,
            received: 0,
            strict: true,
        };
        let line = self.new_line(encoding);
        self.note(|| format!("a stranger dials line {line}, attach {attach}"));
        self.client.connections.push(Connection::Stranger);
        let hello = self.hello(Some(resume)).encode(encoding);
        self.lines[line].send(End::Client, self.now, &[&hello])
    }

    /// The attach that the server has seen for certain.
    fn attached_at(&self, session: usize) -> u64 {
        self.client
            .sessions
            .get(&session)
            .map_or(0, |found| found.half.session.attach)
    }

    pub(crate) fn stranger_answered(&mut self, line: usize, message: &[u8]) -> Checked {
        let now = self.now;
        match Frame::decode(self.lines[line].encoding, message) {
            Ok(Frame::Close(close)) => {
                self.note(|| format!("the stranger of line {line} is told {}", close.code));
            }
            other => return Err(format!("a stranger is answered {other:?}")),
        }
        self.counts.strangers += 1;
        self.client.connections[line] = Connection::Over;
        self.lines[line].leave(End::Client, now);
        Ok(())
    }
}
