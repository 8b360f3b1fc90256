//! Clients whose address may not come: told so in HTTP, or turned away ahead of the handshake.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, StatusCode};
use trunkline_quic::{Counters, Handler, Handshake, ListenerConfig, Settings};
use trunkline_testkit::drive::within_limit;
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::{Connection, DialError, DialRequest, Dialer as _};
use trunkline_webtransport::{Listener, WebTransportDialer};

/// Lets nobody in.
struct Doorkeeper {
    /// Whether it says so before it is asked in earnest.
    is_welcome: bool,
    knocks: AtomicU64,
}

impl Handler for Doorkeeper {
    fn is_welcome(&self, address: IpAddr) -> bool {
        assert_eq!(address, Ipv4Addr::LOCALHOST);
        self.is_welcome
    }

    fn knock(&self, address: IpAddr) -> Result<(), StatusCode> {
        assert_eq!(address, Ipv4Addr::LOCALHOST);
        self.knocks.fetch_add(1, Ordering::Relaxed);
        Err(StatusCode::TOO_MANY_REQUESTS)
    }

    async fn connected(self: Arc<Self>, _connection: Connection, _handshake: Handshake) {
        panic!("nobody is let in");
    }
}

/// What a dial comes to, how often the doorkeeper was asked, and what the listener counted.
async fn dialled(is_welcome: bool) -> (Result<Connection, DialError>, u64, Arc<Counters>) {
    let certificate = Certificate::self_signed(["127.0.0.1"]).unwrap();
    let config = ListenerConfig::default();
    let counters = Arc::clone(&config.counters);
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = Listener::bind(address, &certificate, config).unwrap();
    let url = format!("https://{}/trunkline", listener.local_addr());
    let keeper = Arc::new(Doorkeeper {
        is_welcome,
        knocks: AtomicU64::new(0),
    });
    tokio::spawn(listener.serve(Arc::clone(&keeper)));
    let trust = Trust::nobody().with_certificate(&certificate);
    let dialer = WebTransportDialer::new(trust, Settings::default());
    let request = DialRequest {
        url,
        protocols: Vec::new(),
        headers: HeaderMap::new(),
        max_message: 1024,
        proxy: None,
        certificate_hashes: Vec::new(),
    };
    let dialled = within_limit(dialer.dial(&request)).await;
    (dialled, keeper.knocks.load(Ordering::Relaxed), counters)
}

#[tokio::test]
async fn whose_address_is_welcome_and_comes_too_often_is_told_so_by_a_status() {
    let (dialled, knocks, counters) = dialled(true).await;
    assert!(
        matches!(dialled, Err(DialError::Refused { status: 429, .. })),
        "{dialled:?}"
    );
    assert_eq!((knocks, counters.addresses_asked()), (1, 0));
}

#[tokio::test]
async fn whose_address_is_not_welcome_shows_it_and_is_turned_away_ahead_of_the_handshake() {
    let (dialled, knocks, counters) = dialled(false).await;
    let error = dialled.unwrap_err();
    assert!(!matches!(error, DialError::Refused { .. }), "{error:?}");
    assert_eq!((knocks, counters.addresses_asked()), (1, 1));
    // None was begun.
    assert_eq!((counters.refused(), counters.handshake_errors()), (0, 0));
}
