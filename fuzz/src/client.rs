//! What a server sends to a client, message by message: whatever it is, the client has a name for it,
//! holds no more than its limits, does not dial without a pause, and closes when it is asked to.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};
use trunkline_client::{Args, Client, EventName, Failure, Jitter, Limits, Payload, Socket, Value};
use trunkline_protocol::{
    Datagrams, Encoding, Frame, ResumeRefusal, Secret, SessionId, VERSION, Welcome,
};
use trunkline_transport::memory::{self, Link};
use trunkline_transport::{Connection, DialError, DialRequest, Dialer, MessageKind, TransportKind};

use crate::input::Input;
use crate::stream::run_in_virtual_time;

/// The first byte is the encoding, the second says how connections begin: whether a good WELCOME goes
/// ahead of the rest, and whether sessions are resumed. Then messages: JSON in lines, MessagePack each
/// behind a byte with its length. An empty one cuts the connection, and the next begins on another.
/// `#` and a byte are time that passes, in tenths of a second; `+` and a byte are something that the
/// application does; `!` and two bytes are an HTTP status that the next dial is answered with.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let encoding = input.encoding();
    let manner = Manner::from(input.byte());
    run_in_virtual_time(async {
        let (mut server, client) = Server::with_client(encoding, manner);
        let mut application = Application::of(&client);
        server.look_after_all_has_run().await;
        for _ in 0..MESSAGES_MAX {
            if input.is_empty() {
                break;
            }
            match next(&mut input, encoding) {
                [] => server.peer = None,
                [b'#', tenths] => sleep(Duration::from_millis(100 * u64::from(*tenths))).await,
                [b'+', deed] => application.does(*deed).await,
                [b'!', high, low] => server.answers(u16::from_be_bytes([*high, *low])),
                message => server.send(message).await,
            }
            server.look_after_all_has_run().await;
            check_bounds(&client);
        }
        application.leaves(&client, &mut server).await;
    });
}

fn next<'a>(input: &mut Input<'a>, encoding: Encoding) -> &'a [u8] {
    match encoding {
        Encoding::Json => input.until(b"\n"),
        Encoding::MessagePack => {
            let length = input.byte().into();
            input.up_to(length)
        }
    }
}

/// How connections begin.
#[derive(Clone, Copy)]
struct Manner {
    welcomes: bool,
    resumes: bool,
}

impl From<u8> for Manner {
    fn from(byte: u8) -> Self {
        Self {
            welcomes: byte & 1 == 0,
            resumes: byte & 2 == 0,
        }
    }
}

struct TestDialer {
    encoding: Encoding,
    peers: mpsc::UnboundedSender<(Connection, Link)>,
    refusals: std::sync::Mutex<Vec<u16>>,
}

#[async_trait]
impl Dialer for TestDialer {
    fn transport(&self) -> TransportKind {
        TransportKind::Memory
    }

    async fn dial(&self, _request: &DialRequest) -> Result<Connection, DialError> {
        let refusal = self.refusals.lock().ok().and_then(|mut all| all.pop());
        if let Some(status) = refusal {
            return Err(DialError::Refused {
                status,
                body: String::new(),
                retry_after_s: status.is_multiple_of(2).then_some(status.into()),
            });
        }
        let (near, far, link) = memory::pair(memory::Config {
            protocol: self.encoding.subprotocol().to_owned(),
            ..memory::Config::default()
        });
        // A server that is gone takes no more.
        let _ = self.peers.send((far, link));
        Ok(near)
    }
}

/// Waits as long as it may: so that dials can be counted.
struct Longest;

impl Jitter for Longest {
    fn draw(&self, at_most: Duration) -> Duration {
        at_most
    }
}

/// The hostile side.
struct Server {
    encoding: Encoding,
    manner: Manner,
    dialer: Arc<TestDialer>,
    peers: mpsc::UnboundedReceiver<(Connection, Link)>,
    peer: Option<Peer>,
    begun: Instant,
}

struct Peer {
    connection: Connection,
    _link: Link,
    greeted: bool,
    /// The number of the newest sequenced frame that came.
    last: Option<u64>,
}

impl Server {
    fn with_client(encoding: Encoding, manner: Manner) -> (Self, Client) {
        let (sender, peers) = mpsc::unbounded_channel();
        let dialer = Arc::new(TestDialer {
            encoding,
            peers: sender,
            refusals: std::sync::Mutex::default(),
        });
        let limits = Limits {
            frame: 1_024,
            replay: 512,
            inbound: INBOUND_BYTES,
            queue: QUEUE_BYTES,
            pending_acks: 2,
            latest_keys: 2,
            ..Limits::default()
        };
        let client = Client::builder("https://fuzz.example")
            .dialer(dialer.clone())
            .encoding(encoding)
            .limits(limits)
            .jitter(Arc::new(Longest))
            .ignorable_frames(false)
            .ack_timeout(Duration::from_secs(2))
            .build()
            .expect("nothing of it is wrong");
        let server = Self {
            encoding,
            manner,
            dialer,
            peers,
            peer: None,
            begun: Instant::now(),
        };
        (server, client)
    }

    fn answers(&self, status: u16) {
        if let Ok(mut refusals) = self.dialer.refusals.lock() {
            refusals.push(status);
        }
    }

    /// Takes the newest connection, if there is one, and reads what has come.
    async fn look_after_all_has_run(&mut self) {
        settle().await;
        while let Ok((connection, link)) = self.peers.try_recv() {
            let peer = Peer {
                connection,
                _link: link,
                greeted: false,
                last: None,
            };
            // After GOAWAY there are two; the older one goes when the newer one is there.
            self.peer = Some(peer);
        }
        let Some(offered) = self.read() else { return };
        if self.manner.welcomes {
            let welcome = welcome(offered.filter(|_| self.manner.resumes));
            let message = welcome.encode(self.encoding);
            self.send(&message).await;
        }
    }

    /// Reads what has come; all of it is frames, numbered one after the other. Of a HELLO gives what it
    /// has received, if it offers to resume.
    fn read(&mut self) -> Option<Option<(SessionId, u64)>> {
        let peer = self.peer.as_mut()?;
        let mut hello = None;
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Ok(message)) = peer.connection.receiver.poll_receive(&mut cx) {
            let frame = Frame::decode(self.encoding, &message.bytes);
            let frame = frame.unwrap_or_else(|error| {
                panic!("the client sends {:02x?}: {error}", &message.bytes[..])
            });
            match frame {
                Frame::Hello(greeting) => {
                    assert!(!peer.greeted, "a second HELLO");
                    peer.greeted = true;
                    let resume = greeting.resume.map(|resume| (resume.session, 0));
                    hello = Some(resume);
                }
                Frame::Sequenced { seq, .. } => {
                    let last = peer.last;
                    assert!(
                        last.is_none_or(|last| seq == last + 1),
                        "{seq} after {last:?}"
                    );
                    peer.last = Some(seq);
                }
                _ => {}
            }
        }
        hello
    }

    async fn send(&mut self, message: &[u8]) {
        let kind = match self.encoding {
            Encoding::Json if str::from_utf8(message).is_err() => return,
            Encoding::Json => MessageKind::Text,
            Encoding::MessagePack => MessageKind::Binary,
        };
        let Some(peer) = &mut self.peer else { return };
        let sender = &mut peer.connection.sender;
        sender.push(kind, &[message]);
        // A client that has closed takes nothing more.
        let _ = poll_fn(|cx| sender.poll_flush(cx)).await;
    }

    /// A client waits before each dial, but for the first after a connection that stood.
    fn check_dials(&self, client: &Client, connects: u64) {
        let windows = self.begun.elapsed().as_millis() as u64 / 500;
        let dials = client.stats().dials;
        let most = 2 * (windows + connects + 1);
        assert!(dials <= most, "{dials} dials where {most} may be");
    }
}

fn welcome(resumed: Option<(SessionId, u64)>) -> Welcome {
    let is_resumed = resumed.is_some();
    let session = resumed.map(|(session, _)| session);
    let fresh = || SessionId::try_from("fuzz").expect("it is one");
    Welcome {
        v: VERSION,
        session: session.unwrap_or_else(fresh),
        secret: (!is_resumed).then(|| Secret::from_text("not much of one")),
        resumed: is_resumed,
        reason: None::<ResumeRefusal>,
        received: 0,
        ping_interval: 5_000,
        ping_timeout: 2_000,
        resume_window: 5_000,
        limits: Limits {
            frame: 1_024,
            inbound: 512,
            ..Limits::default()
        },
        features: Vec::new(),
        datagrams: Datagrams::None,
        alternatives: Vec::new(),
    }
}

/// An application with something of everything.
struct Application {
    socket: Socket,
    under_way: JoinSet<()>,
    connects: u64,
}

impl Application {
    fn of(client: &Client) -> Self {
        let socket = client.socket("/");
        socket.on("echo", |Args(values): Args<Vec<Value>>| async move {
            Ok::<_, Failure>(values)
        });
        socket.on("slow", || sleep(Duration::from_secs(1)));
        socket.on("never", std::future::pending::<()>);
        socket.once("once", |_: Payload| async {});
        socket.on_any(|_: EventName| yield_now());
        socket.on_reattach(|socket| async move {
            let _ = socket.emit("again", ());
        });
        client.on_session_lost(|_| yield_now());
        client.on_events_dropped(|_| yield_now());
        let mut application = Self {
            socket,
            under_way: JoinSet::new(),
            connects: 0,
        };
        application.connect();
        let mut stream = application.socket.stream_fallback::<Payload>();
        application.under_way.spawn(async move {
            while stream.next().await.is_some() {
                sleep(Duration::from_millis(50)).await;
            }
        });
        application
    }

    fn connect(&mut self) {
        let socket = self.socket.clone();
        self.connects += 1;
        self.under_way.spawn(async move {
            // Whatever comes of it has a name.
            let _ = socket.connect().await;
        });
    }

    async fn does(&mut self, deed: u8) {
        let socket = self.socket.clone();
        match deed % 8 {
            0 => drop(socket.emit("said", &deed)),
            1 => drop(socket.emit("wide", &"x".repeat(deed.into()))),
            2 => drop(socket.volatile().emit("position", &deed)),
            3 => {
                self.under_way.spawn(async move {
                    let _ = socket.emit_with_ack::<Value, _>("asked", &deed).await;
                });
            }
            4 => socket.disconnect(),
            5 => self.connect(),
            6 => {
                let unread = socket.client().socket("/other").stream::<Payload>("asked");
                self.under_way.spawn(async move {
                    sleep(Duration::from_secs(3)).await;
                    drop(unread);
                });
                // A second stream of the same event would be a mistake of the application's.
                sleep(Duration::from_secs(4)).await;
            }
            _ => {
                let _ = timeout(Duration::from_millis(10), socket.drained()).await;
            }
        }
    }

    /// Closes the client, while the server says nothing more, and looks what is left of it.
    async fn leaves(mut self, client: &Client, server: &mut Server) {
        server.check_dials(client, self.connects);
        let closed = timeout(CLOSED_MAX, client.close()).await;
        assert!(closed.is_ok(), "it does not close");
        drop(self.socket);
        let ended = timeout(CLOSED_MAX, async {
            while self.under_way.join_next().await.is_some() {}
        });
        assert!(
            ended.await.is_ok(),
            "something waits for a client that is closed"
        );
        let stats = client.stats();
        let left = (stats.pending_acks, stats.queued_bytes, stats.queued_events);
        assert_eq!(left, (0, 0, 0), "left behind");
    }
}

/// What the server can make the client hold.
fn check_bounds(client: &Client) {
    let stats = client.stats();
    assert!(stats.waiting_bytes <= WAITING_BYTES_MAX, "{stats:?}");
    assert!(
        stats.queued_bytes <= 2 * QUEUE_BYTES as usize + 2_048,
        "{stats:?}"
    );
    assert!(stats.pending_acks <= 2, "{stats:?}");
}

/// Lets everything run that can, without letting time pass.
async fn settle() {
    for _ in 0..YIELDS {
        yield_now().await;
    }
}

/// Longer inputs take longer and find no more.
const MESSAGES_MAX: usize = 200;

/// Turns that the client has after each message.
const YIELDS: usize = 8;

const INBOUND_BYTES: u32 = 512;

const QUEUE_BYTES: u32 = 1_024;

/// Events whose messages are twice the window and a frame, the smallest there are, with what holding
/// each twice takes: once to be seen, once to be handled.
const WAITING_BYTES_MAX: usize = 256 * 1_024;

/// When a client that is asked to has closed: what waits for the server, its farewell, handlers.
const CLOSED_MAX: Duration = Duration::from_secs(10);
