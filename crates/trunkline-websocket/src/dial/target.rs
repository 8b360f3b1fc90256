//! What a URL says about where to dial.

use http::Uri;
use trunkline_transport::{DialError, without_credentials};

/// The path of an endpoint whose URL has none (specification, "Binding: WebSocket").
const DEFAULT_PATH: &str = "/trunkline";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Whether the scheme asks for TLS.
    pub(super) secure: bool,
    /// For name resolution: an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// For the Host header: without the scheme's own port.
    pub(super) authority: String,
    pub(super) path_and_query: String,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, DialError> {
        Self::parse_for(url, cfg!(feature = "tls"))
    }

    fn parse_for(url: &str, has_tls: bool) -> Result<Self, DialError> {
        let refuse = |reason: String| DialError::Url {
            url: without_credentials(url),
            reason,
        };
        let uri: Uri = url.parse().map_err(|cause| refuse(format!("{cause}")))?;
        let secure = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") if has_tls => true,
            Some("https" | "wss") => {
                return Err(refuse("TLS needs the feature `tls` of `trunkline`".into()));
            }
            Some(other) => return Err(refuse(format!("the scheme `{other}` is not WebSocket's"))),
            None => return Err(refuse("it has no scheme, such as http://".into())),
        };
        let default_port = if secure { 443 } else { 80 };
        let authority = uri
            .authority()
            .ok_or_else(|| refuse("it has no host".into()))?;
        if authority.as_str().contains('@') {
            return Err(refuse("credentials do not belong into a URL".into()));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(refuse("it has no host".into()));
        }
        let port = authority.port_u16().unwrap_or(default_port);
        if authority.port().is_none() && authority.as_str().len() > host.len() {
            return Err(refuse("its port is not a number from 0 to 65535".into()));
        }
        let path = if uri.path() == "/" {
            DEFAULT_PATH
        } else {
            uri.path()
        };
        Ok(Self {
            secure,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port,
            authority: if port == default_port {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            },
            path_and_query: match uri.query() {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse_for(url, true).unwrap()
    }

    #[track_caller]
    fn refused(url: &str, reason: &str) {
        let error = Target::parse_for(url, false).unwrap_err();
        assert!(
            error.to_string().contains(reason),
            "`{reason}` is not in: {error}"
        );
    }

    #[test]
    fn url_without_a_path_means_the_default_one() {
        for url in ["http://localhost:4000", "ws://localhost:4000/"] {
            let target = target(url);
            assert_eq!(
                (target.port, target.path_and_query.as_str()),
                (4000, "/trunkline")
            );
            assert_eq!(target.authority, "localhost:4000");
        }
    }

    #[test]
    fn path_and_query_are_kept() {
        assert_eq!(
            target("http://a/live?ticket=1").path_and_query,
            "/live?ticket=1"
        );
        assert_eq!(
            target("http://a?ticket=1").path_and_query,
            "/trunkline?ticket=1"
        );
    }

    #[test]
    fn default_port_is_left_out_of_the_host_header() {
        let target = target("ws://example.org:80/x");
        assert_eq!(
            (target.authority.as_str(), target.port),
            ("example.org", 80)
        );
    }

    #[test]
    fn secure_schemes_have_a_default_port_of_their_own() {
        for url in ["https://example.org/x", "wss://example.org:443/x"] {
            let target = target(url);
            assert!(target.secure);
            assert_eq!(
                (target.authority.as_str(), target.port),
                ("example.org", 443)
            );
        }
        assert_eq!(target("wss://example.org:80").authority, "example.org:80");
        assert!(!target("ws://example.org:443").secure);
    }

    #[test]
    fn secure_schemes_name_the_feature_they_need_where_it_is_not_built_in() {
        refused("https://example.org", "feature `tls`");
        refused("wss://example.org", "feature `tls`");
    }

    #[test]
    fn ipv6_address_is_dialled_without_and_named_with_brackets() {
        let target = target("http://[::1]:9/x");
        assert_eq!(
            (target.host.as_str(), target.authority.as_str()),
            ("::1", "[::1]:9")
        );
    }

    #[test]
    fn what_cannot_be_dialled_is_said() {
        refused("ftp://example.org", "`ftp`");
        refused("example.org", "no scheme");
        refused("/trunkline", "no scheme");
        refused("http://example.org:99999", "port");
        refused("http://a b", "invalid");
    }

    #[test]
    fn errors_show_neither_query_nor_credentials() {
        for url in [
            "ftp://u:secret@host/x?ticket=secret",
            "http://u:secret@host/x#secret",
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
