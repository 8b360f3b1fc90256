//! Handlers: what a program does about events and about the life of its sockets.
//!
//! | file | what it holds |
//! |---|---|
//! | `answer.rs` | the three shapes a handler may return |
//! | `call.rs` | [`Call`]: what extractors read |
//! | `function.rs` | [`Handler`] for functions and closures of up to eight extractors |
//! | `guarded.rs` | a handler under way, whose panics end nothing else |
//! | `stage.rs` | what a handler is for: an event, or a moment in a socket's life |

mod answer;
mod call;
mod function;
mod guarded;
pub mod stage;

pub use answer::{Ack, AckArgs, Answer};
pub use call::Call;
pub use function::Handler;
pub(crate) use guarded::{Guarded, Outcome};

use std::pin::Pin;

use trunkline_protocol::Payload;

use crate::Failure;

/// A handler under way: it ends with the args of the ack, or a failure.
pub type Answering = Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>>;

/// A handler without its types.
pub(crate) struct ErasedHandler(Box<Erased>);

/// `asked` says whether anybody waits for the answer; if not, none is encoded.
type Erased = dyn Fn(&Call<'_>, bool) -> Result<Answering, Failure> + Send + Sync;

impl ErasedHandler {
    pub(crate) fn new<S, A>(handler: impl Handler<S, A>) -> Self {
        Self(Box::new(move |call, asked| {
            handler.clone().call(call, asked)
        }))
    }

    /// Extracts and begins; the future is not polled yet.
    pub(crate) fn call(&self, call: &Call<'_>, asked: bool) -> Result<Answering, Failure> {
        (self.0)(call, asked)
    }
}
