//! The three shapes a handler may return, and what becomes the args of its ack.

use serde::Serialize;
use trunkline_protocol::{Args, IntoArgs, Payload};

use crate::handler::Failure;

/// A handler's value as the ack, for handlers that cannot fail: `async { Ack(value) }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<T>(pub T);

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
pub trait Answer<M> {
    /// The ack's args; none are encoded unless `asked`.
    ///
    /// # Errors
    /// The handler failed, or its value does not encode.
    fn into_answer(self, asked: bool) -> Result<Payload, Failure>;
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
    /// A value does not encode.
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
        // `()` and its like say nothing, and nothing is no args.
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

impl Answer<()> for () {
    fn into_answer(self, _asked: bool) -> Result<Payload, Failure> {
        Ok(Payload::empty())
    }
}

impl<T: AckArgs<M>, M> Answer<M> for Ack<T> {
    fn into_answer(self, asked: bool) -> Result<Payload, Failure> {
        if asked {
            self.0.into_ack_args()
        } else {
            Ok(Payload::empty())
        }
    }
}

impl<T: AckArgs<M>, M> Answer<M> for Result<T, Failure> {
    fn into_answer(self, asked: bool) -> Result<Payload, Failure> {
        self.and_then(|value| Ack(value).into_answer(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_arg_and_nothing_is_none() {
        let count = |answer: Result<Payload, Failure>| answer.unwrap().count();
        assert_eq!(count(Ack((1, 2)).into_answer(true)), 1);
        assert_eq!(count(Ack(Args((1, 2))).into_answer(true)), 2);
        assert_eq!(count(Ok::<_, Failure>(()).into_answer(true)), 0);
        assert_eq!(
            count(Ack(None::<u8>).into_answer(true)),
            1,
            "nil is a value"
        );
        assert_eq!(
            count(Ack([0_u8; 0]).into_answer(true)),
            1,
            "so is an empty array"
        );
    }

    #[test]
    fn nothing_is_encoded_for_nobody() {
        assert!(Ack("value").into_answer(false).unwrap().is_empty());
        assert!(
            Err::<(), _>(Failure::new(4000, "no"))
                .into_answer(false)
                .is_err()
        );
    }
}
