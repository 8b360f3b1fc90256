//! Sequenced frames: numbered, confirmed and replayed.

use std::borrow::Cow;

use super::HeaderError;
use super::fields::Fields;
use crate::{AckId, Body, Code, Kind};

/// What a numbered frame says. Namespaces are by name, "/" for nil.
///
/// Specification: frames.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequenced<'a> {
    /// Asks to attach the session to a namespace.
    Connect {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// Credentials for it.
        auth: Body<'a>,
    },
    /// Attached.
    Connected {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// The seq of the CONNECT this answers.
        connect: u64,
        /// The socket's public id.
        socket_id: Cow<'a, str>,
        /// What the application says with it.
        data: Body<'a>,
    },
    /// Not attached.
    Refused {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// The seq of the CONNECT this answers.
        connect: u64,
        /// Why.
        code: Code,
        /// Why, for people.
        message: Cow<'a, str>,
        /// What the application says with it.
        data: Body<'a>,
    },
    /// Detaches the session from a namespace.
    Disconnect {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// Why.
        code: Code,
        /// Why, for people.
        reason: Cow<'a, str>,
    },
    /// A named event.
    Event {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// The id for the answer, if one is asked for.
        ack_id: Option<AckId>,
        /// The event's name.
        event: Cow<'a, str>,
        /// The args.
        args: Body<'a>,
    },
    /// The answer to an event.
    Ack {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// The event's id.
        ack_id: AckId,
        /// The args of the answer.
        args: Body<'a>,
    },
    /// The event was refused, is unknown, or its handler failed.
    Failed {
        /// The namespace.
        namespace: Cow<'a, str>,
        /// The event's id.
        ack_id: AckId,
        /// Why.
        code: Code,
        /// Why, for people.
        message: Cow<'a, str>,
        /// What the application says with it.
        data: Body<'a>,
    },
    /// A frame of no meaning, to be counted and dropped (0x60 to 0x7f).
    Ignorable {
        /// Its kind.
        kind: Kind,
    },
}

impl<'a> Sequenced<'a> {
    /// Reads the fields after `seq`. The kind is a sequenced one of the registry.
    pub(super) fn read(kind: Kind, mut fields: impl Fields<'a>) -> Result<Self, HeaderError> {
        if kind.is_ignorable() {
            return Ok(Self::Ignorable { kind });
        }
        let namespace = fields.namespace()?;
        Ok(match kind {
            Kind::CONNECT => Self::Connect {
                namespace,
                auth: fields.body(),
            },
            Kind::CONNECTED => Self::Connected {
                namespace,
                connect: fields.integer("connect")?,
                socket_id: fields.name("socket_id")?,
                data: fields.body(),
            },
            Kind::REFUSED => Self::Refused {
                namespace,
                connect: fields.integer("connect")?,
                code: fields.code()?,
                message: fields.text("message")?,
                data: fields.body(),
            },
            Kind::DISCONNECT => {
                let (code, reason) = (fields.code()?, fields.text("reason")?);
                fields.finish()?;
                Self::Disconnect {
                    namespace,
                    code,
                    reason,
                }
            }
            Kind::EVENT => Self::Event {
                namespace,
                ack_id: fields.ack_id_or_nil()?,
                event: fields.name("event")?,
                args: fields.body(),
            },
            Kind::ACK => Self::Ack {
                namespace,
                ack_id: fields.ack_id()?,
                args: fields.body(),
            },
            Kind::FAILED => Self::Failed {
                namespace,
                ack_id: fields.ack_id()?,
                code: fields.code()?,
                message: fields.text("message")?,
                data: fields.body(),
            },
            unknown => return Err(HeaderError::UnknownKind(unknown.number().into())),
        })
    }

    /// The frame's kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Connect { .. } => Kind::CONNECT,
            Self::Connected { .. } => Kind::CONNECTED,
            Self::Refused { .. } => Kind::REFUSED,
            Self::Disconnect { .. } => Kind::DISCONNECT,
            Self::Event { .. } => Kind::EVENT,
            Self::Ack { .. } => Kind::ACK,
            Self::Failed { .. } => Kind::FAILED,
            Self::Ignorable { kind } => *kind,
        }
    }
}
