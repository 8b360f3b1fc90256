//! The whole: a server with its page, the relays in front of it, and bots that play.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;
use trunkline::server::{Bind as _, Drain, FloodLimits, Rate, Server};

use crate::bots::Bots;
use crate::link::{Link, Quality};
use crate::world::PLAYERS_MAX;
use crate::{page, server};

/// An arena that is open.
#[derive(Debug)]
pub struct Playing {
    address: SocketAddr,
    server: Server,
    /// Ended when it is dropped.
    serving: JoinSet<io::Result<()>>,
    bots: Bots,
}

impl Playing {
    /// Opens an arena on a TCP address and the UDP port of the same number, with so many bots, at most
    /// [`BOTS_MAX`]; port 0 takes a free one. Where the address is this machine's loopback or all of its
    /// addresses, pages on this machine have a link of that quality, which they may change.
    ///
    /// # Errors
    /// The address is taken or not ours, or there is no port for the relays.
    ///
    /// # Panics
    /// If called outside a tokio runtime.
    pub async fn open(listen: &str, bots: usize, quality: Quality) -> io::Result<Self> {
        let arena = server::Arena::new();
        let server = Server::builder()
            .flood_limits(flood_limits())
            .resume_window(RESUME_WINDOW)
            .state(arena.clone())
            .build();
        server::register(&server.namespace("/"));
        let bound = server.bind(listen).await?;
        let address = bound.local_addr();
        if let Some(link) = Link::start(address, quality).await? {
            arena.link(link, quality);
        }
        let relays = arena.relays();
        let bound = bound.with_http(move |request| page::answer(request, relays));
        let mut serving = JoinSet::new();
        serving.spawn(bound.serve());
        let near = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
            // It may take connections over IPv6 alone.
            IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
            _ => address,
        };
        Ok(Self {
            address,
            server,
            serving,
            bots: Bots::send(&format!("http://{near}"), bots.min(BOTS_MAX)),
        })
    }

    /// Where it is open.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everybody go, and ends when they are gone.
    ///
    /// # Cancel safety
    /// When it is dropped, whoever is left is cut off.
    pub async fn close(self) {
        self.bots.leave().await;
        let farewell = Drain::new().spread(Duration::ZERO).deadline(PATIENCE);
        self.server.drain(farewell).await;
        self.server.closed().await;
        drop(self.serving);
    }
}

/// What honest pages need, and a few times as much.
fn flood_limits() -> FloodLimits {
    FloodLimits {
        connections: CONNECTIONS_MAX,
        connections_per_address: CONNECTIONS_MAX / 2,
        frames: Rate::new(400, 4_000),
        bytes: Rate::new(128 << 10, 2 << 20),
        ..FloodLimits::default()
    }
}

/// How many bots there may be: a few places are for people.
pub const BOTS_MAX: usize = PLAYERS_MAX - 4;

/// Those who play, and those who watch.
const CONNECTIONS_MAX: usize = 200;

/// How long a place is kept for somebody who was cut off.
const RESUME_WINDOW: Duration = Duration::from_secs(20);

/// How long those who play may take to leave.
const PATIENCE: Duration = Duration::from_secs(1);
