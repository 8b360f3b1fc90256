//! Which pages may connect (specification: security.md, SEC-002).

use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Which web pages may connect, by the `Origin` that their browser sends.
///
/// The default is the same host: a page may connect to the host and port that it came from. While
/// that host is this machine by a loopback name, as in development, pages of its other ports may
/// too. Programs that are no browsers send no `Origin`; they may always connect, and their cookies
/// are ignored.
///
/// A page that may connect is trusted: cookies that come with it are believed, and it may read what
/// plain requests are answered (CORS). `null`, the origin of sandboxed frames and local files, never
/// may.
///
/// ```
/// # use trunkline::server::Origins;
/// let origins = Origins::same_host().and("https://app.example.org")?;
/// # Ok::<(), trunkline::server::InvalidOrigin>(())
/// ```
#[derive(Clone, Default)]
pub struct Origins {
    listed: Vec<Origin>,
    rules: Vec<Arc<Rule>>,
}

type Rule = dyn Fn(&str) -> bool + Send + Sync;

impl Origins {
    /// Pages of the same host: the default.
    #[must_use]
    pub fn same_host() -> Self {
        Self::default()
    }

    /// Also pages of this origin, such as `https://app.example.org` or `http://localhost:5173`.
    ///
    /// # Errors
    /// It is none: a scheme, a host and perhaps a port, as a browser sends them.
    pub fn and(mut self, origin: &str) -> Result<Self, InvalidOrigin> {
        let parsed = Origin::parse(origin).ok_or_else(|| InvalidOrigin {
            text: origin.to_owned(),
        })?;
        self.listed.push(parsed);
        Ok(self)
    }

    /// Also pages whose origin, as their browser sends it, this says yes to. It must look at the
    /// whole of it: `https://example.org.evil.example` also starts with `https://example.org`.
    #[must_use]
    pub fn and_if<F>(mut self, rule: F) -> Self
    where
        F: Fn(&str) -> bool + Send + Sync + 'static,
    {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Who sent a request with these headers.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Result<Caller, ForeignOrigin> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(Caller::Program);
        };
        let text = origin.to_str().unwrap_or_default();
        let host = headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let parsed = match origins.next() {
            None => Origin::parse(text),
            Some(_) => None,
        };
        if let Some(origin) = &parsed
            && self.admit(origin, text, host)
        {
            return Ok(Caller::Page);
        }
        Err(ForeignOrigin {
            origin: shortened(text).to_owned(),
            host: shortened(host).to_owned(),
            can_be_listed: parsed.is_some(),
        })
    }

    fn admit(&self, origin: &Origin, text: &str, host: &str) -> bool {
        self.listed.contains(origin)
            || origin.is_same_host(host)
            || self.rules.iter().any(|rule| {
                // A rule that panics admits nobody, and takes nobody's request down.
                catch_unwind(AssertUnwindSafe(|| rule(text))).unwrap_or_else(|_| {
                    tracing::error!("a rule about origins panicked");
                    false
                })
            })
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins")
            .field("listed", &self.listed)
            .field("rules", &self.rules.len())
            .finish()
    }
}

/// Text that is no origin.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{text:?} is no origin: write a scheme, a host and perhaps a port, as a browser sends them, such \
     as https://example.org or http://localhost:5173"
)]
pub struct InvalidOrigin {
    text: String,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// No browser's page: it sent no `Origin`.
    Program,
    /// A page that may connect, and is trusted.
    Page,
}

/// A page that may not connect.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the origin {origin:?} may not connect to the host {host:?}")]
pub(super) struct ForeignOrigin {
    origin: String,
    host: String,
    can_be_listed: bool,
}

impl ForeignOrigin {
    /// What would allow it.
    pub(super) fn remedy(&self) -> String {
        if self.can_be_listed {
            let origin = &self.origin;
            format!(
                "with_origins(Origins::same_host().and({origin:?})?); behind a proxy, have it pass \
                 on the `Host` that was asked"
            )
        } else {
            "nothing: `null`, several origins and what is no origin are always refused".to_owned()
        }
    }
}

/// An origin (RFC 6454) in one form: lower case, with its port whether it was said or not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority()?;
        let is_bare = uri.path_and_query().is_none_or(|path| path == "/");
        if !is_bare || authority.as_str().contains('@') {
            return None;
        }
        Some(Self {
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().or_else(|| default_port(&scheme)),
            scheme,
        })
    }

    /// Whether a page of this origin came from the host that a request asks.
    fn is_same_host(&self, host: &str) -> bool {
        // Pages of other schemes, such as extensions, have hosts of another kind.
        let (Ok(asked), Some(default)) = (host.parse::<Authority>(), default_port(&self.scheme))
        else {
            return false;
        };
        let port = asked.port_u16().unwrap_or(default);
        let is_same = asked.host().eq_ignore_ascii_case(&self.host) && self.port == Some(port);
        is_same || (is_loopback(&self.host) && is_loopback(asked.host()))
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What of a peer's text is repeated.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_MAX)]
}

/// A host name has 253 characters at most, and a scheme and a port beside it.
const SHOWN_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origins: &[&str], host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    fn judged(allowed: &Origins, origin: &str, host: &str) -> Result<Caller, ForeignOrigin> {
        allowed.judge(&headers(&[origin], host))
    }

    fn admitted(origin: &str, host: &str) -> bool {
        judged(&Origins::same_host(), origin, host).is_ok()
    }

    #[test]
    fn pages_of_the_same_host_are_admitted_with_or_without_the_schemes_own_port() {
        assert!(admitted("https://example.org", "example.org"));
        assert!(admitted("https://example.org", "example.org:443"));
        assert!(admitted("http://example.org:80", "example.org"));
        assert!(admitted("https://EXAMPLE.org:8443", "example.org:8443"));
        assert!(admitted("http://[2001:db8::1]:3000", "[2001:db8::1]:3000"));
    }

    #[test]
    fn who_sends_no_origin_is_a_program_and_no_page() {
        let allowed = Origins::same_host();
        assert_eq!(
            allowed.judge(&headers(&[], "example.org")),
            Ok(Caller::Program)
        );
        assert_eq!(
            judged(&allowed, "https://example.org", "example.org"),
            Ok(Caller::Page)
        );
    }

    #[test]
    fn foreign_pages_null_and_nonsense_are_refused() {
        for (origin, host) in [
            ("https://evil.example", "example.org"),
            ("https://example.org:444", "example.org"),
            ("http://example.org", "example.org:443"),
            ("https://example.org.evil.example", "example.org"),
            ("https://example.org@evil.example", "example.org"),
            ("https://evil.example/example.org", "example.org"),
            ("https://example.org/?", "example.org"),
            ("example.org", "example.org"),
            ("null", "example.org"),
            ("null", "null"),
            ("", ""),
            ("file://", ""),
            ("chrome-extension://example.org", "example.org"),
            ("tauri://localhost", "localhost"),
        ] {
            assert!(!admitted(origin, host), "{origin} to {host}");
        }
        let two = headers(
            &["https://example.org", "https://example.org"],
            "example.org",
        );
        assert!(Origins::same_host().judge(&two).is_err());
    }

    #[test]
    fn pages_of_this_machine_may_connect_to_this_machine_only() {
        assert!(admitted("http://localhost:8080", "127.0.0.1:3000"));
        assert!(admitted("http://[::1]:8080", "localhost:3000"));
        assert!(!admitted("http://localhost:8080", "example.org"));
        assert!(!admitted("https://evil.example", "localhost:3000"));
        assert!(!admitted(
            "https://localhost.evil.example",
            "localhost:3000"
        ));
    }

    #[test]
    fn listed_origins_and_those_a_rule_admits_are_trusted_and_no_others() {
        let allowed = Origins::same_host()
            .and("https://app.example.org")
            .and_then(|origins| origins.and("http://localhost:5173/"))
            .and_then(|origins| origins.and("tauri://localhost"))
            .unwrap()
            .and_if(|origin| origin.ends_with(".preview.example.org"));
        for origin in [
            "https://app.example.org",
            "https://app.example.org:443",
            "http://localhost:5173",
            "tauri://localhost",
            "https://a.preview.example.org",
            "https://api.example.org",
        ] {
            let judged = judged(&allowed, origin, "api.example.org");
            assert_eq!(judged, Ok(Caller::Page), "{origin}");
        }
        for origin in [
            "http://app.example.org",
            "https://app.example.org:444",
            "https://example.org",
            "http://localhost:5174",
            "null",
        ] {
            assert!(judged(&allowed, origin, "api.example.org").is_err());
        }
    }

    #[test]
    fn a_rule_is_never_asked_about_null() {
        let everybody = Origins::same_host().and_if(|_| true);
        assert!(judged(&everybody, "null", "example.org").is_err());
        assert!(judged(&everybody, "https://evil.example", "example.org").is_ok());
    }

    #[test]
    fn what_is_no_origin_cannot_be_listed() {
        for text in ["", "null", "*", "example.org", "https://a/b", "https://a?b"] {
            let error = Origins::same_host().and(text).unwrap_err();
            assert!(error.to_string().contains("such as https://"), "{error}");
        }
    }

    #[test]
    fn a_refusal_says_the_code_that_would_allow_it_and_escapes_what_was_sent() {
        let allowed = Origins::same_host();
        let foreign = judged(&allowed, "https://app.example", "example.org").unwrap_err();
        let remedy = foreign.remedy();
        assert!(
            remedy.contains(r#"Origins::same_host().and("https://app.example")?"#),
            "{remedy}"
        );
        let foreign = judged(&allowed, "null", "example.org").unwrap_err();
        assert!(foreign.remedy().contains("always refused"));
        let long = format!("https://{}", "x".repeat(5_000));
        let foreign = judged(&allowed, &long, "example.org").unwrap_err();
        assert!(foreign.to_string().len() < 400);
    }
}
