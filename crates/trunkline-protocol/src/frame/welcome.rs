//! WELCOME: the server's first frame.

use crate::{Encoding, Limits, Secret, SessionId};

/// What a server says first.
///
/// Specification: "Frames", WELCOME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol's version.
    pub v: u64,
    /// The session's id.
    pub session: SessionId,
    /// The session's secret; only when the session is new.
    pub secret: Option<Secret>,
    /// Whether the offered session was resumed.
    pub resumed: bool,
    /// Why it was not, if one was offered.
    pub reason: Option<ResumeRefusal>,
    /// Every sequenced frame up to this one has arrived at the server.
    pub received: u64,
    /// The server PINGs this often, in ms.
    pub ping_interval: u64,
    /// Without life for this long after a PING was due the connection is dead, in ms.
    pub ping_timeout: u64,
    /// The session outlives its connection this long, in ms.
    pub resume_window: u64,
    /// What the server takes.
    pub limits: Limits,
    /// Names of the optional parts both speak.
    pub features: Vec<String>,
    /// How best-effort frames travel.
    pub datagrams: Datagrams,
    /// Other transports to the same server.
    pub alternatives: Vec<Alternative>,
}

/// Why a session was not resumed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ResumeRefusal {
    /// No such session, a wrong secret, or another principal: all look alike.
    Unknown,
    /// The session was detached for longer than the resume window.
    Expired,
    /// The session held more than it may.
    Overflow,
    /// The session has another encoding.
    Encoding,
    /// The session is elsewhere.
    Moved,
    /// A reason this side does not know.
    Other(String),
}

impl ResumeRefusal {
    /// The reason's name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Overflow => "overflow",
            Self::Encoding => "encoding",
            Self::Moved => "moved",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for ResumeRefusal {
    fn from(name: &str) -> Self {
        match name {
            "unknown" => Self::Unknown,
            "expired" => Self::Expired,
            "overflow" => Self::Overflow,
            "encoding" => Self::Encoding,
            "moved" => Self::Moved,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// How best-effort frames travel on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Datagrams {
    /// As the transport's own datagrams.
    Native,
    /// On the message channel, dropped where they would queue.
    Emulated,
    /// Not at all.
    None,
}

impl Datagrams {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Emulated => "emulated",
            Self::None => "none",
        }
    }
}

/// Another transport to the same server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The transport's name, such as "webtransport".
    pub transport: String,
    /// Where to dial.
    pub url: String,
    /// SHA-256 hashes of the certificates to accept, where they are self-signed.
    pub hashes: Vec<Vec<u8>>,
}

impl Welcome {
    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        todo!("{encoding:?}")
    }
}
