//! One namespace as the client keeps it: its handlers and streams, and what can be watched of it.

use std::collections::HashMap;
use std::fmt;

use tokio::sync::watch;
use trunkline_driver::sync::{Arc, AtomicBool, Mutex, Ordering};
use trunkline_protocol::{EventName, NamespaceName};

use crate::handler::AnyHandler;
use crate::inbox::{Inbox, Incoming};
use crate::lost::Hook;
use crate::shared::Shared;
use crate::stream::Waiting;
use crate::{Socket, SocketState};

/// What all handles of a socket share.
pub(crate) struct Namespace {
    pub(crate) name: NamespaceName,
    pub(crate) state: watch::Sender<SocketState>,
    pub(crate) inbox: Inbox,
    routes: Mutex<Routes>,
    pub(crate) on_reattach: Mutex<Option<Hook<Socket>>>,
}

/// Handlers by event. Bounded by what the application registers.
#[derive(Default)]
struct Routes {
    named: HashMap<EventName, Arc<Route>>,
    fallback: Option<Arc<Route>>,
    any: Option<Arc<Route>>,
}

/// Which events are subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Those of one name.
    Named(EventName),
    /// Those that nobody else takes.
    Fallback,
    /// All, beside whoever takes them.
    Any,
}

impl fmt::Display for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(event) => f.write_str(event),
            Self::Fallback => f.write_str("what nobody else handles"),
            Self::Any => f.write_str("every event"),
        }
    }
}

/// Who takes a best-effort event.
pub(crate) enum Claim {
    /// This one, now.
    Taken(Arc<Route>),
    /// Nobody: who would is busy.
    Busy,
    /// Nobody at any time.
    Nobody,
}

/// Who takes an event, until it is cancelled.
pub(crate) struct Route {
    pub(crate) taker: Taker,
    /// It takes one event alone.
    once: bool,
    cancelled: AtomicBool,
}

/// Who takes an event.
pub(crate) enum Taker {
    /// It is called, one event at a time.
    Handler(AnyHandler),
    /// It is read, when the application likes to.
    Stream(Arc<Waiting>),
}

impl Route {
    /// Whether the subscription was cancelled since the event came.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Namespace {
    pub(crate) fn new(name: NamespaceName) -> Self {
        Self {
            name,
            state: watch::Sender::new(SocketState::Idle),
            inbox: Inbox::default(),
            routes: Mutex::default(),
            on_reattach: Mutex::default(),
        }
    }

    /// Registers a handler or stream, for the next event alone if it is `once`.
    ///
    /// # Panics
    /// If there is one already.
    pub(crate) fn subscribe(&self, interest: &Interest, taker: Taker, once: bool) -> Arc<Route> {
        let route = Arc::new(Route {
            taker,
            once,
            cancelled: AtomicBool::new(false),
        });
        let mut routes = self.routes.lock();
        let free = match interest {
            Interest::Named(event) => !routes.named.contains_key(event),
            Interest::Fallback => routes.fallback.is_none(),
            Interest::Any => routes.any.is_none(),
        };
        if free {
            let route = Arc::clone(&route);
            match interest {
                Interest::Named(event) => drop(routes.named.insert(event.clone(), route)),
                Interest::Fallback => routes.fallback = Some(route),
                Interest::Any => routes.any = Some(route),
            }
        }
        drop(routes);
        assert!(
            free,
            "{interest} in {} has a handler already; cancel its subscription, or drop its stream, first",
            self.name
        );
        route
    }

    /// Takes a handler out, unless another one has its place meanwhile.
    pub(crate) fn cancel(&self, interest: &Interest, route: &Arc<Route>) {
        route.cancelled.store(true, Ordering::Relaxed);
        let mut routes = self.routes.lock();
        // The handler may hold handles, whose last one takes locks when it is dropped.
        let Routes {
            named,
            fallback,
            any,
        } = &mut *routes;
        let removed = match interest {
            Interest::Named(event) if is_same(named.get(event), route) => named.remove(event),
            Interest::Fallback if is_same(fallback.as_ref(), route) => fallback.take(),
            Interest::Any if is_same(any.as_ref(), route) => any.take(),
            _ => None,
        };
        drop(routes);
        drop(removed);
    }

    /// Lets go of everything the application gave, and ends its streams.
    pub(crate) fn clear(&self, shared: &Shared) {
        let routes = std::mem::take(&mut *self.routes.lock());
        let hook = self.on_reattach.lock().take();
        for route in routes.named.values().chain(&routes.fallback) {
            if let Taker::Stream(waiting) = &route.taker {
                let dropped = waiting.end();
                dropped
                    .iter()
                    .for_each(|event| shared.handled(event.done()));
            }
        }
        drop((routes, hook));
    }

    /// Who sees every event.
    pub(crate) fn any(&self) -> Option<Arc<Route>> {
        self.routes.lock().any.clone()
    }

    /// Who takes this event; it counts as taken.
    pub(crate) fn claim(&self, event: &str) -> Option<Arc<Route>> {
        match self.claim_if(event, |_| true) {
            Claim::Taken(route) => Some(route),
            Claim::Busy | Claim::Nobody => None,
        }
    }

    /// As [`claim`](Self::claim), of a best-effort event: unless it would have to wait, and may not.
    pub(crate) fn claim_best_effort(&self, incoming: &Incoming) -> Claim {
        self.claim_if(&incoming.event, |route| match &route.taker {
            Taker::Handler(_) => self.inbox.has_room_for(incoming, Some(route)),
            Taker::Stream(waiting) => waiting.is_empty(),
        })
    }

    fn claim_if(&self, event: &str, wanted: impl FnOnce(&Arc<Route>) -> bool) -> Claim {
        let mut routes = self.routes.lock();
        let named = routes.named.get(event);
        let is_named = named.is_some();
        let Some(route) = named.or(routes.fallback.as_ref()) else {
            return Claim::Nobody;
        };
        if !wanted(route) {
            return Claim::Busy;
        }
        let route = Arc::clone(route);
        if route.once {
            // Both are the one that was found: what is dropped here is not its last holder.
            match is_named {
                true => drop(routes.named.remove(event)),
                false => drop(routes.fallback.take()),
            }
        }
        Claim::Taken(route)
    }
}

fn is_same(found: Option<&Arc<Route>>, route: &Arc<Route>) -> bool {
    found.is_some_and(|found| Arc::ptr_eq(found, route))
}
