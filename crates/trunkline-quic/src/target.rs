//! What a URL says about where to dial, and how failures are told.

use std::io;

use quinn::ConnectionError;
use trunkline_transport::{DialError, without_credentials};
use url::Url;

/// A server to dial.
#[derive(Clone, Debug)]
pub struct Target {
    /// The URL, `https` and with a path.
    pub url: Url,
    /// For name resolution and the certificate: an IPv6 address without its brackets.
    pub host: String,
    /// The UDP port.
    pub port: u16,
}

impl Target {
    /// Reads a URL; `wss` means `https`, and a URL without a path has the usual one.
    ///
    /// # Errors
    /// It cannot be dialled over WebTransport.
    pub fn parse(given: &str) -> Result<Self, DialError> {
        let refuse = |reason: String| DialError::Url {
            url: without_credentials(given),
            reason,
        };
        let mut url = Url::parse(given).map_err(|cause| refuse(cause.to_string()))?;
        match url.scheme() {
            "https" => {}
            // To the parser both are alike, so that one becomes the other.
            "wss" => drop(url.set_scheme("https")),
            "http" | "ws" => return Err(refuse("WebTransport needs TLS: https://".to_owned())),
            other => {
                let reason = format!("the scheme `{other}` is not WebTransport's");
                return Err(refuse(reason));
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("credentials do not belong into a URL".to_owned()));
        }
        if url.path() == "/" {
            url.set_path(DEFAULT_PATH);
        }
        let host = url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = url.port_or_known_default().unwrap_or(HTTPS);
        Ok(Self { url, host, port })
    }

    /// The server is not believed, or speaks no TLS.
    #[must_use]
    pub fn tls(&self, reason: String) -> DialError {
        let host = match self.port {
            HTTPS => self.host.clone(),
            port => format!("{}:{port}", self.host),
        };
        DialError::Tls { host, reason }
    }

    /// QUIC's handshake failed.
    #[must_use]
    pub fn failed(&self, cause: ConnectionError) -> DialError {
        match cause {
            ConnectionError::TransportError(error)
                if CRYPTO_ERRORS.contains(&u64::from(error.code)) =>
            {
                self.tls(error.reason)
            }
            ConnectionError::ConnectionClosed(close)
                if CRYPTO_ERRORS.contains(&u64::from(close.error_code)) =>
            {
                self.tls(close.to_string())
            }
            ConnectionError::TimedOut => {
                io::Error::new(io::ErrorKind::TimedOut, "no answer over UDP").into()
            }
            other => io::Error::new(io::ErrorKind::ConnectionAborted, other).into(),
        }
    }
}

/// The path of an endpoint whose URL has none (specification, "Binding: WebTransport").
const DEFAULT_PATH: &str = "/trunkline";

const HTTPS: u16 = 443;

/// TLS alerts as QUIC's error codes (RFC 9001, section 4.8).
const CRYPTO_ERRORS: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_and_path() {
        let parsed = |url| {
            let target = Target::parse(url).unwrap();
            (target.host, target.port, target.url.to_string())
        };
        let expected = |host: &str, port, url: &str| (host.to_owned(), port, url.to_owned());
        assert_eq!(
            parsed("https://example.org"),
            expected("example.org", 443, "https://example.org/trunkline")
        );
        assert_eq!(
            parsed("wss://[::1]:4433/game?ticket=7"),
            expected("::1", 4433, "https://[::1]:4433/game?ticket=7")
        );
    }

    #[test]
    fn what_cannot_be_dialled_is_said_without_secrets() {
        for (url, reason) in [
            ("http://example.org", "needs TLS"),
            ("ftp://example.org", "scheme `ftp`"),
            ("https://ada:s3cret@example.org", "credentials"),
            ("example.org?s3cret", "relative URL"),
        ] {
            let said = Target::parse(url).unwrap_err().to_string();
            assert!(said.contains(reason) && !said.contains("s3cret"), "{said}");
        }
    }
}
