//! What waits for the server, for senders that want to know.

use std::pin::pin;

use trunkline_driver::sync::Arc;

use crate::book::Phase;
use crate::shared::Shared;

impl Shared {
    pub(crate) fn queued_bytes(&self) -> usize {
        self.book.lock().queued_bytes()
    }

    pub(crate) fn queue_limit(&self) -> usize {
        self.config.settings.limits.queue as usize
    }

    /// Waits until at most `bytes` wait for the server; with 0, until a connection has taken all that
    /// was emitted. Also when the client is closed.
    pub(crate) async fn lightened(&self, bytes: usize) {
        loop {
            let told = Arc::clone(&self.book.lock().lightened);
            // Listening comes first, or it could be told between looking and listening.
            let mut told = pin!(told.notified_owned());
            told.as_mut().enable();
            let session = {
                let book = self.book.lock();
                let left = bytes.checked_sub(book.offline_bytes);
                match (&book.session, left) {
                    _ if book.phase == Phase::Closed => return,
                    (None, Some(_)) => return,
                    (Some(session), Some(left)) if session.ended().is_none() => {
                        Some((Arc::clone(session), left))
                    }
                    _ => None,
                }
            };
            let Some((session, left)) = session else {
                told.await;
                continue;
            };
            tokio::select! {
                () = session.lightened(left) => {
                    if self.is_light(bytes) {
                        return;
                    }
                }
                () = told => {}
            }
        }
    }

    /// Whether what the session has told is all there is to it.
    fn is_light(&self, bytes: usize) -> bool {
        let book = self.book.lock();
        let session = book.session.as_ref();
        session.is_none_or(|session| session.ended().is_none()) && book.queued_bytes() <= bytes
    }
}
