//! Sequenced frames: numbered, confirmed and replayed.

use std::borrow::Cow;

use crate::{AckId, Body, Code, Kind};

/// What a numbered frame says. Namespaces are by name, "/" for nil.
///
/// Specification: "Frames".
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

impl Sequenced<'_> {
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
