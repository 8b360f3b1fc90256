//! The first frame of each side.

use crate::{Close, Encoding, Frame, Hello, MAX_HELLO_BYTES, VERSION, Violation, Welcome};

/// Reads a client's first message as HELLO.
///
/// # Errors
/// It is larger than [`MAX_HELLO_BYTES`], another frame, or of another version.
pub fn read_hello(encoding: Encoding, message: &[u8]) -> Result<Hello, Violation> {
    if message.len() > MAX_HELLO_BYTES {
        return Err(Violation::TooLarge {
            size: message.len(),
            limit: MAX_HELLO_BYTES,
        });
    }
    match Frame::decode(encoding, message)? {
        Frame::Hello(hello) if hello.v == VERSION => Ok(*hello),
        Frame::Hello(hello) => Err(Violation::Version { found: hello.v }),
        other => Err(Violation::Unexpected {
            kind: other.kind(),
            when: "before HELLO",
        }),
    }
}

/// A client between its HELLO and the server's answer.
#[derive(Debug)]
pub struct ClientHandshake {
    encoding: Encoding,
    resuming: bool,
}

/// The server's answer to HELLO.
#[derive(Debug)]
pub enum Answer {
    /// The session goes on: attach at WELCOME's receipt and replay.
    Resumed(Box<Welcome>),
    /// A fresh session. If one was offered for resuming, it is lost; the reason is in WELCOME.
    Fresh(Box<Welcome>),
    /// No session came of this connection; the code says what to do.
    Closed(Box<Close>),
}

impl ClientHandshake {
    /// After this HELLO was sent.
    #[must_use]
    pub const fn sent(encoding: Encoding, hello: &Hello) -> Self {
        Self {
            encoding,
            resuming: hello.resume.is_some(),
        }
    }

    /// Reads the server's first message.
    ///
    /// # Errors
    /// It is neither WELCOME nor CLOSE, or WELCOME does not fit this HELLO.
    pub fn read(self, message: &[u8]) -> Result<Answer, Violation> {
        match Frame::decode(self.encoding, message)? {
            Frame::Welcome(welcome) if welcome.v != VERSION => {
                Err(Violation::Version { found: welcome.v })
            }
            Frame::Welcome(welcome) if welcome.resumed && self.resuming => {
                Ok(Answer::Resumed(welcome))
            }
            Frame::Welcome(welcome) if !welcome.resumed && welcome.secret.is_some() => {
                Ok(Answer::Fresh(welcome))
            }
            Frame::Close(close) => Ok(Answer::Closed(close)),
            other => Err(Violation::Unexpected {
                kind: other.kind(),
                when: "in answer to HELLO",
            }),
        }
    }
}
