//! Dialling and accepting with web-transport-quinn.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use quinn::{ConnectionError, Endpoint, EndpointConfig, Incoming, TokioRuntime};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;
use trunkline_quic::{AcceptError, Backend, Head, Opened, Target};
use trunkline_transport::{DialError, DialRequest};
use web_transport_proto::{ConnectError as ProtoError, ConnectRequest, ConnectResponse};
use web_transport_quinn::{ClientError, ConnectError, Request};

use crate::session::{Reader, Session, Stream};

/// The library web-transport-quinn as a [`Backend`].
#[derive(Clone, Copy, Debug)]
pub struct WebTransportQuinn;

impl Backend for WebTransportQuinn {
    type Session = Session;
    type Sending = Stream;
    type Receiving = Reader;
    type Client = Endpoint;
    type Request = Request;

    fn client(socket: UdpSocket, config: quinn::ClientConfig) -> io::Result<Endpoint> {
        let runtime = Arc::new(TokioRuntime);
        let mut endpoint = Endpoint::new(EndpointConfig::default(), None, socket, runtime)?;
        endpoint.set_default_client_config(config);
        Ok(endpoint)
    }

    async fn dial(
        client: &Endpoint,
        peer: SocketAddr,
        target: &Target,
        request: &DialRequest,
    ) -> Result<Opened<Self>, DialError> {
        let connecting = client
            .connect(peer, &target.host)
            .map_err(|cause| DialError::from(io::Error::other(cause)))?;
        let connection = connecting.await.map_err(|cause| target.failed(cause))?;
        let asked = ConnectRequest::new(target.url.clone())
            .with_protocols(request.protocols.iter().cloned())
            .with_headers(request.headers.clone());
        let session = unlogged(web_transport_quinn::Session::connect(connection, asked))
            .await
            .map_err(|error| refused(error, target))?;
        let opened = session.open_bi().await;
        let (sending, receiving) = opened.map_err(|cause| {
            DialError::from(io::Error::new(io::ErrorKind::ConnectionAborted, cause))
        })?;
        Ok(Opened {
            protocol: session.protocol().map(str::to_owned),
            session: Session(Arc::new(session)),
            sending: Stream(sending),
            receiving: Reader(receiving),
        })
    }

    async fn accept(incoming: Incoming) -> Result<(Head, Request), AcceptError> {
        // Ahead of the end of the handshake, so that HTTP/3's settings leave with this side's part of it:
        // a client waits for them before it asks for a session. Early data of clients is not taken, so
        // the request is there only once the handshake is.
        let failed = |cause: ConnectionError| AcceptError::Quic(cause.into());
        let connection = match incoming.accept().map_err(failed)?.into_0rtt() {
            Ok((connection, _handshake)) => connection,
            Err(connecting) => connecting.await.map_err(failed)?,
        };
        let peer = connection.remote_address();
        let malformed = |cause: &dyn std::fmt::Display| AcceptError::Request(cause.to_string());
        let request = match unlogged(Request::accept(connection.clone())).await {
            Ok(request) => request,
            Err(cause) => {
                return Err(match connection.close_reason() {
                    // Closed for what came behind the handshake.
                    None
                    | Some(
                        ConnectionError::LocallyClosed | ConnectionError::ApplicationClosed(_),
                    ) => malformed(&cause),
                    Some(cause) => failed(cause),
                });
            }
        };
        let asked = &request.url[url::Position::BeforePath..url::Position::AfterQuery];
        let uri: Uri = asked.parse().map_err(|cause| malformed(&cause))?;
        let head = Head {
            authority: request.url.authority().to_owned(),
            uri,
            headers: request.headers.clone(),
            protocols: request.protocols.clone(),
            peer,
        };
        Ok((head, request))
    }

    async fn grant(request: Request, protocol: Option<&str>) -> Result<Opened<Self>, AcceptError> {
        let ended = |cause: &dyn std::fmt::Display| AcceptError::Ended(cause.to_string());
        let mut response = ConnectResponse::new(StatusCode::OK);
        if let Some(protocol) = protocol {
            response = response.with_protocol(protocol);
        }
        let session = request.respond(response).await;
        let session = session.map_err(|cause| ended(&cause))?;
        let (sending, receiving) = session.accept_bi().await.map_err(|cause| ended(&cause))?;
        Ok(Opened {
            protocol: protocol.map(str::to_owned),
            session: Session(Arc::new(session)),
            sending: Stream(sending),
            receiving: Reader(receiving),
        })
    }

    async fn refuse(request: Request, status: StatusCode) {
        // As a session, which holds HTTP/3's control streams: what `reject` leaves ends them, and a strict
        // client then closes with an error of HTTP/3's before it has seen the status (RFC 9114, section
        // 6.2.1).
        if let Ok(session) = request.respond(ConnectResponse::new(status)).await {
            // The answer leaves while somebody holds the session; a client that has it closes.
            let _ = tokio::time::timeout(ANSWER_LIMIT, session.closed()).await;
        }
    }
}

/// The library logs requests whole, and their queries and headers may hold credentials: what it does in
/// `work` is not logged.
fn unlogged<Work: Future>(work: Work) -> impl Future<Output = Work::Output> {
    work.with_subscriber(Dispatch::none())
}

fn refused(error: ClientError, target: &Target) -> DialError {
    let status = match error {
        ClientError::HttpError(ConnectError::ErrorStatus(status)) => status,
        ClientError::HttpError(ConnectError::ProtoError(ProtoError::WrongStatus(Some(status)))) => {
            status
        }
        ClientError::Connection(cause) => return target.failed(cause),
        other => return DialError::Handshake(other.to_string()),
    };
    DialError::Refused {
        status: status.as_u16(),
        body: String::new(),
        retry_after_s: None,
    }
}

/// How long a refused client has to take its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
