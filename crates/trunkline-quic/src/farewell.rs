//! How a session is closed so that its last words arrive.
//!
//! Closing a QUIC connection throws away what has not arrived yet, and a browser that learns of a
//! close forgets what it has not read. So the stream is finished first, and the session closed only
//! when the peer has acknowledged all of it and had a moment to close by itself, as it does once it
//! has read CLOSE.

use std::time::Duration;

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

/// Leaves the peer a moment to close, then closes.
pub(crate) async fn part(session: impl Wire, code: u16, reason: String) {
    if tokio::time::timeout(GRACE, session.closed()).await.is_err() {
        session.close(code, &reason);
        // The close travels as long as somebody holds the session.
        let _ = tokio::time::timeout(DELIVERY_LIMIT, session.closed()).await;
    }
}

/// Ends a session whose peer broke the transport's rules: what was written arrives, and the code.
pub(crate) fn condemn(session: impl Wire, stream: impl WireStream, code: u16, reason: String) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        session.close(code, &reason);
        return;
    };
    runtime.spawn(async move {
        deliver(session.clone(), stream).await;
        part(session, code, reason).await;
    });
}

/// Ends a session whose sending half was dropped: what was written arrives, and no code.
pub(crate) fn abandon(session: impl Wire, stream: impl WireStream) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        session.close(NO_CODE, "");
        return;
    };
    runtime.spawn(async move {
        deliver(session.clone(), stream).await;
        session.close(NO_CODE, "");
        let _ = tokio::time::timeout(DELIVERY_LIMIT, session.closed()).await;
    });
}

/// How long the peer has to acknowledge what was sent.
const DELIVERY_LIMIT: Duration = Duration::from_secs(1);

/// How long the peer has to close by itself.
const GRACE: Duration = Duration::from_millis(250);

/// What a session is closed with that ends as a cut.
pub(crate) const NO_CODE: u16 = 0;
