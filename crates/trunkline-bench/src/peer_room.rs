//! The peer: a room on tokio-tungstenite as a competent engineer writes it by hand.
//!
//! One task per connection, which selects over its socket and a bounded queue of shared messages,
//! feeds whatever is queued and flushes once. It has the same app as the fixture server (`echo`
//! with an ack, `bcast` to the room) and nothing else: no numbers, no log, no receipts, no
//! heartbeat, no limits but the queue's.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use clap::ValueEnum;
use futures_util::{SinkExt, StreamExt};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};

use crate::identity::Files;

/// Messages that may wait for one member. A member whose queue is full is put out.
const QUEUE_MESSAGES: usize = 128;
/// tungstenite's own default, 128 KiB, is no choice for a server with many connections.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// The tokio runtime of the room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RuntimeKind {
    /// What `#[tokio::main]` gives on the cores the process may use: one worker on one core.
    #[default]
    MultiThread,
    /// The single-threaded runtime.
    CurrentThread,
}

impl RuntimeKind {
    pub(crate) fn build(self) -> io::Result<Runtime> {
        match self {
            Self::MultiThread => Builder::new_multi_thread().enable_all().build(),
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
        }
    }
}

/// Serves the room on a loopback port (0: a free one) until the process ends, after printing
/// `listening on ADDRESS`.
pub fn run(port: u16, runtime: RuntimeKind, tls: Files) -> io::Result<()> {
    let tls = tls.given().map(acceptor).transpose()?;
    runtime.build()?.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        println!("listening on {}", listener.local_addr()?);
        // On a worker, so that accepting costs what every other task costs.
        tokio::spawn(accept(listener, tls)).await?
    })
}

fn acceptor((certificate, key): (PathBuf, PathBuf)) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let room = Arc::new(Room::default());
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let room = Arc::clone(&room);
        // A connection that fails is over; its guard has taken it out of the room. A task is as large as
        // its largest part: one without TLS is not to pay for it.
        match tls.clone() {
            None => {
                tokio::spawn(async move {
                    let _ = serve(stream, id, &room).await;
                });
            }
            Some(tls) => {
                tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        let _ = serve(stream, id, &room).await;
                    }
                });
            }
        }
    }
    Ok(())
}

async fn serve<S>(stream: S, id: u64, room: &Room) -> tungstenite::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    let (sender, mut queue) = mpsc::channel(QUEUE_MESSAGES);
    let _member = room.join(id, sender);
    loop {
        tokio::select! {
            queued = queue.recv() => match queued {
                Some(message) => write_queued(&mut socket, message, &mut queue).await?,
                None => return socket.close(None).await,
            },
            received = socket.next() => match received.transpose()? {
                Some(Message::Binary(request)) => {
                    if let Some(ack) = room.handle(&request) {
                        socket.send(ack).await?;
                    }
                }
                Some(Message::Close(_)) | None => return Ok(()),
                Some(_) => {}
            },
        }
    }
}

/// Feeds everything that is queued, then flushes once.
async fn write_queued<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
) -> tungstenite::Result<()> {
    socket.feed(first).await?;
    // Bounded, since senders may go on while this drains.
    for _ in 1..QUEUE_MESSAGES {
        let Ok(message) = queue.try_recv() else { break };
        socket.feed(message).await?;
    }
    socket.flush().await
}

/// `[id | nil, event, payload]`.
#[derive(Deserialize)]
struct Request<'a>(
    Option<u64>,
    &'a str,
    #[serde(borrow)] &'a serde_bytes::Bytes,
);

#[derive(Default)]
struct Room {
    members: Mutex<HashMap<u64, mpsc::Sender<Message>>>,
}

impl Room {
    fn join(&self, id: u64, sender: mpsc::Sender<Message>) -> Member<'_> {
        self.members().insert(id, sender);
        Member { room: self, id }
    }

    /// Does what a request asks for. Returns the ack, if there is to be one.
    fn handle(&self, request: &[u8]) -> Option<Message> {
        let Request(id, event, payload) = rmp_serde::from_slice(request).ok()?;
        match event {
            "echo" => id.map(|id| encode(&(id, payload))),
            "bcast" => {
                self.broadcast(&encode(&("msg", payload)));
                None
            }
            _ => None,
        }
    }

    /// Encoded once, shared by all. A member that does not keep up loses its place.
    fn broadcast(&self, message: &Message) {
        self.members()
            .retain(|_, member| member.try_send(message.clone()).is_ok());
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Message>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the room when dropped.
struct Member<'a> {
    room: &'a Room,
    id: u64,
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.room.members().remove(&self.id);
    }
}

fn encode(value: &impl serde::Serialize) -> Message {
    let frame = rmp_serde::to_vec(value).expect("numbers, strings and bytes always encode");
    Message::Binary(Bytes::from(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: Option<u64>, event: &str) -> Vec<u8> {
        rmp_serde::to_vec(&(id, event, serde_bytes::Bytes::new(b"abc"))).unwrap()
    }

    #[test]
    fn an_echo_is_acknowledged_with_its_payload() {
        let ack = Room::default().handle(&request(Some(5), "echo")).unwrap();
        assert_eq!(
            ack.into_data(),
            rmp_serde::to_vec(&(5, serde_bytes::Bytes::new(b"abc"))).unwrap()
        );
    }

    #[test]
    fn a_broadcast_reaches_every_member_and_shares_its_bytes() {
        let room = Room::default();
        let (first, mut first_queue) = mpsc::channel(1);
        let (second, mut second_queue) = mpsc::channel(1);
        let _members = (room.join(1, first), room.join(2, second));
        assert!(room.handle(&request(None, "bcast")).is_none());
        let one = first_queue.try_recv().unwrap().into_data();
        let two = second_queue.try_recv().unwrap().into_data();
        assert_eq!(one.as_ptr(), two.as_ptr());
    }

    #[test]
    fn a_member_whose_queue_is_full_is_put_out() {
        let room = Room::default();
        let (sender, mut queue) = mpsc::channel(1);
        let _member = room.join(1, sender);
        room.handle(&request(None, "bcast"));
        room.handle(&request(None, "bcast"));
        assert!(queue.try_recv().is_ok());
        assert_eq!(
            queue.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
    }

    #[test]
    fn a_member_that_is_dropped_has_left() {
        let room = Room::default();
        drop(room.join(1, mpsc::channel(1).0));
        assert!(room.members().is_empty());
    }
}
