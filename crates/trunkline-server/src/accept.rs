//! From a connection to an attached session: HELLO, authentication, the registry's decision.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tracing::{Instrument, Span};
use trunkline_driver::sync::Arc;
use trunkline_driver::{Attach, CLOSE_LIMIT, Driver, Pace, Session, clock, message_kind, spans};
use trunkline_protocol::{
    AttachRefusal, Close, Code, Datagrams, Disposition, Encoding, Hello, MAX_HELLO_BYTES, Resume,
    ResumeRefusal, Role, Secret, SessionId, VERSION, Value, Violation, Welcome, read_hello,
};
use trunkline_transport::{Connection, ConnectionEnd, Message};

use crate::auth::{Handshake, Request};
use crate::authorize::LockedOut;
use crate::context::{Inbox, Life, SessionContext};
use crate::credentials::{Credentials, Judgement, refusal};
use crate::door::Place;
use crate::drain;
use crate::presence::{Guest, Presence, farewell};
use crate::server::ServerInner;
use crate::worker::Worker;
use crate::{Admission, FloodLimits, Principal};

/// Serves one connection until a session has it, or it is refused.
pub(crate) async fn accept(server: &Arc<ServerInner>, connection: Connection, request: Request) {
    let span = spans::accepted(request.peer, connection.transport);
    let served = serve(server, connection, request, span.clone());
    served.instrument(span).await;
}

async fn serve(
    server: &Arc<ServerInner>,
    mut connection: Connection,
    mut request: Request,
    span: Span,
) {
    let peer = request.peer;
    let place = request.place.take();
    let place = place.unwrap_or_else(|| Place::of(Guest::of(server, None)));
    server.activity.connections_opened.add();
    if let Some(tap) = &server.tap {
        connection = tap.on(connection);
    }
    // A stranger may have a HELLO buffered here, and no more: what is longer is refused in band as
    // soon as it has come so far, and by the transport if its head says that it is longer by far.
    let longest = MAX_HELLO_BYTES + ABOVE_FRAME;
    connection.receiver.set_max_message(longest);
    let home = connection.home.take();
    let (encoding, greeting) = greet(server, &mut connection).await;
    let close = match greeting {
        Ok(hello) => {
            let arrival = Arrival {
                server,
                request,
                encoding,
                datagrams: datagrams_of(&connection),
            };
            match arrival.admit(connection, hello).await {
                Ok((context, driver)) => {
                    // A session that began while the server was shut down is ended by it, or here.
                    if server.presence.is_shut_down() {
                        context.end(farewell());
                    }
                    context.ask_to_leave(true);
                    spans::record_session(&span, &context.id);
                    let drive = Drive {
                        context,
                        driver,
                        peer,
                        span,
                        _place: place,
                    };
                    return match home {
                        Some(home) => home.spawn(drive),
                        None => drop(tokio::spawn(drive)),
                    };
                }
                Err((close, refused)) => {
                    connection = refused;
                    close
                }
            }
        }
        Err(Some(close)) => close,
        Err(None) => {
            server.activity.connections_closed.add(Code::ABNORMAL);
            return;
        }
    };
    server.activity.connections_refused.add(close.code);
    tracing::info!(?peer, code = %close.code, reason = %close.reason, "connection refused");
    refuse(connection, encoding, &close).await;
}

/// The connection's task: all that an established connection keeps alive.
///
/// By hand, since an `async fn` would hold the driver twice: as its argument and as what it awaits.
struct Drive {
    context: Arc<SessionContext>,
    driver: Driver,
    peer: Option<SocketAddr>,
    span: Span,
    _place: Place,
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let _entered = this.span.enter();
        let polled = Pin::new(&mut this.driver).poll(cx);
        if let Some(ending) = this.driver.ending() {
            this.context.connection_ending(ending);
        }
        let ended = ready!(polled);
        this.context.connection_ended(&ended, this.peer);
        Poll::Ready(())
    }
}

/// Reads HELLO; the error is the CLOSE to refuse with, or none where nobody is left to hear it.
async fn greet(
    server: &ServerInner,
    connection: &mut Connection,
) -> (Encoding, Result<Hello, Option<Close>>) {
    let Some(encoding) = Encoding::from_subprotocol(&connection.protocol) else {
        let text = connection.protocol.ends_with(".json");
        let encoding = if text {
            Encoding::Json
        } else {
            Encoding::MessagePack
        };
        return (encoding, Err(Some(unsupported(&connection.protocol))));
    };
    let limit = server.config.handshake_timeout;
    let first = poll_fn(|cx| poll_first(connection, cx));
    let first = tokio::select! {
        biased;
        () = server.presence.until(Presence::is_shut_down) => {
            return (encoding, Err(Some(farewell())));
        }
        first = tokio::time::timeout(limit, first) => first,
    };
    let greeting = match first {
        Err(_elapsed) => Err(Some(Close::new(
            Code::HANDSHAKE_TIMEOUT,
            format!("no HELLO within {} ms", limit.as_millis()),
        ))),
        Ok(Err(First::Ended)) => Err(None),
        Ok(Err(First::Violation(violation))) => Err(Some(violation.to_close())),
        Ok(Ok(message)) => {
            read_hello(encoding, &message.bytes).map_err(|violation| Some(violation.to_close()))
        }
    };
    (encoding, greeting)
}

enum First {
    Ended,
    Violation(Violation),
}

/// The first message, given up as soon as it cannot be a HELLO any more.
fn poll_first(connection: &mut Connection, cx: &mut Context<'_>) -> Poll<Result<Message, First>> {
    match connection.receiver.poll_receive(cx) {
        Poll::Ready(Ok(message)) => Poll::Ready(Ok(message)),
        Poll::Ready(Err(ConnectionEnd::Violation { code: 1009, .. })) => {
            let limit = MAX_HELLO_BYTES;
            let size = limit + 1;
            Poll::Ready(Err(First::Violation(Violation::TooLarge { size, limit })))
        }
        Poll::Ready(Err(_end)) => Poll::Ready(Err(First::Ended)),
        Poll::Pending => {
            // All that has come so far belongs to the one message that is not whole yet.
            let size = usize::try_from(connection.receiver.received()).unwrap_or(usize::MAX);
            if size > MAX_HELLO_BYTES + FRAMING {
                let limit = MAX_HELLO_BYTES;
                return Poll::Ready(Err(First::Violation(Violation::TooLarge { size, limit })));
            }
            Poll::Pending
        }
    }
}

/// A connection that has said HELLO.
struct Arrival<'a> {
    server: &'a Arc<ServerInner>,
    request: Request,
    encoding: Encoding,
    datagrams: Datagrams,
}

type Admitted = (Arc<SessionContext>, Driver);

/// What becomes of an offer to resume.
enum Resumption {
    Resumed(Admitted),
    /// A fresh session instead, for this reason.
    Refused(ResumeRefusal, Connection),
    /// No session at all.
    Closed(Close, Connection),
}

impl Arrival<'_> {
    async fn admit(
        mut self,
        mut connection: Connection,
        hello: Hello,
    ) -> Result<Admitted, (Close, Connection)> {
        let handshake = Arc::new(Handshake {
            peer: self.request.peer,
            uri: std::mem::take(&mut self.request.uri),
            transport: connection.transport,
            encoding: self.encoding,
            auth: hello.auth.clone(),
            agent: hello.agent.as_str().into(),
        });
        let admission = match self.authenticate(&handshake).await {
            Ok(admission) => admission,
            Err(close) => return Err((close, connection)),
        };
        let max_message = self.server.config.limits.frame as usize + ABOVE_FRAME;
        connection.receiver.set_max_message(max_message);
        let mut reason = None;
        if let Some(resume) = &hello.resume {
            let address = self.request.peer.map(|peer| peer.ip());
            if let Err(wait) = self.server.door.may_resume(address) {
                return Err((self.too_many_failed(wait), connection));
            }
            match self.resume(connection, resume, &admission, &hello).await {
                Resumption::Resumed(admitted) => {
                    self.server.activity.resumes.add();
                    return Ok(admitted);
                }
                Resumption::Closed(close, refused) => return Err((close, refused)),
                Resumption::Refused(why, refused) if resume.strict => {
                    self.note_refused_resume(&why);
                    let close = Close::new(Code::SESSION_UNKNOWN, why.as_str());
                    return Err((close, refused));
                }
                Resumption::Refused(why, refused) => {
                    self.note_refused_resume(&why);
                    tracing::debug!(peer = ?self.request.peer, reason = why.as_str(), "resume refused");
                    reason = Some(why);
                    connection = refused;
                }
            }
        }
        if self.server.presence.farewells().is_some() {
            return Err((drain::refusal(), connection));
        }
        Ok(self.begin(connection, handshake, admission, &hello, reason))
    }

    /// Counts it; and for its address, where it could be a guess: a session that expired or overflowed
    /// was its owner's.
    fn note_refused_resume(&self, why: &ResumeRefusal) {
        self.server.activity.resume_refused(why);
        if *why == ResumeRefusal::Unknown {
            let address = self.request.peer.map(|peer| peer.ip());
            self.server.door.resume_failed(address);
        }
    }

    /// Specification: LIM-012.
    fn too_many_failed(&self, wait: Duration) -> Close {
        let rate = self.server.config.flood.failed_resumes;
        let reason = format!("too many failed resumes from one address: {rate}");
        Close {
            retry_after: Some(millis(wait)),
            ..Close::new(Code::RATE_LIMITED, reason)
        }
    }

    async fn authenticate(&mut self, handshake: &Arc<Handshake>) -> Result<Admission, Close> {
        let Some(hook) = &self.server.authenticate else {
            return Ok(Admission::anyone());
        };
        let headers = std::mem::take(&mut self.request.headers);
        let credentials = Credentials::of_hello(Arc::clone(handshake), headers);
        let limit = self.server.config.authentication_timeout;
        match hook.judge(credentials, self.request.peer, limit).await {
            Judgement::Admitted(admission) => Ok(admission),
            Judgement::Refused(failure) => {
                self.server.count_authentication_refused();
                Err(refusal(&failure))
            }
            Judgement::Failed => {
                self.server.count_authentication_failed();
                Err(Close::new(Code::SERVER_ERROR, ""))
            }
        }
    }

    /// The server's decision about a resume. The namespaces' own hooks are asked ahead of it, so that
    /// nothing of a socket that is refused now is handled.
    async fn resume(
        &self,
        connection: Connection,
        resume: &Resume,
        admission: &Admission,
        hello: &Hello,
    ) -> Resumption {
        let principal = admission.principal.as_ref();
        let Some(context) = self.server.registry.session(&resume.session) else {
            return self.bereaved(connection, resume, principal);
        };
        // An offer that is refused below has no hook run for it: neither a stranger's, nor its owner's
        // own that comes too late or too often.
        let is_owner = context.principal().as_ref() == principal;
        let offer =
            context
                .attachment
                .lock()
                .clone()
                .attach(resume, is_owner, self.encoding, clock::now());
        let locked_out = if offer.is_ok() {
            // The hooks judge by the verdict that has just been given.
            context.standing.lock().principal = admission.principal.clone();
            context.judge_again().await
        } else {
            LockedOut::default()
        };
        self.attach(connection, context, (resume, hello), admission, locked_out)
    }

    /// The server's one decision about a resume, in one step with the swap of the connection.
    fn attach(
        &self,
        connection: Connection,
        context: Arc<SessionContext>,
        (resume, hello): (&Resume, &Hello),
        admission: &Admission,
        locked_out: LockedOut,
    ) -> Resumption {
        let now = clock::now();
        let moment = context.moments.lock();
        let mut attachment = context.attachment.lock();
        let same_principal = context.principal() == admission.principal;
        if let Err(refusal) = attachment.attach(resume, same_principal, self.encoding, now) {
            return refused_attach(refusal, connection);
        }
        locked_out.silence(&context);
        let (interval, timeout) = self.heartbeat(hello);
        let attach = Attach {
            connection,
            attach: resume.attach,
            received: resume.received,
            heartbeat: (interval, timeout),
        };
        let welcome = |received| {
            let welcome = self.welcome(context.id.clone(), received, interval);
            Some(
                Welcome {
                    resumed: true,
                    ..welcome
                }
                .encode(self.encoding),
            )
        };
        let inbox = Arc::new(Inbox(Arc::clone(&context)));
        // The life of the session is held too: it must not end between the decision and the swap.
        let mut life = context.life.lock();
        if *life == Life::Ended {
            drop((life, attachment, moment));
            return self.bereaved(attach.connection, resume, admission.principal.as_ref());
        }
        let driver = match context.session.attach(attach, inbox, now, welcome) {
            Ok(driver) => driver,
            Err((violation, connection)) => {
                // Its owner is out of its mind: the session cannot go on either way.
                drop((life, attachment, moment));
                let close = violation.to_close();
                context.end(close.clone());
                return Resumption::Closed(close, connection);
            }
        };
        // Ahead of the life, or a sweep could take the old verdict for this connection's.
        context.renew(admission.clone(), resume.attach, now);
        *life = Life::Attached { idle_since: None };
        context.came_from(self.request.peer);
        drop(life);
        drop(attachment);
        let sockets = context.sockets();
        let let_in = sockets.iter().filter(|socket| !locked_out.has(socket));
        let hooks: Vec<_> = let_in.filter_map(|socket| socket.resumed()).collect();
        drop(moment);
        hooks.into_iter().for_each(Worker::run);
        locked_out.disconnect(&context);
        Resumption::Resumed((context, driver))
    }

    /// The session is not there: whoever has its secret learns what became of it.
    fn bereaved(
        &self,
        connection: Connection,
        resume: &Resume,
        principal: Option<&Principal>,
    ) -> Resumption {
        let registry = &self.server.registry;
        let code = registry.epitaph(&resume.session, &resume.secret, principal);
        let reason = match code {
            Some(Code::OVERFLOW) => ResumeRefusal::Overflow,
            Some(Code::SESSION_EXPIRED) => ResumeRefusal::Expired,
            Some(code) if code.disposition(Role::Server) == Disposition::Over => {
                return Resumption::Closed(Close::new(code, "the session ended"), connection);
            }
            Some(_) | None => ResumeRefusal::Unknown,
        };
        Resumption::Refused(reason, connection)
    }

    fn begin(
        &self,
        connection: Connection,
        handshake: Arc<Handshake>,
        admission: Admission,
        hello: &Hello,
        reason: Option<ResumeRefusal>,
    ) -> Admitted {
        let secret = Secret::new(random());
        let id = SessionId::from_bytes(random());
        let limits = self.server.config.limits;
        let FloodLimits { frames, bytes, .. } = self.server.config.flood;
        let session = Session::new(Role::Server, self.encoding, &limits, &hello.limits)
            .sending_ignorable(self.server.config.ignorable_frames)
            .paced(Pace { frames, bytes });
        let context = Arc::new(SessionContext::new(
            id.clone(),
            secret.hash(),
            admission,
            handshake,
            Arc::clone(self.server),
            session,
        ));
        let (interval, timeout) = self.heartbeat(hello);
        let welcome = |received| {
            let welcome = self.welcome(id, received, interval);
            Some(
                Welcome {
                    secret: Some(secret),
                    reason,
                    ..welcome
                }
                .encode(self.encoding),
            )
        };
        let attach = Attach {
            connection,
            attach: 0,
            received: 0,
            heartbeat: (interval, timeout),
        };
        let inbox = Arc::new(Inbox(Arc::clone(&context)));
        let driver = context
            .session
            .attach_first(attach, inbox, clock::now(), welcome);
        self.server.registry.insert(&context);
        self.server.activity.sessions_begun.add();
        (context, driver)
    }

    /// The interval the client wished for, within bounds, so that a person with a plain WebSocket
    /// tool survives; and the time-out.
    fn heartbeat(&self, hello: &Hello) -> (Duration, Duration) {
        let config = &self.server.config;
        let interval = hello.ping_interval.map_or(config.ping_interval, |wish| {
            let least = PING_INTERVAL_MIN.min(config.ping_interval);
            let most = PING_INTERVAL_MAX.max(config.ping_interval);
            Duration::from_millis(wish).clamp(least, most)
        });
        (interval, config.ping_timeout)
    }

    fn welcome(&self, session: SessionId, received: u64, ping_interval: Duration) -> Welcome {
        let config = &self.server.config;
        Welcome {
            v: VERSION,
            session,
            secret: None,
            resumed: false,
            reason: None,
            received,
            ping_interval: millis(ping_interval),
            ping_timeout: millis(config.ping_timeout),
            resume_window: millis(config.resume_window),
            limits: config.limits,
            features: Vec::new(),
            datagrams: self.datagrams,
            alternatives: self.request.alternatives.clone(),
        }
    }
}

/// What becomes of best-effort frames on this connection.
const fn datagrams_of(connection: &Connection) -> Datagrams {
    match connection.capabilities.datagrams {
        true => Datagrams::Native,
        false => Datagrams::Emulated,
    }
}

fn refused_attach(refusal: AttachRefusal, connection: Connection) -> Resumption {
    let reason = refusal.to_string();
    match refusal {
        AttachRefusal::Unknown => Resumption::Refused(ResumeRefusal::Unknown, connection),
        AttachRefusal::Encoding => Resumption::Refused(ResumeRefusal::Encoding, connection),
        AttachRefusal::Stale { current, .. } => {
            let close = Close {
                attach: Some(current),
                ..Close::new(Code::STALE_ATTACH, reason)
            };
            Resumption::Closed(close, connection)
        }
        AttachRefusal::TooMany { retry_after } => {
            let retry_after = Some(millis(retry_after));
            let close = Close {
                retry_after,
                ..Close::new(Code::TOO_MANY_ATTACHES, reason)
            };
            Resumption::Closed(close, connection)
        }
    }
}

fn unsupported(offered: &str) -> Close {
    let known = Encoding::ALL.map(Encoding::subprotocol);
    let reason = format!(
        "{offered:?} is not spoken here; known are {}",
        known.join(", ")
    );
    let data = Value::encode(&known).unwrap_or_else(|_| Value::nil());
    Close {
        data,
        ..Close::new(Code::UNSUPPORTED_VERSION, reason)
    }
}

/// Says CLOSE, and waits a little for the other side to go.
async fn refuse(mut connection: Connection, encoding: Encoding, close: &Close) {
    let kind = message_kind(encoding);
    connection.receiver.set_max_message(MAX_HELLO_BYTES);
    connection.sender.push(kind, &[&close.encode(encoding)]);
    let farewell = poll_fn(|cx| {
        let told = connection
            .sender
            .poll_close(cx, close.code.number(), &close.reason);
        if ready!(told).is_err() {
            return Poll::Ready(());
        }
        // Unread bytes would turn the close into a reset, and take the farewell with them.
        for _ in 0..READS_MAX {
            if ready!(connection.receiver.poll_receive(cx)).is_err() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    // Whoever does not go is left.
    let _ = tokio::time::timeout(CLOSE_LIMIT, farewell).await;
}

/// What ids and secrets are made of.
pub(crate) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Without randomness no session is safe; no sane system fails here after start-up.
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the system gives no random bytes: {error}");
    }
    bytes
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .min(trunkline_protocol::MAX_INTEGER)
}

/// How much larger than a frame a message may be before the transport itself refuses it, so that one
/// that is a little too large is told so with its figures.
const ABOVE_FRAME: usize = 64 * 1024;

/// What a transport's own framing may add to a HELLO.
const FRAMING: usize = 1024;

/// Messages thrown away in a row while waiting for the other side to go.
const READS_MAX: usize = 64;

/// The shortest heartbeat interval a client may wish for.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The longest heartbeat interval a client may wish for.
const PING_INTERVAL_MAX: Duration = Duration::from_secs(120);
