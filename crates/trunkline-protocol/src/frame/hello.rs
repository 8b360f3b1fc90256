//! HELLO: the client's first frame.

use super::HeaderError;
use super::limits::{raise_to_least, read_limits, write_limits};
use super::map::{MapWriter, ProtocolMap, write_texts};
use super::raw::RawValue;
use crate::message_pack::write;
use crate::{Encoding, Kind, Limits, Secret, SessionId, Value};

/// What a client says first.
///
/// Specification: frames.md, HELLO.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// The protocol's version; must agree with the negotiated name.
    pub v: u64,
    /// Name and version of the client's software.
    pub agent: String,
    /// Credentials; nil if there are none.
    pub auth: Value,
    /// The session to resume.
    pub resume: Option<Resume>,
    /// Names of the optional parts the client speaks.
    pub features: Vec<String>,
    /// What the client takes.
    pub limits: Limits,
    /// The heartbeat the client wishes for, in ms.
    pub ping_interval: Option<u64>,
}

/// The offer to resume a session.
///
/// Specification: session.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The session's id.
    pub session: SessionId,
    /// The session's secret, as offered.
    pub secret: Secret,
    /// The client's counter, raised at every attempt.
    pub attach: u64,
    /// Every sequenced frame up to this one has arrived at the client.
    pub received: u64,
    /// Whether a refusal closes the connection instead of making a fresh session.
    pub strict: bool,
}

impl Hello {
    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut map = MapWriter::default();
        map.member("v", |out| write::unsigned(out, self.v));
        map.member("agent", |out| write::text(out, &self.agent));
        map.content("auth", &self.auth);
        map.optional("resume", self.resume.as_ref(), |out, resume| {
            resume.write(out)
        });
        if !self.features.is_empty() {
            map.member("features", |out| write_texts(out, &self.features));
        }
        map.member("limits", |out| write_limits(out, &self.limits));
        map.optional("ping_interval", self.ping_interval, write::unsigned);
        map.into_frame(Kind::HELLO, encoding)
    }

    pub(super) fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            v: map.required("v", RawValue::integer)?,
            agent: map.required("agent", RawValue::owned_text)?,
            auth: map.optional("auth", RawValue::content)?.unwrap_or_default(),
            resume: map
                .optional_map("resume")?
                .as_ref()
                .map(Resume::read)
                .transpose()?,
            features: map
                .optional("features", RawValue::texts)?
                .unwrap_or_default(),
            limits: raise_to_least(read_limits(map)?.unwrap_or_default()),
            ping_interval: map.optional("ping_interval", RawValue::integer)?,
        })
    }
}

impl Resume {
    fn write(&self, out: &mut Vec<u8>) {
        let mut map = MapWriter::default();
        map.member("session", |out| write::text(out, &self.session));
        map.member("secret", |out| write::text(out, self.secret.expose()));
        map.member("attach", |out| write::unsigned(out, self.attach));
        map.member("received", |out| write::unsigned(out, self.received));
        if self.strict {
            map.member("strict", |out| write::boolean(out, true));
        }
        map.finish(out);
    }

    fn read(map: &ProtocolMap<'_>) -> Result<Self, HeaderError> {
        Ok(Self {
            session: map.required("session", read_session)?,
            secret: map.required("secret", |value| {
                value.text().map(|text| Secret::from_text(&text))
            })?,
            attach: map.required("attach", RawValue::integer)?,
            received: map.required("received", RawValue::integer)?,
            strict: map.optional("strict", RawValue::boolean)?.unwrap_or(false),
        })
    }
}

/// Reads a session's id.
pub(super) fn read_session(value: RawValue<'_>) -> Option<SessionId> {
    value
        .text()
        .and_then(|text| SessionId::try_from(&*text).ok())
}
