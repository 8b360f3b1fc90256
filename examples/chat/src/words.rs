//! What the server and its clients say to each other: one struct per payload.

use serde::{Deserialize, Serialize};

/// The room that everybody is in.
pub(crate) const LOBBY: &str = "lobby";

/// `join`, from a client that has just connected.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Join {
    pub(crate) name: String,
    /// The newest line it has seen, so that it misses nothing after a session was lost.
    #[serde(default)]
    pub(crate) after: u64,
}

/// The ack of `join`; what was missed came before it, as `said`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Joined {
    pub(crate) members: Vec<Member>,
}

/// Somebody in the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Cut off, and expected back.
    pub(crate) away: bool,
}

/// `say`, from a client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Say {
    pub(crate) text: String,
}

/// The ack of `say`: the line's place among all lines.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) id: u64,
}

/// `said`, to everybody else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) id: u64,
    pub(crate) from: String,
    pub(crate) text: String,
}

/// `joined`, `left` and `typing`, to everybody else.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Who {
    pub(crate) name: String,
}
