//! A client with the transports of this crate.

use std::sync::Arc;

use trunkline_client::{BuildError, Builder, Client};
use trunkline_websocket::WebSocketDialer;
#[cfg(feature = "webtransport")]
use trunkline_webtransport::WebTransportDialer;

/// Makes a [`Client`] with the transports that this crate has: WebSocket, and with the feature
/// `webtransport` WebTransport, in a race ([`Transports`](crate::client::Transports)).
pub trait Dial: Sized {
    /// A client for the server at `url`, such as `https://example.org` or `http://localhost:3000`.
    /// Nothing is dialled before its first socket connects.
    ///
    /// `https` and `wss` need the feature `tls`; without it they fail when they are dialled.
    ///
    /// # Errors
    /// The URL cannot be dialled.
    fn new(url: &str) -> Result<Self, BuildError>;

    /// The same, to be configured further.
    fn to(url: &str) -> Builder;

    /// As [`to`](Self::to), with other settings of the transports.
    fn to_with(url: &str, config: DialConfig) -> Builder;
}

/// How a client's transports dial. More fields may come: end it with `..Default::default()`.
#[derive(Clone, Debug, Default)]
pub struct DialConfig {
    /// Which authorities are believed about who a server is. Default: the system's.
    ///
    /// ```no_run
    /// # use trunkline::client::{Client, Dial, DialConfig, Trust};
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let trust = Trust::nobody().with_pem_file("our-authority.pem")?;
    /// let config = DialConfig { trust, ..DialConfig::default() };
    /// let client = Client::to_with("https://chat.internal", config).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub trust: trunkline_tls::Trust,
    /// How WebTransport's connections behave on this side: timers, buffers, congestion control.
    #[cfg(feature = "webtransport")]
    pub quic: trunkline_quic::Settings,
}

impl Dial for Client {
    fn new(url: &str) -> Result<Self, BuildError> {
        Self::to(url).build()
    }

    fn to(url: &str) -> Builder {
        Self::to_with(url, DialConfig::default())
    }

    fn to_with(url: &str, config: DialConfig) -> Builder {
        let websocket = WebSocketDialer::default();
        #[cfg(feature = "tls")]
        let websocket = websocket.trusting(config.trust.clone());
        #[cfg(not(feature = "tls"))]
        let DialConfig {} = config;
        let builder = Self::builder(url).dialer(Arc::new(websocket));
        #[cfg(feature = "webtransport")]
        let builder = builder.dialer(Arc::new(WebTransportDialer::new(config.trust, config.quic)));
        builder
    }
}
