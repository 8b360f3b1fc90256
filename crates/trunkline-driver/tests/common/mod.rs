//! Two sessions joined by a link that tests hold in their hands.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Context;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trunkline_driver::{Attach, BestEffort, BestEffortFrame, Dispatch, Ended, Session, clock};
use trunkline_protocol::{
    Encoding, EventName, Key, Limits, NamespaceName, Payload, Prepared, Role, Sequenced,
};
use trunkline_testkit::{Gate, gated};
use trunkline_transport::memory;

pub(crate) const INTERVAL: Duration = Duration::from_secs(25);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// A session and what has arrived in it.
pub(crate) struct Side {
    pub(crate) session: Arc<Session>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) events: mpsc::UnboundedReceiver<String>,
    attach: u64,
}

/// Notes the names of events, and echoes those that begin with "echo".
pub(crate) struct Inbox {
    arrived: mpsc::UnboundedSender<String>,
}

impl Dispatch for Inbox {
    fn sequenced(
        &self,
        session: &Arc<Session>,
        _seq: u64,
        frame: Sequenced<'_>,
        _cx: &mut Context<'_>,
    ) {
        if let Sequenced::Event { event, .. } = frame {
            if let Some(name) = event.strip_prefix("echo") {
                session.push(self::event(name)).unwrap();
            }
            // A test that no longer looks is no error.
            let _ = self.arrived.send(event.into_owned());
        }
    }

    fn best_effort(
        &self,
        _session: &Arc<Session>,
        frame: BestEffort<'_>,
        _cx: &mut Context<'_>,
    ) -> bool {
        let arrived = match frame.latest {
            Some((key, version)) => format!("latest {key} {version}"),
            None => format!("best-effort {}", frame.event),
        };
        let _ = self.arrived.send(arrived);
        true
    }
}

impl Side {
    pub(crate) fn new(role: Role, limits: Limits) -> Self {
        let (arrived, events) = mpsc::unbounded_channel();
        let session = Session::new(role, Encoding::MessagePack, &limits, &limits);
        let inbox = Arc::new(Inbox { arrived });
        Self {
            session: Arc::new(session),
            inbox,
            events,
            attach: 0,
        }
    }

    /// The same side, before its first connection, as one that sends frames without a meaning.
    pub(crate) fn sending_ignorable(self) -> Self {
        let session = Arc::into_inner(self.session).unwrap();
        Self {
            session: Arc::new(session.sending_ignorable(true)),
            ..self
        }
    }

    pub(crate) async fn next(&mut self) -> String {
        self.events.recv().await.unwrap()
    }

    pub(crate) async fn expect(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            assert_eq!(self.next().await, name);
        }
    }

    /// Attaches a connection whose peer has received this much.
    pub(crate) fn attach(
        &mut self,
        connection: trunkline_transport::Connection,
        received: u64,
    ) -> JoinHandle<Ended> {
        let attach = Attach {
            connection,
            attach: self.attach,
            received,
            heartbeat: (INTERVAL, TIMEOUT),
        };
        self.attach += 1;
        let dispatch = Arc::clone(&self.inbox) as Arc<dyn Dispatch>;
        let driver = self
            .session
            .attach(attach, dispatch, clock::now(), |_| None)
            .unwrap();
        tokio::spawn(driver)
    }
}

/// A connection between two sides.
pub(crate) struct Joined {
    pub(crate) link: memory::Link,
    pub(crate) client_gate: Gate,
    pub(crate) server_gate: Gate,
    pub(crate) client: JoinHandle<Ended>,
    pub(crate) server: JoinHandle<Ended>,
}

/// Connects both sides, as after a handshake that told each what the other has received.
pub(crate) fn join(client: &mut Side, server: &mut Side) -> Joined {
    join_over(client, server, memory::Config::default())
}

/// The same over a link like this.
pub(crate) fn join_over(client: &mut Side, server: &mut Side, config: memory::Config) -> Joined {
    let (near, far, link) = memory::pair(config);
    let (near, client_gate) = gated(near);
    let (far, server_gate) = gated(far);
    let by_client = client.session.confirm_received();
    let by_server = server.session.confirm_received();
    let server = server.attach(far, by_client);
    let client = client.attach(near, by_server);
    Joined {
        link,
        client_gate,
        server_gate,
        client,
        server,
    }
}

pub(crate) fn pair(limits: Limits) -> (Side, Side) {
    (
        Side::new(Role::Client, limits),
        Side::new(Role::Server, limits),
    )
}

pub(crate) fn event(name: &str) -> Prepared {
    let name = EventName::try_from(name).unwrap();
    Prepared::event(&NamespaceName::root(), None, &name, &Payload::empty())
}

/// Sends it as a volatile frame; gives whether it was taken.
pub(crate) fn volatile(side: &Side, frame: Prepared) -> bool {
    let frame = BestEffortFrame::volatile(frame);
    let is_over = AtomicBool::new(false);
    side.session.push_best_effort(&is_over, &frame).unwrap()
}

pub(crate) fn latest(key: &str, version: u64) -> Prepared {
    let name = EventName::try_from("moved").unwrap();
    let key = Key::try_from(key).unwrap();
    let root = NamespaceName::root();
    Prepared::latest(&root, &name, &key, version, &Payload::empty())
}

pub(crate) fn large_event(name: &str, bytes: usize) -> Prepared {
    use trunkline_protocol::IntoArgs;
    let name = EventName::try_from(name).unwrap();
    let payload = (&"x".repeat(bytes)).into_args().unwrap();
    Prepared::event(&NamespaceName::root(), None, &name, &payload)
}
