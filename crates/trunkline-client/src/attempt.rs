//! One attempt, once a connection is dialled: HELLO, WELCOME.
//!
//! Specification: session.md, "Handshake" and "Resuming".

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;
use trunkline_driver::sync::{Arc, Ordering};
use trunkline_driver::{Attach, CLOSE_LIMIT, Driver, Ended, Session, clock};
use trunkline_protocol::{
    Alternative, Answer, ClientHandshake, Close, Code, Datagrams, Encoding, Hello, Hold,
    MAX_HELLO_BYTES, Prepared, Resume, Role, Secret, SessionId, VERSION, Violation, Welcome,
};
use trunkline_transport::{Connection, ConnectionEnd, DialError, MessageKind, TransportKind};

use crate::address::Address;
use crate::credentials::TooLong;
use crate::dial::{Dialled, show_race};
use crate::dispatch::Inlet;
use crate::lost::LossReason;
use crate::shared::Shared;
use crate::{Credentials, CredentialsError, CurrentTransport};

/// What a client keeps to resume its session.
pub(crate) struct Kept {
    pub(crate) session: Arc<Session>,
    /// Raised before every attempt; no two share one.
    pub(crate) attach: u64,
    id: SessionId,
    secret: Secret,
}

/// A connection that became the session's.
pub(crate) struct Attached {
    pub(crate) driver: Driver,
    pub(crate) resumed: bool,
    pub(crate) transport: TransportKind,
    /// The address that was dialled.
    pub(crate) address: Address,
    /// Why it is not the transport that was dialled first.
    pub(crate) passed_over: Option<String>,
    /// How best-effort frames travel on it.
    pub(crate) datagrams: Datagrams,
    /// The largest of them where they are emulated.
    pub(crate) datagram_limit: usize,
    /// The server's other transports.
    pub(crate) alternatives: Vec<Alternative>,
}

impl Attached {
    /// What the application is shown of it, with why it is not another transport.
    pub(crate) fn shown(&self, passed_over: Option<String>) -> CurrentTransport {
        let native = self.driver.session().max_datagram();
        CurrentTransport {
            kind: self.transport,
            datagrams: self.datagrams,
            datagram_bytes: match self.datagrams {
                Datagrams::None => 0,
                Datagrams::Native => native.unwrap_or(self.datagram_limit),
                Datagrams::Emulated => self.datagram_limit,
            },
            passed_over,
        }
    }
}

/// Why an attempt, or a connection, came to nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There are no credentials.
    Credentials(CredentialsError),
    /// The transport did not connect.
    Dial(DialError),
    /// The dial took too long.
    DialTimeout,
    /// None of several transports connected: each with its own trouble, which is one of a dial.
    Race(Vec<(TransportKind, Self)>),
    /// The server did not answer HELLO in time.
    WelcomeTimeout,
    /// It was still under way when the client gave up.
    OutOfTime,
    /// The connection ended before WELCOME.
    Greeting(Ended),
    /// The connection ended after it.
    Ended(Ended),
    /// The application closes the client.
    Closing,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // The error's own text is the application's, and may be of what must not be logged.
            Self::Credentials(_) => f.write_str("no credentials"),
            Self::Dial(error) => error.fmt(f),
            Self::Race(failures) => show_race(failures, f),
            Self::DialTimeout => f.write_str("no connection in time"),
            Self::WelcomeTimeout => f.write_str("no answer to HELLO in time"),
            Self::OutOfTime => f.write_str("an attempt was under way for too long"),
            Self::Greeting(ended) | Self::Ended(ended) => ended.fmt(f),
            Self::Closing => f.write_str("closed by the application"),
        }
    }
}

/// Says HELLO on a connection: to resume the session that is kept, else to begin one. `strict`: to
/// resume it and nothing else.
pub(crate) async fn attempt(
    shared: &Arc<Shared>,
    kept: &mut Option<Kept>,
    dialled: Dialled,
    strict: bool,
) -> Result<Attached, Trouble> {
    let Dialled {
        connection,
        encoding,
        credentials,
        address,
        passed_over,
    } = dialled;
    let transport = connection.transport;
    let hello = hello(shared, credentials, kept.as_mut(), strict);
    let flight = match &hello.resume {
        Some(_) => Vec::new(),
        None => shared.first_flight(),
    };
    let greeted = greet(shared, connection, encoding, &hello, &flight).await;
    if greeted.is_err() && hello.resume.is_none() {
        shared.first_flight_failed();
    }
    let attached = |driver, resumed, welcome: Welcome| Attached {
        driver,
        resumed,
        transport,
        address,
        passed_over,
        datagrams: welcome.datagrams,
        datagram_limit: welcome.limits.datagram as usize,
        alternatives: welcome.alternatives,
    };
    match greeted? {
        (connection, Answer::Resumed(welcome)) => {
            let driver = resumed(shared, kept, connection, &welcome)?;
            Ok(attached(driver, true, *welcome))
        }
        (connection, Answer::Fresh(welcome)) => {
            let driver = fresh(shared, kept, connection, encoding, &welcome, flight);
            Ok(attached(driver, false, *welcome))
        }
        (connection, Answer::Closed(mut close)) => {
            close.tame_reason();
            if hello.resume.is_none() {
                shared.first_flight_failed();
            }
            part(shared, connection, encoding, None, close.code);
            Err(Trouble::Greeting(Ended::ByPeer(close)))
        }
    }
}

fn hello(
    shared: &Shared,
    credentials: Credentials,
    kept: Option<&mut Kept>,
    strict: bool,
) -> Hello {
    let settings = &shared.config.settings;
    let wish = settings.ping_interval;
    Hello {
        v: VERSION,
        agent: settings.agent.clone(),
        auth: credentials.auth,
        resume: kept.map(|kept| kept.offer(strict)),
        features: Vec::new(),
        limits: settings.limits,
        ping_interval: wish.map(|wish| u64::try_from(wish.as_millis()).unwrap_or(u64::MAX)),
    }
}

impl Kept {
    pub(crate) const fn id(&self) -> &SessionId {
        &self.id
    }

    /// After the server told the highest attach it knows (specification: SES-041).
    pub(crate) fn raise_attach(&mut self, current: Option<u64>) {
        self.attach = self.attach.max(current.unwrap_or_default());
    }

    fn offer(&mut self, strict: bool) -> Resume {
        self.attach += 1;
        Resume {
            session: self.id.clone(),
            secret: self.secret.clone(),
            attach: self.attach,
            received: self.session.confirm_received(),
            strict,
        }
    }
}

/// Sends HELLO and what may follow it, and awaits the answer.
async fn greet(
    shared: &Arc<Shared>,
    mut connection: Connection,
    encoding: Encoding,
    hello: &Hello,
    flight: &[Prepared],
) -> Result<(Connection, Answer), Trouble> {
    let kind = message_kind(encoding);
    let message = TooLong::check(hello.encode(encoding), MAX_HELLO_BYTES);
    connection
        .sender
        .push(kind, &[&message.map_err(Trouble::Credentials)?]);
    for (seq, frame) in (1..).zip(flight) {
        let message = frame.to_message(encoding, seq);
        connection.sender.push(kind, &[&message]);
    }
    let handshake = ClientHandshake::sent(encoding, hello);
    let limit = shared.config.settings.welcome_timeout;
    let received = tokio::select! {
        biased;
        () = shared.closing() => {
            // The server may have begun a session for it already.
            let close = Close::new(Code::NORMAL, "");
            part(shared, connection, encoding, Some(close), Code::NORMAL);
            return Err(Trouble::Closing);
        }
        received = timeout(limit, receive(&mut connection)) => received,
    };
    let message = received
        .map_err(|_elapsed| Trouble::WelcomeTimeout)?
        .map_err(|end| Trouble::Greeting(Ended::Transport(end)))?;
    let answer = check_kind(kind, message.kind).and_then(|()| handshake.read(&message.bytes));
    match answer {
        Ok(answer) => Ok((connection, answer)),
        Err(violation) => Err(broken(shared, connection, encoding, violation)),
    }
}

/// The next message, while what was pushed leaves.
async fn receive(
    connection: &mut Connection,
) -> Result<trunkline_transport::Message, ConnectionEnd> {
    poll_fn(|cx| {
        // A write that fails is told by the read too, and what the server said before comes first.
        let _ = connection.sender.poll_flush(cx);
        connection.receiver.poll_receive(cx)
    })
    .await
}

fn resumed(
    shared: &Arc<Shared>,
    kept: &mut Option<Kept>,
    connection: Connection,
    welcome: &Welcome,
) -> Result<Driver, Trouble> {
    // Only a HELLO that offered one is answered so; the handshake has checked that.
    let Some(kept) = kept else {
        return Err(Trouble::WelcomeTimeout);
    };
    let session = &kept.session;
    let attach = attach(connection, welcome, kept.attach);
    shared.draining.store(false, Ordering::Relaxed);
    shared.book.lock().connected_with(welcome.datagrams);
    let inlet = Arc::new(Inlet(Arc::clone(shared)));
    match session.attach(attach, inlet, clock::now(), |_| None) {
        Ok(driver) => {
            // Not before: what waits must not leave on a connection that is being left.
            session.hold(Hold::Nothing);
            session.probe(clock::now());
            Ok(driver)
        }
        Err((violation, connection)) => {
            Err(broken(shared, connection, session.encoding(), violation))
        }
    }
}

fn fresh(
    shared: &Arc<Shared>,
    kept: &mut Option<Kept>,
    connection: Connection,
    encoding: Encoding,
    welcome: &Welcome,
    flight: Vec<Prepared>,
) -> Driver {
    if kept.take().is_some() {
        // A connection of it that still lives, after GOAWAY, hears that it is over.
        let farewell = Close::new(Code::NORMAL, "");
        shared.lose(
            LossReason::NotResumed(welcome.reason.clone()),
            Some(farewell),
        );
    }
    let settings = &shared.config.settings;
    let session = Session::new(Role::Client, encoding, &settings.limits, &welcome.limits)
        .sending_ignorable(settings.ignorable_frames);
    let session = Arc::new(session);
    let inlet = Arc::new(Inlet(Arc::clone(shared)));
    let now = clock::now();
    shared.draining.store(false, Ordering::Relaxed);
    let driver = session.attach_first(attach(connection, welcome, 0), inlet, now, |_| None);
    shared.adopt(&session, flight);
    shared.book.lock().datagrams = welcome.datagrams;
    session.probe(now);
    *kept = welcome.secret.clone().map(|secret| Kept {
        session,
        attach: 0,
        id: welcome.session.clone(),
        secret,
    });
    driver
}

fn attach(connection: Connection, welcome: &Welcome, attach: u64) -> Attach {
    Attach {
        connection,
        attach,
        received: welcome.received,
        heartbeat: (
            Duration::from_millis(welcome.ping_interval),
            Duration::from_millis(welcome.ping_timeout),
        ),
    }
}

/// The server broke the protocol: it is told so.
fn broken(
    shared: &Shared,
    connection: Connection,
    encoding: Encoding,
    violation: Violation,
) -> Trouble {
    tracing::warn!(%violation, "the server broke the protocol");
    let code = violation.code();
    part(
        shared,
        connection,
        encoding,
        Some(violation.to_close()),
        code,
    );
    Trouble::Greeting(Ended::Violation(violation))
}

/// Ends a connection that belongs to no session, in the background and within a limit.
fn part(
    shared: &Shared,
    mut connection: Connection,
    encoding: Encoding,
    close: Option<Close>,
    code: Code,
) {
    if let Some(close) = close {
        let message = close.encode(encoding);
        connection.sender.push(message_kind(encoding), &[&message]);
    }
    shared.tasks.spawn(async move {
        let parting = async {
            let closed = poll_fn(|cx| connection.sender.poll_close(cx, code.number(), ""));
            if closed.await.is_ok() {
                // Unread bytes would turn the close into a reset, and take the farewell with them.
                while poll_fn(|cx| connection.receiver.poll_receive(cx))
                    .await
                    .is_ok()
                {}
            }
        };
        // Whatever has not left by then stays unsaid.
        let _ = timeout(CLOSE_LIMIT, parting).await;
    });
}

const fn message_kind(encoding: Encoding) -> MessageKind {
    match encoding {
        Encoding::MessagePack => MessageKind::Binary,
        Encoding::Json => MessageKind::Text,
    }
}

fn check_kind(expected: MessageKind, found: MessageKind) -> Result<(), Violation> {
    const fn name(kind: MessageKind) -> &'static str {
        match kind {
            MessageKind::Text => "text",
            MessageKind::Binary => "binary",
        }
    }
    if expected == found {
        return Ok(());
    }
    Err(Violation::WrongMessageKind {
        expected: name(expected),
        found: name(found),
    })
}
