//! QUIC endpoints: a UDP socket with what quinn needs on it.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, EndpointConfig, ServerConfig};
use socket2::{Domain, Protocol, Socket, Type};
use trunkline_tls::{Certificate, Trust, TrustError};

use crate::Settings;
use crate::runtime::Runtime;
use crate::sync::Arc;

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No socket, or the address is taken.
    #[error("cannot open UDP on {address}: {cause}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// Nobody is trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The crypto provider lacks what QUIC begins with.
    #[error("no QUIC with this crypto provider: {0}")]
    Crypto(Box<dyn Error + Send + Sync>),
}

/// An endpoint that accepts HTTP/3 with a certificate, which it follows as it is reloaded.
pub(crate) fn server_endpoint(
    address: SocketAddr,
    certificate: &Certificate,
    settings: &Settings,
) -> Result<Endpoint, EndpointError> {
    let tls = trunkline_tls::server_config(certificate, &[HTTP3]);
    let crypto = QuicServerConfig::try_from(tls).map_err(no_crypto)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(settings.transport());
    let failed = |cause| EndpointError::Io { address, cause };
    let socket = socket(address, settings.socket_buffer).map_err(failed)?;
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        Some(config),
        socket.into(),
        Arc::new(Runtime::default()),
    );
    endpoint.map_err(failed)
}

/// What clients connect with.
pub(crate) fn client_config(
    trust: &Trust,
    settings: &Settings,
) -> Result<ClientConfig, EndpointError> {
    over(trunkline_tls::client_config(trust, &[HTTP3])?, settings)
}

/// What clients connect with to a server that they know by its certificate's hash.
pub(crate) fn pinned_client_config(
    hashes: &[[u8; 32]],
    settings: &Settings,
) -> Result<ClientConfig, EndpointError> {
    over(
        trunkline_tls::pinned_client_config(hashes, &[HTTP3]),
        settings,
    )
}

fn over(
    tls: Arc<rustls::ClientConfig>,
    settings: &Settings,
) -> Result<ClientConfig, EndpointError> {
    let crypto = QuicClientConfig::try_from(tls).map_err(no_crypto)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(settings.transport());
    Ok(config)
}

fn no_crypto(cause: NoInitialCipherSuite) -> EndpointError {
    EndpointError::Crypto(cause.into())
}

/// A UDP socket with buffers as large as the kernel allows, up to `buffer` bytes.
pub(crate) fn socket(address: SocketAddr, buffer: usize) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    // The kernel gives what its limits allow, without an error.
    socket.set_recv_buffer_size(buffer)?;
    socket.set_send_buffer_size(buffer)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// HTTP/3's name in ALPN.
const HTTP3: &[u8] = b"h3";
