//! WebTransport beside WebSocket: the same server, judgement and limits, on UDP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use trunkline_quic::{Handler, Handshake};
use trunkline_server::{Place, Request as Opening};
use trunkline_tls::Certificate;
use trunkline_transport::Connection;
use trunkline_websocket::ListenerConfig;
use trunkline_webtransport::Listener;

use super::accepting::Accepting;

pub use trunkline_quic::{
    Congestion, ListenerConfig as WebTransportConfig, Settings as QuicSettings,
};

/// The certificate that WebTransport is served with: that of TCP, or one for development where this
/// program may make some. Without either, there is no WebTransport.
pub(super) fn certificate(websocket: &ListenerConfig) -> io::Result<Option<Certificate>> {
    if let Some(certificate) = &websocket.certificate {
        return Ok(Some(certificate.clone()));
    }
    #[cfg(feature = "self-signed")]
    {
        let names = ["localhost", "127.0.0.1", "::1"];
        let made = Certificate::self_signed(names).map_err(io::Error::other)?;
        Ok(Some(made))
    }
    #[cfg(not(feature = "self-signed"))]
    Ok(None)
}

/// A UDP port on which nothing is accepted yet.
pub(super) struct Datagrams {
    listener: Listener,
    /// Made for development: it is made anew while it is served.
    own: Option<Certificate>,
}

impl Datagrams {
    /// Opens UDP on this address.
    pub(super) fn bind(
        address: SocketAddr,
        certificate: &Certificate,
        config: WebTransportConfig,
    ) -> io::Result<Self> {
        let listener = Listener::bind(address, certificate, config).map_err(io::Error::other)?;
        let own = certificate.is_self_signed().then(|| certificate.clone());
        Ok(Self { listener, own })
    }

    pub(super) fn stop_handle(&self) -> trunkline_quic::StopHandle {
        self.listener.stop_handle()
    }

    /// Accepts until stopped.
    pub(super) async fn serve(self, accepting: Accepting) {
        let serving = self.listener.serve(Arc::new(OverQuic(accepting)));
        let Some(certificate) = self.own else {
            return serving.await;
        };
        tokio::select! {
            () = serving => {}
            () = certificate.watch(RENEWAL_CHECKED) => {}
        }
    }
}

/// What becomes of WebTransport's requests: the same as of WebSocket's.
struct OverQuic(Accepting);

impl Handler for OverQuic {
    fn is_welcome(&self, address: IpAddr) -> bool {
        self.0.server.is_welcome(address)
    }

    fn knock(&self, address: IpAddr) -> Result<(), StatusCode> {
        let knocked = self.0.server.knock(address);
        knocked.map_err(|refusal| refusal.status())
    }

    fn admit(&self, handshake: &mut Handshake) -> Result<(), StatusCode> {
        let Handshake {
            uri, headers, peer, ..
        } = handshake;
        let place = self.0.judge(&Method::CONNECT, uri, headers, Some(*peer));
        let place = place.map_err(|refusal| refusal.status())?;
        handshake.extensions.insert(place);
        Ok(())
    }

    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        let Handshake {
            uri,
            headers,
            peer,
            mut extensions,
            ..
        } = handshake;
        let opening = Opening {
            peer: Some(peer),
            uri,
            headers,
            place: extensions.remove::<Place>(),
            alternatives: Vec::new(),
        };
        self.0.server.accept(connection, opening).await;
    }
}

/// How often it is looked whether a certificate for development is to be made anew.
const RENEWAL_CHECKED: Duration = Duration::from_secs(3600);
