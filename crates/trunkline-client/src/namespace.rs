//! One namespace as the client keeps it: its handlers and what can be watched of it.

use std::collections::HashMap;

use tokio::sync::watch;
use trunkline_driver::sync::{Arc, AtomicBool, Mutex, Ordering};
use trunkline_protocol::{EventName, NamespaceName};

use crate::handler::AnyHandler;
use crate::inbox::Inbox;
use crate::lost::Hook;
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
    any: Option<Arc<Route>>,
}

/// A handler, until it is cancelled.
pub(crate) struct Route {
    pub(crate) handler: AnyHandler,
    cancelled: AtomicBool,
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

    /// Registers a handler, for all events without one of their own if there is no name.
    ///
    /// # Panics
    /// If there is one already.
    pub(crate) fn subscribe(&self, event: Option<&EventName>, handler: AnyHandler) -> Arc<Route> {
        let cancelled = AtomicBool::new(false);
        let route = Arc::new(Route { handler, cancelled });
        let mut routes = self.routes.lock();
        let free = match event {
            Some(event) => !routes.named.contains_key(event),
            None => routes.any.is_none(),
        };
        if free {
            match event {
                Some(event) => drop(routes.named.insert(event.clone(), Arc::clone(&route))),
                None => routes.any = Some(Arc::clone(&route)),
            }
        }
        drop(routes);
        let shown = event.map_or("every event", |event| event);
        assert!(
            free,
            "{shown} in {} has a handler already; cancel its subscription first",
            self.name
        );
        route
    }

    /// Takes a handler out, unless another one has its place meanwhile.
    pub(crate) fn cancel(&self, event: Option<&EventName>, route: &Arc<Route>) {
        route.cancelled.store(true, Ordering::Relaxed);
        let mut routes = self.routes.lock();
        // The handler may hold handles, whose last one takes locks when it is dropped.
        let removed = match event {
            Some(event) if is_same(routes.named.get(event), route) => routes.named.remove(event),
            None if is_same(routes.any.as_ref(), route) => routes.any.take(),
            _ => None,
        };
        drop(routes);
        drop(removed);
    }

    /// Lets go of everything the application gave.
    pub(crate) fn clear(&self) {
        let routes = std::mem::take(&mut *self.routes.lock());
        let hook = self.on_reattach.lock().take();
        drop((routes, hook));
    }

    /// The handler for an event.
    pub(crate) fn route(&self, event: &str) -> Option<Arc<Route>> {
        let routes = self.routes.lock();
        routes
            .named
            .get(event)
            .or(routes.any.as_ref())
            .map(Arc::clone)
    }
}

fn is_same(found: Option<&Arc<Route>>, route: &Arc<Route>) -> bool {
    found.is_some_and(|found| Arc::ptr_eq(found, route))
}
