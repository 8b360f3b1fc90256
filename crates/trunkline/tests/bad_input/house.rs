//! A server on a port of its own, with a healthy session in it.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline::server::{
    Ack, Bind, BindConfig, Builder, Data, ListenerConfig, Payload, Server, Socket,
};

use crate::healthy::Healthy;
use crate::log;
use crate::peer::{Encoding, Peer};

/// How long anything that is to happen may take.
const SOON: Duration = Duration::from_secs(20);

/// Awaits what is to happen soon.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(SOON, future).await {
        Ok(output) => output,
        Err(_elapsed) => panic!("it did not happen: {what}"),
    }
}

pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    healthy: Healthy,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(Server::builder(), |_| {}).await
    }

    pub(crate) async fn with(
        builder: Builder,
        configure: impl FnOnce(&mut ListenerConfig),
    ) -> Self {
        log::capture();
        let server = builder.build();
        register(&server);
        let mut config = ListenerConfig::default();
        config.websocket.max_message = server.limits().frame as usize + 1024;
        configure(&mut config);
        let mut config = BindConfig::from(config);
        // Peers here decode frames as JSON values, which hold no hashes.
        config.webtransport = None;
        let bound = server.bind_with("127.0.0.1:0", config).await.unwrap();
        let address = bound.local_addr();
        tokio::spawn(bound.serve());
        let healthy = Healthy::start(address).await;
        Self {
            server,
            address,
            healthy,
        }
    }

    /// A session in "/".
    pub(crate) async fn peer(&self, encoding: Encoding) -> Peer {
        Peer::connected(self.address, encoding).await
    }

    /// The healthy session missed nothing, and `kept` sessions beside it are left.
    pub(crate) async fn unharmed(self, kept: usize) {
        let left = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            while self.server.stats().sessions != kept + 1 {
                ticks.tick().await;
            }
        };
        soon(&format!("{kept} sessions are left"), left).await;
        self.healthy.missed_nothing().await;
        assert_eq!(self.server.stats().pending_acks, 0);
    }
}

fn register(server: &Server) {
    let namespace = server.namespace("/");
    namespace.on("echo", |args: Payload| async move { Ack(args) });
    namespace.on(
        "number",
        |Data(number): Data<u64>| async move { Ack(number) },
    );
    namespace.on(
        "round",
        |socket: Socket, Data(number): Data<u64>| async move {
            socket.emit("tick", &number)?;
            Ok::<_, trunkline::server::Failure>(number)
        },
    );
    namespace.on("panic", || async { panics() });
    namespace.on(
        "fill",
        |socket: Socket, Data(count): Data<u64>| async move {
            for _ in 0..count {
                if socket.emit("block", &"x".repeat(8_000)).is_err() {
                    return;
                }
            }
        },
    );
    let _ = server.namespace("/chat");
    for number in 0..70 {
        let _ = server.namespace(&format!("/n{number}"));
    }
}

fn panics() {
    panic!("on purpose");
}
