//! A TCP relay on the loopback interface that imitates a lossy link.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use trunkline_netem::{PacketCounters, PacketProfile, Seed};

use crate::counted::Counted;

mod passage;

use passage::Passage;

/// How a [`TcpRelay`] behaves. Default: it passes everything on at once.
#[derive(Debug, Clone, Copy)]
pub struct TcpRelayConfig {
    /// What each direction of each connection is like, in segments of up to 1,448 bytes. They always
    /// keep their order, none is dropped, and one that chance would lose arrives later, by
    /// `repaired_after` or else by a round trip and at least [`LEAST_REPAIR`]: those behind it wait.
    pub profile: PacketProfile,
    /// What losses and delays follow from. A test prints it when it fails.
    pub seed: Seed,
    /// How many connections are relayed at a time. Default: 64. Others are closed at once, and counted
    /// in [`TcpRelayCounters::turned_away`].
    pub max_connections: usize,
    /// Bytes of one direction that may be on their way, or wait for an end that does not read. Then
    /// nothing more is read from the other, as by a receiver with a window of that size. Default:
    /// 256 KiB.
    pub window: usize,
}

impl Default for TcpRelayConfig {
    fn default() -> Self {
        Self {
            profile: PacketProfile::INSTANT,
            seed: Seed::new(1),
            max_connections: 64,
            window: 256 * 1024,
        }
    }
}

/// What has passed a relay, in segments, and what has become of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpRelayCounters {
    /// From all clients to the server. The end of a direction counts as one segment.
    pub to_server: PacketCounters,
    /// From the server to all clients.
    pub to_client: PacketCounters,
    /// Connections that have come and were relayed.
    pub connections: u64,
    /// Of these, those that are over.
    pub ended: u64,
    /// Connections over the limit.
    pub turned_away: u64,
    /// Connections that were closed since the server takes none.
    pub failed: u64,
}

/// A TCP relay between any clients and one server, and the switches of what it does to them.
///
/// **It imitates.** TCP itself never sees a loss here, on either side of the relay: it sees two
/// perfect connections. What the relay does is to hold a stream back for as long as a repair may
/// take, so that a program meets the stalls of a lossy link without any privileges. Nothing of
/// congestion control, of the retransmission timers of a kernel, or of what waits in its buffers is
/// in it, so figures measured through it say nothing about WebSocket over a real link, and are no
/// comparison with WebTransport: `TunLink` (feature `tun`) is for that.
///
/// The switches hold for all connections, also for those that come later. Dropping it ends the relay
/// and its connections.
#[derive(Debug)]
pub struct TcpRelay {
    address: SocketAddr,
    wanted: watch::Sender<Wanted>,
    counters: Counted<TcpRelayCounters>,
}

impl TcpRelay {
    /// Starts a relay to `server`, an IPv4 address of this machine, as a task of the runtime.
    ///
    /// # Errors
    /// There is no free port.
    ///
    /// # Panics
    /// If called outside a tokio runtime.
    pub async fn start(server: SocketAddr, config: TcpRelayConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (wanted, follows) = watch::channel(Wanted {
            profile: treated(config.profile),
            black_hole: false,
            cuts: 0,
        });
        let counters = Counted::default();
        let relay = Relay {
            listener,
            server,
            config,
            wanted: follows,
            counters: counters.clone(),
            passages: JoinSet::new(),
        };
        tokio::spawn(relay.run());
        Ok(Self {
            address,
            wanted,
            counters,
        })
    }

    /// Where clients find the relay.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats what passes from now on as `profile` says. What is on its way arrives as it would have,
    /// and what follows it keeps its place.
    pub fn set_profile(&self, profile: PacketProfile) {
        let profile = treated(profile);
        self.wanted.send_modify(|wanted| wanted.profile = profile);
    }

    /// While it is on, nothing arrives, and nobody is told: what is sent waits, and what is on its way
    /// too, and both arrive when it is off. New connections come about, since it is the relay's own
    /// kernel that answers them, and then nothing comes over them.
    pub fn black_hole(&self, on: bool) {
        self.wanted.send_modify(|wanted| wanted.black_hole = on);
    }

    /// Ends every connection there is, at both ends. What is on its way is lost. Later connections are
    /// relayed.
    pub fn cut(&self) {
        self.wanted.send_modify(|wanted| wanted.cuts += 1);
    }

    /// What has passed so far.
    pub fn counters(&self) -> TcpRelayCounters {
        self.counters.shown()
    }

    /// Waits until the counters are as `enough` says, and returns them. Cancel-safe.
    pub async fn counted(&self, enough: impl FnMut(&TcpRelayCounters) -> bool) -> TcpRelayCounters {
        self.counters.until(enough).await
    }
}

/// What the handle wants; the connections' tasks follow it. A state and no queue, so it is bounded.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    profile: PacketProfile,
    black_hole: bool,
    cuts: u64,
}

/// A profile as a stream of TCP shows it.
fn treated(profile: PacketProfile) -> PacketProfile {
    let round_trip = (profile.delay + profile.jitter) * 2;
    let repair = profile.repaired_after;
    PacketProfile {
        repaired_after: Some(repair.unwrap_or_else(|| round_trip.max(LEAST_REPAIR))),
        keeps_order: true,
        // What may wait is bounded by the window, and nothing of a stream is dropped.
        queue_bytes: usize::MAX,
        ..profile
    }
}

/// The task that accepts connections, and gives each a task of its own.
struct Relay {
    listener: TcpListener,
    server: SocketAddr,
    config: TcpRelayConfig,
    wanted: watch::Receiver<Wanted>,
    counters: Counted<TcpRelayCounters>,
    /// Ended with this task.
    passages: JoinSet<()>,
}

impl Relay {
    async fn run(mut self) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((client, _)) => self.admit(client),
                    // No descriptor is left: a connection that ends gives one back.
                    Err(_) => if self.passages.join_next().await.is_none() {
                        return;
                    },
                },
                Some(_) = self.passages.join_next() => {}
                changed = self.wanted.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    fn admit(&mut self, client: TcpStream) {
        if self.passages.len() >= self.config.max_connections {
            self.counters.add(|total| total.turned_away += 1);
            return;
        }
        let number = self.counters.shown().connections;
        self.counters.add(|total| total.connections += 1);
        let passage = Passage::new(
            self.wanted.clone(),
            self.config.seed.part(number),
            self.config.window,
            self.counters.clone(),
        );
        let (server, counters) = (self.server, self.counters.clone());
        self.passages.spawn(async move {
            match connected(&client, server).await {
                Ok(server) => passage.run(client, server).await,
                Err(_refused) => counters.add(|total| total.failed += 1),
            }
            counters.add(|total| total.ended += 1);
        });
    }
}

/// A connection to the server, without delays of this machine's own.
async fn connected(client: &TcpStream, server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    client.set_nodelay(true)?;
    Ok(stream)
}

/// How long a repair takes at least, unless a profile says how long: what a kernel needs beyond the
/// round trip to be sure of a loss.
pub const LEAST_REPAIR: Duration = Duration::from_millis(10);
