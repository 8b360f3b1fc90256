//! One file descriptor held back, so that whoever comes when there are no others can be told.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpStream};

/// A descriptor that stands for the one a last connection needs.
#[derive(Debug)]
pub(super) struct Reserve(Option<File>);

impl Reserve {
    pub(super) fn new() -> Self {
        let mut reserve = Self(None);
        reserve.refill();
        reserve
    }

    /// Takes back what was given away, if there is one again.
    pub(super) fn refill(&mut self) {
        if self.0.is_none() {
            // Without one, accepting fails as it would have, and is tried again after a pause.
            self.0 = File::open(ALWAYS_THERE).ok();
        }
    }

    /// Accepts a connection in the reserve's place. It must be dropped before the reserve is
    /// [filled up](Self::refill).
    ///
    /// Pending if nobody is waiting; whoever comes then wakes the task as if no descriptor had been
    /// missing. That has to be found out with a descriptor to spare, since the kernel looks for one
    /// first, and for a connection to give it to afterwards.
    pub(super) fn poll_accept(
        &mut self,
        listener: &TcpListener,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.0 = None;
        listener.poll_accept(cx)
    }
}

/// Whether an error of accepting says that the process, or the machine, has no descriptors left.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    /// The same number in every Unix.
    const ENFILE: i32 = 23;
    /// Likewise.
    const EMFILE: i32 = 24;
    cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// What every Unix has. Elsewhere there is no such limit, and no need of a reserve.
const ALWAYS_THERE: &str = "/dev/null";
