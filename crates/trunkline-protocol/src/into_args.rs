//! How Rust values become args.

use serde::Serialize;

use crate::{EncodeError, Payload, serde_bridge};

/// What can be sent as the args of an event, or as the answer to one.
///
/// | given | args |
/// |---|---|
/// | `()` | none |
/// | `&value` | one, whatever the value is: a tuple, a `Vec` or `()` behind a reference is one arg |
/// | [`Args`]`((a, b, …))` | several, up to eight |
/// | [`Payload`] | as it is: for relays |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as args",
    label = "not args",
    note = "send one arg by reference (`&value`), several as `Args((a, b))`, none as `()`"
)]
pub trait IntoArgs {
    /// The args in MessagePack.
    ///
    /// # Errors
    /// A value does not serialise, or breaks the value model.
    fn into_args(self) -> Result<Payload, EncodeError>;
}

/// Several args, as a tuple of one to eight: `Args((name, 3))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<T>(pub T);

impl IntoArgs for () {
    fn into_args(self) -> Result<Payload, EncodeError> {
        Ok(Payload::empty())
    }
}

impl IntoArgs for Payload {
    fn into_args(self) -> Result<Payload, EncodeError> {
        Ok(self)
    }
}

impl<T: Serialize + ?Sized> IntoArgs for &T {
    fn into_args(self) -> Result<Payload, EncodeError> {
        const ONE_ARG: &[u8] = &[0x91];
        serde_bridge::encode(ONE_ARG, self).map(Payload::from_checked)
    }
}

/// `IntoArgs` for a tuple: a tuple serialises as an array, which is what args are.
macro_rules! args_of_tuple {
    ($($part:ident)+) => {
        impl<$($part: Serialize),+> IntoArgs for Args<($($part,)+)> {
            fn into_args(self) -> Result<Payload, EncodeError> {
                serde_bridge::encode(&[], &self.0).map(Payload::from_checked)
            }
        }
    };
}

args_of_tuple!(A);
args_of_tuple!(A B);
args_of_tuple!(A B C);
args_of_tuple!(A B C D);
args_of_tuple!(A B C D E);
args_of_tuple!(A B C D E F);
args_of_tuple!(A B C D E F G);
args_of_tuple!(A B C D E F G H);
