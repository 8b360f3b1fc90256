//! Where requests become connections: the one accept path, for a listener of our own and for
//! whatever HTTP server it is mounted in.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Extensions, Method, Request, Response, Uri, header};

use crate::config::{Config, Counters, count};
use crate::handler::{Handler, Turned};
use crate::sync::Arc;
use crate::upgrade::{Body, Handshake, Upgrading, last, upgrade};

/// Answers the requests to one path: upgrades the good handshakes and says why of the others.
///
/// A cheap handle.
#[derive(Debug)]
pub struct Endpoint<H> {
    handler: Arc<H>,
    protocols: Arc<[String]>,
    config: Config,
}

impl<H: Handler> Endpoint<H> {
    /// An endpoint that speaks these application protocols, and hands what it accepts to `handler`.
    pub fn new(handler: Arc<H>, protocols: &[String], config: Config) -> Self {
        Self {
            handler,
            protocols: protocols.into(),
            config,
        }
    }

    /// What its connections go to.
    #[must_use]
    pub fn handler(&self) -> &Arc<H> {
        &self.handler
    }

    /// Asks the handler whether an attempt of this client goes on, and logs it if not.
    ///
    /// # Errors
    /// What the client is told.
    pub fn knock(&self, client: SocketAddr) -> Result<(), Turned> {
        let knocked = self.handler.knock(client.ip());
        knocked.inspect_err(|turned| {
            tracing::debug!(peer = %client, text = %turned.text, "connection turned away");
        })
    }

    /// Answers a request that was sent to this endpoint; its path is not looked at. The connection
    /// of a good handshake runs in a task of its own, as soon as the answer has been written; it is
    /// given up, with all that [`admit`](Handler::admit) put into its extensions, if that takes longer
    /// than 10 s.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn answer<B>(&self, mut request: Request<B>, peer: Option<SocketAddr>) -> Response<Body> {
        if is_plain(&request)
            && let Some(answer) = self.handler.describe(request.headers())
        {
            return last(answer);
        }
        let (response, upgrading) = match upgrade(&mut request, &self.protocols, &self.config) {
            Ok(granted) => granted,
            Err(mut refusal) => {
                let status = refusal.status();
                tracing::debug!(?peer, %status, "handshake refused");
                self.handler.refused(request.headers(), &mut refusal);
                return *refusal;
            }
        };
        let (head, _) = request.into_parts();
        let mut handshake = Handshake {
            uri: copied(&head.uri),
            headers: head.headers,
            peer,
            negotiated: upgrading.negotiated().clone(),
            extensions: Extensions::new(),
        };
        if let Err(mut refusal) = self.handler.admit(&mut handshake) {
            count(&self.config.counters.upgrades_refused);
            self.handler.refused(&handshake.headers, &mut refusal);
            return last(*refusal);
        }
        let handler = Arc::clone(&self.handler);
        let counters = Arc::clone(&self.config.counters);
        tokio::spawn(connected(upgrading, handshake, handler, counters));
        response
    }
}

/// Whether it is a GET that asks for no upgrade.
fn is_plain<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && !request.headers().contains_key(header::UPGRADE)
}

impl<H> Clone for Endpoint<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            protocols: Arc::clone(&self.protocols),
            config: self.config.clone(),
        }
    }
}

async fn connected<H: Handler>(
    upgrading: Upgrading,
    handshake: Handshake,
    handler: Arc<H>,
    counters: Arc<Counters>,
) {
    let peer = handshake.peer;
    match tokio::time::timeout(UPGRADE_LIMIT, upgrading.complete()).await {
        // A task of its own, so that nothing of HTTP and of this future lives on in it: a task is
        // as large as the largest moment of its future.
        Ok(Ok(connection)) => drop(tokio::spawn(handler.connected(connection, handshake))),
        Ok(Err(cause)) => tracing::debug!(?peer, %cause, "upgrade failed"),
        Err(_elapsed) => {
            count(&counters.upgrades_failed);
            tracing::debug!(?peer, limit = ?UPGRADE_LIMIT, "upgrade failed: its answer was not written");
        }
    }
}

/// How long the answer that grants an upgrade may take to be written: for as long the connection is
/// admitted, and there is none. It is given up then.
const UPGRADE_LIMIT: Duration = Duration::from_secs(10);

/// The same in memory of its own. What hyper gives is a slice of the buffer that it read the request
/// into, 8 KiB, all of which would stay for as long as somebody keeps the URI: a session does.
fn copied(uri: &Uri) -> Uri {
    // What was a URI is one.
    uri.to_string().parse().unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_uri_that_is_kept_keeps_no_buffer_of_a_request() {
        let buffer = Bytes::from(b"/trunkline?ticket=7&x=%20y".to_vec());
        let uri = Uri::from_maybe_shared(buffer.slice(..)).unwrap();
        let kept = copied(&uri);
        assert_eq!(kept, uri);
        drop(uri);
        assert!(buffer.is_unique(), "the copy shares the buffer");
    }
}
