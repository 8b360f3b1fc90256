//! Events as streams.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use trunkline_driver::sync::Arc;
use trunkline_protocol::Payload;

use crate::Failure;
use crate::handler::{Call, ErasedHandler};
use crate::routes::UNKNOWN_EVENT;

/// The events of one name, of all sockets, as a stream of what was asked for: see
/// [`Routes::stream`](crate::Routes::stream).
///
/// It ends with its server. Once it is dropped, its events are failed with `unknown-event`.
#[must_use = "once it is dropped its events are failed"]
pub struct EventStream<T>(mpsc::Receiver<T>);

/// Makes an item out of a call.
pub(crate) type Take<T> = fn(&Call<'_>) -> Result<T, Failure>;

impl<T: Send + 'static> EventStream<T> {
    /// A stream, and the handler that feeds it with what it makes of a call.
    pub(crate) fn new(capacity: usize, take: Take<T>) -> (Self, ErasedHandler) {
        let (feeder, items) = mpsc::channel(capacity);
        let feeder = Arc::new(feeder);
        let handler = ErasedHandler::from_fn(move |call, _asked| {
            let item = take(call)?;
            let feeder = Arc::clone(&feeder);
            Ok(Box::pin(async move {
                let taken = feeder.send(item).await;
                taken.map_err(|_| Failure::unknown_event(UNKNOWN_EVENT))?;
                Ok(Payload::empty())
            }))
        });
        (Self(items), handler)
    }

    /// The next event; none once the server is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// How many events are in it and wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.len()
    }
}

impl<T> Stream for EventStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("waiting", &self.0.len())
            .finish_non_exhaustive()
    }
}
