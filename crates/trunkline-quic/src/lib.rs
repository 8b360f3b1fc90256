//! What Trunkline's WebTransport backends share (specification, "Binding: WebTransport").
//!
//! Both stand on quinn: this crate dials and accepts, and moves messages over a stream; what differs
//! between the backends, HTTP/3, is behind [`Backend`].
//!
//! | file | what it holds |
//! |---|---|
//! | `settings.rs` | [`Settings`]: QUIC's timers, windows and buffers, with reasons |
//! | `congestion.rs` | [`Congestion`]: what decides how much may be under way |
//! | `endpoint.rs` | UDP sockets and quinn's endpoints on them |
//! | `runtime.rs`, `joined.rs` | what quinn runs on at a server; QUIC's task for a connection and the connection's own, as one |
//! | `socket.rs` | a server's UDP socket |
//! | `backend.rs`, `wire.rs` | [`Backend`], [`Wire`], [`WireStream`], [`WireReader`]: what a backend supplies |
//! | `target.rs`, `dial.rs` | [`WebTransportDialer`] |
//! | `listener.rs` | [`Listener`]; [`Handler`]: what becomes of what arrives |
//! | `prefix.rs` | the length in front of each message |
//! | `sender.rs`, `receiver.rs` | the two halves |
//! | `doorbell.rs` | messages and datagrams, each polled only when it has called |
//! | `task.rs` | which task to wake |
//! | `farewell.rs` | how a session is closed so that its last words arrive |
//! | `halves.rs` | [`connection`]: a session and its stream as a [`Connection`](trunkline_transport::Connection) |
//!
//! What the libraries do with a request that is refused (specification: TRN-025, TRN-030):
//!
//! | | web-transport-quinn | wtransport |
//! |---|---|---|
//! | the status that a server chose | sent | sent |
//! | `Retry-After` | not sent | not sent |
//! | a client is shown the status | yes: [`DialError::Refused`](trunkline_transport::DialError::Refused) | no: `DialError::Handshake`, after which it tries again, whatever the status was |
//! | a client is shown `Retry-After` | no | no |
#![forbid(unsafe_code)]

mod backend;
mod congestion;
mod dial;
mod doorbell;
mod endpoint;
mod farewell;
mod halves;
mod joined;
mod listener;
mod prefix;
mod receiver;
mod runtime;
mod sender;
mod settings;
mod socket;
mod sync;
mod target;
mod task;
mod wire;

pub use backend::{AcceptError, Backend, Head, Opened};
pub use congestion::Congestion;
pub use dial::WebTransportDialer;
pub use endpoint::EndpointError;
pub use halves::connection;
pub use listener::{Counters, Handler, Handshake, Listener, ListenerConfig, StopHandle};
pub use settings::Settings;
pub use target::Target;
pub use wire::{
    BoxFuture, DatagramStream, Wire, WireError, WireReader, WireStream, close_code, ended,
};
