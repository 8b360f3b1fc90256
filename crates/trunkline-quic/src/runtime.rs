//! What quinn runs on at a server: tokio, with a task for each connection that the connection's own joins.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, TokioRuntime};
use trunkline_transport::Home;

use crate::joined::{Joined, Waiting};
use crate::socket::Socket;
use crate::sync::Arc;
use crate::wire::BoxFuture;

/// tokio, as quinn wants it for an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Runtime {
    waiting: Waiting,
}

impl quinn::Runtime for Runtime {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(deadline)
    }

    /// Called for an endpoint, and for each connection that it accepts, in the task that does so.
    fn spawn(&self, driver: BoxFuture<()>) {
        if HOME.try_with(|_| ()).is_err() {
            tokio::spawn(driver);
            return;
        }
        let (joined, home) = Joined::new(driver, Arc::clone(&self.waiting));
        tokio::spawn(joined);
        HOME.with(|slot| slot.set(Some(home)));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Socket::new(socket)?))
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

tokio::task_local! {
    /// The home of the connection that is accepted here.
    static HOME: Cell<Option<Home>>;
}

/// What comes of `accepting`, and the home of the connection that it accepted.
pub(crate) async fn with_home<T>(accepting: impl Future<Output = T>) -> (T, Option<Home>) {
    let accepted = async {
        let outcome = accepting.await;
        (outcome, HOME.with(Cell::take))
    };
    HOME.scope(Cell::new(None), accepted).await
}
