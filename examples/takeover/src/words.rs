//! What the clients and the servers say to each other.

use serde::{Deserialize, Serialize};

/// `say`, from a client: a number for another one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Say {
    pub(crate) to: u32,
    pub(crate) number: u32,
}

/// The ack of `say`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It was emitted to the other one.
    Relayed,
    /// The other one is not on this server.
    Absent,
}

/// `heard`, to the other one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) number: u32,
}
