//! Who is behind.

use std::time::Duration;

use trunkline_driver::clock;

use crate::Socket;

/// A socket whose client is behind: it does not read, or not as fast as it is written to, or is away.
///
/// It is behind while more than a sixteenth of the send window (64 KiB by default) has been sent and
/// is not confirmed, or waits to be sent. A client that keeps up confirms four times as often. A slow
/// one slows nobody else down; past `limits.queue` its connection is closed.
///
/// Given by [`Emitter::laggards`](crate::Emitter::laggards).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Laggard {
    /// The socket. All sockets of a session are behind together.
    pub socket: Socket,
    /// Bytes that its session keeps for the client, all namespaces together: those that are not
    /// confirmed, and those that wait, with 64 for each frame that waits.
    pub bytes: usize,
    /// For how long it has been behind at every look; looks are about a second apart.
    pub behind_for: Duration,
}

impl Laggard {
    pub(crate) fn look(socket: &Socket) -> Option<Self> {
        let now = clock::now();
        let (bytes, since) = socket.context().look_behind(now)?;
        Some(Self {
            socket: socket.clone(),
            bytes,
            behind_for: now.since(since),
        })
    }
}
