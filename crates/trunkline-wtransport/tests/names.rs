//! A host that is dialled by its name.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use trunkline_quic::{Handler, Handshake, ListenerConfig, Settings};
use trunkline_testkit::drive::within_limit;
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{Connection, DialRequest, Dialer as _};
use trunkline_wtransport::{Listener, WebTransportDialer};

struct Waiting;

impl Handler for Waiting {
    fn admit(&self, handshake: &mut Handshake) -> Result<(), StatusCode> {
        let host = handshake.headers["host"].to_str().unwrap();
        assert!(host.starts_with("localhost:"), "{host}");
        Ok(())
    }

    async fn connected(self: Arc<Self>, mut connection: Connection, _handshake: Handshake) {
        let receiver = &mut connection.receiver;
        let _ = std::future::poll_fn(|cx| receiver.poll_receive(cx)).await;
    }
}

/// The library is told the address that was chosen, since it would choose one by itself.
#[tokio::test]
async fn a_host_is_dialled_by_its_name() {
    let certificate = Certificate::self_signed(["localhost"]).unwrap();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = Listener::bind(address, &certificate, ListenerConfig::default()).unwrap();
    let request = DialRequest {
        url: format!("https://localhost:{}", listener.local_addr().port()),
        protocols: Vec::new(),
        headers: HeaderMap::new(),
        max_message: 1024,
        proxy: None,
        certificate_hashes: Vec::new(),
    };
    tokio::spawn(listener.serve(Arc::new(Waiting)));
    let trust = Trust::nobody().with_certificate(&certificate);
    let dialer = WebTransportDialer::new(trust, Settings::default());
    let connection = within_limit(dialer.dial(&request)).await.unwrap();
    drop(connection);
}
