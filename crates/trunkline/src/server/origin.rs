//! Which pages may connect: the check of `Origin` (specification: security.md).

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};
use trunkline_websocket::Handshake;

/// A page of another origin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the origin {origin:?} is not the host {host:?} that was asked")]
pub(super) struct ForeignOrigin {
    origin: String,
    host: String,
}

/// Admits pages of the same host, pages of this machine to this machine, and whoever sends no
/// `Origin`, which is no browser.
pub(super) fn check(handshake: &Handshake) -> Result<(), ForeignOrigin> {
    check_headers(&handshake.headers)
}

fn check_headers(headers: &HeaderMap) -> Result<(), ForeignOrigin> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let page = origin.parse::<Uri>().ok();
    let authority = page.as_ref().and_then(Uri::authority);
    let admitted = origins.next().is_none()
        && authority.is_some_and(|authority| {
            authority.as_str().eq_ignore_ascii_case(host)
                || (is_loopback(authority.host()) && is_loopback(name_of(host)))
        });
    if admitted {
        return Ok(());
    }
    Err(ForeignOrigin {
        origin: origin.to_owned(),
        host: host.to_owned(),
    })
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(origin: Option<&str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        check_headers(&headers).is_ok()
    }

    #[test]
    fn pages_of_the_same_host_and_programs_are_admitted() {
        assert!(admitted(None, "example.org"));
        assert!(admitted(Some("https://example.org"), "example.org"));
        assert!(admitted(
            Some("https://EXAMPLE.org:8443"),
            "example.org:8443"
        ));
    }

    #[test]
    fn foreign_pages_and_null_are_refused() {
        assert!(!admitted(Some("https://evil.example"), "example.org"));
        assert!(!admitted(Some("https://example.org:444"), "example.org"));
        assert!(!admitted(
            Some("https://example.org.evil.example"),
            "example.org"
        ));
        assert!(!admitted(Some("null"), "example.org"));
        assert!(!admitted(Some(""), "example.org"));
    }

    #[test]
    fn pages_of_this_machine_may_connect_to_this_machine_only() {
        assert!(admitted(Some("http://localhost:8080"), "127.0.0.1:3000"));
        assert!(admitted(Some("http://[::1]:8080"), "localhost:3000"));
        assert!(!admitted(Some("http://localhost:8080"), "example.org"));
        assert!(!admitted(Some("https://evil.example"), "localhost:3000"));
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "example.org".parse().unwrap());
        headers.append(header::ORIGIN, "https://example.org".parse().unwrap());
        headers.append(header::ORIGIN, "https://evil.example".parse().unwrap());
        assert!(check_headers(&headers).is_err());
    }
}
