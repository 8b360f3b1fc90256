//! Pending acks: who waits for which answer.

use std::collections::BTreeMap;

use crate::{AckId, NamespaceName};

/// The events of one session that asked for an ack and have no answer yet.
///
/// `W` is whatever waits; each is given out exactly once. Specification: acks.md.
#[derive(Debug)]
pub struct AckTable<W> {
    pending: BTreeMap<AckId, Pending<W>>,
    limit: usize,
    ignored: u64,
}

#[derive(Debug)]
struct Pending<W> {
    namespace: NamespaceName,
    waiter: W,
}

/// The table holds as many pending acks as `limits.pending_acks` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} acks are pending, which is the limit")]
pub struct TooManyAcks {
    /// `limits.pending_acks`.
    pub limit: usize,
}

impl<W> AckTable<W> {
    /// An empty table for at most `limit` pending acks.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            pending: BTreeMap::new(),
            limit,
            ignored: 0,
        }
    }

    /// Registers who waits for `ack_id`, before the event is pushed.
    ///
    /// # Errors
    /// The table is full; the waiter is handed back.
    pub fn insert(
        &mut self,
        ack_id: AckId,
        namespace: NamespaceName,
        waiter: W,
    ) -> Result<(), (TooManyAcks, W)> {
        if self.pending.len() >= self.limit {
            return Err((TooManyAcks { limit: self.limit }, waiter));
        }
        self.pending.insert(ack_id, Pending { namespace, waiter });
        Ok(())
    }

    /// Takes the waiter that an answer is for. An answer that nobody asked for in this namespace, or
    /// a second one, gives nothing and is counted.
    pub fn answer(&mut self, ack_id: AckId, namespace: &str) -> Option<W> {
        let asked = self
            .pending
            .get(&ack_id)
            .is_some_and(|p| p.namespace.as_str() == namespace);
        if !asked {
            self.ignored += 1;
            return None;
        }
        self.pending.remove(&ack_id).map(|pending| pending.waiter)
    }

    /// Forgets one that nobody waits for any longer, such as after its time-out.
    pub fn forget(&mut self, ack_id: AckId) -> Option<W> {
        self.pending.remove(&ack_id).map(|pending| pending.waiter)
    }

    /// Takes all that wait for an answer from a namespace that was left.
    pub fn leave(&mut self, namespace: &str) -> Vec<W> {
        let left = self
            .pending
            .extract_if(.., |_, p| p.namespace.as_str() == namespace);
        left.map(|(_, pending)| pending.waiter).collect()
    }

    /// Takes all that wait: the session is over.
    pub fn drain(&mut self) -> Vec<W> {
        std::mem::take(&mut self.pending)
            .into_values()
            .map(|pending| pending.waiter)
            .collect()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Answers that nobody asked for, or that came twice.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack_id(number: u64) -> AckId {
        AckId::new(number).unwrap()
    }

    fn namespace(name: &str) -> NamespaceName {
        NamespaceName::try_from(name).unwrap()
    }

    #[test]
    fn an_answer_counts_once_and_only_in_its_namespace() {
        let mut acks = AckTable::new(2);
        acks.insert(ack_id(7), namespace("/a"), "waiter").unwrap();
        assert_eq!(acks.answer(ack_id(7), "/b"), None);
        assert_eq!(acks.answer(ack_id(8), "/a"), None);
        assert_eq!(acks.answer(ack_id(7), "/a"), Some("waiter"));
        assert_eq!(acks.answer(ack_id(7), "/a"), None);
        assert_eq!(acks.ignored(), 3);
    }

    #[test]
    fn a_full_table_hands_the_waiter_back() {
        let mut acks = AckTable::new(1);
        acks.insert(ack_id(1), NamespaceName::root(), 1).unwrap();
        let refused = acks.insert(ack_id(2), NamespaceName::root(), 2);
        assert_eq!(refused, Err((TooManyAcks { limit: 1 }, 2)));
    }

    #[test]
    fn leaving_a_namespace_settles_only_its_acks() {
        let mut acks = AckTable::new(9);
        acks.insert(ack_id(1), namespace("/a"), 1).unwrap();
        acks.insert(ack_id(2), namespace("/b"), 2).unwrap();
        assert_eq!(acks.leave("/a"), [1]);
        assert_eq!(acks.drain(), [2]);
        assert!(acks.is_empty());
    }
}
