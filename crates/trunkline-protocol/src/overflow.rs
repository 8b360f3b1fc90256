//! What becomes of events that a slow peer does not take.

/// What happens when more waits for a peer than `limits.queue`.
///
/// It acts on frames that have no number yet, so that what was numbered still arrives exactly once
/// and in order. Events that ask for an ack are never dropped: somebody waits for their answer.
///
/// Specification: session.md, SES-027.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The peer's connection is closed as a slow consumer's. Its session stays and can be resumed:
    /// nothing is lost, unless twice the limit is reached.
    #[default]
    Disconnect,
    /// The events that have waited longest are dropped, as many as it takes. Events of this kind are
    /// **not exactly-once**.
    DropOldest,
    /// Of each event name only the newest is kept. Events of this kind are **not exactly-once**.
    Latest,
}
