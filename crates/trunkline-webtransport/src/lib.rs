//! Trunkline's WebTransport transport over web-transport-quinn (specification, "Binding:
//! WebTransport").
//!
//! What is not this library's own is in [`trunkline_quic`]. A page learns the code and the reason of a
//! close, and so does the server of a page's.
//!
//! web-transport-quinn tells requests with their headers and queries to the crate `tracing` at level
//! `debug`; since credentials travel in them, this crate keeps that out of every log.
//!
//! | file | what it holds |
//! |---|---|
//! | `backend.rs` | [`WebTransportQuinn`]: dialling and accepting |
//! | `session.rs` | its session and stream, as the halves of a connection want them |
#![forbid(unsafe_code)]

mod backend;
mod session;

pub use backend::WebTransportQuinn;
pub use session::{Reader, Session, Stream};

/// Opens WebTransport connections.
pub type WebTransportDialer = trunkline_quic::WebTransportDialer<WebTransportQuinn>;

/// Accepts WebTransport connections on a UDP port.
pub type Listener = trunkline_quic::Listener<WebTransportQuinn>;
