//! Trunkline's WebTransport transport over wtransport (specification, "Binding: WebTransport").
//!
//! What is not this library's own is in [`trunkline_quic`]. A page that is closed learns neither code
//! nor reason, and neither does the server of a page that closes: the library has no capsules.
//!
//! wtransport tells requests with their headers to the crate `tracing` at level `debug`: keep the target
//! `wtransport` at `info` or above wherever credentials travel.
//!
//! | file | what it holds |
//! |---|---|
//! | `backend.rs` | [`Wtransport`]: dialling and accepting |
//! | `session.rs` | its session and stream, as the halves of a connection want them |
//! | `codes.rs` | close codes as HTTP/3 carries them |
//! | `protocols.rs` | application protocols in headers |
#![forbid(unsafe_code)]

mod backend;
mod codes;
mod protocols;
mod session;

pub use backend::{Client, Wtransport};
pub use session::{Reader, Session, Stream};

/// Opens WebTransport connections.
pub type WebTransportDialer = trunkline_quic::WebTransportDialer<Wtransport>;

/// Accepts WebTransport connections on a UDP port.
pub type Listener = trunkline_quic::Listener<Wtransport>;
