//! HELLO: the client's first frame.

use crate::{Encoding, Limits, Secret, SessionId, Value};

/// What a client says first.
///
/// Specification: "Frames", HELLO.
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
/// Specification: "Session".
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
        todo!("{encoding:?}")
    }
}
