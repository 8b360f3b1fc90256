//! A server that load can be sent to.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use rustls::ClientConfig;

use tokio_tungstenite::tungstenite::http::Uri;

use crate::dialect::Dialect;

/// Where a server is and what it speaks.
#[derive(Debug, Clone)]
pub struct Target {
    /// The address to connect to.
    pub address: SocketAddr,
    /// The `Host` header.
    pub host: String,
    /// Path and query of the upgrade request.
    pub path: String,
    /// The dialect.
    pub dialect: Dialect,
    /// With it the connection is TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

/// Why a URL is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Only plain WebSocket is spoken.
    #[error("{0:?} is not a ws:// URL")]
    Url(String),
    /// The host has no address.
    #[error("resolving {host}: {source}")]
    Resolve {
        /// Host and port.
        host: String,
        /// Why.
        source: io::Error,
    },
}

impl Target {
    /// A server at an address, at its dialect's usual path.
    pub fn at(address: SocketAddr, dialect: Dialect) -> Self {
        let path = match dialect {
            Dialect::Room => "/",
            Dialect::Trunkline => "/trunkline",
            Dialect::SocketIo => "/socket.io/?EIO=4&transport=websocket",
        };
        Self {
            address,
            host: address.to_string(),
            path: path.to_owned(),
            dialect,
            tls: None,
        }
    }

    /// The same over TLS.
    pub fn over_tls(mut self, trust: Arc<ClientConfig>) -> Self {
        self.tls = Some(trust);
        self
    }

    /// The server of a `ws://` URL, whose port is 80 unless given. A URL without a path means the
    /// dialect's usual one.
    pub fn parse(url: &str, dialect: Dialect) -> Result<Self, TargetError> {
        let no_target = || TargetError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| no_target())?;
        let (Some("ws"), Some(name)) = (uri.scheme_str(), uri.host()) else {
            return Err(no_target());
        };
        let host = format!("{name}:{}", uri.port_u16().unwrap_or(80));
        let resolve = |source| TargetError::Resolve {
            host: host.clone(),
            source,
        };
        let mut addresses = host.to_socket_addrs().map_err(resolve)?;
        let none = || TargetError::Resolve {
            host: host.clone(),
            source: io::ErrorKind::AddrNotAvailable.into(),
        };
        let mut target = Self::at(addresses.next().ok_or_else(none)?, dialect);
        if let Some(path) = uri.path_and_query().filter(|path| path.as_str() != "/") {
            target.path = path.to_string();
        }
        target.host = host;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_address_host_and_path() {
        let target = Target::parse("ws://127.0.0.1:81/x?y=1", Dialect::Room).unwrap();
        assert_eq!(target.address, SocketAddr::from(([127, 0, 0, 1], 81)));
        assert_eq!(
            (&target.host[..], &target.path[..]),
            ("127.0.0.1:81", "/x?y=1")
        );
    }

    #[test]
    fn a_url_without_a_path_means_the_dialects_usual_one() {
        let target = Target::parse("ws://127.0.0.1:81", Dialect::Trunkline).unwrap();
        assert_eq!(target.path, "/trunkline");
    }

    #[test]
    fn other_schemes_are_refused() {
        for url in ["wss://127.0.0.1:81", "http://127.0.0.1", "127.0.0.1:81"] {
            assert!(matches!(
                Target::parse(url, Dialect::Room),
                Err(TargetError::Url(_))
            ));
        }
    }
}
