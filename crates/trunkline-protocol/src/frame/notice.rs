//! GOAWAY and CLOSE: the frames that announce an end.

use crate::{Code, Encoding, Value};

/// Asks the client to reconnect.
///
/// Specification: "Frames", GOAWAY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// Why, for people.
    pub reason: String,
    /// Reconnect this long from now, in ms.
    pub slot: u64,
    /// Reconnect at the latest this long from now, in ms.
    pub deadline: u64,
    /// Reconnect there instead.
    pub url: Option<String>,
}

/// Ends the connection; the code says whether the session survives.
///
/// Specification: "Frames", CLOSE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Why, and what to do about it.
    pub code: Code,
    /// Why, for people.
    pub reason: String,
    /// Come back no sooner than this, in ms.
    pub retry_after: Option<u64>,
    /// Come back there instead.
    pub url: Option<String>,
    /// The attach that won, for `superseded`.
    pub attach: Option<u64>,
    /// More for the application; nil if there is nothing.
    pub data: Value,
}

impl Close {
    /// A CLOSE with a code and a reason, and nothing more.
    #[must_use]
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            retry_after: None,
            url: None,
            attach: None,
            data: Value::nil(),
        }
    }

    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        todo!("{encoding:?}")
    }
}

impl GoAway {
    /// The frame as a message.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        todo!("{encoding:?}")
    }
}
