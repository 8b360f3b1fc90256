//! Which LATEST frames are stale.

use std::collections::{HashMap, VecDeque};

/// The last versions seen on the present connection, per namespace, event and key.
///
/// Bounded: the entry that was made first goes first. Specification: best-effort.md, BEF-007.
#[derive(Debug)]
pub(crate) struct Versions {
    seen: HashMap<Topic, u64>,
    order: VecDeque<Topic>,
    limit: usize,
}

type Topic = (Box<str>, Box<str>, Box<str>);

impl Versions {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            seen: HashMap::new(),
            order: VecDeque::new(),
            limit,
        }
    }

    /// Whether this version is news; then it is the last one seen.
    pub(crate) fn take(&mut self, namespace: &str, event: &str, key: &str, version: u64) -> bool {
        let topic: Topic = (namespace.into(), event.into(), key.into());
        if let Some(seen) = self.seen.get_mut(&topic) {
            let news = version > *seen;
            *seen = version.max(*seen);
            return news;
        }
        if self.order.len() >= self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(topic.clone());
        self.seen.insert(topic, version);
        true
    }

    /// Another connection begins anywhere.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_higher_version_of_the_same_key_is_news() {
        let mut versions = Versions::new(9);
        assert!(versions.take("/", "moved", "a", 5));
        assert!(!versions.take("/", "moved", "a", 5));
        assert!(!versions.take("/", "moved", "a", 4));
        assert!(versions.take("/", "moved", "b", 4));
        assert!(versions.take("/x", "moved", "a", 1));
        assert!(versions.take("/", "moved", "a", 6));
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_entry_goes() {
        let mut versions = Versions::new(2);
        for key in ["a", "b", "c"] {
            assert!(versions.take("/", "moved", key, 9));
        }
        assert_eq!((versions.seen.len(), versions.order.len()), (2, 2));
        assert!(versions.take("/", "moved", "a", 1), "forgotten");
        assert!(!versions.take("/", "moved", "c", 1), "still known");
    }
}
