//! WELCOME: the server's first frame.

use super::HeaderError;
use super::hello::read_session;
use super::limits::{read_limits, write_limits};
use super::map::{MapWriter, ProtocolMap, write_texts};
use super::raw::RawValue;
use crate::message_pack::write;
use crate::{Encoding, Kind, Limits, Secret, SessionId};

/// What a server says first.
///
/// Specification: frames.md, WELCOME.
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

impl Alternative {
    /// A JSON document that says what WELCOME's `alternatives` say, for whoever has no session yet.
    /// Specification: transports.md, TRN-032.
    #[must_use]
    pub fn document(alternatives: &[Self]) -> String {
        let mut map = MapWriter::default();
        map.member("alternatives", |out| write_alternatives(out, alternatives));
        let mut out = Vec::new();
        map.finish(&mut out);
        crate::to_json(&out)
    }
}

impl Welcome {
    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut map = MapWriter::default();
        map.member("v", |out| write::unsigned(out, self.v));
        map.member("session", |out| write::text(out, &self.session));
        map.optional("secret", self.secret.as_ref(), |out, secret| {
            write::text(out, secret.expose());
        });
        map.member("resumed", |out| write::boolean(out, self.resumed));
        map.optional("reason", self.reason.as_ref(), |out, reason| {
            write::text(out, reason.as_str());
        });
        map.member("received", |out| write::unsigned(out, self.received));
        map.member("ping_interval", |out| {
            write::unsigned(out, self.ping_interval)
        });
        map.member("ping_timeout", |out| {
            write::unsigned(out, self.ping_timeout)
        });
        map.member("resume_window", |out| {
            write::unsigned(out, self.resume_window)
        });
        map.member("limits", |out| write_limits(out, &self.limits));
        map.member("features", |out| write_texts(out, &self.features));
        map.member("datagrams", |out| write::text(out, self.datagrams.as_str()));
        if !self.alternatives.is_empty() {
            map.member("alternatives", |out| {
                write_alternatives(out, &self.alternatives)
            });
        }
        map.into_frame(Kind::WELCOME, encoding)
    }

    pub(super) fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            v: map.required("v", RawValue::integer)?,
            session: map.required("session", read_session)?,
            secret: map
                .optional("secret", RawValue::text)?
                .map(|text| Secret::from_text(&text)),
            resumed: map.required("resumed", RawValue::boolean)?,
            reason: map
                .optional("reason", RawValue::text)?
                .map(|name| ResumeRefusal::from(&*name)),
            received: map.required("received", RawValue::integer)?,
            ping_interval: map.required("ping_interval", RawValue::integer)?,
            ping_timeout: map.required("ping_timeout", RawValue::integer)?,
            resume_window: map.required("resume_window", RawValue::integer)?,
            limits: read_limits(map)?.ok_or(HeaderError::MissingKey { key: "limits" })?,
            features: map.required("features", RawValue::texts)?,
            datagrams: map.required("datagrams", Datagrams::read)?,
            alternatives: read_alternatives(map)?,
        })
    }
}

impl Datagrams {
    fn read(value: RawValue<'_>) -> Option<Self> {
        let name = value.text()?;
        [Self::Native, Self::Emulated, Self::None]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

impl Alternative {
    fn write(&self, out: &mut Vec<u8>) {
        let mut map = MapWriter::default();
        map.member("transport", |out| write::text(out, &self.transport));
        map.member("url", |out| write::text(out, &self.url));
        if !self.hashes.is_empty() {
            map.member("hashes", |out| {
                write::array(out, self.hashes.len() as u32);
                self.hashes.iter().for_each(|hash| write::bytes(out, hash));
            });
        }
        map.finish(out);
    }

    fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            transport: map.required("transport", RawValue::owned_text)?,
            url: map.required("url", RawValue::owned_text)?,
            hashes: map.optional("hashes", read_hashes)?.unwrap_or_default(),
        })
    }
}

fn read_hashes(value: RawValue<'_>) -> Option<Vec<Vec<u8>>> {
    value.elements()?.into_iter().map(RawValue::bytes).collect()
}

fn write_alternatives(out: &mut Vec<u8>, alternatives: &[Alternative]) {
    write::array(out, alternatives.len() as u32);
    alternatives
        .iter()
        .for_each(|alternative| alternative.write(out));
}

fn read_alternatives(map: &ProtocolMap<'_>) -> Result<Vec<Alternative>, HeaderError> {
    const KEY: &str = "alternatives";
    let elements = map.optional(KEY, RawValue::elements)?.unwrap_or_default();
    elements
        .into_iter()
        .map(|element| {
            let map = element.map()?.ok_or(HeaderError::Value { key: KEY })?;
            Alternative::read(&map)
        })
        .collect()
}
