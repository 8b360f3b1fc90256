//! What an application can watch.

use std::time::Duration;

use tokio::sync::watch;
use trunkline_protocol::{Code, Datagrams, SocketId};
use trunkline_transport::TransportKind;

/// Where a client is in its life.
///
/// ```text
///   Idle ──connect──> Connecting ──WELCOME──> Connected ──cut──> Reconnecting
///    ^                    └──no connection──> Reconnecting ──WELCOME──> Connected
///    │ no namespace is wanted                      └──limit reached──> GaveUp
///    └──────────────────────────      any ──ended for good──> Closed
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// No namespace is wanted: nothing is dialled.
    #[default]
    Idle,
    /// The first attempt is under way.
    Connecting,
    /// A connection is attached.
    Connected {
        /// Whether the session is the one of the connection before, so that nothing was missed.
        resumed: bool,
        /// What it goes over. [`Client::round_trip`](crate::Client::round_trip) says how fast.
        transport: TransportKind,
    },
    /// The next attempt comes after a while. What is emitted meanwhile waits.
    Reconnecting {
        /// The number of the attempt since a connection last stood, from 1.
        attempt: u32,
        /// How long after this state was entered it begins.
        delay: Duration,
        /// What ended the last attempt or connection, for people.
        cause: String,
    },
    /// The limit of attempts or of time was reached: nothing more is dialled. The session is lost; a
    /// new `connect` begins anew, with attempts and time counted from there.
    GaveUp {
        /// Attempts in a row that came to nothing.
        attempts: u32,
        /// What ended the last one, for people.
        cause: String,
    },
    /// Ended, by either side.
    Closed {
        /// Why.
        code: Code,
        /// Why, for people.
        reason: String,
    },
}

impl State {
    /// Whether nothing more happens unless the application connects again.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::GaveUp { .. } | Self::Closed { .. })
    }
}

/// What a client is connected over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CurrentTransport {
    /// The transport.
    pub kind: TransportKind,
    /// How best-effort events travel on it: in datagrams, emulated, or not at all.
    pub datagrams: Datagrams,
    /// The largest frame of a datagram or latest value that it takes now, bytes. Where datagrams are
    /// native it follows the network path, as of the last PONG; zero where there are none.
    pub datagram_bytes: usize,
    /// Why it is not another transport, which was dialled first or had gone dead, for people.
    pub passed_over: Option<String>,
}

/// Where a socket is in its life. It stays connected while its session has no connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketState {
    /// Never connected yet.
    #[default]
    Idle,
    /// Waiting for the server's answer.
    Connecting,
    /// Attached.
    Connected {
        /// The socket's public id.
        id: SocketId,
    },
    /// Refused, left by either side, or at an end with its session.
    Disconnected {
        /// Why.
        code: Code,
        /// Why, for people.
        reason: String,
    },
}

/// A value that changes, and can be waited for.
///
/// It does not keep the client alive. Values that come in quick succession may be skipped.
#[derive(Clone, Debug)]
pub struct Watch<T>(watch::Receiver<T>);

impl<T: Clone> Watch<T> {
    pub(crate) const fn new(receiver: watch::Receiver<T>) -> Self {
        Self(receiver)
    }

    /// The present value, which then counts as seen.
    #[must_use]
    pub fn current(&mut self) -> T {
        self.0.borrow_and_update().clone()
    }

    /// Waits for a value that was not seen yet; none once the client is gone.
    ///
    /// # Cancel safety
    /// A value that was not returned is not seen.
    pub async fn changed(&mut self) -> Option<T> {
        self.0.changed().await.ok()?;
        Some(self.current())
    }

    /// Waits until the value is one that `is_wanted`; none if the client is gone before.
    ///
    /// # Cancel safety
    /// Nothing is lost; calling it again looks at the present value first.
    pub async fn wait_for(&mut self, is_wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let found = self.0.wait_for(is_wanted).await.ok()?;
        Some(found.clone())
    }
}
