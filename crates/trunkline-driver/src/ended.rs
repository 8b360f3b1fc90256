//! How a connection's future ends.

use trunkline_protocol::{Close, Code, Disposition, Role, Violation};
use trunkline_transport::ConnectionEnd;

/// How a connection ended, as far as its session is concerned.
#[derive(Clone, Debug)]
pub enum Ended {
    /// The peer said CLOSE.
    ByPeer(Box<Close>),
    /// This side said CLOSE.
    Here(Box<Close>),
    /// The peer broke the protocol; it was told so with CLOSE.
    Violation(Violation),
    /// A newer connection took the session over.
    Superseded,
    /// The transport ended without a CLOSE.
    Transport(ConnectionEnd),
}

impl Ended {
    /// What becomes of the session, seen from `role`'s side.
    #[must_use]
    pub fn disposition(&self, role: Role) -> Disposition {
        let peer = role.peer();
        match self {
            Self::ByPeer(close) => close.code.disposition(peer),
            Self::Here(close) => close.code.disposition(role),
            Self::Violation(violation) => violation.code().disposition(role),
            Self::Superseded => Disposition::Resume,
            Self::Transport(ConnectionEnd::Closed {
                code: Some(code), ..
            }) => Code::new(*code).disposition(peer),
            Self::Transport(ConnectionEnd::Violation { code, .. }) => {
                Code::new(*code).disposition(role)
            }
            Self::Transport(_) => Disposition::Resume,
        }
    }

    /// Whether the session may be resumed after it.
    #[must_use]
    pub fn keeps_session(&self, role: Role) -> bool {
        self.disposition(role).keeps_session()
    }

    /// The code that names it, for logs and for those who come late.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::ByPeer(close) | Self::Here(close) => close.code,
            Self::Violation(violation) => violation.code(),
            Self::Superseded => Code::SUPERSEDED,
            Self::Transport(
                ConnectionEnd::Closed {
                    code: Some(code), ..
                }
                | ConnectionEnd::Violation { code, .. },
            ) => Code::new(*code),
            Self::Transport(_) => Code::ABNORMAL,
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ByPeer(close) => write!(f, "closed by the peer: {} {}", close.code, close.reason),
            Self::Here(close) => write!(f, "closed by this side: {} {}", close.code, close.reason),
            Self::Violation(violation) => write!(f, "{}: {violation}", violation.code()),
            Self::Superseded => f.write_str("superseded by a newer connection"),
            Self::Transport(end) => end.fmt(f),
        }
    }
}
