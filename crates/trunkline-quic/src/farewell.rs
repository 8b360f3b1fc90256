//! How a session is closed so that its last words arrive.
//!
//! Closing a QUIC connection throws away what has not arrived yet, and a browser that learns of a
//! close forgets what it has not read. So the stream is finished first, and the session closed only
//! when the peer has acknowledged all of it and had a moment to close by itself, as it does once it
//! has read CLOSE.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::{Wire, WireStream};

/// Waits until the peer has all of the stream, or the session is over, at most [`DELIVERY_LIMIT`].
pub(crate) async fn deliver(session: impl Wire, stream: impl WireStream) {
    let delivered = async {
        tokio::select! {
            () = stream.finish() => {}
            _ended = session.closed() => {}
        }
    };
    // Whoever does not acknowledge in time is cut off.
    let _ = tokio::time::timeout(DELIVERY_LIMIT, delivered).await;
}

/// Closes a session whose stream was delivered, once its peer has had a moment to do so.
pub(crate) fn leave(session: impl Wire, code: u16, reason: String) {
    let parting = part(session.clone(), code, reason.clone());
    see_through(parting, &session, code, &reason);
}

/// Ends a session whose peer broke the transport's rules: what was written arrives, and the code.
pub(crate) fn condemn(session: impl Wire, stream: impl WireStream, code: u16, reason: String) {
    let (condemned, told) = (session.clone(), reason.clone());
    let farewell = async move {
        deliver(condemned.clone(), stream).await;
        part(condemned, code, told).await;
    };
    see_through(farewell, &session, code, &reason);
}

/// Ends a session whose sending half was dropped: what was written arrives, and no code.
pub(crate) fn abandon(session: impl Wire, stream: impl WireStream) {
    let abandoned = session.clone();
    let farewell = async move {
        deliver(abandoned.clone(), stream).await;
        abandoned.close(NO_CODE, "");
        let _ = tokio::time::timeout(DELIVERY_LIMIT, abandoned.closed()).await;
    };
    see_through(farewell, &session, NO_CODE, "");
}

/// Runs a farewell in a task of its own. A half may be closed or dropped outside of a runtime, where
/// nobody can wait for the peer: the session is closed at once.
fn see_through<F>(farewell: F, session: &impl Wire, code: u16, reason: &str)
where
    F: Future<Output = ()> + Send + 'static,
{
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(farewell)),
        Err(_none) => session.close(code, reason),
    }
}

/// Leaves the peer a moment to close, then closes.
async fn part(session: impl Wire, code: u16, reason: String) {
    if tokio::time::timeout(GRACE, session.closed()).await.is_err() {
        session.close(code, &reason);
        // The close travels as long as somebody holds the session.
        let _ = tokio::time::timeout(DELIVERY_LIMIT, session.closed()).await;
    }
}

/// How long the peer has to acknowledge what was sent.
const DELIVERY_LIMIT: Duration = Duration::from_secs(1);

/// How long the peer has to close by itself.
const GRACE: Duration = Duration::from_millis(250);

/// What a session is closed with that ends as a cut.
pub(crate) const NO_CODE: u16 = 0;
