//! Extractors: what a handler asks for by the types of its args.
//!
//! | extractor | gives | where |
//! |---|---|---|
//! | [`Socket`] | the socket | everywhere |
//! | [`Data<T>`](Data) | the first arg (in `on_connect` the CONNECT's auth) | events, `on_connect`, middleware |
//! | `Option<Data<T>>` | the same, or `None` if there is none or it is nil | events, `on_connect`, middleware |
//! | [`Args<T>`](trunkline_protocol::Args) | all args, as a tuple or a `Vec` | events, `on_connect`, middleware |
//! | [`Payload`](trunkline_protocol::Payload) | the args as they came | events, `on_connect`, middleware |
//! | [`EventName`] | the event's name | events |
//! | [`Params<T>`](Params) | what stands in the namespace's name for the parts of its pattern | everywhere |
//! | [`State<T>`](State) | the program's state of type `T` | everywhere |
//! | [`SocketState<T>`](SocketState), `Option<SocketState<T>>` | the socket's state of type `T` | everywhere |
//! | [`Principal`](crate::Principal), [`Principal<T>`](crate::Principal), `Option` of either | on whose behalf the session acts | everywhere |
//! | [`Room`] | the room asked for | `on_join` |
//! | `Arc<`[`Handshake`](crate::Handshake)`>`, [`PeerAddress`] | what the session's first connection brought | everywhere |
//! | [`Responder<T>`](crate::Responder) | the event's answer, to be given later | events |
//! | [`Next`](crate::Next) | the rest of the middleware and the handler | middleware |
//! | a tuple of these | each of them | where each is |
//! | [`DisconnectReason`] | why the socket is over | `on_disconnect` |

mod connection;
mod content;
mod params;
mod state;

pub use connection::PeerAddress;
pub use params::Params;
pub(crate) use params::PatternParams;
pub(crate) use state::TypeMap;
pub use state::{SocketState, State};
pub use trunkline_driver::handler::Data;

use trunkline_protocol::{EventName, Room};

use crate::handler::Call;
use crate::handler::stage::{HasEvent, OnDisconnect, OnJoin};
use crate::{DisconnectReason, Failure, Socket};

/// What a handler can ask for by the type of an arg.
///
/// Implement it for a type of your own for every stage (`impl<S> Extract<S> for User`) or for one of
/// [`stage`](crate::handler::stage). It runs before the handler, in order of the args, on every
/// call: keep it short.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no extractor for `{S}`",
    label = "a handler cannot ask for this here",
    note = "extractors are `Socket`, `Data<T>`, `Option<Data<T>>`, `Args<T>`, `Payload`, \
            `Params<T>`, `State<T>`, `SocketState<T>`, `Principal`, `Principal<T>`, \
            `Arc<Handshake>`, `PeerAddress`; of events `EventName` and `Responder<T>`, in \
            middleware `Next`, in `on_join` `Room`, in `on_disconnect` `DisconnectReason`",
    note = "the `T` of `Data<T>` and `Args<T>` must implement `serde::Deserialize`"
)]
pub trait Extract<S>: Sized {
    /// Takes it out of the call.
    ///
    /// # Errors
    /// There is nothing that fits: the handler does not run, and the peer gets this failure.
    fn extract(call: &Call<'_>) -> Result<Self, Failure>;
}

/// A stage in which a `T` can be asked for: [`Extract`] seen from the other side, for bounds on
/// stages.
#[diagnostic::on_unimplemented(message = "`{T}` is no extractor for `{Self}`")]
pub trait Offers<T> {
    /// As [`Extract::extract`].
    ///
    /// # Errors
    /// As there.
    fn offer(call: &Call<'_>) -> Result<T, Failure>;
}

impl<S, T: Extract<S>> Offers<T> for S {
    fn offer(call: &Call<'_>) -> Result<T, Failure> {
        T::extract(call)
    }
}

/// A tuple of extractors, in order.
macro_rules! extract_tuple {
    ($($part:ident)+) => {
        impl<S, $($part: Extract<S>),+> Extract<S> for ($($part,)+) {
            fn extract(call: &Call<'_>) -> Result<Self, Failure> {
                Ok(($($part::extract(call)?,)+))
            }
        }
    };
}

extract_tuple!(A);
extract_tuple!(A B);
extract_tuple!(A B C);
extract_tuple!(A B C D);
extract_tuple!(A B C D E);
extract_tuple!(A B C D E G);
extract_tuple!(A B C D E G H);
extract_tuple!(A B C D E G H I);

impl<S> Extract<S> for Socket {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(call.socket().clone())
    }
}

impl<S: HasEvent> Extract<S> for EventName {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        // Every call of this stage has one.
        call.event().cloned().ok_or_else(Failure::internal)
    }
}

impl Extract<OnJoin> for Room {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        // Every call of this stage has one.
        call.room().cloned().ok_or_else(Failure::internal)
    }
}

impl Extract<OnDisconnect> for DisconnectReason {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        // Every call of this stage has one.
        call.reason().cloned().ok_or_else(Failure::internal)
    }
}
