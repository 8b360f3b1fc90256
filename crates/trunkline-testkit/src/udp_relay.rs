//! A UDP relay on the loopback interface that treats what passes as a seeded link does.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use trunkline_netem::{PacketCounters, PacketProfile, Seed};

use crate::counted::Counted;

mod passage;

use passage::Passage;

/// How a [`UdpRelay`] behaves. Default: it passes everything on at once.
#[derive(Debug, Clone, Copy)]
pub struct RelayConfig {
    /// What each direction of each client is like.
    pub profile: PacketProfile,
    /// What the losses and delays follow from. A test prints it when it fails.
    pub seed: Seed,
    /// How many clients, by address, the relay serves at a time. Default: 16. The packets of
    /// others are lost, and counted in [`RelayCounters::turned_away`].
    pub max_clients: usize,
    /// A client is forgotten when it and the server have been silent for that long. Default: 30 s.
    pub idle_timeout: Duration,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            profile: PacketProfile::INSTANT,
            seed: Seed::new(1),
            max_clients: 16,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// What has passed a relay, and what has not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// From all clients to the server.
    pub to_server: PacketCounters,
    /// From the server to all clients.
    pub to_client: PacketCounters,
    /// Clients that have come; one that was forgotten and comes back counts again.
    pub clients: u64,
    /// Clients that were forgotten since they were idle.
    pub expired: u64,
    /// Changes of the address that the server sees a client at.
    pub rebound: u64,
    /// Packets of clients over the limit, or that came faster than the relay takes them.
    pub turned_away: u64,
    /// Clients that were lost since there was no socket for them.
    pub failed: u64,
}

/// A UDP relay between any clients and one server, and the switches of what it does to them.
///
/// The server sees each client at an address of the relay's own. The switches hold for all
/// clients, also for those that come later, and for every packet that reaches the relay after the
/// call. Dropping it ends the relay.
#[derive(Debug)]
pub struct UdpRelay {
    address: SocketAddr,
    wanted: watch::Sender<Wanted>,
    counters: Counted<RelayCounters>,
}

impl UdpRelay {
    /// Starts a relay to `server`, an IPv4 address of this machine, as a task of the runtime.
    ///
    /// # Errors
    /// There is no free port.
    ///
    /// # Panics
    /// If called outside a tokio runtime.
    pub async fn start(server: SocketAddr, config: RelayConfig) -> io::Result<Self> {
        let socket = UdpSocket::bind(FREE).await?;
        let address = socket.local_addr()?;
        let (wanted, follows) = watch::channel(Wanted::new(config.profile));
        let counters = Counted::default();
        let relay = Relay {
            socket: Arc::new(socket),
            server,
            config,
            wanted: follows,
            counters: counters.clone(),
            mailboxes: HashMap::new(),
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

    /// Treats what passes from now on as `profile` says.
    pub fn set_profile(&self, profile: PacketProfile) {
        self.wanted.send_modify(|wanted| wanted.profile = profile);
    }

    /// While it is on, nothing that is sent arrives, and nobody is told. What is on its way
    /// arrives.
    pub fn black_hole(&self, on: bool) {
        self.wanted.send_modify(|wanted| wanted.black_hole = on);
    }

    /// Gives every client another address that the server sees it at, as a router does that
    /// forgot what it had translated. What the server sends to the old one is lost.
    ///
    /// [`RelayCounters::rebound`] counts each client when it has moved. A call before the last one
    /// was followed adds nothing to it.
    pub fn rebind(&self) {
        self.wanted.send_modify(|wanted| wanted.rebinds += 1);
    }

    /// Loses what is on its way and all that is sent from now on; nobody is told.
    pub fn cut(&self) {
        self.wanted.send_modify(|wanted| wanted.is_cut = true);
    }

    /// What has passed so far.
    pub fn counters(&self) -> RelayCounters {
        self.counters.shown()
    }

    /// Waits until the counters are as `enough` says, and returns them. Cancel-safe.
    pub async fn counted(&self, enough: impl FnMut(&RelayCounters) -> bool) -> RelayCounters {
        self.counters.until(enough).await
    }
}

/// What the handle wants; the clients' tasks follow it. A state and no queue, so it is bounded.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    profile: PacketProfile,
    black_hole: bool,
    is_cut: bool,
    rebinds: u64,
}

impl Wanted {
    const fn new(profile: PacketProfile) -> Self {
        Self {
            profile,
            black_hole: false,
            is_cut: false,
            rebinds: 0,
        }
    }
}

/// The task that hands each client's packets to the client's own task.
struct Relay {
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    config: RelayConfig,
    wanted: watch::Receiver<Wanted>,
    counters: Counted<RelayCounters>,
    mailboxes: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    /// Ended with this task.
    passages: JoinSet<()>,
}

impl Relay {
    async fn run(mut self) {
        let mut buffer = vec![0; MAX_PACKET];
        loop {
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    // An error is that of an earlier packet, to a client that is gone.
                    if let Ok((length, client)) = received {
                        self.take(client, buffer[..length].to_vec());
                    }
                }
                changed = self.wanted.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    fn take(&mut self, client: SocketAddr, packet: Vec<u8>) {
        let mailbox = self.mailboxes.get(&client);
        if mailbox.is_none_or(mpsc::Sender::is_closed) {
            self.admit(client);
        }
        let mailbox = self.mailboxes.get(&client);
        if mailbox.is_none_or(|mailbox| mailbox.try_send(packet).is_err()) {
            self.counters.add(|total| total.turned_away += 1);
        }
    }

    fn admit(&mut self, client: SocketAddr) {
        self.mailboxes.retain(|_, mailbox| !mailbox.is_closed());
        while self.passages.try_join_next().is_some() {}
        if self.mailboxes.len() >= self.config.max_clients {
            return;
        }
        let (mailbox, packets) = mpsc::channel(MAILBOX);
        let number = self.counters.shown().clients;
        self.counters.add(|total| total.clients += 1);
        self.mailboxes.insert(client, mailbox);
        let passage = Passage::new(self, client, packets, number);
        let (server, counters) = (self.server, self.counters.clone());
        self.passages.spawn(async move {
            if passage.run(server).await.is_err() {
                counters.add(|total| total.failed += 1);
            }
        });
    }
}

/// Any free port of the loopback interface.
const FREE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// No UDP packet is longer, bytes.
const MAX_PACKET: usize = 65_536;

/// How many packets of a client may wait for its task.
const MAILBOX: usize = 1_024;
