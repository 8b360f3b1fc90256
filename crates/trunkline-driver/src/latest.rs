//! Which LATEST frames are stale.

use std::collections::{BTreeMap, HashMap};

use crate::sync::Arc;

/// The last versions seen on one connection, per namespace, event and key.
///
/// Bounded: the entry that was used longest ago goes first. Takes no memory while unused.
/// Specification: best-effort.md, BEF-007 and BEF-009.
#[derive(Debug)]
pub(crate) struct Versions {
    seen: HashMap<Arc<str>, Seen>,
    /// When each was used last, as a count of uses.
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
    limit: usize,
}

#[derive(Debug)]
struct Seen {
    version: u64,
    used: u64,
}

impl Versions {
    /// A table of at most `limit` keys.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            seen: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            limit,
        }
    }

    /// Whether this version is news; then it is the last one seen.
    pub(crate) fn take(&mut self, namespace: &str, event: &str, key: &str, version: u64) -> bool {
        let topic = topic(namespace, event, key);
        self.uses += 1;
        if let Some(seen) = self.seen.get_mut(&*topic) {
            let news = version > seen.version;
            seen.version = version.max(seen.version);
            if let Some(topic) = self.by_use.remove(&seen.used) {
                self.by_use.insert(self.uses, topic);
            }
            seen.used = self.uses;
            return news;
        }
        if self.seen.len() >= self.limit
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.seen.remove(&oldest);
        }
        let (topic, used) = (Arc::<str>::from(topic), self.uses);
        self.by_use.insert(used, Arc::clone(&topic));
        self.seen.insert(topic, Seen { version, used });
        true
    }
}

/// One text for the three names, in which no other three can be read: lengths come first.
fn topic(namespace: &str, event: &str, key: &str) -> String {
    format!(
        "{},{},{namespace}{event}{key}",
        namespace.len(),
        event.len()
    )
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
        assert!(versions.take("/", "moveda", "", 1), "another event");
        assert!(versions.take("/", "moved", "a", 6));
    }

    #[test]
    fn the_table_is_bounded_and_the_entry_used_longest_ago_goes() {
        let mut versions = Versions::new(2);
        assert!(versions.take("/", "moved", "a", 9));
        assert!(versions.take("/", "moved", "b", 9));
        assert!(!versions.take("/", "moved", "a", 8), "stale, but a use");
        assert!(versions.take("/", "moved", "c", 9));
        assert_eq!((versions.seen.len(), versions.by_use.len()), (2, 2));
        assert!(!versions.take("/", "moved", "a", 1), "still known");
        assert!(versions.take("/", "moved", "b", 1), "forgotten");
    }
}
