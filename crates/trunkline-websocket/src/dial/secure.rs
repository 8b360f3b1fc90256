//! The client's side of the TLS handshake.

use std::io;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, CertificateError, pki_types::ServerName};
use trunkline_tls::{Trust, client_config};
use trunkline_transport::DialError;

use super::target::Target;

/// Whom a dialer trusts, and what is made of that at its first dial over TLS.
#[derive(Debug, Default)]
pub(super) struct Secure {
    trust: Trust,
    connector: OnceCell<Connector>,
}

#[derive(Clone)]
struct Connector(TlsConnector);

impl Secure {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            connector: OnceCell::new(),
        }
    }

    /// What a handshake with this server takes. To be asked for ahead of the connection: reading the
    /// system's store may take longer than a server waits for a handshake.
    pub(super) async fn prepare(&self, target: &Target) -> Result<Handshake, DialError> {
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| failed(target, "no certificate can be for this host".to_owned()))?;
        let connector = self
            .connector
            .get_or_try_init(|| connector(&self.trust))
            .await;
        let connector = connector.map_err(|reason| failed(target, reason))?.clone();
        Ok(Handshake { connector, name })
    }
}

/// A handshake that may begin.
pub(super) struct Handshake {
    connector: Connector,
    name: ServerName<'static>,
}

impl Handshake {
    pub(super) async fn over(
        self,
        stream: TcpStream,
        target: &Target,
    ) -> Result<TlsStream<TcpStream>, DialError> {
        let Connector(connector) = self.connector;
        let shaken = connector.connect(self.name, stream).await;
        shaken.map_err(|cause| failed(target, reason(&cause)))
    }
}

fn failed(target: &Target, reason: String) -> DialError {
    DialError::Tls {
        host: target.authority.clone(),
        reason,
    }
}

/// The system's store is read in a thread that may block.
async fn connector(trust: &Trust) -> Result<Connector, String> {
    let trust = trust.clone();
    let made = tokio::task::spawn_blocking(move || client_config(&trust, &[b"http/1.1"])).await;
    let config = made.map_err(|error| error.to_string())?;
    let config = config.map_err(|error| error.to_string())?;
    Ok(Connector(config.into()))
}

/// What went wrong, and what to do where that is ours to say.
fn reason(cause: &io::Error) -> String {
    let rustls = cause.get_ref().and_then(|inner| inner.downcast_ref());
    match rustls {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is signed by an authority that is not trusted here; one of your own is \
             added with `Trust`"
                .to_owned()
        }
        Some(rustls::Error::InvalidMessage(_)) => "what answers there speaks no TLS".to_owned(),
        Some(error) => error.to_string(),
        None => cause.to_string(),
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
