//! Dialling: the client's side of the handshake.

use async_trait::async_trait;
use bytes::Bytes;
use trunkline_transport::{
    Connection, DialError, DialRequest, Dialer, TransportKind, without_credentials,
};

use crate::config::Config;
use crate::connection;
use crate::frame::Role;
use crate::tcp;

mod exchange;
mod retry_after;
#[cfg(feature = "tls")]
mod secure;
mod target;
mod tunnel;

use target::Target;

/// Dials `ws` and `http` URLs, and with the feature `tls` also `wss` and `https`.
///
/// A cheap handle.
#[derive(Clone, Debug, Default)]
pub struct WebSocketDialer {
    config: Config,
    #[cfg(feature = "tls")]
    secure: crate::sync::Arc<secure::Secure>,
}

impl WebSocketDialer {
    /// A dialer. The limit on messages is each request's own, not `config`'s.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            #[cfg(feature = "tls")]
            secure: crate::sync::Arc::default(),
        }
    }

    /// Believes these authorities about who a server is. Default: the system's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn trusting(self, trust: trunkline_tls::Trust) -> Self {
        Self {
            secure: secure::Secure::new(trust).into(),
            ..self
        }
    }
}

#[async_trait]
impl Dialer for WebSocketDialer {
    fn transport(&self) -> TransportKind {
        TransportKind::WebSocket
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        let target = Target::parse(&request.url)?;
        if !request.certificate_hashes.is_empty() {
            return Err(DialError::Url {
                url: without_credentials(&request.url),
                reason: "WebSocket does not judge certificates by their hashes".to_owned(),
            });
        }
        #[cfg(feature = "tls")]
        let handshake = match target.secure {
            true => Some(self.secure.prepare(&target).await?),
            false => None,
        };
        let mut stream = tunnel::reach(&target, request.proxy.as_ref()).await?;
        tcp::tune(&stream)?;
        let config = Config {
            max_message: request.max_message,
            ..self.config.clone()
        };
        #[cfg(feature = "tls")]
        if let Some(handshake) = handshake {
            let mut stream = handshake.over(stream, &target).await?;
            let (protocol, already_read) =
                exchange::shake_hands(&mut stream, &target, request).await?;
            let already_read = Bytes::from(already_read);
            let role = Role::Client;
            return Ok(connection::over_stream(
                stream,
                role,
                protocol,
                &config,
                already_read,
            ));
        }
        let (protocol, already_read) = exchange::shake_hands(&mut stream, &target, request).await?;
        let already_read = Bytes::from(already_read);
        Ok(connection::over_tcp(
            stream,
            Role::Client,
            protocol,
            &config,
            already_read,
        ))
    }
}

/// Dials over a stream that stands in for the one to the URL's host.
#[cfg(feature = "fuzzing")]
pub(crate) async fn dial_over<S>(
    mut stream: S,
    request: &DialRequest,
    config: &Config,
) -> Result<Connection, DialError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let target = Target::parse(&request.url)?;
    let (protocol, already_read) = exchange::shake_hands(&mut stream, &target, request).await?;
    let config = Config {
        max_message: request.max_message,
        ..config.clone()
    };
    let already_read = Bytes::from(already_read);
    Ok(connection::over_stream(
        stream,
        Role::Client,
        protocol,
        &config,
        already_read,
    ))
}
