//! The servers: each library bare, echoing bytes, and Trunkline on each, echoing events.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use clap::ValueEnum;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use trunkline::{
    server::{Ack, Certificate, Failure, FloodLimits, Payload, Request, Server, Socket},
    transport::Connection,
};
use trunkline_quic::{Backend, Handler, Handshake, Listener, ListenerConfig, Settings};

use crate::{identity::Files, peer_room::RuntimeKind};

/// A server under measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// web-transport-quinn, with its own defaults.
    WebTransportQuinn,
    /// Trunkline on it.
    TrunklineWebTransport,
    /// wtransport, with its own defaults.
    Wtransport,
    /// Trunkline on it.
    TrunklineWtransport,
}

impl Peer {
    /// All of them, each bare library ahead of what is compared with it.
    pub const ALL: [Self; 4] = [
        Self::WebTransportQuinn,
        Self::TrunklineWebTransport,
        Self::Wtransport,
        Self::TrunklineWtransport,
    ];

    /// Whether it speaks frames; the bare ones echo bytes.
    #[must_use]
    pub const fn is_trunkline(self) -> bool {
        matches!(
            self,
            Self::TrunklineWebTransport | Self::TrunklineWtransport
        )
    }

    /// What its figures are compared with.
    #[must_use]
    pub const fn bare(self) -> Self {
        match self {
            Self::WebTransportQuinn | Self::TrunklineWebTransport => Self::WebTransportQuinn,
            Self::Wtransport | Self::TrunklineWtransport => Self::Wtransport,
        }
    }
}

/// Serves on a loopback port of UDP (0: a free one) until the process ends, after printing
/// `listening on ADDRESS`.
///
/// # Errors
/// The port is taken, or there is no certificate in the files.
pub fn run(port: u16, peer: Peer, tls: Files) -> Result<(), Box<dyn Error>> {
    let files = tls
        .given()
        .ok_or("WebTransport needs --certificate and --key")?;
    RuntimeKind::MultiThread
        .build()?
        .block_on(serve(port, peer, files))
}

async fn serve(
    port: u16,
    peer: Peer,
    (chain, key): (std::path::PathBuf, std::path::PathBuf),
) -> Result<(), Box<dyn Error>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match peer {
        Peer::WebTransportQuinn => {
            let chain = CertificateDer::pem_file_iter(&chain)?.collect::<Result<Vec<_>, _>>()?;
            let key = PrivateKeyDer::from_pem_file(&key)?;
            let builder = web_transport_quinn::ServerBuilder::new().with_addr(address);
            let mut server = builder.with_certificate(chain, key)?;
            announce(server.local_addr()?);
            while let Some(request) = server.accept().await {
                tokio::spawn(async move {
                    let session = request.ok().await?;
                    echo_quinn(session).await
                });
            }
        }
        Peer::Wtransport => {
            let identity = wtransport::Identity::load_pemfiles(&chain, &key).await?;
            let config = wtransport::ServerConfig::builder()
                .with_bind_address(address)
                .with_identity(identity)
                .build();
            let endpoint = wtransport::Endpoint::server(config)?;
            announce(endpoint.local_addr()?);
            loop {
                let incoming = endpoint.accept().await;
                tokio::spawn(async move {
                    let session = incoming.await?.accept().await?;
                    echo_wtransport(session).await
                });
            }
        }
        Peer::TrunklineWebTransport | Peer::TrunklineWtransport => {
            let certificate = Certificate::from_pem_files(chain, key)?;
            let (server, settings) = (app(), Settings::default());
            match peer {
                Peer::TrunklineWtransport => {
                    listen::<trunkline_wtransport::Wtransport>(
                        address,
                        &certificate,
                        settings,
                        server,
                    )
                    .await?;
                }
                _ => {
                    listen::<trunkline_webtransport::WebTransportQuinn>(
                        address,
                        &certificate,
                        settings,
                        server,
                    )
                    .await?;
                }
            }
        }
    }
    Ok(())
}

/// The load generator waits for this line.
fn announce(address: SocketAddr) {
    println!("listening on {address}");
}

async fn echo_quinn(session: web_transport_quinn::Session) -> Result<(), EchoError> {
    let datagrams = {
        let session = session.clone();
        async move {
            loop {
                let datagram = session.read_datagram().await?;
                session.send_datagram(datagram)?;
            }
        }
    };
    let stream = async {
        let (sending, receiving) = session.accept_bi().await?;
        echo_stream(sending, receiving).await
    };
    tokio::select! {
        ended = datagrams => ended,
        ended = stream => ended,
    }
}

async fn echo_wtransport(session: wtransport::Connection) -> Result<(), EchoError> {
    let datagrams = async {
        loop {
            let datagram = session.receive_datagram().await?;
            session.send_datagram(datagram.payload())?;
        }
    };
    let stream = async {
        let (sending, receiving) = session.accept_bi().await?;
        echo_stream(sending, receiving).await
    };
    tokio::select! {
        ended = datagrams => ended,
        ended = stream => ended,
    }
}

/// Sends back what a stream brings, until its session ends.
async fn echo_stream(
    mut sending: impl AsyncWrite + Unpin,
    mut receiving: impl AsyncRead + Unpin,
) -> Result<(), EchoError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match receiving.read(&mut buffer).await? {
            0 => std::future::pending().await,
            count => sending.write_all(&buffer[..count]).await?,
        }
    }
}

/// How an echo ended: a client that has left ends its own.
type EchoError = Box<dyn Error + Send + Sync>;

fn app() -> Server {
    let server = Server::builder().flood_limits(FloodLimits::OFF).build();
    let root = server.namespace("/");
    root.on("echo", |args: Payload| async move { Ack(args) });
    root.on("at", |socket: Socket, args: Payload| async move {
        socket.datagram().emit("at", args)?;
        Ok::<_, Failure>(())
    });
    server
}

/// Serves over WebTransport alone, with either library.
pub(crate) async fn listen<B: Backend>(
    address: SocketAddr,
    certificate: &Certificate,
    settings: Settings,
    server: Server,
) -> Result<(), Box<dyn Error>> {
    let config = ListenerConfig {
        settings,
        ..ListenerConfig::default()
    };
    let listener = Listener::<B>::bind(address, certificate, config)?;
    announce(listener.local_addr());
    listener.serve(Arc::new(Serving(server))).await;
    Ok(())
}

/// The server behind a listener of either library.
struct Serving(Server);

impl Handler for Serving {
    fn knock(&self, _address: IpAddr) -> Result<(), http::StatusCode> {
        Ok(())
    }

    async fn connected(self: Arc<Self>, connection: Connection, handshake: Handshake) {
        let request = Request {
            peer: Some(handshake.peer),
            uri: handshake.uri,
            headers: handshake.headers,
            ..Request::default()
        };
        self.0.accept(connection, request).await;
    }
}

/// Bytes of one read of a bare echo.
const BUFFER: usize = 16 * 1024;
