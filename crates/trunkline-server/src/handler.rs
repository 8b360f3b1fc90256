//! Handlers: what a program does about events and about the life of its sockets.
//!
//! | file | what it holds |
//! |---|---|
//! | `call.rs` | [`Call`]: what extractors read |
//! | `function.rs` | [`Handler`] for functions and closures of up to eight extractors |
//! | `stage.rs` | what a handler is for: an event, or a moment in a socket's life |
//!
//! What a handler may return, which handlers fit a typed event, and what contains their panics, is the
//! driver's: it is the same on both sides.

mod call;
mod function;
pub mod stage;

pub use call::Call;
pub use function::Handler;
pub use trunkline_driver::handler::{Ack, AckArgs, Answer, AnswerIn, Answering, Handled};

use crate::Failure;

/// A handler without its types.
pub(crate) struct ErasedHandler(Box<Erased>);

/// `asked` says whether anybody waits for the answer; if not, none is encoded.
type Erased = dyn Fn(&Call<'_>, bool) -> Result<Answering, Failure> + Send + Sync;

impl ErasedHandler {
    pub(crate) fn new<S, A>(handler: impl Handler<S, A>) -> Self {
        Self::from_fn(move |call, asked| handler.clone().call(call, asked))
    }

    pub(crate) fn from_fn(
        call: impl Fn(&Call<'_>, bool) -> Result<Answering, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(call))
    }

    /// Extracts and begins; the future is not polled yet.
    pub(crate) fn call(&self, call: &Call<'_>, asked: bool) -> Result<Answering, Failure> {
        (self.0)(call, asked)
    }
}
