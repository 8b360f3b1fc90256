//! Accepting, whatever the backend.

use std::future::Future;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::HOST;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri};
use quinn::{Endpoint, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use trunkline_tls::Certificate;
use trunkline_transport::Connection;

use crate::dial::DEFAULT_PROTOCOL;
use crate::endpoint::{EndpointError, server_endpoint};
use crate::runtime::with_home;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::{AcceptError, Backend, Head, Opened, Settings, connection};

/// How a [`Listener`] behaves.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The path of the endpoint. Default `/trunkline`.
    pub path: String,
    /// The application protocols spoken. Default `trunkline.v1.msgpack`. A client whose stack has
    /// none speaks the first.
    pub protocols: Vec<String>,
    /// QUIC's settings.
    pub settings: Settings,
    /// The largest message accepted, bytes. Default 1 MiB.
    pub max_message: usize,
    /// How long a client may take from its first packet to its stream. Default 5 s.
    pub handshake_timeout: Duration,
    /// Clients between their first packet and their stream at once; the packets of further ones are
    /// dropped unanswered, and they try again by themselves. Default 1,024. From half of it on, an
    /// address has to show that it is its own before anything is kept for it (RFC 9000, section 8.1).
    pub max_handshakes: usize,
    /// What happens on this listener, counted.
    pub counters: Arc<Counters>,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            path: "/trunkline".into(),
            protocols: vec![DEFAULT_PROTOCOL.into()],
            settings: Settings::default(),
            max_message: 1024 * 1024,
            handshake_timeout: Duration::from_secs(5),
            max_handshakes: 1024,
            counters: Arc::default(),
        }
    }
}

/// What a listener did, since its start.
#[derive(Debug, Default)]
pub struct Counters {
    handshakes_dropped: AtomicU64,
    addresses_asked: AtomicU64,
    handshake_errors: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    /// Clients whose first packet was dropped because too many others were shaking hands.
    #[must_use]
    pub fn handshakes_dropped(&self) -> u64 {
        self.handshakes_dropped.load(Ordering::Relaxed)
    }

    /// Clients that were asked to show that their address is their own.
    #[must_use]
    pub fn addresses_asked(&self) -> u64 {
        self.addresses_asked.load(Ordering::Relaxed)
    }

    /// Handshakes that failed or took too long.
    #[must_use]
    pub fn handshake_errors(&self) -> u64 {
        self.handshake_errors.load(Ordering::Relaxed)
    }

    /// Requests that were refused with an HTTP status.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A request as the [`Handler`] sees it.
#[derive(Debug)]
pub struct Handshake {
    /// Path and query.
    pub uri: Uri,
    /// The headers, `Host` among them, which HTTP/3 has a field of its own for.
    pub headers: HeaderMap,
    /// Where it came from.
    pub peer: SocketAddr,
    /// The application protocol that will be spoken.
    pub protocol: String,
    /// What [`Handler::admit`] leaves for [`Handler::connected`].
    pub extensions: Extensions,
}

/// What a [`Listener`] does with what arrives.
pub trait Handler: Send + Sync + 'static {
    /// Whether an attempt from this address would go on, which may be somebody else's than the client's:
    /// nothing is to be counted against it yet. One that would not go on has to show its address, and is
    /// turned away ahead of the handshake, which costs more than all else. The default welcomes all.
    fn is_welcome(&self, address: IpAddr) -> bool {
        let _ = address;
        true
    }

    /// Counts an attempt to connect from this address, which is the client's own, and says whether
    /// it goes on. The default lets all go on.
    ///
    /// # Errors
    /// The status that turns it away. Ahead of the handshake there is no HTTP that could tell it: the
    /// client's connection is refused (specification: TRN-030).
    fn knock(&self, address: IpAddr) -> Result<(), StatusCode> {
        let _ = address;
        Ok(())
    }

    /// Judges a request before it is answered. The default admits all.
    ///
    /// # Errors
    /// The status that refuses, for floods and foreign origins: everything else is better said in
    /// band, since browsers show none.
    fn admit(&self, handshake: &mut Handshake) -> Result<(), StatusCode> {
        let _ = handshake;
        Ok(())
    }

    /// Runs a connection. The future is the connection's task, from here to its end; or it spawns that task
    /// in the connection's [home](Connection::home), which costs less.
    fn connected(
        self: Arc<Self>,
        connection: Connection,
        handshake: Handshake,
    ) -> impl Future<Output = ()> + Send;
}

/// Accepts WebTransport connections on a UDP port.
#[derive(Debug)]
pub struct Listener<B> {
    endpoint: Endpoint,
    local_addr: SocketAddr,
    config: Arc<ListenerConfig>,
    stop: watch::Sender<bool>,
    backend: PhantomData<fn() -> B>,
}

impl<B: Backend> Listener<B> {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// See [`EndpointError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn bind(
        address: SocketAddr,
        certificate: &Certificate,
        config: ListenerConfig,
    ) -> Result<Self, EndpointError> {
        let endpoint = server_endpoint(address, certificate, &config.settings)?;
        let bound = endpoint.local_addr();
        Ok(Self {
            local_addr: bound.map_err(|cause| EndpointError::Io { address, cause })?,
            endpoint,
            config: Arc::new(config),
            stop: watch::Sender::new(false),
            backend: PhantomData,
        })
    }

    /// The address listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// A handle that stops [`serve`](Self::serve).
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle {
            stop: self.stop.clone(),
        }
    }

    /// Accepts until stopped, handing each connection to `handler` in a task of its own. Connections
    /// outlive the end of this future.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting.
    pub async fn serve<H: Handler>(self, handler: Arc<H>) {
        let places = Arc::new(Semaphore::new(self.config.max_handshakes));
        let mut stopped = self.stop.subscribe();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => None,
                accepted = self.endpoint.accept() => accepted,
            };
            let Some(incoming) = accepted else { break };
            if let Some(seated) = self.seat(incoming, &places, &*handler) {
                let (handler, config) = (Arc::clone(&handler), Arc::clone(&self.config));
                tokio::spawn(serve_one::<B, H>(seated, handler, config));
            }
        }
        // The socket lives on with its connections, and answers nobody new.
        self.endpoint.set_server_config(None);
    }

    /// A place among those who shake hands; under load, or where nobody is welcome from, only for whoever
    /// has shown its address.
    fn seat<H: Handler>(
        &self,
        incoming: Incoming,
        places: &Arc<Semaphore>,
        handler: &H,
    ) -> Option<Seated> {
        let counters = &self.config.counters;
        let address = incoming.remote_address().ip();
        let is_shown = incoming.remote_address_validated();
        let is_busy = places.available_permits() <= self.config.max_handshakes / 2;
        if !is_shown && (is_busy || !handler.is_welcome(address)) {
            count(&counters.addresses_asked);
            // It cannot fail for an address that was not shown.
            let _ = incoming.retry();
            return None;
        }
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            count(&counters.handshakes_dropped);
            incoming.ignore();
            return None;
        };
        if is_shown && let Err(status) = handler.knock(address) {
            tracing::debug!(%address, %status, "WebTransport client turned away ahead of its handshake");
            incoming.refuse();
            return None;
        }
        Some(Seated {
            incoming,
            place,
            has_knocked: is_shown,
        })
    }
}

/// A client that shakes hands.
struct Seated {
    incoming: Incoming,
    place: OwnedSemaphorePermit,
    /// Its attempt was counted already, since its address was known to be its own.
    has_knocked: bool,
}

async fn serve_one<B: Backend, H: Handler>(
    seated: Seated,
    handler: Arc<H>,
    config: Arc<ListenerConfig>,
) {
    let Seated {
        incoming,
        place,
        has_knocked,
    } = seated;
    let peer = incoming.remote_address();
    let limit = config.handshake_timeout;
    let shaken = shake_hands::<B, H>(incoming, has_knocked, &handler, &config);
    let opened = tokio::time::timeout(limit, shaken).await;
    drop(place);
    match opened {
        Ok(Ok(Some((connection, handshake)))) => {
            // A task of its own, so that nothing of the handshake lives on in it: a task is as large
            // as the largest moment of its future.
            tokio::spawn(handler.connected(connection, handshake));
        }
        Ok(Ok(None)) => count(&config.counters.refused),
        Ok(Err(cause)) => {
            count(&config.counters.handshake_errors);
            tracing::debug!(%peer, %cause, "WebTransport handshake failed");
        }
        Err(_elapsed) => {
            count(&config.counters.handshake_errors);
            tracing::debug!(%peer, ?limit, "WebTransport handshake took too long");
        }
    }
}

/// None if the request was refused, with a status.
async fn shake_hands<B: Backend, H: Handler>(
    incoming: Incoming,
    has_knocked: bool,
    handler: &H,
    config: &ListenerConfig,
) -> Result<Option<(Connection, Handshake)>, AcceptError> {
    let (accepted, home) = with_home(B::accept(incoming)).await;
    let (head, request) = accepted?;
    let offered = head.protocols.clone();
    // The handshake has shown that the address is the client's.
    let knocked = match has_knocked {
        true => Ok(()),
        false => handler
            .knock(head.peer.ip())
            .map_err(|status| (head.peer, status)),
    };
    let handshake = match knocked.and_then(|()| judge(head, handler, config)) {
        Ok(handshake) => handshake,
        Err((peer, status)) => {
            tracing::debug!(%peer, %status, "WebTransport request refused");
            B::refuse(request, status).await;
            return Ok(None);
        }
    };
    let protocol = offered.contains(&handshake.protocol);
    let protocol = protocol.then_some(handshake.protocol.as_str());
    let Opened {
        session,
        sending,
        receiving,
        ..
    } = B::grant(request, protocol).await?;
    let (spoken, max) = (handshake.protocol.clone(), config.max_message);
    let connection = connection(session, sending, receiving, spoken, max);
    Ok(Some((Connection { home, ..connection }, handshake)))
}

fn judge<H: Handler>(
    head: Head,
    handler: &H,
    config: &ListenerConfig,
) -> Result<Handshake, (SocketAddr, StatusCode)> {
    let peer = head.peer;
    let refuse = |status| (peer, status);
    if head.uri.path() != config.path {
        return Err(refuse(StatusCode::NOT_FOUND));
    }
    let mut headers = head.headers;
    headers.remove(HOST);
    if let Ok(host) = HeaderValue::try_from(head.authority) {
        headers.insert(HOST, host);
    }
    let mut handshake = Handshake {
        protocol: spoken(&head.protocols, &config.protocols),
        uri: head.uri,
        headers,
        peer,
        extensions: Extensions::new(),
    };
    handler.admit(&mut handshake).map_err(refuse)?;
    Ok(handshake)
}

/// The first protocol offered that is spoken here. If there is none that is, the first one offered
/// of ours, which is then refused in band (specification, "Encoding"); if none was offered at all,
/// the default.
fn spoken(offered: &[String], known: &[String]) -> String {
    let ours = |name: &&String| name.starts_with("trunkline.");
    let agreed = offered.iter().find(|name| known.contains(name));
    let agreed = agreed.or_else(|| offered.iter().find(ours));
    let default = known.first().map_or(DEFAULT_PROTOCOL, String::as_str);
    agreed.map_or_else(|| default.to_owned(), String::clone)
}

/// Stops a [`Listener`] from accepting.
#[derive(Clone, Debug)]
pub struct StopHandle {
    stop: watch::Sender<bool>,
}

impl StopHandle {
    /// Accepts nobody any more: new clients are told that the server is not there. Connections there
    /// are go on. Calling it again does nothing.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_preference_counts_among_what_is_spoken() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let known = names(&["trunkline.v1.msgpack", "trunkline.v1.json"]);
        let spoken = |offered: &[&str]| spoken(&names(offered), &known);
        assert_eq!(spoken(&["x", "trunkline.v1.json"]), "trunkline.v1.json");
        assert_eq!(
            spoken(&["x", "trunkline.v9.msgpack"]),
            "trunkline.v9.msgpack"
        );
        assert_eq!(spoken(&["x"]), "trunkline.v1.msgpack");
        assert_eq!(spoken(&[]), "trunkline.v1.msgpack");
    }
}
