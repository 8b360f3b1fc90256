//! What a handler may return.

use std::fmt;

use serde::Serialize;
use trunkline_protocol::{Args, IntoArgs, Payload};

use crate::Failure;

/// A handler's value as the ack, for handlers that cannot fail: `async { Ack(value) }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

/// A handler's outcome, ready to be sent if an ack was asked for.
pub struct Reply(pub(crate) Result<Payload, Failure>);

/// What a handler may return. `M` is a marker the compiler finds by itself.
///
/// | returned | if an ack was asked for |
/// |---|---|
/// | `()` | acked without args |
/// | [`Ack<T>`] | acked with the value |
/// | `Result<T, Failure>` | acked with the value, or failed with the [`Failure`] |
///
/// `T` is any value that serialises, as one arg (`()` as none); [`Args`]`((a, b))` for several; a
/// [`Payload`] as it is.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler's result is no answer",
    note = "a handler returns `()`, `Result<T, Failure>` or `Ack<T>`",
    note = "`T` must implement `serde::Serialize`, or be `Args((a, b))` or a `Payload`",
    note = "any error becomes a `Failure` with `?`"
)]
pub trait IntoReply<M> {
    /// The answer.
    fn into_reply(self) -> Reply;
}

/// What can be the args of an ack. `M` is a marker the compiler finds by itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an ack's args",
    note = "it must implement `serde::Serialize`, or be `Args((a, b))` or a `Payload`"
)]
pub trait AckArgs<M> {
    /// The args.
    ///
    /// # Errors
    /// A value does not encode: this side's mistake, so the failure is an internal one.
    fn into_ack_args(self) -> Result<Payload, Failure>;
}

/// Marks a value that is one arg.
#[derive(Debug)]
pub enum One {}

/// Marks several args.
#[derive(Debug)]
pub enum Several {}

/// Marks args that are encoded already.
#[derive(Debug)]
pub enum Encoded {}

impl<T: Serialize> AckArgs<One> for T {
    fn into_ack_args(self) -> Result<Payload, Failure> {
        let args = (&self).into_args()?;
        // A type that holds nothing and reads as nil says nothing, and that is no args.
        let says_nothing = size_of::<T>() == 0 && args.first::<()>().is_ok();
        Ok(if says_nothing { Payload::empty() } else { args })
    }
}

impl<T> AckArgs<Several> for Args<T>
where
    Self: IntoArgs,
{
    fn into_ack_args(self) -> Result<Payload, Failure> {
        Ok(self.into_args()?)
    }
}

impl AckArgs<Encoded> for Payload {
    fn into_ack_args(self) -> Result<Payload, Failure> {
        Ok(self)
    }
}

impl IntoReply<()> for () {
    fn into_reply(self) -> Reply {
        Reply(Ok(Payload::empty()))
    }
}

impl<M, T: AckArgs<M>> IntoReply<M> for Ack<T> {
    fn into_reply(self) -> Reply {
        Reply(self.0.into_ack_args())
    }
}

impl<M, T: AckArgs<M>> IntoReply<M> for Result<T, Failure> {
    fn into_reply(self) -> Reply {
        Reply(self.and_then(T::into_ack_args))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_arg_and_nothing_is_none() {
        let count = |reply: Reply| reply.0.unwrap().count();
        assert_eq!(count(Ack((1, 2)).into_reply()), 1);
        assert_eq!(count(Ack(Args((1, 2))).into_reply()), 2);
        assert_eq!(count(Ok::<_, Failure>(()).into_reply()), 0);
        assert_eq!(count(Ack(None::<u8>).into_reply()), 1);
    }
}
