//! The two encodings of a frame, and the version they belong to.

/// How a connection writes its frames. Negotiated with the connection, fixed for the session's life.
///
/// Specification: encoding.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// MessagePack in binary messages: the default.
    MessagePack,
    /// JSON in text messages, for people and tools.
    Json,
}

impl Encoding {
    /// Every encoding this side speaks, the preferred one first.
    pub const ALL: [Self; 2] = [Self::MessagePack, Self::Json];

    /// The name that carries major version and encoding: the WebSocket subprotocol.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::MessagePack => "trunkline.v1.msgpack",
            Self::Json => "trunkline.v1.json",
        }
    }

    /// The encoding of a negotiated name, or `None` if the name is not one of ours.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|encoding| encoding.subprotocol() == name)
    }
}

/// The major version of the protocol, as HELLO and WELCOME repeat it.
pub const VERSION: u64 = 1;

/// The largest protocol integer: 2^53-1, so that every language holds it exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subprotocol_names_are_read_back() {
        for encoding in Encoding::ALL {
            assert_eq!(
                Encoding::from_subprotocol(encoding.subprotocol()),
                Some(encoding)
            );
        }
        assert_eq!(Encoding::from_subprotocol("trunkline.v2.json"), None);
        assert_eq!(Encoding::from_subprotocol(""), None);
    }
}
