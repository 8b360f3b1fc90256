//! The client: sockets, events and acks over sessions that reconnect.

pub use trunkline_client::*;

#[cfg(feature = "websocket")]
mod dial;

#[cfg(feature = "websocket")]
pub use dial::{Dial, DialConfig};
#[cfg(feature = "webtransport")]
pub use trunkline_quic::{Congestion, Settings as QuicSettings};
#[cfg(feature = "tls")]
pub use trunkline_tls::{Trust, TrustError};
