//! Trunkline: named events with acks, namespaces and rooms, over pluggable transports.
//!
//! This is the crate to add. It brings the parts together with default backends:
//!
//! | module | feature | what it holds |
//! |---|---|---|
//! | [`server`] | `server` | [`Server`](server::Server), handlers, rooms; [`Bind`](server::Bind) listens, `Mount` (feature `tower`) mounts it in axum or hyper |
//! | [`client`] | `client` | [`Client`](client::Client), sockets; [`Dial`](client::Dial) gives it its transports |
//! | `metrics` | `metrics` | a server's figures for the recorder of the `metrics` crate, such as Prometheus |
//! | `testing` | `testing` | for the tests of programs: server and clients in one process, over a network that fails on demand |
//! | [`protocol`] | | frames, limits, codes: the words both sides share |
//! | [`transport`] | | what a transport is, for those who bring their own |
//!
//! With the feature `tls` a listener takes a `Certificate`, and clients dial `https` and `wss`; without
//! it no rustls is compiled. The feature `self-signed` makes certificates for development, and
//! `webtransport` adds that transport, on UDP beside TCP.
//!
//! What handlers are made of is the same in both modules, so that a handler which asks for no more
//! than its event's content serves either side:
//!
//! ```
//! use trunkline::{client, server};
//!
//! async fn add(server::Args((a, b)): server::Args<(u32, u32)>) -> Result<u32, server::Failure> {
//!     a.checked_add(b).ok_or_else(|| client::Failure::new(4001, "too much"))
//! }
//!
//! fn both(namespace: &server::Namespace, socket: &client::Socket) {
//!     namespace.on("add", add);
//!     socket.on("add", add);
//! }
//! ```
//!
//! An event that both sides know is best a value that both sides share: then its content and its answer
//! are checked by the compiler wherever it is handled or sent.
//!
//! ```
//! use trunkline::protocol::Event;
//! use trunkline::server::Data;
//! use trunkline::{client, server};
//!
//! const SAY: Event<String, usize> = Event::new("say");
//!
//! fn routes(namespace: &server::Namespace) {
//!     namespace.on(SAY, |Data(line): Data<String>| async move { Ok(line.len()) });
//! }
//!
//! async fn say(socket: &client::Socket, line: &String) -> Result<usize, client::AckError> {
//!     socket.emit_with_ack(SAY, line).await
//! }
//! ```
//!
//! # Seeing what happens
//!
//! Logs go through `tracing`, and stand in these spans, whose target is `trunkline`:
//!
//! | span | level | fields |
//! |---|---|---|
//! | `connection` | INFO | `peer` on the server, `server` (the URL without credentials) on the client; `transport`; `session` from the end of the handshake on |
//! | `handler` | DEBUG | `namespace`, `event` (or the hook's name), and on the server `socket` |
//!
//! A handler's own logs stand in both, also after it has waited. With a filter such as
//! `trunkline=info` there are no spans of handlers, and nothing is spent on them.
//!
//! What a server holds and has counted is `Server::stats`, and its `figures` are the same as a list;
//! the feature `metrics` hands them to Prometheus and others. To see every frame there is `tap` on the
//! builders of both sides.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;

pub use trunkline_protocol as protocol;
pub use trunkline_transport as transport;

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
mod guide;
