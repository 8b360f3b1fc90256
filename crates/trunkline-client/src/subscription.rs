//! A registered handler.

use std::fmt;

use trunkline_driver::sync::Arc;

use crate::namespace::{Interest, Namespace, Route};

/// A handler's registration.
///
/// Dropping it changes nothing: the handler stays for the client's life. It does not keep the
/// client alive.
pub struct Subscription {
    namespace: Arc<Namespace>,
    interest: Interest,
    route: Arc<Route>,
}

impl Subscription {
    pub(crate) const fn new(
        namespace: Arc<Namespace>,
        interest: Interest,
        route: Arc<Route>,
    ) -> Self {
        Self {
            namespace,
            interest,
            route,
        }
    }

    /// Takes the handler away: it is not called any more, not for events that wait either. A call
    /// under way goes on.
    pub fn cancel(self) {
        self.namespace.cancel(&self.interest, &self.route);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({} {})", self.namespace.name, self.interest)
    }
}
