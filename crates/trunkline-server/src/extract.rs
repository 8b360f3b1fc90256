//! Extractors: what a handler asks for by the types of its args.
//!
//! | extractor | gives | where |
//! |---|---|---|
//! | [`Socket`] | the socket | everywhere |
//! | [`Data<T>`](Data) | the first arg (in `on_connect` the CONNECT's auth) | events, `on_connect` |
//! | `Option<Data<T>>` | the same, or `None` if there is none or it is nil | events, `on_connect` |
//! | [`Args<T>`](trunkline_protocol::Args) | all args, as a tuple or a `Vec` | events, `on_connect` |
//! | [`Payload`](trunkline_protocol::Payload) | the args as they came | events, `on_connect` |
//! | [`EventName`] | the event's name | events |
//! | [`State<T>`](State) | the program's state of type `T` | everywhere |
//! | [`SocketState<T>`](SocketState), `Option<SocketState<T>>` | the socket's state of type `T` | everywhere |
//! | [`Principal`](crate::Principal), [`Principal<T>`](crate::Principal), `Option` of either | on whose behalf the session acts | everywhere |
//! | [`Room`] | the room asked for | `on_join` |
//! | `Arc<`[`Handshake`](crate::Handshake)`>`, [`PeerAddress`] | what the session's first connection brought | everywhere |
//! | [`DisconnectReason`] | why the socket is over | `on_disconnect` |

mod connection;
mod content;
mod state;

pub use connection::PeerAddress;
pub(crate) use state::TypeMap;
pub use state::{SocketState, State};
pub use trunkline_driver::handler::Data;

use trunkline_protocol::{EventName, Room};

use crate::handler::Call;
use crate::handler::stage::{OnDisconnect, OnEvent, OnJoin};
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
            `EventName`, `State<T>`, `SocketState<T>`, `Principal`, `Principal<T>`, \
            `Arc<Handshake>`, `PeerAddress`, in `on_join` `Room`, and in `on_disconnect` \
            `DisconnectReason`",
    note = "the `T` of `Data<T>` and `Args<T>` must implement `serde::Deserialize`"
)]
pub trait Extract<S>: Sized {
    /// Takes it out of the call.
    ///
    /// # Errors
    /// There is nothing that fits: the handler does not run, and the peer gets this failure.
    fn extract(call: &Call<'_>) -> Result<Self, Failure>;
}

impl<S> Extract<S> for Socket {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(call.socket().clone())
    }
}

impl Extract<OnEvent> for EventName {
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
