//! What tungstenite reads from and writes to.

use std::io::{self, Read, Write};

use crate::boundary::Boundary;
use crate::control::Control;
use crate::scratch::Scratch;

/// Bytes that have arrived on one side, the sending half's control frames on the other. There is
/// no I/O in it: when the bytes are used up it would block.
pub(crate) struct Adapter<'a> {
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) boundary: &'a mut Boundary,
    pub(crate) control: &'a Control,
}

impl Read for Adapter<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let unread = self.scratch.unread();
        let count = unread.len().min(into.len());
        if count == 0 {
            // Not Ok(0): that would be the end of the stream, which the receiver sees for itself.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        into[..count].copy_from_slice(&unread[..count]);
        self.boundary.pass(&into[..count]);
        self.scratch.consume(count);
        Ok(count)
    }
}

impl Write for Adapter<'_> {
    /// Takes a whole frame: tungstenite's write buffer is configured away, so that each frame comes
    /// in a call of its own.
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        self.control.put_frame(frame);
        Ok(frame.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
