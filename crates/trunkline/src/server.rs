//! The server: namespaces, handlers, rooms, listening and mounting.

pub use trunkline_server::*;

#[cfg(feature = "websocket")]
mod accepting;
#[cfg(feature = "webtransport")]
mod announcing;
#[cfg(feature = "websocket")]
mod bind;
#[cfg(feature = "websocket")]
mod cors;
#[cfg(feature = "websocket")]
mod descriptors;
#[cfg(feature = "tower")]
mod mount;
#[cfg(feature = "websocket")]
mod origin;
#[cfg(feature = "websocket")]
mod signal;
#[cfg(feature = "webtransport")]
mod webtransport;

#[cfg(feature = "websocket")]
pub use bind::{Bind, BindConfig, Bound, StopHandle};
#[cfg(feature = "tower")]
pub use mount::{AnswerBody, Mount, Mounted};
#[cfg(feature = "websocket")]
pub use origin::{InvalidOrigin, Origins};
#[cfg(feature = "websocket")]
pub use signal::terminated;
#[cfg(feature = "tls")]
pub use trunkline_tls::{Certificate, CertificateError};
#[cfg(feature = "websocket")]
pub use trunkline_websocket::{Config as WebSocketConfig, InvalidNetwork, ListenerConfig, Proxies};
#[cfg(feature = "webtransport")]
pub use webtransport::{Congestion, QuicSettings, WebTransportConfig};
