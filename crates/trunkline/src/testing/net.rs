//! The network of a test: between one server and any number of clients.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use tokio::sync::Notify;
use trunkline_client::{Builder, Client, Jitter};
use trunkline_driver::sync::{Arc, Mutex};
use trunkline_server::Server;
use trunkline_transport::Dialer;

use super::cable::{Cable, Conditions};
use super::dialer::NetDialer;

/// The network between a [`Server`] and the clients of a test, in this process.
///
/// A cheap handle; all clones are the same network. What befalls it befalls all its connections; for
/// a client with troubles of its own make another `Net` to the same server. See the
/// [module](crate::testing).
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) server: Server,
    pub(super) conditions: Arc<Mutex<Conditions>>,
    pub(super) traffic: Mutex<Traffic>,
    /// Told whenever the conditions change: for dials that wait.
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct Traffic {
    pub(super) peer: Option<SocketAddr>,
    pub(super) refuses_dials: bool,
    pub(super) max_datagram: Option<usize>,
    pub(super) dials: u64,
    /// Those that were not dropped when the last dial was made, and newer ones.
    pub(super) cables: Vec<Weak<Cable>>,
}

impl Net {
    /// A network to `server`, without delay and with any bandwidth.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        let shared = Shared {
            server: server.clone(),
            conditions: Arc::default(),
            traffic: Mutex::default(),
            changed: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A client of the server over this network, to be configured further and built.
    ///
    /// Its waits between attempts are the longest that they may be, so that a test takes the same
    /// steps each time; [`Builder::jitter`] changes it.
    pub fn client(&self) -> Builder {
        Client::builder(URL)
            .dialer(self.dialer())
            .jitter(Arc::new(Longest))
    }

    /// What opens connections over this network: for a [`Builder`] that the program under test makes.
    ///
    /// The host of the URL does not matter; path, query and headers reach the server's hooks.
    #[must_use]
    pub fn dialer(&self) -> Arc<dyn Dialer> {
        Arc::new(NetDialer(Arc::clone(&self.shared)))
    }

    /// Cuts every connection: both ends learn of it at once, and what was under way is lost. Clients
    /// may dial again at once.
    pub fn cut(&self) {
        for cable in self.cables() {
            cable.cut();
        }
    }

    /// From now on nothing arrives at either side, and nobody is told. What is sent waits, as it does
    /// in the buffers of a TCP connection; so do dials. Undone by [`heal`](Self::heal).
    pub fn black_hole(&self) {
        self.shared.conditions.lock().is_black_hole = true;
    }

    /// From now on dials are refused, at once. Connections go on. Undone by [`heal`](Self::heal).
    pub fn refuse_dials(&self) {
        self.shared.traffic.lock().refuses_dials = true;
        self.shared.changed.notify_waiters();
    }

    /// Undoes [`black_hole`](Self::black_hole) and [`refuse_dials`](Self::refuse_dials). What waited
    /// arrives, also that a connection was given up meanwhile. Delay and bandwidth stay.
    pub fn heal(&self) {
        self.shared.conditions.lock().is_black_hole = false;
        self.shared.traffic.lock().refuses_dials = false;
        for cable in self.cables() {
            cable.change();
        }
        self.shared.changed.notify_waiters();
    }

    /// How long everything that is sent from now on takes to the other side; a dial takes it twice.
    /// Default: none. It is virtual time where tokio's clock is paused.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.conditions.lock().delay = delay;
    }

    /// How many bytes a second each direction of each connection carries from now on, or any number.
    /// Default: any. At most 64 KiB are under way, and as many wait; a sender beyond that is blocked.
    ///
    /// # Panics
    /// If it is 0: that is a [`black_hole`](Self::black_hole).
    pub fn set_bandwidth(&self, bytes_per_second: Option<u64>) {
        assert!(
            bytes_per_second != Some(0),
            "a bandwidth of 0 carries nothing: use black_hole()"
        );
        self.shared.conditions.lock().bandwidth = bytes_per_second;
    }

    /// Whether connections that are dialled from now on have datagrams of their own, as WebTransport
    /// has them, and how many bytes the largest may have. Default: none, so that they are emulated as
    /// over WebSocket.
    ///
    /// A datagram takes the [delay](Self::set_delay), and no bandwidth. One that is under way in a
    /// [`black_hole`](Self::black_hole) or a [`cut`](Self::cut) is lost.
    pub fn set_datagrams(&self, max_bytes: Option<usize>) {
        self.shared.traffic.lock().max_datagram = max_bytes;
    }

    /// Whether datagrams are lost from now on, those under way included. Nobody is told; messages go
    /// on. Default: no. It is decided when the receiving end's task takes them, so await something
    /// before it is undone.
    pub fn lose_datagrams(&self, all: bool) {
        self.shared.conditions.lock().swallows_datagrams = all;
        // Those that have arrived by now are not lost.
        for cable in self.cables() {
            cable.change();
        }
    }

    /// The address from which the server sees the connections come that are dialled from now on.
    /// Default: none.
    pub fn set_peer(&self, peer: Option<SocketAddr>) {
        self.shared.traffic.lock().peer = peer;
    }

    /// How many connections there are that were not cut and that an end still holds.
    #[must_use]
    pub fn connections(&self) -> usize {
        let cables = self.cables();
        cables.iter().filter(|cable| !cable.is_cut()).count()
    }

    /// How many dials there were, whatever became of them.
    #[must_use]
    pub fn dials(&self) -> u64 {
        self.shared.traffic.lock().dials
    }

    fn cables(&self) -> Vec<Arc<Cable>> {
        let traffic = self.shared.traffic.lock();
        traffic.cables.iter().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("conditions", &*self.shared.conditions.lock())
            .field("connections", &self.connections())
            .field("dials", &self.dials())
            .finish()
    }
}

/// Always the longest wait.
struct Longest;

impl Jitter for Longest {
    fn draw(&self, at_most: Duration) -> Duration {
        at_most
    }
}

/// Where clients dial. Nobody looks at it.
const URL: &str = "memory://server";
