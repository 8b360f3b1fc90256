//! Requests that are refused: which status arrives, and what the two libraries make of it.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use trunkline_quic::{Handler, Handshake, ListenerConfig, Settings, WebTransportDialer};
use trunkline_testkit::drive::within_limit;
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{Connection, DialError, DialRequest, Dialer};
use trunkline_webtransport::WebTransportQuinn;
use trunkline_wtransport::{Listener, Wtransport};

/// Refuses everybody with one status.
struct Refusing(StatusCode);

impl Handler for Refusing {
    fn admit(&self, _handshake: &mut Handshake) -> Result<(), StatusCode> {
        Err(self.0)
    }

    async fn connected(self: Arc<Self>, _connection: Connection, _handshake: Handshake) {
        panic!("nobody is let in");
    }
}

/// A server that refuses with this status, who trusts it, and how it is dialled.
fn refusing(status: StatusCode) -> (Trust, DialRequest) {
    let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = Listener::bind(address, &certificate, ListenerConfig::default()).unwrap();
    let request = DialRequest {
        url: format!("https://{}", listener.local_addr()),
        protocols: Vec::new(),
        headers: HeaderMap::new(),
        max_message: 1024,
        proxy: None,
        certificate_hashes: Vec::new(),
    };
    tokio::spawn(listener.serve(Arc::new(Refusing(status))));
    (Trust::nobody().with_certificate(&certificate), request)
}

#[tokio::test]
async fn every_status_arrives_as_it_was_chosen() {
    for chosen in [400, 401, 403, 404, 421, 429, 500, 503] {
        let (trust, request) = refusing(StatusCode::from_u16(chosen).unwrap());
        let dialer = WebTransportDialer::<WebTransportQuinn>::new(trust, Settings::default());
        match within_limit(dialer.dial(&request)).await {
            Err(DialError::Refused { status, .. }) => assert_eq!(status, chosen),
            other => panic!("{chosen}: {other:?}"),
        }
    }
}

/// The library does not show it.
#[tokio::test]
async fn a_refusal_without_its_status_is_a_handshake_that_failed() {
    let (trust, request) = refusing(StatusCode::SERVICE_UNAVAILABLE);
    let dialer = WebTransportDialer::<Wtransport>::new(trust, Settings::default());
    let error = within_limit(dialer.dial(&request)).await.unwrap_err();
    assert!(matches!(error, DialError::Handshake(_)), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}
