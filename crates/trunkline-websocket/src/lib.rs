//! Trunkline's WebSocket transport (specification, "Binding: WebSocket").
//!
//! Reading is tungstenite's; writing is our own, so that any thread may append a message to a
//! connection's buffer and one system call sends all of them. Both halves of an idle connection
//! hold under 2 KiB.
//!
//! tungstenite tells the crate `log` at level `trace` what each message holds that it reads: keep the
//! target `tungstenite` at `debug` or above wherever credentials travel.
//!
//! | file | what it holds |
//! |---|---|
//! | `config.rs` | [`Config`], [`Counters`] |
//! | `connection.rs` | the two halves over a byte stream |
//! | `sender.rs`, `frame.rs`, `mask.rs` | the sending half, frames, masking keys |
//! | `receiver.rs`, `adapter.rs`, `boundary.rs`, `scratch.rs` | the receiving half over tungstenite |
//! | `tcp.rs` | the options of the socket below |
//! | `control.rs` | what the receiving half has the sending half send: pongs and closes |
//! | `dial/` | [`WebSocketDialer`] (feature `client`) |
//! | `upgrade/` | [`upgrade()`]: from an HTTP request to a connection (feature `server`) |
//! | `endpoint.rs`, `handler.rs` | [`Endpoint`]: the one accept path; [`Handler`]: what becomes of what arrives (feature `server`) |
//! | `proxies.rs` | [`Proxies`]: whose word on a client's address is believed (feature `server`) |
//! | `listener/` | [`Listener`] over TCP, and TLS with the feature `tls` (feature `server`) |
#![cfg_attr(
    not(any(feature = "client", feature = "server")),
    allow(
        dead_code,
        reason = "without either feature nothing makes a connection"
    )
)]

mod adapter;
mod boundary;
mod config;
mod connection;
mod control;
mod frame;
mod mask;
mod receiver;
mod scratch;
mod sender;
mod sync;

#[cfg(feature = "client")]
mod dial;
#[cfg(feature = "server")]
mod endpoint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "server")]
mod handler;
#[cfg(feature = "server")]
mod listener;
#[cfg(feature = "server")]
mod proxies;
#[cfg(any(feature = "client", feature = "server"))]
mod tcp;
#[cfg(feature = "server")]
mod upgrade;
mod whole;

pub use config::{Config, Counters};
#[cfg(feature = "client")]
pub use dial::WebSocketDialer;
#[cfg(feature = "server")]
pub use endpoint::Endpoint;
#[cfg(feature = "server")]
pub use handler::{Handler, Turned};
#[cfg(feature = "server")]
pub use listener::{Listener, ListenerConfig, StopHandle};
#[cfg(feature = "server")]
pub use proxies::{InvalidNetwork, Proxies};
#[cfg(feature = "server")]
pub use upgrade::{Body, Handshake, Negotiated, UpgradeError, Upgrading, upgrade};
