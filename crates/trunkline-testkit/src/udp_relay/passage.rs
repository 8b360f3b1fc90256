//! One client's way through the relay: a socket of its own towards the server, and two links.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use trunkline_netem::{PacketCounters, PacketLink, Time};

use super::{FREE, MAX_PACKET, Relay, RelayCounters, Wanted};
use crate::counted::Counted;

pub(super) struct Passage {
    client: SocketAddr,
    packets: mpsc::Receiver<Vec<u8>>,
    to_clients: Arc<UdpSocket>,
    wanted: watch::Receiver<Wanted>,
    /// How many rebinds have been followed.
    rebinds: u64,
    to_server: PacketLink,
    to_client: PacketLink,
    counters: Counted<RelayCounters>,
    /// What of the two links has been added to the counters.
    reported: [PacketCounters; 2],
    started: Instant,
    idle_timeout: Duration,
}

enum Event {
    FromClient(Vec<u8>),
    FromServer(Vec<u8>),
    Wanted,
    Due,
    Over,
}

impl Passage {
    pub(super) fn new(
        relay: &Relay,
        client: SocketAddr,
        packets: mpsc::Receiver<Vec<u8>>,
        number: u64,
    ) -> Self {
        let seed = relay.config.seed.part(number);
        let wanted = *relay.wanted.borrow();
        let link = |part| PacketLink::new(seed.part(part), wanted.profile);
        Self {
            client,
            packets,
            to_clients: Arc::clone(&relay.socket),
            wanted: relay.wanted.clone(),
            rebinds: wanted.rebinds,
            to_server: link(0),
            to_client: link(1),
            counters: relay.counters.clone(),
            reported: [PacketCounters::default(); 2],
            started: Instant::now(),
            idle_timeout: relay.config.idle_timeout,
        }
    }

    /// Passes on until both ends are silent for long, or the relay is over.
    pub(super) async fn run(mut self, server: SocketAddr) -> io::Result<()> {
        let mut socket = connected_to(server).await?;
        let mut buffer = vec![0; MAX_PACKET];
        let mut expires = Instant::now() + self.idle_timeout;
        loop {
            let wake = self.next_due().unwrap_or(expires);
            let event = self.next_event(&socket, &mut buffer, wake).await;
            // Before the packet is treated: what was wanted before it came holds for it.
            if self.follow() {
                // The old socket is still open, so the new one has another port.
                socket = connected_to(server).await?;
                self.counters.add(|total| total.rebound += 1);
            }
            if matches!(event, Event::FromClient(_) | Event::FromServer(_)) {
                expires = Instant::now() + self.idle_timeout;
            }
            match event {
                Event::FromClient(packet) => self.to_server.push(self.now(), packet),
                Event::FromServer(packet) => self.to_client.push(self.now(), packet),
                Event::Wanted | Event::Due => {}
                Event::Over => return Ok(()),
            }
            self.pass_on(&socket).await;
            if expires <= Instant::now() && self.next_due().is_none() && self.packets.is_empty() {
                // First, so that whoever saw the count finds the client's place free.
                self.packets.close();
                self.counters.add(|total| total.expired += 1);
                return Ok(());
            }
        }
    }

    async fn next_event(&mut self, socket: &UdpSocket, buffer: &mut [u8], wake: Instant) -> Event {
        loop {
            tokio::select! {
                packet = self.packets.recv() => {
                    return packet.map_or(Event::Over, Event::FromClient);
                }
                received = socket.recv(buffer) => {
                    // An error is that of an earlier packet, to a server that is gone.
                    if let Ok(length) = received {
                        return Event::FromServer(buffer[..length].to_vec());
                    }
                }
                changed = self.wanted.changed() => {
                    return changed.map_or(Event::Over, |()| Event::Wanted);
                }
                // tidy: allow sleep: what passes real sockets is delayed by the real clock.
                () = sleep_until(wake) => return Event::Due,
            }
        }
    }

    /// Sets the links as wanted; whether another socket is.
    fn follow(&mut self) -> bool {
        let wanted = *self.wanted.borrow_and_update();
        for link in [&mut self.to_server, &mut self.to_client] {
            link.set_profile(wanted.profile);
            link.black_hole(wanted.black_hole);
            if wanted.is_cut {
                link.cut();
            }
        }
        std::mem::replace(&mut self.rebinds, wanted.rebinds) != wanted.rebinds
    }

    /// Hands over what has arrived. What a socket does not take is lost, as anywhere in UDP.
    async fn pass_on(&mut self, socket: &UdpSocket) {
        let now = self.now();
        while let Some(packet) = self.to_server.pop(now) {
            let _ = socket.send(&packet).await;
        }
        while let Some(packet) = self.to_client.pop(now) {
            let _ = self.to_clients.send_to(&packet, self.client).await;
        }
        self.report();
    }

    fn report(&mut self) {
        let shown = [self.to_server.counters(), self.to_client.counters()];
        let [to_server, to_client] = self.reported;
        self.counters.add(|total| {
            total.to_server += shown[0].since(to_server);
            total.to_client += shown[1].since(to_client);
        });
        self.reported = shown;
    }

    fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    /// When the next packet arrives at either end.
    fn next_due(&self) -> Option<Instant> {
        let links = [&self.to_server, &self.to_client];
        let due = links.into_iter().filter_map(PacketLink::next_due).min()?;
        Some(self.started + (due - Time::ZERO))
    }
}

async fn connected_to(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(FREE).await?;
    socket.connect(server).await?;
    Ok(socket)
}
