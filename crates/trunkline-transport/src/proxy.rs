//! An HTTP proxy that a connection goes through.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::without_credentials;

/// An HTTP proxy, asked with CONNECT for a way to the server (RFC 9110 section 9.3.6).
///
/// The proxy is spoken to without TLS: it sees which host is dialled, its own credentials, and
/// whatever is not inside TLS to the server. It resolves the server's name. Its credentials go to
/// nobody else, and `Debug` does not show them.
///
/// ```
/// use trunkline_transport::Proxy;
///
/// # fn main() -> Result<(), trunkline_transport::InvalidProxy> {
/// let proxy = Proxy::new("http://proxy.example:3128")?
///     .credentials("ada", "s3cret")?
///     .except("localhost, .internal.example");
/// assert!(proxy.is_for("chat.example"));
/// assert!(!proxy.is_for("db.internal.example"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
    exceptions: Vec<Exception>,
}

/// Hosts that are reached without the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    /// The host itself, and all below it.
    Domain(String),
}

/// Why something is no proxy. It shows no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no proxy to go through: {0}")]
pub struct InvalidProxy(String);

impl Proxy {
    /// The proxy at `url`, such as `http://proxy.example:3128`; the scheme may be left out, and the
    /// port is 80 unless the URL has one. A user and password in it are its
    /// [`credentials`](Self::credentials), percent-decoded.
    ///
    /// # Errors
    /// It has no host, or another scheme than `http`: proxies over TLS or SOCKS are not spoken to.
    pub fn new(url: &str) -> Result<Self, InvalidProxy> {
        let shown = without_credentials(url);
        let wrong = |reason: &str| InvalidProxy(format!("`{shown}` {reason}"));
        let whole = match url.contains("://") {
            true => url.to_owned(),
            false => format!("http://{url}"),
        };
        let uri: Uri = whole.parse().map_err(|_| wrong("is no URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("has another scheme than http"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        let (user_info, address) = match authority.as_str().rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, authority.as_str()),
        };
        let (host, port) = (authority.host(), authority.port_u16());
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        if port.is_none() && address.len() > host.len() {
            return Err(wrong("has a port that is not a number from 0 to 65535"));
        }
        let proxy = Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.unwrap_or(DEFAULT_PORT),
            authorization: None,
            exceptions: Vec::new(),
        };
        let Some(user_info) = user_info else {
            return Ok(proxy);
        };
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decoded = |text| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map_err(|_| wrong("has credentials that are not UTF-8"))
        };
        proxy.credentials(&decoded(user)?, &decoded(password)?)
    }

    /// The proxy that the environment names: the first that is set and not empty of `HTTPS_PROXY`,
    /// `https_proxy`, `ALL_PROXY` and `all_proxy`; none if none is. Hosts in `NO_PROXY`, else
    /// `no_proxy`, are [excepted](Self::except).
    ///
    /// Nothing here reads the environment unless this is called. `HTTP_PROXY` is not read at all: a
    /// CGI program gets it from whoever sends it a `Proxy` header.
    ///
    /// # Errors
    /// What it names is no proxy for us: see [`new`](Self::new).
    pub fn from_environment() -> Result<Option<Self>, InvalidProxy> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, InvalidProxy> {
        let first = |names: &[&str]| {
            let values = names.iter().filter_map(|name| variable(name));
            values
                .map(|value| value.trim().to_owned())
                .find(|value| !value.is_empty())
        };
        let Some(url) = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else {
            return Ok(None);
        };
        let exceptions = first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        Ok(Some(Self::new(&url)?.except(&exceptions)))
    }

    /// Proves itself to the proxy with a user and password (RFC 7617), in every CONNECT.
    ///
    /// # Errors
    /// A user with a colon in it, or control characters, cannot be told.
    pub fn credentials(self, user: &str, password: &str) -> Result<Self, InvalidProxy> {
        if user.contains(':')
            || [user, password]
                .iter()
                .any(|t| t.contains(char::is_control))
        {
            let reason = "a user with a colon, or control characters in the credentials";
            return Err(InvalidProxy(reason.to_owned()));
        }
        let token = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::try_from(format!("Basic {token}"))
            .map_err(|_| InvalidProxy("credentials that are no header".to_owned()))?;
        value.set_sensitive(true);
        Ok(Self {
            authorization: Some(value),
            ..self
        })
    }

    /// Goes past the proxy to these hosts: names and addresses, apart by commas, each with all names
    /// below it, with or without a dot in front; `*` is all. Added to those excepted already. Networks
    /// such as `10.0.0.0/8` are not understood, and except nothing.
    #[must_use]
    pub fn except(mut self, hosts: &str) -> Self {
        let hosts = hosts.split(',').map(str::trim).filter(|h| !h.is_empty());
        self.exceptions.extend(hosts.map(|host| match host {
            "*" => Exception::All,
            host => Exception::Domain(plain(host.trim_start_matches("*.").trim_start_matches('.'))),
        }));
        self
    }

    /// Whether a host is reached through it.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let host = plain(host);
        !self.exceptions.iter().any(|exception| match exception {
            Exception::All => true,
            Exception::Domain(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        })
    }

    /// The proxy's host; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The proxy's port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`: for the CONNECT alone.
    #[must_use]
    pub const fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Display for Proxy {
    /// Host and port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("at", &format_args!("{self}"))
            .field("has_credentials", &self.authorization.is_some())
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

/// A host as it is compared: in small letters, without brackets and a last dot.
fn plain(host: &str) -> String {
    host.trim_matches(['[', ']'])
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// The port of a proxy whose URL has none.
const DEFAULT_PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        Proxy::new(url).unwrap()
    }

    #[test]
    fn a_proxy_has_a_host_a_port_and_perhaps_credentials() {
        for (url, shown) in [
            ("http://proxy.example:3128", "proxy.example:3128"),
            ("http://proxy.example/", "proxy.example:80"),
            ("proxy.example:3128", "proxy.example:3128"),
            ("127.0.0.1:8888", "127.0.0.1:8888"),
            ("http://[::1]:8888", "[::1]:8888"),
        ] {
            assert_eq!(proxy(url).to_string(), shown);
            assert_eq!(proxy(url).authorization(), None);
        }
        let with = proxy("http://ada%40corp:s%3Acret@proxy.example:3128");
        let expected = Proxy::new("http://proxy.example:3128").unwrap();
        let expected = expected.credentials("ada@corp", "s:cret").unwrap();
        assert_eq!(with, expected);
        // RFC 7617, section 2.
        let rfc = proxy("http://a").credentials("Aladdin", "open sesame");
        let value = rfc.unwrap().authorization.unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
    }

    #[test]
    fn what_is_no_proxy_is_said_without_its_credentials() {
        for (url, reason) in [
            ("https://ada:s3cret@proxy.example", "another scheme"),
            ("socks5://ada:s3cret@proxy.example:1080", "another scheme"),
            ("http://ada:s3cret@", "no URL"),
            ("http://ada:s3cret@proxy.example:port", "`"),
            ("http://ada:s3cret@proxy.example:99999", "port"),
            ("http://ada:%ff@proxy.example", "UTF-8"),
            ("", "no URL"),
            ("http://a b", "no URL"),
            ("http://a\r\nX-Evil: 1", "no URL"),
        ] {
            let error = Proxy::new(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        for (user, password) in [("a:b", "c"), ("a", "b\r\nX-Evil: 1"), ("a\0", "b")] {
            let error = proxy("http://a").credentials(user, password).unwrap_err();
            assert!(!error.to_string().contains("X-Evil"), "{error}");
        }
        assert!(Proxy::new("http://ada:line%0abreak@proxy.example").is_err());
    }

    #[test]
    fn no_credential_shows_for_debugging() {
        let proxy = proxy("http://ada:s3cret@proxy.example:3128").except("here");
        let shown = format!("{proxy:?} {proxy}");
        assert!(shown.contains("proxy.example:3128") && shown.contains("true"));
        let token = BASE64_STANDARD.encode("ada:s3cret");
        for secret in ["ada", "s3cret", token.as_str()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn excepted_hosts_and_all_below_them_go_past_it() {
        let proxy = proxy("http://a").except("localhost, .corp.example,*.lab.example , ::1,,");
        for host in [
            "localhost",
            "LOCALHOST",
            "corp.example",
            "db.corp.example.",
            "x.lab.example",
            "::1",
            "[::1]",
        ] {
            assert!(!proxy.is_for(host), "{host}");
        }
        for host in [
            "notlocalhost",
            "mycorp.example",
            "example",
            "corp.example.net",
            "",
        ] {
            assert!(proxy.is_for(host), "{host}");
        }
        assert!(!proxy.except("*").is_for("anything"));
    }

    #[test]
    fn the_environment_is_read_in_a_fixed_order() {
        let read = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.to_vec();
            Proxy::from_variables(move |name| {
                let found = set.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[("HTTP_PROXY", "http://evil")]).unwrap(), None);
        let set = [
            ("ALL_PROXY", "http://all:1"),
            ("https_proxy", "http://small:2"),
            ("HTTPS_PROXY", " "),
            ("NO_PROXY", "localhost"),
        ];
        let found = read(&set).unwrap().unwrap();
        assert_eq!(found.to_string(), "small:2");
        assert!(!found.is_for("localhost"));
        let found = read(&set[..1]).unwrap().unwrap();
        assert_eq!(found.to_string(), "all:1");
        read(&[("ALL_PROXY", "socks5://all:1")]).unwrap_err();
    }
}
