//! Dialling and accepting with wtransport.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use quinn::Incoming;
use trunkline_quic::{AcceptError, Backend, Head, Opened, Target};
use trunkline_transport::{DialError, DialRequest};
use wtransport::config::{DnsLookupFuture, DnsResolver};
use wtransport::endpoint::endpoint_side::Client as ClientSide;
use wtransport::endpoint::{ConnectOptions, IncomingSessionFuture, SessionRequest};
use wtransport::error::{ConnectingError, ConnectionError};
use wtransport::{ClientConfig, Endpoint};

use crate::protocols::{CHOSEN, OFFERED, from_list, to_item, to_list};
use crate::session::{Reader, Session, Stream};

/// The library wtransport as a [`Backend`].
#[derive(Clone, Copy, Debug)]
pub struct Wtransport;

/// What dials from one UDP socket.
pub struct Client(Endpoint<ClientSide>);

impl Backend for Wtransport {
    type Session = Session;
    type Sending = Stream;
    type Receiving = Reader;
    type Client = Client;
    type Request = SessionRequest;

    fn client(socket: UdpSocket, config: quinn::ClientConfig) -> io::Result<Client> {
        let mut config = ClientConfig::builder()
            .with_bind_socket(socket)
            .build_with_quic_config(config);
        config.set_dns_resolver(Chosen);
        Ok(Client(Endpoint::client(config)?))
    }

    async fn dial(
        client: &Client,
        peer: SocketAddr,
        target: &Target,
        request: &DialRequest,
    ) -> Result<Opened<Self>, DialError> {
        let mut options = ConnectOptions::builder(target.url.as_str());
        if !request.protocols.is_empty() {
            options = options.add_header(OFFERED, to_list(&request.protocols));
        }
        for (name, value) in &request.headers {
            let value = value.to_str().map_err(|_| {
                DialError::Handshake(format!("the header {name} is not text, as it must be here"))
            })?;
            options = options.add_header(name.as_str(), value);
        }
        let connecting = client.0.connect(options.build());
        let connected = PEER.scope(peer, connecting).await;
        let session = connected.map_err(|error| refused(error, target))?;
        let aborted = |cause: &dyn fmt::Display| {
            let detail = cause.to_string();
            DialError::from(io::Error::new(io::ErrorKind::ConnectionAborted, detail))
        };
        let opening = session.open_bi().await.map_err(|cause| aborted(&cause))?;
        let (sending, receiving) = opening.await.map_err(|cause| aborted(&cause))?;
        Ok(Opened {
            session: Session(session),
            sending: Stream(sending),
            receiving: Reader(receiving),
            // The library does not show the answer's headers.
            protocol: None,
        })
    }

    async fn accept(incoming: Incoming) -> Result<(Head, SessionRequest), AcceptError> {
        let request = IncomingSessionFuture::with_quic_incoming(incoming).await;
        let request = request.map_err(|cause| AcceptError::Request(cause.to_string()))?;
        let uri = request.path().parse();
        let head = Head {
            authority: request.authority().to_owned(),
            uri: uri.map_err(|_| AcceptError::Request("its path is no URI".to_owned()))?,
            headers: headers(&request),
            protocols: request
                .headers()
                .get(OFFERED)
                .map(|list| from_list(list))
                .unwrap_or_default(),
            peer: request.remote_address(),
        };
        Ok((head, request))
    }

    async fn grant(
        request: SessionRequest,
        protocol: Option<&str>,
    ) -> Result<Opened<Self>, AcceptError> {
        let ended = |cause: ConnectionError| AcceptError::Ended(cause.to_string());
        let chosen = protocol.map(|name| (CHOSEN, to_item(name)));
        let session = request.accept_with_headers(chosen).await.map_err(ended)?;
        let (sending, receiving) = session.accept_bi().await.map_err(ended)?;
        Ok(Opened {
            session: Session(session),
            sending: Stream(sending),
            receiving: Reader(receiving),
            protocol: protocol.map(str::to_owned),
        })
    }

    async fn refuse(request: SessionRequest, status: StatusCode) {
        // The library refuses with three statuses alone. Of an answer that grants, it lets every field be
        // set, the status too.
        let answer = [(":status", status.as_str())];
        if let Ok(session) = request.accept_with_headers(answer).await {
            // The answer leaves while somebody holds the session; a client that has it closes.
            let _ = tokio::time::timeout(ANSWER_LIMIT, session.closed()).await;
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("local_addr", &self.0.local_addr().ok())
            .finish_non_exhaustive()
    }
}

/// The headers that are well formed; HTTP/3's own, which begin with a colon, are not among them.
fn headers(request: &SessionRequest) -> HeaderMap {
    let header = |(name, value): (&String, &String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    };
    request.headers().iter().filter_map(header).collect()
}

fn refused(error: ConnectingError, target: &Target) -> DialError {
    match error {
        ConnectingError::SessionRejected => DialError::Handshake(
            "the server refused the session; this library does not show the status".to_owned(),
        ),
        ConnectingError::ConnectionError(error) => match error {
            ConnectionError::TimedOut => target.failed(quinn::ConnectionError::TimedOut),
            ConnectionError::QuicProto(error) => target.tls(error.to_string()),
            other => {
                let detail = other.to_string();
                io::Error::new(io::ErrorKind::ConnectionAborted, detail).into()
            }
        },
        other => DialError::Handshake(other.to_string()),
    }
}

tokio::task_local! {
    /// The address that a dial is for, while it runs.
    static PEER: SocketAddr;
}

/// The library resolves names by itself, but asks this one: each dial's name is its own peer.
#[derive(Debug)]
struct Chosen;

impl DnsResolver for Chosen {
    /// Asked in the task of the dial, since the library's `connect` spawns none.
    fn resolve(&self, _host: &str) -> Pin<Box<dyn DnsLookupFuture>> {
        let peer = PEER.try_with(|peer| *peer).ok();
        Box::pin(async move { Ok(peer) })
    }
}

/// How long a refused client has to take its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dials_of_one_host_side_by_side_have_an_address_each() {
        let resolved = |port| {
            let peer = SocketAddr::from(([127, 0, 0, 1], port));
            PEER.scope(peer, async move {
                // The other one begins.
                tokio::task::yield_now().await;
                (peer, Chosen.resolve("a.example:443").await.ok().flatten())
            })
        };
        let (one, other) = tokio::join!(resolved(1), resolved(2));
        for (peer, found) in [one, other] {
            assert_eq!(found, Some(peer));
        }
        let outside = Chosen.resolve("a.example:443").await;
        assert_eq!(outside.ok().flatten(), None);
    }
}
