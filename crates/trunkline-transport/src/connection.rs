//! A live transport link.

use std::fmt;

use crate::{Home, MessageReceiver, MessageSender};

/// One live transport link, as its two halves.
///
/// The halves are trait objects on purpose: one virtual call a message is lost beside the system
/// call it leads to, and everything above a backend is compiled once.
pub struct Connection {
    /// Which transport this is.
    pub transport: TransportKind,
    /// The application protocol the handshake agreed on, such as `trunkline.v1.msgpack`.
    pub protocol: String,
    /// What the link can do besides messages.
    pub capabilities: Capabilities,
    /// The sending half.
    pub sender: Box<dyn MessageSender>,
    /// The receiving half.
    pub receiver: Box<dyn MessageReceiver>,
    /// Where its task can run, by [`Home::spawn`]; none if the transport has no task for a connection. A task
    /// of its own serves as well, and costs more.
    pub home: Option<Home>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("transport", &self.transport)
            .field("protocol", &self.protocol)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

/// What a link can do besides moving messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether messages are told apart as text and binary. Text is needed for the JSON encoding.
    pub text: bool,
    /// Whether the link has datagrams of its own: [`MessageSender::send_datagram`] and
    /// [`MessageReceiver::poll_datagram`].
    pub datagrams: bool,
    /// Whether [`MessageReceiver::received`] counts the bytes of a message that is not whole yet.
    /// Where it does not, a long message looks like silence to a heartbeat.
    pub sees_partial_messages: bool,
}

impl Capabilities {
    /// None at all.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            text: false,
            datagrams: false,
            sees_partial_messages: false,
        }
    }

    /// With [`text`](Self::text).
    #[must_use]
    pub const fn with_text(self) -> Self {
        Self { text: true, ..self }
    }

    /// With [`datagrams`](Self::datagrams).
    #[must_use]
    pub const fn with_datagrams(self) -> Self {
        Self {
            datagrams: true,
            ..self
        }
    }

    /// With [`sees_partial_messages`](Self::sees_partial_messages).
    #[must_use]
    pub const fn with_partial_messages(self) -> Self {
        Self {
            sees_partial_messages: true,
            ..self
        }
    }
}

/// The transports there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// WebSocket (RFC 6455).
    WebSocket,
    /// WebTransport over HTTP/3.
    WebTransport,
    /// In this process, for tests.
    Memory,
}

impl TransportKind {
    /// The name used in WELCOME's alternatives and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
