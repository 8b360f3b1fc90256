//! Namespaces that come and go: all those whose names fit a pattern.

use std::fmt;
use std::ops::Deref;

use dashmap::DashMap;
use trunkline_driver::sync::{Arc, AtomicU64, AtomicUsize, Ordering, RwLock};
use trunkline_protocol::NamespaceName;

use crate::extract::PatternParams;
use crate::namespace::NamespaceInner;
use crate::routes::Routes;
use crate::{Failure, Namespace};

/// How many namespaces of one pattern may exist at a time, unless [`Namespaces::limit`] says
/// otherwise.
pub const NAMESPACES_MAX: usize = 10_000;

/// The namespaces whose names fit a pattern, such as `/org/{id}`; see
/// [`Server::namespaces`](crate::Server::namespaces).
///
/// Handlers and hooks are registered here, once for all of them: see [`Routes`]. A namespace comes
/// into being with the first socket that the hooks let in, and is gone when its last one has left and
/// its `on_disconnect` is done; until then a [`Namespace`] handle leads to it. Handlers read the
/// pattern's parts with [`Params`](crate::Params).
///
/// A cheap handle; all clones are the same.
#[derive(Clone)]
pub struct Namespaces(Arc<Pattern>);

pub(crate) struct Pattern {
    pattern: Box<str>,
    routes: Arc<Routes>,
    /// Also those that exist for nobody yet, since the hooks of their first sockets are under way:
    /// at most one for each CONNECT that is pending.
    claimed: DashMap<NamespaceName, Claimed>,
    existing: AtomicUsize,
    limit: AtomicUsize,
    refused: AtomicU64,
}

struct Claimed {
    namespace: Arc<NamespaceInner>,
    /// Sockets that hold it: connected, on their way in, or saying farewell.
    holders: usize,
    /// Those of them that were let in. It exists while there are any.
    inhabitants: usize,
}

/// What a namespace of a pattern is to its pattern.
pub(crate) struct Concrete {
    pattern: Arc<Pattern>,
    params: PatternParams,
}

impl Namespaces {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(Arc::new(Pattern {
            pattern: pattern.into(),
            routes: Routes::new(pattern),
            claimed: DashMap::new(),
            existing: AtomicUsize::new(0),
            limit: AtomicUsize::new(NAMESPACES_MAX),
            refused: AtomicU64::new(0),
        }))
    }

    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// How many of them may exist at a time. Default [`NAMESPACES_MAX`], 10,000. A CONNECT that would
    /// make one more is refused with `namespace-limit`, and counted.
    ///
    /// Worst case: about 2 KiB for each, besides its sockets and rooms.
    pub fn limit(&self, namespaces: usize) -> &Self {
        self.0.limit.store(namespaces, Ordering::Relaxed);
        self
    }

    /// The namespace of this name, if it exists.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Namespace> {
        let claimed = self.0.claimed.get(name)?;
        let exists = claimed.inhabitants > 0;
        exists.then(|| Namespace::new(Arc::clone(&claimed.namespace)))
    }

    /// All that exist, in no particular order.
    #[must_use]
    pub fn all(&self) -> Vec<Namespace> {
        let existing = self
            .0
            .claimed
            .iter()
            .filter(|claimed| claimed.inhabitants > 0);
        existing
            .map(|claimed| Namespace::new(Arc::clone(&claimed.namespace)))
            .collect()
    }

    /// How many exist.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.existing.load(Ordering::Relaxed)
    }

    /// CONNECTs refused so far since as many existed as the [`limit`](Self::limit) allows.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

impl Deref for Namespaces {
    type Target = Routes;

    fn deref(&self) -> &Routes {
        &self.0.routes
    }
}

impl fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespaces")
            .field("pattern", &self.pattern())
            .field("count", &self.count())
            .field("claimed", &self.0.claimed.len())
            .finish_non_exhaustive()
    }
}

impl Pattern {
    /// Holds the namespace of this name for a socket on its way in. Each is to be
    /// [let go](Concrete::let_go) once. Whether there is a place for it is asked when the hooks have
    /// let it in: a refusal ahead of them would tell strangers which names exist.
    fn hold(self: &Arc<Self>, name: &NamespaceName, params: PatternParams) -> Arc<NamespaceInner> {
        let mut claimed = self.claimed.entry(name.clone()).or_insert_with(|| {
            let concrete = Concrete {
                pattern: Arc::clone(self),
                params,
            };
            let routes = Arc::clone(&self.routes);
            Claimed {
                namespace: NamespaceInner::of_pattern(name.clone(), routes, concrete),
                holders: 0,
                inhabitants: 0,
            }
        });
        claimed.holders += 1;
        Arc::clone(&claimed.namespace)
    }

    /// Takes a place for one more, if there is one.
    fn take_place(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let one_more = |existing| (existing < limit).then_some(existing + 1);
        let taken = self
            .existing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok();
        if !taken {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

impl Concrete {
    pub(crate) const fn params(&self) -> &PatternParams {
        &self.params
    }

    /// The hooks let a socket in: the namespace exists from now on.
    ///
    /// # Errors
    /// It would be one too many.
    pub(crate) fn let_in(&self, name: &str) -> Result<(), Failure> {
        // The socket holds it, so it is there.
        let Some(mut claimed) = self.pattern.claimed.get_mut(name) else {
            return Ok(());
        };
        if claimed.inhabitants == 0 && !self.pattern.take_place() {
            return Err(Failure::namespace_limit());
        }
        claimed.inhabitants += 1;
        Ok(())
    }

    /// A socket is gone: with the last one, the namespace is.
    pub(crate) fn let_go(&self, name: &str, was_in: bool) {
        let pattern = &*self.pattern;
        let removed = pattern.claimed.remove_if_mut(name, |_, claimed| {
            claimed.holders -= 1;
            if was_in {
                claimed.inhabitants -= 1;
                if claimed.inhabitants == 0 {
                    pattern.existing.fetch_sub(1, Ordering::Relaxed);
                }
            }
            claimed.holders == 0
        });
        // Outside the map's lock.
        drop(removed);
    }
}

/// The patterns of a server.
#[derive(Default)]
pub(crate) struct Patterns(RwLock<Registered>);

#[derive(Default)]
struct Registered {
    /// Gives a pattern's place in the list.
    router: matchit::Router<usize>,
    list: Vec<Namespaces>,
}

/// A namespace of a pattern that a CONNECT asks for.
pub(crate) struct Match {
    pattern: Arc<Pattern>,
    params: PatternParams,
}

impl Patterns {
    /// The namespaces of this pattern.
    ///
    /// # Errors
    /// The pattern is malformed, or conflicts with another: says how.
    pub(crate) fn register(&self, pattern: &str) -> Result<Namespaces, String> {
        if !pattern.starts_with('/') {
            return Err("a pattern starts with \"/\"".to_owned());
        }
        let registered = &mut *self.0.write();
        let known = registered.list.iter().find(|it| it.pattern() == pattern);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let place = registered.list.len();
        let inserted = registered.router.insert(pattern, place);
        inserted.map_err(|error| error.to_string())?;
        let namespaces = Namespaces::new(pattern);
        registered.list.push(namespaces.clone());
        Ok(namespaces)
    }

    /// The pattern that a name fits, with what stands for its parts there.
    pub(crate) fn find(&self, name: &str) -> Option<Match> {
        let registered = self.0.read();
        let found = registered.router.at(name).ok()?;
        Some(Match {
            pattern: Arc::clone(&registered.list.get(*found.value)?.0),
            params: PatternParams::new(found.params.iter()),
        })
    }

    /// How many namespaces exist, and how many CONNECTs were refused for their number.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let registered = self.0.read();
        let counts = registered.list.iter().map(|it| (it.count(), it.refused()));
        counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
    }
}

impl Match {
    /// Holds the namespace for a socket on its way in.
    pub(crate) fn hold(self, name: &NamespaceName) -> Arc<NamespaceInner> {
        self.pattern.hold(name, self.params)
    }
}
