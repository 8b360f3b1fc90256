//! The UDP socket of a server's endpoint, which asks the kernel only what it must.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use quinn::udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::sync::{Arc, AtomicBool, Ordering};

/// A socket on tokio. quinn's own asks the kernel for packets until it has none, and tokio whether it may
/// send, ahead of each packet. This one takes fewer packets than it asked for as the last of them, where
/// that holds, and asks tokio only once a packet was not taken.
#[derive(Debug)]
pub(crate) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    /// A packet was not taken, and since then nobody has waited until one would be.
    is_full: AtomicBool,
}

impl Socket {
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        Ok(Self {
            // This makes the socket one whose calls do not block, as tokio wants it.
            state: UdpSocketState::new((&socket).into())?,
            io: UdpSocket::from_std(socket)?,
            is_full: AtomicBool::new(false),
        })
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller {
            socket: self,
            waiting: None,
        })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let sent = self.io.try_io(Interest::WRITABLE, || {
            self.state.send((&self.io).into(), transmit)
        });
        if matches!(&sent, Err(cause) if cause.kind() == ErrorKind::WouldBlock) {
            self.is_full.store(true, Ordering::Release);
        }
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let asked = buffers.len().min(metas.len()).min(BATCH_SIZE);
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let mut count = 0;
            let received = self.io.try_io(Interest::READABLE, || {
                count = self.state.recv((&self.io).into(), buffers, metas)?;
                if RECEIVES_ALL && count < asked {
                    // tokio undoes what it knew ahead of this call, and not what it learns meanwhile.
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(())
            });
            match received {
                _ if count > 0 => return Poll::Ready(Ok(count)),
                Err(cause) if cause.kind() != ErrorKind::WouldBlock => {
                    // What a network says of packets that were sent is no reason to end an endpoint, as
                    // quinn would. It looks again, behind other tasks, and for as long as it takes.
                    tracing::debug!(%cause, "cannot receive from UDP");
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                _ => {}
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// Whether a call that brings fewer packets than it asked for has brought all there are: `recvmmsg`. It
/// stops at an error too; packets behind that are received with the next one that comes.
const RECEIVES_ALL: bool = cfg!(any(target_os = "linux", target_os = "android"));

type Writable = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// What a connection waits with until the socket takes more.
struct Poller {
    socket: Arc<Socket>,
    waiting: Option<Writable>,
}

impl UdpPoller for Poller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, waiting } = &mut *self;
        if waiting.is_none() && !socket.is_full.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let writable = waiting.get_or_insert_with(|| {
            let socket = Arc::clone(socket);
            Box::pin(async move { socket.io.writable().await })
        });
        let polled = ready!(writable.as_mut().poll(cx));
        *waiting = None;
        // For all connections: one that is refused again says so again.
        socket.is_full.store(false, Ordering::Release);
        Poll::Ready(polled)
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::task::Count;

    fn socket() -> (Arc<Socket>, SocketAddr) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        (Arc::new(Socket::new(socket).unwrap()), address)
    }

    /// What one call of `poll_recv` brings.
    async fn received(socket: &Socket) -> Vec<Vec<u8>> {
        let mut bytes = [[0; 64]; BATCH_SIZE];
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let count = {
            let mut buffers = bytes.each_mut().map(|bytes| IoSliceMut::new(bytes));
            poll_fn(|cx| socket.poll_recv(cx, &mut buffers, &mut metas))
                .await
                .unwrap()
        };
        let packets = bytes.iter().zip(&metas).take(count);
        packets
            .map(|(bytes, meta)| bytes[..meta.len].to_vec())
            .collect()
    }

    /// Bursts of every size around that of a batch, which come while others are read.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_packet_is_received_however_they_come() {
        let (socket, address) = socket();
        let (begin, begun) = std::sync::mpsc::channel();
        let packets = |size: usize| (0..size).map(|n| vec![n as u8; n % 60 + 1]);
        let sending = std::thread::spawn(move || {
            let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            for size in begun {
                for packet in packets(size) {
                    peer.send_to(&packet, address).unwrap();
                }
            }
        });
        for size in (1..=3 * BATCH_SIZE).cycle().take(20 * BATCH_SIZE) {
            begin.send(size).unwrap();
            let mut all = Vec::new();
            while all.len() < size {
                all.extend(received(&socket).await);
            }
            let mut sent: Vec<_> = packets(size).collect();
            // A kernel may let them overtake each other where their sender changes its core.
            sent.sort();
            all.sort();
            assert_eq!(all, sent);
        }
        drop(begin);
        sending.join().unwrap();
    }

    /// Only Linux looks at all of a socket again when something happens to it.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_was_refused_waits_until_the_socket_takes_more() {
        let (socket, address) = socket();
        let transmit = Transmit {
            destination: address,
            ecn: None,
            contents: b"x",
            segment_size: None,
            src_ip: None,
        };
        let mut poller = Arc::clone(&socket).create_io_poller();
        let mut writable = poll_fn(|cx| poller.as_mut().poll_writable(cx));
        (&mut writable).await.unwrap();
        socket.io.writable().await.unwrap();
        // What the kernel says when it takes no more. tokio then says so by itself.
        let full = || Err::<(), _>(ErrorKind::WouldBlock.into());
        socket.io.try_io(Interest::WRITABLE, full).unwrap_err();
        let refused = socket.try_send(&transmit).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut writable).poll(&mut cx).is_pending());
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        peer.send_to(b"y", address).unwrap();
        writable.await.unwrap();
        socket.try_send(&transmit).unwrap();
        let mut all = received(&socket).await;
        while all.len() < 2 {
            all.extend(received(&socket).await);
        }
        assert_eq!(all, [b"y", b"x"]);
    }

    /// Linux tells a connected socket that nobody listens where it has sent to.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_error_of_the_network_is_passed_over() {
        let (socket, address) = socket();
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let peer_address = peer.local_addr().unwrap();
        drop(peer);
        socket.io.connect(peer_address).await.unwrap();
        socket.io.send(b"to nobody").await.unwrap();
        let peer = UdpSocket::bind(peer_address).unwrap();
        peer.send_to(b"back", address).unwrap();
        socket.io.readable().await.unwrap();
        let wakes = Arc::<Count>::default();
        let waker = std::task::Waker::from(Arc::clone(&wakes));
        let mut bytes = [0; 64];
        let mut metas = [RecvMeta::default()];
        let mut buffers = [IoSliceMut::new(&mut bytes)];
        let mut cx = Context::from_waker(&waker);
        let polled = socket.poll_recv(&mut cx, &mut buffers, &mut metas);
        assert!(polled.is_pending(), "{polled:?}");
        assert_eq!(wakes.get(), 1, "it looks again");
        assert_eq!(received(&socket).await, [b"back"]);
    }
}
