//! A WebTransport client and server over real UDP, of either library each.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::mpsc;
use trunkline_quic::{
    Backend, Handler, Handshake, Listener, ListenerConfig, Settings, WebTransportDialer,
};
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{Connection, ConnectionEnd, DialRequest, Dialer as _, MessageKind};

use crate::conformance::{MAX_MESSAGE, Pair};
use crate::drive::{close, content, end, send};
use crate::{RelayConfig, UdpRelay};

const PROTOCOL: &str = "trunkline.v1.msgpack";

struct Arrivals(mpsc::UnboundedSender<Connection>);

impl Handler for Arrivals {
    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        assert_eq!(handshake.uri, "/trunkline");
        let _ = self.0.send(connection);
    }
}

/// A connected pair with a relay in between.
pub struct Relayed {
    /// The end that dialled.
    pub near: Connection,
    /// The end that accepted.
    pub far: Connection,
    /// What their packets pass.
    pub relay: UdpRelay,
    /// The dialer, whose endpoint the connection may need.
    _dialer: Box<dyn Any + Send>,
}

impl std::fmt::Debug for Relayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relayed")
            .field("near", &self.near)
            .field("relay", &self.relay)
            .finish_non_exhaustive()
    }
}

/// A connected pair whose relay does as `config` says.
///
/// # Panics
/// If they do not connect.
pub async fn relayed<Near: Backend, Far: Backend>(config: RelayConfig) -> Relayed {
    let certificate = Certificate::self_signed(["127.0.0.1"]).expect("an address");
    let trust = Trust::nobody().with_certificate(&certificate);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        idle_timeout: Duration::from_secs(2),
        ..Settings::default()
    };
    let listening = ListenerConfig {
        settings: settings.clone(),
        max_message: MAX_MESSAGE,
        ..ListenerConfig::default()
    };
    let listener = Listener::<Far>::bind(address, &certificate, listening).expect("a free port");
    let relay = UdpRelay::start(listener.local_addr(), config)
        .await
        .expect("a free port");
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    tokio::spawn(listener.serve(Arc::new(Arrivals(arrivals))));
    let dialer = WebTransportDialer::<Near>::new(trust, settings);
    let request = DialRequest {
        url: format!("https://{}", relay.address()),
        protocols: vec![PROTOCOL.to_owned()],
        headers: HeaderMap::new(),
        max_message: MAX_MESSAGE,
        proxy: None,
        certificate_hashes: Vec::new(),
    };
    let near = dialer.dial(&request).await.expect("dialled");
    let far = arrived.recv().await.expect("accepted");
    assert_eq!(
        (&near.protocol[..], &far.protocol[..]),
        (PROTOCOL, PROTOCOL)
    );
    Relayed {
        near,
        far,
        relay,
        _dialer: Box::new(dialer),
    }
}

/// A connected pair: the client is near, the server far, with a relay in between that can be cut.
///
/// # Panics
/// If they do not connect.
pub async fn connected<Near: Backend, Far: Backend>() -> Pair {
    let Relayed {
        near,
        far,
        relay,
        _dialer: dialer,
    } = relayed::<Near, Far>(RelayConfig::default()).await;
    Pair {
        near,
        far,
        cut: Box::new(move || {
            relay.cut();
            drop((relay, dialer));
        }),
    }
}

/// The case for backends: a client whose address changes in mid-session, several times, goes on
/// with the same connection, and messages pass both ways.
///
/// # Panics
/// If a message is lost or the connection ends.
pub async fn client_that_changes_its_address_keeps_its_connection<Near: Backend, Far: Backend>() {
    let mut pair = relayed::<Near, Far>(RelayConfig::default()).await;
    exchange(&mut pair, b"before").await;
    for round in 1..=3 {
        pair.relay.rebind();
        pair.relay.counted(|so_far| so_far.rebound == round).await;
        exchange(&mut pair, format!("after {round}").as_bytes()).await;
    }
    assert_eq!(pair.relay.counters().clients, 1, "it dialled again");
}

/// The case for backends: a connection's task runs at home, and what it said last leaves when it has ended
/// there.
///
/// # Panics
/// If the connection has no home, or a message or the close does not arrive.
pub async fn connection_of_the_server_has_a_home<Near: Backend, Far: Backend>() {
    let mut pair = relayed::<Near, Far>(RelayConfig::default()).await;
    let Connection {
        mut sender,
        mut receiver,
        home,
        ..
    } = pair.far;
    home.expect("a home").spawn(async move {
        let text = content(&mut *receiver).await;
        let binary = MessageKind::Binary;
        send(&mut *sender, binary, &text).await.expect("sent");
        close(&mut *sender, 4001, "enough").await.expect("closed");
    });
    let near = &mut pair.near;
    send(&mut *near.sender, MessageKind::Binary, b"hello")
        .await
        .expect("sent");
    assert_eq!(&content(&mut *near.receiver).await[..], b"hello");
    let end = end(near).await;
    assert!(
        matches!(
            &end,
            ConnectionEnd::Closed {
                code: Some(4001),
                ..
            }
        ),
        "{end:?}"
    );
}

/// A message from the client to the server, and its like back.
async fn exchange(pair: &mut Relayed, text: &[u8]) {
    let (near, far) = (&mut pair.near, &mut pair.far);
    for (from, to) in [
        (&mut near.sender, &mut far.receiver),
        (&mut far.sender, &mut near.receiver),
    ] {
        send(&mut **from, MessageKind::Binary, text)
            .await
            .expect("sent");
        assert_eq!(&content(&mut **to).await[..], text);
    }
}
