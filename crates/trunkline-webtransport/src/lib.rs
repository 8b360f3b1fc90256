//! Trunkline's WebTransport transport over web-transport-quinn (specification, "Binding:
//! WebTransport").
//!
//! What is not this library's own is in [`trunkline_quic`].
//!
//! | file | what it holds |
//! |---|---|
//! | `backend.rs` | [`WebTransportQuinn`]: dialling and accepting |
//! | `session.rs` | its session and stream, as the halves of a connection want them |
#![forbid(unsafe_code)]

mod backend;
mod session;

pub use backend::WebTransportQuinn;
pub use session::{Session, Stream};

/// Opens WebTransport connections.
pub type WebTransportDialer = trunkline_quic::WebTransportDialer<WebTransportQuinn>;

/// Accepts WebTransport connections on a UDP port.
pub type Listener = trunkline_quic::Listener<WebTransportQuinn>;
