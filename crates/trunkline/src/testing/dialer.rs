//! Dialling over the network of a test.

use std::io;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use trunkline_driver::sync::Arc;
use trunkline_protocol::Encoding;
use trunkline_server::Request;
use trunkline_transport::{
    Connection, DialError, DialRequest, Dialer, MessageReceiver, TransportKind, memory,
};

use super::cable::{Cable, End};
use super::net::Shared;
use super::receiver::{NetReceiver, UNDER_WAY};

/// Opens connections to the network's server.
pub(super) struct NetDialer(pub(super) Arc<Shared>);

#[async_trait]
impl Dialer for NetDialer {
    fn transport(&self) -> TransportKind {
        TransportKind::Memory
    }

    async fn dial(&self, request: &DialRequest) -> Result<Connection, DialError> {
        let shared = &self.0;
        shared.traffic.lock().dials += 1;
        let delay = shared.answered().await?;
        if !delay.is_zero() {
            tokio::time::sleep(2 * delay).await;
            shared.answered().await?;
        }
        let (near, far) = shared.connect(request);
        let arrival = Request {
            peer: shared.traffic.lock().peer,
            uri: target(&request.url),
            headers: request.headers.clone(),
            place: None,
            ..Request::default()
        };
        let server = shared.server.clone();
        tokio::spawn(async move { server.accept(far, arrival).await });
        Ok(near)
    }
}

impl Shared {
    /// Waits until a dial would get through; gives the way's delay.
    async fn answered(&self) -> Result<Duration, DialError> {
        loop {
            // Listening comes first, or a change could fall between looking and listening.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let conditions = *self.conditions.lock();
            if !conditions.is_black_hole {
                if self.traffic.lock().refuses_dials {
                    let refused = "the network of this test refuses dials";
                    return Err(io::Error::new(io::ErrorKind::ConnectionRefused, refused).into());
                }
                return Ok(conditions.delay);
            }
            changed.await;
        }
    }

    /// Lays a cable; gives its ends at the client and at the server.
    fn connect(&self, request: &DialRequest) -> (Connection, Connection) {
        let (near, far, link) = memory::pair(memory::Config {
            capacity: UNDER_WAY,
            max_message: request.max_message,
            protocol: spoken(&request.protocols),
            max_datagram: self.traffic.lock().max_datagram,
        });
        let cable = Arc::new(Cable::new(link, &self.conditions));
        {
            let cables = &mut self.traffic.lock().cables;
            cables.retain(|cable| cable.strong_count() > 0);
            cables.push(Arc::downgrade(&cable));
        }
        (
            through(near, &cable, End::Client),
            through(far, &cable, End::Server),
        )
    }
}

fn through(connection: Connection, cable: &Arc<Cable>, end: End) -> Connection {
    let receiver = NetReceiver::new(connection.receiver, Arc::clone(cable), end);
    let receiver: Box<dyn MessageReceiver> = Box::new(receiver);
    Connection {
        receiver,
        ..connection
    }
}

/// The first protocol offered that the server speaks, else the first: then the server refuses it.
fn spoken(offered: &[String]) -> String {
    let known = offered
        .iter()
        .find(|protocol| Encoding::from_subprotocol(protocol).is_some());
    known.or(offered.first()).cloned().unwrap_or_default()
}

/// The path and query that the server sees.
fn target(url: &str) -> Uri {
    let parsed = url.parse::<Uri>().unwrap_or_default();
    let path_and_query = parsed.into_parts().path_and_query;
    path_and_query.map(Uri::from).unwrap_or_default()
}
