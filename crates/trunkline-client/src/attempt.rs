//! One attempt: dial, HELLO, WELCOME.
//!
//! Specification: session.md, "Handshake" and "Resuming".

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;
use trunkline_driver::sync::{Arc, Ordering};
use trunkline_driver::{Attach, CLOSE_LIMIT, Driver, Ended, Session, clock};
use trunkline_protocol::{
    Answer, ClientHandshake, Close, Code, Encoding, Hello, Hold, MAX_HELLO_BYTES, Prepared, Resume,
    Role, Secret, SessionId, VERSION, Violation, Welcome,
};
use trunkline_transport::{
    Connection, ConnectionEnd, DialError, DialRequest, MessageKind, TransportKind,
};

use crate::address::Address;
use crate::credentials::TooLong;
use crate::dispatch::Inlet;
use crate::lost::LossReason;
use crate::shared::Shared;
use crate::stats::count;
use crate::{Credentials, CredentialsError, Occasion};

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
            Self::DialTimeout => f.write_str("no connection in time"),
            Self::WelcomeTimeout => f.write_str("no answer to HELLO in time"),
            Self::OutOfTime => f.write_str("an attempt was under way for too long"),
            Self::Greeting(ended) | Self::Ended(ended) => ended.fmt(f),
            Self::Closing => f.write_str("closed by the application"),
        }
    }
}

/// Tries once: to resume the session that is kept, else to begin one.
pub(crate) async fn attempt(
    shared: &Arc<Shared>,
    kept: &mut Option<Kept>,
    address: &Address,
) -> Result<Attached, Trouble> {
    let encoding = match kept {
        Some(kept) => kept.session.encoding(),
        None => shared.config.settings.encoding,
    };
    let credentials = fetch(shared).await?;
    let connection = dial(shared, encoding, address, &credentials).await?;
    let hello = hello(shared, credentials, kept.as_mut());
    let flight = match &hello.resume {
        Some(_) => Vec::new(),
        None => shared.first_flight(),
    };
    let greeted = greet(shared, connection, encoding, &hello, &flight).await;
    if greeted.is_err() && hello.resume.is_none() {
        shared.first_flight_failed();
    }
    match greeted? {
        (connection, Answer::Resumed(welcome)) => resumed(shared, kept, connection, &welcome),
        (connection, Answer::Fresh(welcome)) => {
            Ok(fresh(shared, kept, connection, encoding, &welcome, flight))
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

/// The credentials for one attempt.
async fn fetch(shared: &Shared) -> Result<Credentials, Trouble> {
    let limit = shared.config.settings.credentials_timeout;
    let fetched = tokio::select! {
        biased;
        () = shared.closing() => return Err(Trouble::Closing),
        fetched = shared.config.credentials.fetch(Occasion::Dial, limit) => fetched,
    };
    fetched.map_err(Trouble::Credentials)
}

async fn dial(
    shared: &Shared,
    encoding: Encoding,
    address: &Address,
    credentials: &Credentials,
) -> Result<Connection, Trouble> {
    let settings = &shared.config.settings;
    let mut headers = settings.headers.clone();
    for (name, value) in &credentials.headers {
        headers.append(name, value.clone());
    }
    let request = DialRequest {
        url: address
            .clone()
            .with_query(&credentials.query)
            .as_str()
            .to_owned(),
        protocols: vec![encoding.subprotocol().to_owned()],
        headers,
        max_message: settings.limits.frame as usize,
        proxy: settings.proxy.clone(),
        certificate_hashes: Vec::new(),
    };
    tracing::debug!(?address, "dialling");
    count(&shared.counters.dials);
    let dialled = tokio::select! {
        biased;
        () = shared.closing() => return Err(Trouble::Closing),
        dialled = timeout(settings.dial_timeout, shared.config.dialer.dial(&request)) => dialled,
    };
    let connection = dialled
        .map_err(|_elapsed| Trouble::DialTimeout)?
        .map_err(Trouble::Dial)?;
    let connection = match &settings.tap {
        Some(tap) => tap.on(connection),
        None => connection,
    };
    if connection.protocol == encoding.subprotocol() {
        return Ok(connection);
    }
    let reason = format!("the server speaks {:?}", connection.protocol);
    if connection.protocol.starts_with("trunkline.") {
        let close = Close::new(Code::UNSUPPORTED_VERSION, reason);
        return Err(Trouble::Greeting(Ended::ByPeer(Box::new(close))));
    }
    Err(Trouble::Dial(DialError::Handshake(reason)))
}

fn hello(shared: &Shared, credentials: Credentials, kept: Option<&mut Kept>) -> Hello {
    let settings = &shared.config.settings;
    let wish = settings.ping_interval;
    Hello {
        v: VERSION,
        agent: settings.agent.clone(),
        auth: credentials.auth,
        resume: kept.map(Kept::offer),
        features: Vec::new(),
        limits: settings.limits,
        ping_interval: wish.map(|wish| u64::try_from(wish.as_millis()).unwrap_or(u64::MAX)),
    }
}

impl Kept {
    pub(crate) const fn id(&self) -> &SessionId {
        &self.id
    }

    fn offer(&mut self) -> Resume {
        self.attach += 1;
        Resume {
            session: self.id.clone(),
            secret: self.secret.clone(),
            attach: self.attach,
            received: self.session.confirm_received(),
            strict: false,
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
) -> Result<Attached, Trouble> {
    // Only a HELLO that offered one is answered so; the handshake has checked that.
    let Some(kept) = kept else {
        return Err(Trouble::WelcomeTimeout);
    };
    let session = &kept.session;
    let transport = connection.transport;
    let attach = attach(connection, welcome, kept.attach);
    shared.draining.store(false, Ordering::Relaxed);
    shared.book.lock().forget_connection();
    let inlet = Arc::new(Inlet(Arc::clone(shared)));
    match session.attach(attach, inlet, clock::now(), |_| None) {
        Ok(driver) => {
            // Not before: what waits must not leave on a connection that is being left.
            session.hold(Hold::Nothing);
            session.probe(clock::now());
            Ok(Attached {
                driver,
                resumed: true,
                transport,
            })
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
) -> Attached {
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
    let (now, transport) = (clock::now(), connection.transport);
    shared.draining.store(false, Ordering::Relaxed);
    let driver = session.attach_first(attach(connection, welcome, 0), inlet, now, |_| None);
    shared.adopt(&session, flight);
    session.probe(now);
    *kept = welcome.secret.clone().map(|secret| Kept {
        session,
        attach: 0,
        id: welcome.session.clone(),
        secret,
    });
    Attached {
        driver,
        resumed: false,
        transport,
    }
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
