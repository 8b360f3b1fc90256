//! Which proxies are believed, and whom they speak for.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::sync::Arc;

/// The proxies whose word on a client's address is believed, by the networks they are in.
///
/// Nothing that anybody else says of where a request comes from has any effect. Default: none is
/// believed, and every address is that of the TCP connection.
///
/// A cheap handle.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<[IpNet]>);

/// A text that is no network, such as `10.0.0.0/8`, nor an address.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither a network, such as 10.0.0.0/8 or fd00::/8, nor an address")]
pub struct InvalidNetwork(String);

impl Proxies {
    /// The proxies in these networks, each written `address/length` or as one address.
    ///
    /// Only list what strangers cannot connect from: whoever comes from there is whoever they say.
    ///
    /// # Errors
    /// One of them is no network.
    pub fn in_networks<'a>(
        networks: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidNetwork> {
        let parsed = networks.into_iter().map(|text| {
            let network = text.parse::<IpNet>();
            let network = network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| InvalidNetwork(text.to_owned()))
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    /// Whether an address is one of theirs; an IPv4 address mapped into IPv6 is an IPv4 address.
    #[must_use]
    pub fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Where a request comes from whose TCP connection comes from `peer`: the rightmost address in
    /// `X-Forwarded-For` that is not a proxy's, if `peer` is one. The port is 0 then, since the header
    /// has none that could be believed.
    ///
    /// What stands left of an entry that is no address is not believed: the proxy that could not name
    /// its client is taken for it.
    #[must_use]
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let mut client = peer;
        if !self.include(peer.ip()) {
            return client;
        }
        for value in headers.get_all(FORWARDED_FOR).iter().rev() {
            for entry in value.as_bytes().rsplit(|byte| *byte == b',') {
                let Some(address) = address(entry) else {
                    return client;
                };
                client = SocketAddr::new(address, 0);
                if !self.include(address) {
                    return client;
                }
            }
        }
        client
    }
}

/// An entry's address; some proxies add a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let address = text.parse().or_else(|_| {
        let with_port = text.parse::<SocketAddr>();
        with_port.map(|address| address.ip())
    });
    address.ok().map(|address| address.to_canonical())
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[&str]) -> String {
        let proxies = Proxies::in_networks(["10.0.0.0/8", "fd00::/8", "127.0.0.1"]).unwrap();
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 9);
        proxies.client(peer, &map).ip().to_string()
    }

    #[test]
    fn a_strangers_header_is_nothing() {
        assert_eq!(client("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client("127.0.0.2", &["203.0.113.9"]), "127.0.0.2");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxys_counts() {
        let forged = "198.51.100.1, 203.0.113.9";
        assert_eq!(client("10.1.1.1", &[forged]), "203.0.113.9");
        assert_eq!(
            client("10.1.1.1", &["198.51.100.1", "203.0.113.9, fd00::1"]),
            "203.0.113.9"
        );
        assert_eq!(client("::ffff:10.1.1.1", &[forged]), "203.0.113.9");
        assert_eq!(client("10.1.1.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("10.1.1.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(client("10.1.1.1", &["203.0.113.9:80"]), "203.0.113.9");
        assert_eq!(client("10.1.1.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn what_is_no_address_hides_what_is_left_of_it() {
        for entry in ["", "unknown", "203.0.113.9 198.51.100.1", "999.1.1.1", "\t"] {
            let header = format!("198.51.100.1, {entry}");
            assert_eq!(client("10.1.1.1", &[&header]), "10.1.1.1", "{entry}");
        }
        assert_eq!(
            client("10.1.1.1", &["198.51.100.1, unknown, 10.2.2.2"]),
            "10.2.2.2"
        );
        assert_eq!(client("10.1.1.1", &[]), "10.1.1.1");
    }

    #[test]
    fn what_is_no_network_is_said_to_be_none() {
        let error = Proxies::in_networks(["10.0.0.0/33"]).unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/33"), "{error}");
        assert!(Proxies::in_networks(["localhost"]).is_err());
    }
}
