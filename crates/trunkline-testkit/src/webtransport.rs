//! A WebTransport client and server over real UDP, of either library each.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trunkline_quic::{
    Backend, Handler, Handshake, Listener, ListenerConfig, Settings, WebTransportDialer,
};
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{Connection, DialRequest, Dialer as _};

use crate::conformance::{MAX_MESSAGE, Pair};

const PROTOCOL: &str = "trunkline.v1.msgpack";

struct Arrivals(mpsc::UnboundedSender<Connection>);

impl Handler for Arrivals {
    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        assert_eq!(handshake.uri, "/trunkline");
        let _ = self.0.send(connection);
    }
}

/// A connected pair: the client is near, the server far, with a relay in between that can be cut.
///
/// # Panics
/// If they do not connect.
pub async fn connected<Near: Backend, Far: Backend>() -> Pair {
    let certificate = Certificate::self_signed(["127.0.0.1"]).expect("an address");
    let trust = Trust::nobody().with_certificate(&certificate);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings {
        idle_timeout: Duration::from_secs(2),
        ..Settings::default()
    };
    let config = ListenerConfig {
        settings: settings.clone(),
        max_message: MAX_MESSAGE,
        ..ListenerConfig::default()
    };
    let listener = Listener::<Far>::bind(address, &certificate, config).expect("a free port");
    let (address, relay) = relay(listener.local_addr()).await;
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    let serving = tokio::spawn(listener.serve(Arc::new(Arrivals(arrivals))));
    let dialer = WebTransportDialer::<Near>::new(trust, settings);
    let request = DialRequest {
        url: format!("https://{address}"),
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
    Pair {
        near,
        far,
        cut: Box::new(move || {
            relay.abort();
            drop((serving, dialer));
        }),
    }
}

/// Passes on what one client and a server send each other, until it is aborted.
async fn relay(server: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let free = (Ipv4Addr::LOCALHOST, 0);
    let to_client = UdpSocket::bind(free).await.expect("a port");
    let to_server = UdpSocket::bind(free).await.expect("a port");
    to_server.connect(server).await.expect("an address");
    let address = to_client.local_addr().expect("bound");
    let task = tokio::spawn(async move {
        let mut client = None;
        let (mut up, mut down) = ([0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                Ok((count, from)) = to_client.recv_from(&mut up) => {
                    client = Some(from);
                    let _ = to_server.send(&up[..count]).await;
                }
                Ok(count) = to_server.recv(&mut down) => {
                    if let Some(client) = client {
                        let _ = to_client.send_to(&down[..count], client).await;
                    }
                }
                else => return,
            }
        }
    });
    (address, task)
}
