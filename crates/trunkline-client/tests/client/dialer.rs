//! What dials a server that a test plays by hand.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use trunkline_protocol::Encoding;
use trunkline_transport::memory::{self, Link};
use trunkline_transport::{Connection, DialError, DialRequest, Dialer, TransportKind};

/// The largest datagram of connections that have any.
pub(crate) const DATAGRAM: usize = 1_200;

/// What the next dials come to; all others connect.
#[derive(Clone, Debug)]
pub(crate) enum Dial {
    Connect,
    /// Connects after a while.
    After(Duration),
    Fail(DialError),
    /// Never anything.
    Hang,
}

pub(crate) struct TestDialer {
    pub(crate) kind: TransportKind,
    pub(crate) peers: mpsc::UnboundedSender<(Connection, Link, DialRequest)>,
    pub(crate) plan: Mutex<VecDeque<Dial>>,
    pub(crate) dials: Mutex<Vec<Instant>>,
    pub(crate) encoding: Encoding,
}

#[async_trait]
impl Dialer for TestDialer {
    fn transport(&self) -> TransportKind {
        self.kind
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        self.dials.lock().unwrap().push(Instant::now());
        let plan = self.plan.lock().unwrap().pop_front();
        let plan = plan.unwrap_or(Dial::Connect);
        if let Dial::After(wait) = plan {
            // tidy: allow sleep: it is the dial that takes so long, in virtual time.
            sleep(wait).await;
        }
        match plan {
            Dial::Connect | Dial::After(_) => {
                let (mut near, mut far, link) = memory::pair(memory::Config {
                    protocol: self.encoding.subprotocol().into(),
                    max_datagram: (self.kind == TransportKind::WebTransport).then_some(DATAGRAM),
                    ..memory::Config::default()
                });
                near.transport = self.kind;
                far.transport = self.kind;
                // A script that is over takes no more connections.
                let _ = self.peers.send((far, link, request.clone()));
                Ok(near)
            }
            Dial::Fail(error) => Err(error),
            Dial::Hang => std::future::pending().await,
        }
    }
}

impl TestDialer {
    pub(crate) fn plan(&self, dials: impl IntoIterator<Item = Dial>) {
        self.plan.lock().unwrap().extend(dials);
    }

    /// How many dials there were.
    pub(crate) fn dials(&self) -> usize {
        self.dials.lock().unwrap().len()
    }

    /// When the dials were, relative to `since`, in ms.
    pub(crate) fn dials_ms(&self, since: Instant) -> Vec<u128> {
        let dials = self.dials.lock().unwrap();
        let times = dials.iter().map(|at| (*at - since).as_millis());
        times.collect()
    }
}
