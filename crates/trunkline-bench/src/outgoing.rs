//! Bytes on their way to one server connection.

use std::io::{self, Write};

use crate::websocket::{Opcode, write_frame};

/// Largest number of bytes that may wait for one connection. A load generator that gets there is
/// talking to a server that does not read.
pub const MAX_WAITING_BYTES: usize = 4 << 20;

/// A write buffer of WebSocket frames. It holds no memory while it is empty.
#[derive(Debug)]
pub struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    mask: u32,
}

impl Outgoing {
    /// An empty buffer whose masks begin with `seed`.
    pub fn new(seed: u32) -> Self {
        Self {
            bytes: Vec::new(),
            written: 0,
            mask: seed | 1,
        }
    }

    /// Appends one frame. Nothing is sent before [`Outgoing::write_to`].
    pub fn frame(&mut self, opcode: Opcode, payload: &[u8]) {
        // Masks guard proxies against scripts in browsers; on loopback it is enough that they
        // differ, so that the server's unmasking does real work.
        self.mask ^= self.mask << 13;
        self.mask ^= self.mask >> 17;
        self.mask ^= self.mask << 5;
        write_frame(opcode, payload, self.mask.to_be_bytes(), &mut self.bytes);
    }

    /// Whether everything has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes what the socket takes and keeps the rest for the next call.
    ///
    /// Fails when the socket fails, and when more than [`MAX_WAITING_BYTES`] wait.
    pub fn write_to(&mut self, socket: &mut impl Write) -> io::Result<()> {
        while self.written < self.bytes.len() {
            match socket.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.bytes.len() - self.written > MAX_WAITING_BYTES {
                        return Err(io::Error::other("the server does not read"));
                    }
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.bytes = Vec::new();
        self.written = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time and blocks in between.
    struct Trickle {
        taken: Vec<u8>,
        block: bool,
    }

    impl Write for Trickle {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.block = !self.block;
            if self.block {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(3);
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn partial_writes_lose_and_double_nothing() {
        let mut outgoing = Outgoing::new(7);
        outgoing.frame(Opcode::Binary, b"a payload of some length");
        let expected = outgoing.bytes.clone();
        let mut socket = Trickle {
            taken: Vec::new(),
            block: false,
        };
        while !outgoing.is_empty() {
            outgoing.write_to(&mut socket).unwrap();
        }
        assert_eq!(socket.taken, expected);
    }

    #[test]
    fn masks_differ_from_frame_to_frame() {
        let mut outgoing = Outgoing::new(7);
        outgoing.frame(Opcode::Binary, b"");
        outgoing.frame(Opcode::Binary, b"");
        assert_ne!(outgoing.bytes[2..6], outgoing.bytes[8..12]);
    }
}
