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

    /// Whether this version is above the last one taken. Asking is a use.
    pub(crate) fn is_news(&mut self, topic: &str, version: u64) -> bool {
        self.uses += 1;
        let Some(seen) = self.seen.get_mut(topic) else {
            return true;
        };
        if let Some(topic) = self.by_use.remove(&seen.used) {
            self.by_use.insert(self.uses, topic);
        }
        seen.used = self.uses;
        version > seen.version
    }

    /// Makes a version that is news the last one taken.
    pub(crate) fn take(&mut self, topic: String, version: u64) {
        if let Some(seen) = self.seen.get_mut(&*topic) {
            seen.version = version;
            return;
        }
        if self.seen.len() >= self.limit
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.seen.remove(&oldest);
        }
        self.uses += 1;
        let (topic, used) = (Arc::<str>::from(topic), self.uses);
        self.by_use.insert(used, Arc::clone(&topic));
        self.seen.insert(topic, Seen { version, used });
    }
}

/// One text for the three names, in which no other three can be read: lengths come first.
pub(crate) fn topic(namespace: &str, event: &str, key: &str) -> String {
    format!(
        "{},{},{namespace}{event}{key}",
        namespace.len(),
        event.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it was news, which is taken then.
    fn arrives(versions: &mut Versions, names: [&str; 3], version: u64) -> bool {
        let topic = topic(names[0], names[1], names[2]);
        let news = versions.is_news(&topic, version);
        if news {
            versions.take(topic, version);
        }
        news
    }

    #[test]
    fn only_a_higher_version_of_the_same_key_is_news() {
        let mut versions = Versions::new(9);
        assert!(arrives(&mut versions, ["/", "moved", "a"], 5));
        assert!(!arrives(&mut versions, ["/", "moved", "a"], 5));
        assert!(!arrives(&mut versions, ["/", "moved", "a"], 4));
        assert!(arrives(&mut versions, ["/", "moved", "b"], 4));
        assert!(arrives(&mut versions, ["/x", "moved", "a"], 1));
        assert!(
            arrives(&mut versions, ["/", "moveda", ""], 1),
            "another event"
        );
        assert!(arrives(&mut versions, ["/", "moved", "a"], 6));
    }

    #[test]
    fn the_table_is_bounded_and_the_entry_used_longest_ago_goes() {
        let mut versions = Versions::new(2);
        assert!(arrives(&mut versions, ["/", "moved", "a"], 9));
        assert!(arrives(&mut versions, ["/", "moved", "b"], 9));
        assert!(
            !arrives(&mut versions, ["/", "moved", "a"], 8),
            "stale, but a use"
        );
        assert!(arrives(&mut versions, ["/", "moved", "c"], 9));
        assert_eq!((versions.seen.len(), versions.by_use.len()), (2, 2));
        assert!(
            !arrives(&mut versions, ["/", "moved", "a"], 1),
            "still known"
        );
        assert!(arrives(&mut versions, ["/", "moved", "b"], 1), "forgotten");
    }

    #[test]
    fn a_version_that_was_not_taken_leaves_the_table_as_it_was() {
        let mut versions = Versions::new(2);
        assert!(versions.is_news("a", 9));
        assert!(versions.is_news("a", 5));
        versions.take("a".to_owned(), 5);
        assert!(versions.is_news("a", 9));
        assert!(versions.is_news("a", 6));
        assert!(!versions.is_news("a", 5));
    }
}
