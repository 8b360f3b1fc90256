//! The relay does to packets what its switches say, and nothing else.
#![allow(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use trunkline_netem::{PacketProfile, Seed};
use trunkline_testkit::drive::within_limit;
use trunkline_testkit::{RelayConfig, UdpRelay};

struct Server(UdpSocket);

impl Server {
    async fn start() -> Self {
        Self(UdpSocket::bind("127.0.0.1:0").await.unwrap())
    }

    async fn relay(&self, config: RelayConfig) -> UdpRelay {
        let address = self.0.local_addr().unwrap();
        UdpRelay::start(address, config).await.unwrap()
    }

    async fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 2048];
        let (length, from) = self.0.recv_from(&mut buffer).await.unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    async fn send(&self, to: SocketAddr, packet: &[u8]) {
        self.0.send_to(packet, to).await.unwrap();
    }
}

struct Client(UdpSocket);

impl Client {
    async fn of(relay: &UdpRelay) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(relay.address()).await.unwrap();
        Self(socket)
    }

    async fn send(&self, packet: &[u8]) {
        self.0.send(packet).await.unwrap();
    }

    async fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 2048];
        let length = self.0.recv(&mut buffer).await.unwrap();
        buffer.truncate(length);
        buffer
    }
}

#[tokio::test]
async fn each_client_has_an_address_and_its_own_answers() {
    within_limit(async {
        let server = Server::start().await;
        let relay = server.relay(RelayConfig::default()).await;
        let mut addresses = HashSet::new();
        for name in [&b"one"[..], b"two"] {
            let client = Client::of(&relay).await;
            for _ in 0..2 {
                client.send(name).await;
                let (packet, from) = server.receive().await;
                assert_eq!(packet, name);
                addresses.insert(from);
                server.send(from, name).await;
                assert_eq!(client.receive().await, name);
            }
        }
        assert_eq!(addresses.len(), 2);
        let counters = relay
            .counted(|so_far| so_far.to_client.delivered == 4)
            .await;
        assert_eq!(counters.to_server.delivered, 4);
        assert_eq!(counters.clients, 2);
    })
    .await;
}

#[tokio::test]
async fn a_black_hole_swallows_both_ways_until_it_is_off() {
    within_limit(async {
        let server = Server::start().await;
        let relay = server.relay(RelayConfig::default()).await;
        let client = Client::of(&relay).await;
        client.send(b"hello").await;
        let (_, from) = server.receive().await;

        relay.black_hole(true);
        client.send(b"lost").await;
        server.send(from, b"lost").await;
        relay
            .counted(|so_far| (so_far.to_server.lost, so_far.to_client.lost) == (1, 1))
            .await;

        relay.black_hole(false);
        client.send(b"kept").await;
        server.send(from, b"kept").await;
        assert_eq!(server.receive().await, (b"kept".to_vec(), from));
        assert_eq!(client.receive().await, b"kept");
    })
    .await;
}

#[tokio::test]
async fn a_rebind_gives_every_client_another_address() {
    within_limit(async {
        let server = Server::start().await;
        let relay = server.relay(RelayConfig::default()).await;
        let clients = [Client::of(&relay).await, Client::of(&relay).await];
        let mut addresses = HashSet::new();
        for client in &clients {
            client.send(b"before").await;
            addresses.insert(server.receive().await.1);
        }

        relay.rebind();
        for client in &clients {
            client.send(b"after").await;
            let (packet, from) = server.receive().await;
            assert_eq!(packet, b"after");
            addresses.insert(from);
            server.send(from, b"answer").await;
            assert_eq!(client.receive().await, b"answer");
        }
        assert_eq!(addresses.len(), 4);
        let counters = relay.counters();
        assert_eq!((counters.rebound, counters.clients), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_cut_loses_what_is_on_its_way_and_what_comes_later() {
    within_limit(async {
        let server = Server::start().await;
        let profile = PacketProfile {
            delay: Duration::from_secs(3_600),
            ..PacketProfile::INSTANT
        };
        let config = RelayConfig {
            profile,
            ..RelayConfig::default()
        };
        let relay = server.relay(config).await;
        let client = Client::of(&relay).await;
        client.send(b"on its way").await;
        let counters = relay.counted(|so_far| so_far.to_server.sent == 1).await;
        assert_eq!(counters.to_server.lost, 0);

        relay.cut();
        relay.counted(|so_far| so_far.to_server.lost == 1).await;
        client.send(b"later").await;
        let late = Client::of(&relay).await;
        late.send(b"of another").await;
        let counters = relay.counted(|so_far| so_far.to_server.lost == 3).await;
        assert_eq!(counters.to_server.delivered, 0);
    })
    .await;
}

#[tokio::test]
async fn a_client_with_a_packet_on_its_way_is_not_idle() {
    within_limit(async {
        let server = Server::start().await;
        let profile = PacketProfile {
            delay: Duration::from_millis(30),
            ..PacketProfile::INSTANT
        };
        let config = RelayConfig {
            profile,
            idle_timeout: Duration::from_millis(1),
            ..RelayConfig::default()
        };
        let relay = server.relay(config).await;
        let client = Client::of(&relay).await;
        client.send(b"late").await;
        assert_eq!(server.receive().await.0, b"late");
    })
    .await;
}

#[tokio::test]
async fn a_client_over_the_limit_is_turned_away_and_the_others_are_served() {
    within_limit(async {
        let server = Server::start().await;
        let config = RelayConfig {
            max_clients: 1,
            ..RelayConfig::default()
        };
        let relay = server.relay(config).await;
        let first = Client::of(&relay).await;
        first.send(b"first").await;
        server.receive().await;
        Client::of(&relay).await.send(b"second").await;
        relay.counted(|so_far| so_far.turned_away == 1).await;
        first.send(b"still here").await;
        assert_eq!(server.receive().await.0, b"still here");
    })
    .await;
}

#[tokio::test]
async fn another_profile_holds_for_what_is_sent_from_then_on() {
    within_limit(async {
        let server = Server::start().await;
        let relay = server.relay(RelayConfig::default()).await;
        let client = Client::of(&relay).await;
        client.send(b"before").await;
        assert_eq!(server.receive().await.0, b"before");
        relay.set_profile(PacketProfile {
            loss_per_million: 1_000_000,
            ..PacketProfile::INSTANT
        });
        client.send(b"lost").await;
        relay.counted(|so_far| so_far.to_server.lost == 1).await;
        relay.set_profile(PacketProfile::INSTANT);
        client.send(b"after").await;
        assert_eq!(server.receive().await.0, b"after");
    })
    .await;
}

#[tokio::test]
async fn an_idle_client_is_forgotten_and_makes_room() {
    within_limit(async {
        let server = Server::start().await;
        let config = RelayConfig {
            max_clients: 1,
            idle_timeout: Duration::from_millis(10),
            ..RelayConfig::default()
        };
        let relay = server.relay(config).await;
        for round in 1..=3 {
            let client = Client::of(&relay).await;
            client.send(b"hello").await;
            server.receive().await;
            relay.counted(|so_far| so_far.expired == round).await;
        }
        assert_eq!(relay.counters().turned_away, 0);
    })
    .await;
}

/// Which of 100 packets arrive over a link that loses a third of them.
async fn survivors(seed: Seed) -> Vec<u8> {
    let server = Server::start().await;
    let profile = PacketProfile {
        loss_per_million: 333_333,
        ..PacketProfile::INSTANT
    };
    let config = RelayConfig {
        profile,
        seed,
        ..RelayConfig::default()
    };
    let relay = server.relay(config).await;
    let client = Client::of(&relay).await;
    for number in 0..100 {
        client.send(&[number]).await;
    }
    let counters = relay.counted(|so_far| so_far.to_server.sent == 100).await;
    let mut survivors = Vec::new();
    for _ in 0..counters.to_server.delivered {
        survivors.extend(server.receive().await.0);
    }
    survivors
}

#[tokio::test]
async fn the_same_seed_loses_the_same_packets() {
    within_limit(async {
        let [first, second] = [5, 6].map(Seed::new);
        let once = survivors(first).await;
        assert_eq!(once, survivors(first).await, "seed {first}");
        assert_ne!(once, survivors(second).await, "seeds {first}, {second}");
    })
    .await;
}
