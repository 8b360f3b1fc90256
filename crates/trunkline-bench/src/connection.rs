//! One connection of the load generator.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use mio::Registry;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    dialect::{DialectError, Incoming, Session},
    outgoing::Outgoing,
    stream::{Blocking, Polled},
    target::Target,
    websocket::{self, FrameError, Opcode, UpgradeError},
};

/// How long a connect, and each step of an upgrade, may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections from one source address; the usual range of ephemeral ports has 28,232.
const CONNECTIONS_PER_SOURCE: usize = 8_000;
/// Source addresses that are taken in turn: 127.0.0.2 and up.
const SOURCES: usize = 200;

/// Bytes that one read takes at most, shared by all connections.
pub const SCRATCH_BYTES: usize = (1 << 18) + websocket::MAX_PAYLOAD_BYTES;

/// Why a connection could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The upgrade was refused.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// The server's bytes are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server's messages are not in the dialect.
    #[error(transparent)]
    Dialect(#[from] DialectError),
    /// The server closed the WebSocket.
    #[error("the server closed with code {code:?}: {reason}")]
    Closed {
        /// The close code, if there was one.
        code: Option<u16>,
        /// The text.
        reason: String,
    },
    /// The stream ended.
    #[error("the server ended the stream")]
    Ended,
}

/// A connection that is a WebSocket and has said its first words.
#[derive(Debug)]
pub struct Connection {
    stream: Polled,
    session: Session,
    outgoing: Outgoing,
    /// The beginning of a frame whose rest has not come yet. Empty, and without memory, mostly.
    partial: Vec<u8>,
}

/// What a member may do while it handles a message.
#[derive(Debug)]
pub struct Member<'a> {
    session: &'a mut Session,
    outgoing: &'a mut Outgoing,
}

impl Member<'_> {
    /// Sends a payload that is to be acknowledged with itself. Returns the ack's id.
    pub fn echo(&mut self, payload: &[u8]) -> u64 {
        self.session.echo(payload, self.outgoing)
    }
}

impl Connection {
    /// Connects, upgrades and opens the dialect. Blocks, for a bounded time.
    pub fn open(target: &Target, index: usize) -> Result<Self, ConnectionError> {
        let socket = connect(target.address, index)?;
        socket.set_read_timeout(Some(STEP_TIMEOUT))?;
        let stream = std::net::TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let mut stream = Blocking::new(stream, target.address.ip(), target.tls.as_ref())?;
        let subprotocol = target.dialect.subprotocol();
        let request = websocket::upgrade_request(&target.host, &target.path, subprotocol);
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let partial = read_upgrade(&mut stream, subprotocol)?;
        let seed = u32::try_from(index)
            .unwrap_or(u32::MAX)
            .wrapping_mul(0x9e37_79b9);
        let mut connection = Self {
            stream: stream.into_polled()?,
            session: target.dialect.session(),
            outgoing: Outgoing::new(seed),
            partial,
        };
        connection.session.open(&mut connection.outgoing);
        connection.flush()?;
        Ok(connection)
    }

    /// Has the poll report this connection under `index`.
    pub fn register(&mut self, registry: &Registry, index: usize) -> io::Result<()> {
        self.stream.register(registry, index)
    }

    /// Reads all there is, hands each message to `handler` and writes what became due.
    pub fn read<E: From<ConnectionError>>(
        &mut self,
        scratch: &mut [u8],
        handler: &mut impl FnMut(Member<'_>, Incoming<'_>, Instant) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let kept = self.partial.len();
            scratch[..kept].copy_from_slice(&self.partial);
            let count = match self.stream.read(&mut scratch[kept..]) {
                Ok(0) => return Err(ConnectionError::Ended.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ConnectionError::from(error).into()),
            };
            let now = Instant::now();
            let all = &scratch[..kept + count];
            let taken = self.take_frames(all, now, handler)?;
            self.partial.clear();
            self.partial.extend_from_slice(&all[taken..]);
            if self.partial.is_empty() {
                self.partial = Vec::new();
            }
            // A short read has emptied the socket; what comes later is reported again.
            if kept + count < scratch.len() && self.stream.short_reads_are_the_last() {
                break;
            }
        }
        Ok(self.flush()?)
    }

    /// Sends a payload to everyone in the room, at the next [`Connection::flush`].
    pub fn broadcast(&mut self, payload: &[u8]) {
        self.session.broadcast(payload, &mut self.outgoing);
    }

    /// Sends a payload that is to be acknowledged with itself, at the next flush. Returns the ack's
    /// id.
    pub fn echo(&mut self, payload: &[u8]) -> u64 {
        self.session.echo(payload, &mut self.outgoing)
    }

    /// Does what is due at this time.
    pub fn sweep(&mut self, now: Instant) -> Result<(), ConnectionError> {
        self.session.sweep(now, &mut self.outgoing);
        self.flush()
    }

    /// Writes what waits, as far as the socket takes it.
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        if !self.outgoing.is_empty() {
            self.outgoing.write_to(&mut self.stream)?;
        }
        Ok(self.stream.flush_held()?)
    }

    /// Says that the session is over. The connection ends when it is dropped.
    pub fn close(&mut self) {
        const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
        self.outgoing.frame(Opcode::Close, &NORMAL);
        // A connection that has failed needs no farewell.
        let _ = self.flush();
    }

    /// Handles the whole frames in `bytes` and returns how many bytes they take.
    fn take_frames<E: From<ConnectionError>>(
        &mut self,
        bytes: &[u8],
        now: Instant,
        handler: &mut impl FnMut(Member<'_>, Incoming<'_>, Instant) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut taken = 0;
        while let Some(frame) =
            websocket::read_frame(&bytes[taken..]).map_err(ConnectionError::from)?
        {
            taken += frame.taken;
            match frame.opcode {
                Opcode::Binary | Opcode::Text => {
                    let Self {
                        session, outgoing, ..
                    } = self;
                    session
                        .check_kind(frame.opcode == Opcode::Text)
                        .map_err(ConnectionError::from)?;
                    let incoming = session
                        .receive(frame.payload, now, outgoing)
                        .map_err(ConnectionError::from)?;
                    if incoming != Incoming::Nothing {
                        handler(Member { session, outgoing }, incoming, now)?;
                    }
                }
                Opcode::Ping => self.outgoing.frame(Opcode::Pong, frame.payload),
                Opcode::Pong => {}
                Opcode::Close => return Err(closed(frame.payload).into()),
            }
        }
        Ok(taken)
    }
}

/// Connects from one of several loopback addresses, so that ephemeral ports suffice.
fn connect(address: SocketAddr, index: usize) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        let source = (index / CONNECTIONS_PER_SOURCE) % SOURCES + 2;
        let source = Ipv4Addr::new(127, 0, 0, u8::try_from(source).unwrap_or(u8::MAX));
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    socket.connect_timeout(&address.into(), STEP_TIMEOUT)?;
    Ok(socket)
}

/// Reads and checks the answer to the upgrade. Returns the bytes that came after it.
fn read_upgrade(
    stream: &mut impl Read,
    subprotocol: Option<&'static str>,
) -> Result<Vec<u8>, ConnectionError> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(ConnectionError::Ended);
        }
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(length) = websocket::head_length(&bytes) {
            let rest = bytes.split_off(length);
            websocket::check_upgrade(&bytes, subprotocol)?;
            return Ok(rest);
        }
        if bytes.len() > websocket::MAX_RESPONSE_BYTES {
            return Err(UpgradeError::Status("an endless head".to_owned()).into());
        }
    }
}

fn closed(payload: &[u8]) -> ConnectionError {
    let (code, reason) = match payload {
        [high, low, reason @ ..] => (Some(u16::from_be_bytes([*high, *low])), reason),
        _ => (None, &[][..]),
    };
    ConnectionError::Closed {
        code,
        reason: String::from_utf8_lossy(reason).into_owned(),
    }
}
