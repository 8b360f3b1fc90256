//! Frames: one message is exactly one.

mod header_error;
mod hello;
mod notice;
mod sequenced;
mod welcome;

use std::borrow::Cow;

pub use header_error::HeaderError;
pub use hello::{Hello, Resume};
pub use notice::{Close, GoAway};
pub use sequenced::Sequenced;
pub use welcome::{Alternative, Datagrams, ResumeRefusal, Welcome};

use crate::{Body, Encoding, Kind};

/// A decoded frame, borrowed from its message.
///
/// Everything but the last field of application content is decoded and checked; that one stays a
/// [`Body`].
///
/// Specification: "Frames".
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// The client's first frame.
    Hello(Box<Hello>),
    /// The server's first frame.
    Welcome(Box<Welcome>),
    /// Asks for a PONG at once.
    Ping {
        /// Opaque; the PONG repeats it.
        t: u64,
        /// Every sequenced frame up to this one has arrived.
        received: u64,
    },
    /// Answers a PING.
    Pong {
        /// The PING's `t`.
        t: u64,
        /// Every sequenced frame up to this one has arrived.
        received: u64,
    },
    /// A cumulative receipt.
    Received {
        /// Every sequenced frame up to this one has arrived.
        received: u64,
    },
    /// Asks the client to reconnect.
    GoAway(Box<GoAway>),
    /// Ends the connection.
    Close(Box<Close>),
    /// A numbered frame.
    Sequenced {
        /// Its number: 1, 2, 3, … per session and direction.
        seq: u64,
        /// What it says.
        frame: Sequenced<'a>,
    },
    /// A named event that may be lost.
    Datagram {
        /// The namespace's name; "/" for nil.
        namespace: Cow<'a, str>,
        /// The event's name.
        event: Cow<'a, str>,
        /// The args.
        args: Body<'a>,
    },
    /// A named value that newer ones replace.
    Latest {
        /// The namespace's name; "/" for nil.
        namespace: Cow<'a, str>,
        /// The event's name.
        event: Cow<'a, str>,
        /// What a newer version replaces.
        key: Cow<'a, str>,
        /// Above the last seen for (namespace, event, key), or the frame is dropped.
        version: u64,
        /// The args.
        args: Body<'a>,
    },
    /// A frame of no meaning, to be tolerated (0x40 to 0x5f).
    Ignorable {
        /// Its kind.
        kind: Kind,
    },
}

impl<'a> Frame<'a> {
    /// Decodes a message.
    ///
    /// Application content is not looked at. In MessagePack nothing is allocated except for the
    /// session frames that are maps; in JSON also for strings with escapes.
    ///
    /// # Errors
    /// The message is no frame of this protocol: `protocol-error`, see [`HeaderError::code`].
    pub fn decode(encoding: Encoding, message: &'a [u8]) -> Result<Self, HeaderError> {
        todo!("{encoding:?} {message:?}")
    }

    /// The frame's kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::HELLO,
            Self::Welcome(_) => Kind::WELCOME,
            Self::Ping { .. } => Kind::PING,
            Self::Pong { .. } => Kind::PONG,
            Self::Received { .. } => Kind::RECEIVED,
            Self::GoAway(_) => Kind::GOAWAY,
            Self::Close(_) => Kind::CLOSE,
            Self::Sequenced { frame, .. } => frame.kind(),
            Self::Datagram { .. } => Kind::DATAGRAM,
            Self::Latest { .. } => Kind::LATEST,
            Self::Ignorable { kind } => *kind,
        }
    }
}

/// Appends a PING.
pub fn encode_ping(encoding: Encoding, t: u64, received: u64, out: &mut Vec<u8>) {
    encode_integers(encoding, Kind::PING, &[t, received], out);
}

/// Appends a PONG.
pub fn encode_pong(encoding: Encoding, t: u64, received: u64, out: &mut Vec<u8>) {
    encode_integers(encoding, Kind::PONG, &[t, received], out);
}

/// Appends a RECEIVED.
pub fn encode_received(encoding: Encoding, received: u64, out: &mut Vec<u8>) {
    encode_integers(encoding, Kind::RECEIVED, &[received], out);
}

fn encode_integers(encoding: Encoding, kind: Kind, fields: &[u64], out: &mut Vec<u8>) {
    todo!("{encoding:?} {kind} {fields:?} {out:?}")
}
