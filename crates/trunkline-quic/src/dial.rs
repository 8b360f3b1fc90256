//! Dialling, whatever the backend.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use async_trait::async_trait;
use tokio::sync::OnceCell;
use trunkline_tls::Trust;
use trunkline_transport::{Connection, DialError, DialRequest, Dialer, TransportKind, addresses};

use crate::endpoint::{client_config, pinned_client_config, socket};
use crate::{Backend, Opened, Settings, Target, connection};

/// Opens WebTransport connections. All of them share a UDP socket for each family of addresses,
/// opened with the first.
pub struct WebTransportDialer<B: Backend> {
    trust: Trust,
    settings: Settings,
    v4: OnceCell<B::Client>,
    v6: OnceCell<B::Client>,
}

impl<B: Backend> WebTransportDialer<B> {
    /// A dialer that believes these servers.
    #[must_use]
    pub fn new(trust: Trust, settings: Settings) -> Self {
        Self {
            trust,
            settings,
            v4: OnceCell::new(),
            v6: OnceCell::new(),
        }
    }

    async fn client(&self, peer: SocketAddr, target: &Target) -> Result<&B::Client, DialError> {
        let slot = match peer {
            SocketAddr::V4(_) => &self.v4,
            SocketAddr::V6(_) => &self.v6,
        };
        slot.get_or_try_init(|| async {
            let (trust, settings) = (self.trust.clone(), self.settings.clone());
            // The system's store is read in a thread that may block.
            let made = tokio::task::spawn_blocking(move || client_config(&trust, &settings)).await;
            let made = made.map_err(|error| target.tls(error.to_string()))?;
            let config = made.map_err(|error| target.tls(error.to_string()))?;
            let socket = socket(any(peer), self.settings.socket_buffer)?;
            Ok(B::client(socket.into(), config)?)
        })
        .await
    }

    /// What dials a server that is known by its certificate's hash, which is that of one server: from a
    /// socket of its own, which goes with the connection.
    fn pinned(
        &self,
        peer: SocketAddr,
        target: &Target,
        hashes: &[[u8; 32]],
    ) -> Result<B::Client, DialError> {
        let config = pinned_client_config(hashes, &self.settings);
        let config = config.map_err(|error| target.tls(error.to_string()))?;
        let socket = socket(any(peer), self.settings.socket_buffer)?;
        Ok(B::client(socket.into(), config)?)
    }

    async fn open(
        &self,
        peer: SocketAddr,
        target: &Target,
        request: &DialRequest,
    ) -> Result<Opened<B>, DialError> {
        if request.certificate_hashes.is_empty() {
            let client = self.client(peer, target).await?;
            B::dial(client, peer, target, request).await
        } else {
            let client = self.pinned(peer, target, &request.certificate_hashes)?;
            B::dial(&client, peer, target, request).await
        }
    }
}

#[async_trait]
impl<B: Backend> Dialer for WebTransportDialer<B> {
    fn transport(&self) -> TransportKind {
        TransportKind::WebTransport
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        let target = Target::parse(&request.url)?;
        if request
            .proxy
            .as_ref()
            .is_some_and(|proxy| proxy.is_for(&target.host))
        {
            let problem = "cannot carry WebTransport, which needs UDP".to_owned();
            let proxy = request.proxy.as_ref().map(|proxy| proxy.to_string());
            return Err(DialError::Proxy {
                proxy: proxy.unwrap_or_default(),
                problem,
                status: None,
                retry_after_s: None,
            });
        }
        let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await?;
        let open = |peer| self.open(peer, &target, request);
        let wait = || tokio::time::sleep(addresses::HEAD_START);
        let opened = addresses::first(addresses::alternating(found), open, wait).await?;
        connected(opened, request)
    }
}

/// Any port, in the family of `peer`.
fn any(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

fn connected<B: Backend>(
    opened: Opened<B>,
    request: &DialRequest,
) -> Result<Connection, DialError> {
    let protocol = match opened.protocol {
        Some(agreed) if request.protocols.contains(&agreed) => agreed,
        Some(other) => {
            let detail = format!("the server chose {other:?}, which was not offered");
            return Err(DialError::Handshake(detail));
        }
        None => DEFAULT_PROTOCOL.to_owned(),
    };
    let Opened {
        session,
        sending,
        receiving,
        ..
    } = opened;
    let max_message = request.max_message;
    Ok(connection(
        session,
        sending,
        receiving,
        protocol,
        max_message,
    ))
}

impl<B: Backend> fmt::Debug for WebTransportDialer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebTransportDialer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What is spoken where a stack has no application protocols (specification, "Encoding").
pub(crate) const DEFAULT_PROTOCOL: &str = "trunkline.v1.msgpack";
