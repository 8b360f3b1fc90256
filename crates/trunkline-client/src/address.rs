//! Where a client dials.

use std::fmt;

use url::Url;

/// The URL that is dialled: with the default path if it had none, without a fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    /// Reads a URL of any scheme; whether it can be dialled is the transport's to say.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| error.to_string())?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err("it names no host".into());
        }
        if matches!(url.path(), "" | "/") {
            url.set_path(DEFAULT_PATH);
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// Where the server sends its clients, unless that is no URL or leads from a secure scheme to
    /// another one (specification: SES-059).
    pub(crate) fn moved_to(&self, text: &str) -> Option<Self> {
        let next = Self::parse(text).ok()?;
        (!self.is_secure() || next.is_secure()).then_some(next)
    }

    /// With parameters added to its query.
    pub(crate) fn with_query(mut self, parameters: &[(String, String)]) -> Self {
        if !parameters.is_empty() {
            self.0.query_pairs_mut().extend_pairs(parameters);
        }
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host as the URL has it: an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, also where it is the scheme's own.
    pub(crate) fn port(&self) -> Option<u16> {
        self.0.port_or_known_default()
    }

    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.0.scheme(), "https" | "wss")
    }
}

impl fmt::Debug for Address {
    /// Without user, password and query, which may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or(""))?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())
    }
}

/// The path that is dialled unless the URL has one. A path is never a namespace.
const DEFAULT_PATH: &str = "/trunkline";

#[cfg(test)]
mod tests {
    use super::*;

    fn dialled(text: &str) -> String {
        Address::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn the_path_is_trunkline_unless_the_url_has_one_and_the_query_is_kept() {
        assert_eq!(dialled("https://a.example"), "https://a.example/trunkline");
        assert_eq!(
            dialled("ws://a.example:3000/?ticket=7#top"),
            "ws://a.example:3000/trunkline?ticket=7"
        );
        assert_eq!(
            dialled("https://a.example/live?x"),
            "https://a.example/live?x"
        );
    }

    #[test]
    fn a_secure_client_is_not_led_to_an_insecure_url() {
        let address = Address::parse("https://a.example").unwrap();
        assert!(address.moved_to("http://b.example").is_none());
        assert!(address.moved_to("nonsense").is_none());
        assert!(address.moved_to("wss://b.example").is_some());
        let plain = Address::parse("ws://a.example").unwrap();
        assert!(plain.moved_to("ws://b.example").is_some());
    }

    #[test]
    fn parameters_are_encoded_and_added_to_the_query() {
        let ticket = [("ticket".to_owned(), "a&b=c d".to_owned())];
        let address = Address::parse("ws://a.example/live?x=1").unwrap();
        let dialled = address.with_query(&ticket);
        assert_eq!(
            dialled.as_str(),
            "ws://a.example/live?x=1&ticket=a%26b%3Dc+d"
        );
        let address = Address::parse("ws://a.example/live").unwrap();
        assert_eq!(address.with_query(&[]).as_str(), "ws://a.example/live");
    }

    #[test]
    fn credentials_in_a_url_are_not_shown() {
        let address = Address::parse("https://user:word@a.example:1/p?token=t").unwrap();
        assert_eq!(format!("{address:?}"), "https://a.example:1/p");
    }
}
