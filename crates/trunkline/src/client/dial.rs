//! A client with the transports of this crate.

use std::sync::Arc;

use trunkline_client::{BuildError, Builder, Client};
use trunkline_websocket::WebSocketDialer;

/// Makes a [`Client`] with the transports that this crate has.
pub trait Dial: Sized {
    /// A client for the server at `url`, such as `http://localhost:3000`. Nothing is dialled before
    /// its first socket connects.
    ///
    /// # Errors
    /// The URL cannot be dialled.
    fn new(url: &str) -> Result<Self, BuildError>;

    /// The same, to be configured further.
    fn to(url: &str) -> Builder;
}

impl Dial for Client {
    fn new(url: &str) -> Result<Self, BuildError> {
        Self::to(url).build()
    }

    fn to(url: &str) -> Builder {
        Self::builder(url).dialer(Arc::new(WebSocketDialer::default()))
    }
}
