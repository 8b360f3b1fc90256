//! Frames: one message is exactly one.

mod auth;
mod fields;
mod header_error;
mod hello;
mod limits;
mod map;
mod notice;
mod raw;
mod sequenced;
mod shown;
#[cfg(test)]
mod tests;
mod welcome;

use std::borrow::Cow;

use fields::{Fields, JsonFields, MessagePackFields};
use map::ProtocolMap;

pub use auth::Auth;
pub use header_error::HeaderError;
pub use hello::{Hello, Resume};
pub use notice::{Close, GoAway};
pub use sequenced::Sequenced;
pub use welcome::{Alternative, Datagrams, ResumeRefusal, Welcome};

use crate::message_pack::write;
use crate::{Body, Encoding, Kind};

/// A decoded frame, borrowed from its message.
///
/// Everything but the last field of application content is decoded and checked; that one stays a
/// [`Body`].
///
/// Specification: frames.md.
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
    /// Refreshes the session's credentials.
    Auth(Box<Auth>),
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
        match encoding {
            Encoding::MessagePack => {
                let (length, fields) = MessagePackFields::open(message)?;
                Self::read(length, fields)
            }
            Encoding::Json => {
                let (length, fields) = JsonFields::open(message)?;
                Self::read(length, fields)
            }
        }
    }

    fn read(length: u32, mut fields: impl Fields<'a>) -> Result<Self, HeaderError> {
        let kind = read_kind(length, &mut fields)?;
        if kind.is_numbered() {
            let seq = fields.seq()?;
            let frame = Sequenced::read(kind, fields)?;
            return Ok(Self::Sequenced { seq, frame });
        }
        match kind {
            Kind::PING | Kind::PONG | Kind::RECEIVED => Self::read_integers(kind, fields),
            Kind::DATAGRAM => Ok(Self::Datagram {
                namespace: fields.namespace()?,
                event: fields.name("event")?,
                args: fields.body(),
            }),
            Kind::LATEST => Ok(Self::Latest {
                namespace: fields.namespace()?,
                event: fields.name("event")?,
                key: fields.name("key")?,
                version: fields.integer("version")?,
                args: fields.body(),
            }),
            kind if kind.is_ignorable() => Ok(Self::Ignorable { kind }),
            kind => Self::read_map(kind, &fields.map()?),
        }
    }

    fn read_integers(kind: Kind, mut fields: impl Fields<'a>) -> Result<Self, HeaderError> {
        let t = if kind == Kind::RECEIVED {
            0
        } else {
            fields.integer("t")?
        };
        let received = fields.integer("received")?;
        fields.finish()?;
        Ok(match kind {
            Kind::PING => Self::Ping { t, received },
            Kind::PONG => Self::Pong { t, received },
            _ => Self::Received { received },
        })
    }

    fn read_map(kind: Kind, map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(match kind {
            Kind::HELLO => Self::Hello(Box::new(Hello::read(map)?)),
            Kind::WELCOME => Self::Welcome(Box::new(Welcome::read(map)?)),
            Kind::GOAWAY => Self::GoAway(Box::new(GoAway::read(map)?)),
            Kind::CLOSE => Self::Close(Box::new(Close::read(map)?)),
            Kind::AUTH => Self::Auth(Box::new(Auth::read(map)?)),
            unknown => return Err(HeaderError::UnknownKind(unknown.number().into())),
        })
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
            Self::Auth(_) => Kind::AUTH,
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
    match encoding {
        Encoding::MessagePack => {
            write::array(out, 1 + fields.len() as u32);
            write::unsigned(out, kind.number().into());
            fields.iter().for_each(|field| write::unsigned(out, *field));
        }
        Encoding::Json => {
            let mut text = format!("[{}", kind.number());
            fields
                .iter()
                .for_each(|field| text.push_str(&format!(",{field}")));
            out.extend_from_slice(text.as_bytes());
            out.push(b']');
        }
    }
}

/// Reads the kind, and checks the array's length against it.
fn read_kind<'a>(found: u32, fields: &mut impl Fields<'a>) -> Result<Kind, HeaderError> {
    if found == 0 {
        return Err(HeaderError::Length { expected: 1, found });
    }
    let number = fields
        .integer_or_nil()?
        .flatten()
        .ok_or(HeaderError::Kind)?;
    let unknown = HeaderError::UnknownKind(number);
    let kind = Kind::new(u8::try_from(number).map_err(|_| unknown)?);
    let expected = kind.array_length().ok_or(unknown)?;
    if found == expected || (kind.is_ignorable() && found > expected) {
        Ok(kind)
    } else {
        Err(HeaderError::Length { expected, found })
    }
}
