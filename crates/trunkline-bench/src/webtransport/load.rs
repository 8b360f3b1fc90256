//! Sessions that keep echoes in flight, from one process, over one library, whatever the server.

use std::{
    error::Error,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quinn::{ClientConfig, Endpoint, crypto::rustls::QuicClientConfig};
use tokio::task::JoinSet;
use trunkline::protocol::{
    AckId, Encoding, EventName, Frame, Hello, IntoArgs as _, Limits, NamespaceName, Payload,
    Prepared, Value,
};
use web_transport_quinn::{RecvStream, SendStream, Session, proto::ConnectRequest};

use super::Peer;

type Failure = Box<dyn Error + Send + Sync>;

/// What is echoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    Datagrams,
    Messages,
}

/// The sessions of a run.
pub(super) struct Crowd {
    sessions: Vec<Attached>,
    endpoint: Endpoint,
    echoes: Arc<AtomicU64>,
}

/// A session with its stream, ready for echoes.
struct Attached {
    session: Session,
    sending: SendStream,
    receiving: RecvStream,
    is_trunkline: bool,
}

impl Crowd {
    /// Connects this many sessions.
    pub(super) async fn connect(
        address: SocketAddr,
        trust: &rustls::ClientConfig,
        peer: Peer,
        count: usize,
    ) -> Result<Self, Failure> {
        let mut tls = trust.clone();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        endpoint.set_default_client_config(config);
        let mut sessions = Vec::new();
        for _ in 0..count {
            sessions.push(Attached::connect(&endpoint, address, peer.is_trunkline()).await?);
        }
        Ok(Self {
            sessions,
            endpoint,
            echoes: Arc::default(),
        })
    }

    /// Keeps echoes in flight; `measured` is called while they are, with how many came back so far.
    pub(super) async fn run<T>(
        mut self,
        means: Means,
        in_flight: usize,
        measured: impl AsyncFnOnce(Arc<AtomicU64>) -> T,
    ) -> Result<T, Failure> {
        let mut tasks = JoinSet::new();
        for session in self.sessions.drain(..) {
            let echoes = Arc::clone(&self.echoes);
            tasks.spawn(async move {
                match means {
                    Means::Datagrams => session.datagrams(&echoes, in_flight).await,
                    Means::Messages => session.messages(&echoes, in_flight).await,
                }
            });
        }
        // On one machine, what a server sends wakes a sleeping client at the server's expense, and the more
        // often the slower it is. Nobody pays that across a network, so this side never sleeps.
        tasks.spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let outcome = tokio::select! {
            Some(ended) = tasks.join_next() => {
                return match ended? {
                    Ok(()) => Err("a session ended by itself".into()),
                    Err(failure) => Err(failure),
                };
            }
            outcome = measured(self.echoes) => outcome,
        };
        tasks.shutdown().await;
        self.endpoint.close(0_u32.into(), b"");
        Ok(outcome)
    }

    /// Ends all sessions.
    pub(super) fn close(self) {
        self.endpoint.close(0_u32.into(), b"");
    }
}

impl Attached {
    async fn connect(
        endpoint: &Endpoint,
        address: SocketAddr,
        is_trunkline: bool,
    ) -> Result<Self, Failure> {
        let connection = endpoint.connect(address, "127.0.0.1")?.await?;
        let url = format!("https://{address}/trunkline");
        let request = ConnectRequest::new(url.parse::<url::Url>()?);
        let session = Session::connect(connection, request).await?;
        let (sending, receiving) = session.open_bi().await?;
        let mut attached = Self {
            session,
            sending,
            receiving,
            is_trunkline,
        };
        match is_trunkline {
            true => attached.greet().await?,
            false => {
                // The server sees a stream with its first bytes. Their echo is none of those in flight.
                attached.sending.write_all(&framed(&[0; 8])).await?;
                Reader::default().next(&mut attached.receiving).await?;
            }
        }
        Ok(attached)
    }

    /// HELLO and CONNECT, up to CONNECTED, with the receipt that keeps a session.
    async fn greet(&mut self) -> Result<(), Failure> {
        let hello = Hello {
            v: 1,
            agent: "bench".to_owned(),
            auth: Value::nil(),
            resume: None,
            features: Vec::new(),
            limits: Limits::default(),
            ping_interval: None,
        };
        let connect = Prepared::connect(&NamespaceName::root(), &Value::nil());
        for frame in [
            hello.encode(Encoding::MessagePack),
            connect.to_message(Encoding::MessagePack, 1),
        ] {
            self.sending.write_all(&framed(&frame)).await?;
        }
        let mut reader = Reader::default();
        loop {
            let message = reader.next(&mut self.receiving).await?;
            if let Frame::Sequenced { .. } = Frame::decode(Encoding::MessagePack, &message)? {
                break;
            }
        }
        self.sending.write_all(&framed(&received(1))).await?;
        Ok(())
    }

    async fn datagrams(self, echoes: &AtomicU64, in_flight: usize) -> Result<(), Failure> {
        let content = Bytes::from(datagram()?);
        let send = |count: usize| -> Result<(), Failure> {
            for _ in 0..count {
                self.session.send_datagram(content.clone())?;
            }
            Ok(())
        };
        send(in_flight)?;
        loop {
            match tokio::time::timeout(LOST_AFTER, self.session.read_datagram()).await {
                Ok(echo) => {
                    drop(echo?);
                    echoes.fetch_add(1, Ordering::Relaxed);
                    send(1)?;
                }
                // All that was in flight is lost.
                Err(_elapsed) => send(in_flight)?,
            }
        }
    }

    async fn messages(mut self, echoes: &AtomicU64, in_flight: usize) -> Result<(), Failure> {
        let mut reader = Reader::default();
        let mut sent = 1;
        for _ in 0..in_flight {
            sent += 1;
            self.send_event(sent).await?;
        }
        let mut answers = 1;
        loop {
            let message = reader.next(&mut self.receiving).await?;
            if self.is_trunkline {
                // `[21, seq, …` is an ACK; others, such as receipts, are not counted.
                if message.get(1) != Some(&21) {
                    continue;
                }
                answers += 1;
                if answers % RECEIPT_EVERY == 0 {
                    self.sending.write_all(&framed(&received(answers))).await?;
                }
            }
            echoes.fetch_add(1, Ordering::Relaxed);
            sent += 1;
            self.send_event(sent).await?;
        }
    }

    /// The same bytes for a bare echo.
    async fn send_event(&mut self, seq: u64) -> Result<(), Failure> {
        let name = EventName::try_from("echo")?;
        let event = Prepared::event(&NamespaceName::root(), AckId::new(seq), &name, &payload()?);
        let event = framed(&event.to_message(Encoding::MessagePack, seq));
        self.sending.write_all(&event).await?;
        Ok(())
    }
}

fn payload() -> Result<Payload, Failure> {
    Ok((&"x".repeat(PAYLOAD)).into_args()?)
}

fn datagram() -> Result<Vec<u8>, Failure> {
    let name = EventName::try_from("at")?;
    let frame = Prepared::datagram(&NamespaceName::root(), &name, &payload()?);
    Ok(frame.to_message(Encoding::MessagePack, 0))
}

/// RECEIVED with this number.
fn received(number: u64) -> Vec<u8> {
    let mut frame = vec![0x92, 4, 0xcf];
    frame.extend(number.to_be_bytes());
    frame
}

/// A message with its length in front, in two bytes.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX) | 0x4000;
    [&length.to_be_bytes(), message].concat()
}

/// Messages out of a stream; what this side's peers send is below 16 KiB.
#[derive(Default)]
struct Reader {
    arrived: Vec<u8>,
    taken: usize,
}

impl Reader {
    async fn next(&mut self, stream: &mut RecvStream) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(message) = self.take() {
                return Ok(message);
            }
            self.arrived.drain(..self.taken);
            self.taken = 0;
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await?.ok_or("the stream ended")?;
            self.arrived.extend_from_slice(&chunk[..count]);
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let rest = &self.arrived[self.taken..];
        let first = *rest.first()?;
        let (width, length) = match first >> 6 {
            0 => (1, usize::from(first)),
            _ => (
                2,
                usize::from(u16::from_be_bytes([first & 0x3f, *rest.get(1)?])),
            ),
        };
        let message = rest.get(width..width + length)?.to_vec();
        self.taken += width + length;
        Some(message)
    }
}

/// Bytes of text in each.
const PAYLOAD: usize = 64;

/// Loopback answers within microseconds.
const LOST_AFTER: Duration = Duration::from_millis(100);

/// Answers from one receipt to the next.
const RECEIPT_EVERY: u64 = 64;
