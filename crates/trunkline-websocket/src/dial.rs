//! Dialling: the client's side of the handshake.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::net::TcpStream;
use trunkline_transport::{Connection, DialError, DialRequest, Dialer, TransportKind};

use crate::config::Config;
use crate::connection;
use crate::frame::Role;

mod exchange;
mod target;

use target::Target;

/// Dials `ws` and `http` URLs. `wss` and `https` need TLS, which is not built in yet.
#[derive(Clone, Debug, Default)]
pub struct WebSocketDialer {
    config: Config,
}

impl WebSocketDialer {
    /// A dialer. The limit on messages is each request's own, not `config`'s.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

#[async_trait]
impl Dialer for WebSocketDialer {
    fn transport(&self) -> TransportKind {
        TransportKind::WebSocket
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        let target = Target::parse(&request.url)?;
        let mut stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
        stream.set_nodelay(true)?;
        let (protocol, already_read) = exchange::shake_hands(&mut stream, &target, request).await?;
        let config = Config {
            max_message: request.max_message,
            ..self.config.clone()
        };
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
