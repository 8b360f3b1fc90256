//! Which transports a client dials and in which order, and what it remembers of them.
//!
//! Specification: transports.md; session.md, SES-038; frames.md, WELCOME's `alternatives`.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_driver::sync::Arc;
use trunkline_protocol::Alternative;
use trunkline_transport::{Dialer, TransportKind};

use crate::address::Address;
use crate::builder::Config;

/// Which of a client's transports are dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transports {
    /// All that the client has, in a race: WebTransport first, and WebSocket after [`HEAD_START`], or at
    /// once when WebTransport fails. Whichever connects first is used, and is the one that begins next
    /// time on this host and port, for [`WINNER_REMEMBERED`]. A client that ended up on WebSocket goes on
    /// trying WebTransport in the background, and moves there when it is reachable: nothing is lost or
    /// repeated by it.
    #[default]
    Auto,
    /// WebSocket alone.
    WebSocketOnly,
    /// WebTransport alone. With the JSON encoding there is none.
    WebTransportOnly,
}

impl Transports {
    /// Whether a transport is one of these. A transport for tests is always one.
    pub(crate) const fn includes(self, kind: TransportKind) -> bool {
        match kind {
            TransportKind::WebSocket => !matches!(self, Self::WebTransportOnly),
            TransportKind::WebTransport => !matches!(self, Self::WebSocketOnly),
            _ => true,
        }
    }
}

/// A transport with where it is dialled.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) address: Address,
    /// Of the certificates that the server may show, if it said so itself.
    pub(crate) hashes: Vec<[u8; 32]>,
}

impl Candidate {
    pub(crate) fn transport(&self) -> TransportKind {
        self.dialer.transport()
    }
}

/// What a client remembers of the hosts that it was connected to: of each with its port, since another one
/// is another server, behind other rules of a firewall.
#[derive(Default)]
pub(crate) struct Hosts(VecDeque<Host>);

struct Host {
    name: String,
    port: Option<u16>,
    /// Which transport is to be dialled first, and since when that is known.
    first: Option<(TransportKind, Instant)>,
    /// Why that is not WebTransport, for people.
    why: Option<String>,
    /// Where the server says that its other transports are.
    told: Vec<Told>,
}

/// A server's word on one of its transports.
struct Told {
    transport: TransportKind,
    address: Address,
    hashes: Vec<[u8; 32]>,
}

impl Hosts {
    /// What can be dialled for this address, in the order in which it is begun.
    pub(crate) fn candidates(&self, config: &Config, address: &Address) -> Vec<Candidate> {
        let dialers = config.dialers.iter();
        let found = dialers.map(|dialer| self.candidate(config, address, dialer));
        let mut found: Vec<_> = found.flatten().collect();
        let first = self.host(address).and_then(Host::first);
        found.sort_by_key(|candidate| {
            let kind = candidate.transport();
            (first != Some(kind), rank(kind))
        });
        found
    }

    /// Where one transport is dialled for this address; none where it cannot be.
    pub(crate) fn candidate(
        &self,
        config: &Config,
        address: &Address,
        dialer: &Arc<dyn Dialer>,
    ) -> Option<Candidate> {
        let kind = dialer.transport();
        let told = self.host(address).and_then(|host| host.told(kind));
        let (address, hashes) = match told {
            Some(told) => (&told.address, told.hashes.clone()),
            None => (address, Vec::new()),
        };
        // Alone it is dialled all the same, and its dialer says what is wrong.
        let is_possible = kind != TransportKind::WebTransport || config.dialers.len() == 1 || {
            let proxy = config.settings.proxy.as_ref();
            address.is_secure() && proxy.is_none_or(|proxy| !proxy.is_for(address.host()))
        };
        is_possible.then(|| Candidate {
            dialer: Arc::clone(dialer),
            address: address.clone(),
            hashes,
        })
    }

    /// Notes which transport connected, and why another did not, if that is known; gives what is known
    /// of that from now on.
    pub(crate) fn connected(
        &mut self,
        address: &Address,
        transport: TransportKind,
        passed_over: Option<String>,
    ) -> Option<String> {
        let host = self.host_mut(address);
        host.first = Some((transport, Instant::now()));
        if transport == TransportKind::WebTransport {
            host.why = None;
        }
        host.why = passed_over.or_else(|| host.why.take());
        host.why.clone()
    }

    /// Notes that a connection over WebTransport died without a word: UDP may be dead.
    pub(crate) fn died(&mut self, address: &Address, cause: &dyn fmt::Display) {
        let why = format!("{}: {cause}", TransportKind::WebTransport);
        self.connected(address, TransportKind::WebSocket, Some(why));
    }

    /// Notes where a server says that its other transports are. What leads to another host, or from a
    /// secure scheme to an insecure one, is passed over (specification: SEC-012).
    pub(crate) fn told(
        &mut self,
        address: &Address,
        over: TransportKind,
        alternatives: &[Alternative],
    ) {
        if alternatives.is_empty() && over == TransportKind::WebTransport {
            // It says nothing of the transport that it came over.
            return;
        }
        let host = self.host_mut(address);
        host.told.retain(|told| told.transport == over);
        for alternative in alternatives.iter().take(ALTERNATIVES_MAX) {
            if let Some(told) = Told::read(address, alternative) {
                host.told.retain(|other| other.transport != told.transport);
                host.told.push(told);
            }
        }
    }

    /// Forgets where servers said that their other transports are: who asks to be left told it, and
    /// behind a load balancer that leads back to the very same server.
    pub(crate) fn forget_told(&mut self) {
        for host in &mut self.0 {
            host.told.clear();
        }
    }

    fn host(&self, address: &Address) -> Option<&Host> {
        self.0.iter().find(|host| host.is_of(address))
    }

    fn host_mut(&mut self, address: &Address) -> &mut Host {
        let known = self.0.iter().position(|host| host.is_of(address));
        // The newest stands first, and the one at the end goes.
        let host = known.and_then(|position| self.0.remove(position));
        self.0.push_front(host.unwrap_or_else(|| Host {
            name: address.host().to_owned(),
            port: address.port(),
            first: None,
            why: None,
            told: Vec::new(),
        }));
        self.0.truncate(HOSTS_MAX);
        &mut self.0[0]
    }
}

impl Host {
    fn is_of(&self, address: &Address) -> bool {
        self.name == address.host() && self.port == address.port()
    }

    fn first(&self) -> Option<TransportKind> {
        let (transport, since) = self.first?;
        (since.elapsed() < WINNER_REMEMBERED).then_some(transport)
    }

    fn told(&self, transport: TransportKind) -> Option<&Told> {
        self.told.iter().find(|told| told.transport == transport)
    }
}

impl Told {
    fn read(from: &Address, alternative: &Alternative) -> Option<Self> {
        let kinds = [TransportKind::WebSocket, TransportKind::WebTransport];
        let mut kinds = kinds.into_iter();
        let transport = kinds.find(|kind| kind.name() == alternative.transport)?;
        let address = from.moved_to(&alternative.url)?;
        let hashes = alternative.hashes.iter().take(HASHES_MAX);
        let hashes: Vec<_> = hashes.map(|hash| hash.as_slice().try_into()).collect();
        let hashes: Vec<[u8; 32]> = hashes.into_iter().collect::<Result<_, _>>().ok()?;
        // Only WebTransport takes a certificate by its hash.
        let is_dialled = hashes.is_empty() || transport == TransportKind::WebTransport;
        (is_dialled && address.host() == from.host()).then_some(Self {
            transport,
            address,
            hashes,
        })
    }
}

/// The order of a race between transports that nothing is known of.
const fn rank(kind: TransportKind) -> u8 {
    match kind {
        TransportKind::WebTransport => 0,
        TransportKind::WebSocket => 1,
        _ => 2,
    }
}

/// How long the first transport of a race is dialled alone.
pub const HEAD_START: Duration = Duration::from_millis(300);

/// How long the transport that connected last is the first to be dialled on its host and port.
pub const WINNER_REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// Hosts that something is remembered of: the client's own, and some that it was sent to.
const HOSTS_MAX: usize = 8;

/// Alternatives of one WELCOME that are read.
const ALTERNATIVES_MAX: usize = 8;

/// Hashes of one alternative that are read.
const HASHES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a firewall does to one port says nothing of another.
    #[test]
    fn which_transport_won_is_remembered_of_a_server_and_not_of_all_on_its_host() {
        let address = |url| Address::parse(url).unwrap();
        let mut hosts = Hosts::default();
        let why = Some("webtransport: no answer".to_owned());
        let here = address("https://a.example");
        hosts.connected(&here, TransportKind::WebSocket, why);
        let first = |url| hosts.host(&address(url)).and_then(Host::first);
        let same = "wss://a.example:443/other?ticket=7";
        assert_eq!(first(same), Some(TransportKind::WebSocket));
        for other in ["https://a.example:8443", "http://a.example"] {
            assert_eq!(first(other), None, "{other}");
        }
    }
}
