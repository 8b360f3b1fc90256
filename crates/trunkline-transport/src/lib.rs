//! What a Trunkline transport is: message halves, capabilities and close; and an in-memory one.
//!
//! A transport moves opaque bytes: one [`Message`] whole, in order, until the connection ends. It
//! knows nothing of frames or sessions. Backends implement [`MessageSender`], [`MessageReceiver`]
//! and [`Dialer`], and hand out a [`Connection`]; their own types never show.
//!
//! | file | what it holds |
//! |---|---|
//! | `connection.rs` | [`Connection`], [`Capabilities`], [`TransportKind`] |
//! | `home.rs` | [`Home`]: where a connection's task runs |
//! | `message.rs` | [`Message`], the two halves |
//! | `datagram.rs` | [`DatagramError`] |
//! | `error.rs` | [`ConnectionEnd`], [`DialError`] |
//! | `dial.rs` | [`Dialer`], [`DialRequest`] |
//! | `addresses.rs` | `addresses`: which of a host's addresses answers (feature `addresses`) |
//! | `proxy.rs` | [`Proxy`]: what a connection may go through |
//! | `buffer.rs` | [`WriteBuffer`]: pooled, so that an idle connection holds none |
//! | `memory.rs`, `memory/` | [`memory`]: an in-process pair |

#[cfg(feature = "addresses")]
pub mod addresses;
mod buffer;
mod connection;
mod datagram;
mod dial;
mod error;
mod home;
pub mod memory;
mod message;
mod proxy;

pub use buffer::WriteBuffer;
pub use connection::{Capabilities, Connection, TransportKind};
pub use datagram::DatagramError;
pub use dial::{DialRequest, Dialer, without_credentials};
pub use error::{ConnectionEnd, DialError};
pub use home::Home;
pub use message::{Message, MessageKind, MessageReceiver, MessageSender};
pub use proxy::{InvalidProxy, Proxy};
