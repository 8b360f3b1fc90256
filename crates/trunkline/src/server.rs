//! The server: namespaces, handlers, rooms, and listening.

pub use trunkline_server::*;

#[cfg(feature = "websocket")]
mod accepting;
#[cfg(feature = "websocket")]
mod bind;
#[cfg(feature = "websocket")]
mod cors;
#[cfg(feature = "websocket")]
mod origin;

#[cfg(feature = "websocket")]
pub use bind::{Bind, Bound};
#[cfg(feature = "websocket")]
pub use origin::{InvalidOrigin, Origins};
#[cfg(feature = "websocket")]
pub use trunkline_websocket::{Config as WebSocketConfig, ListenerConfig, StopHandle};
