//! What a handler may return.

use std::fmt;

use serde::Serialize;
use trunkline_protocol::{EncodeError, IntoArgs, Payload};

use crate::Failure;

/// An answer of several args, or of none: `Ack(Args((a, b)))`, `Ack(())`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

/// A handler's outcome, ready to be sent if an ack was asked for.
pub struct Reply(pub(crate) Result<Payload, Failure>);

/// What a handler may return.
///
/// | returned | answer |
/// |---|---|
/// | `()` | ACK without args |
/// | `Result<T, Failure>` | ACK with the value as its one arg, or FAILED |
/// | [`Ack<T>`] | ACK with those args |
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not an answer",
    note = "a handler returns `()`, `Result<T, Failure>` where `T: Serialize`, or `Ack<T>`"
)]
pub trait IntoReply {
    /// The answer.
    fn into_reply(self) -> Reply;
}

impl IntoReply for () {
    fn into_reply(self) -> Reply {
        Reply(Ok(Payload::empty()))
    }
}

impl<T: Serialize> IntoReply for Result<T, Failure> {
    fn into_reply(self) -> Reply {
        Reply(self.and_then(|value| encoded((&value).into_args())))
    }
}

impl<T: IntoArgs> IntoReply for Ack<T> {
    fn into_reply(self) -> Reply {
        Reply(encoded(self.0.into_args()))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An answer that does not encode is this side's mistake.
fn encoded(args: Result<Payload, EncodeError>) -> Result<Payload, Failure> {
    args.map_err(Failure::from)
}
