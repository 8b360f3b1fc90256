//! What a handler may be, and what it may return.

pub use trunkline_driver::handler::{
    Ack, AckArgs, Answer, AnswerIn, Answering, Handled, HasContent, OnEvent, OnTypedEvent,
};

use trunkline_driver::sync::Arc;

use crate::{Failure, FromEvent, Invocation};

/// An async function or closure of up to eight parameters, for the events of one name.
///
/// Each parameter is [taken from the event](FromEvent), and what it returns is
/// [the answer](Answer). `S` is what it is for: events registered by name, or a typed event. A closure that captures a [`Socket`](crate::Socket) or a
/// [`Client`](crate::Client) keeps the client alive for as long as it is subscribed: take the
/// socket as a parameter instead.
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    label = "not an async function of what an event gives",
    note = "a handler is an async closure or function of up to 8 parameters, each with its type \
            written out",
    note = "parameters are `Socket`, `Data<T>` and `Args<T>` where `T: serde::Deserialize`, \
            `Payload` and `EventName`",
    note = "it returns `()`, `Result<T, Failure>` or `Ack<T>`, where `T: serde::Serialize`",
    note = "a handler of an `Event<T, R>` (`OnTypedEvent<T, R>`) takes its content as `Data<T>`, and \
            returns `Result<R, Failure>`, `Ack<R>` or `()`",
    note = "it must be `Clone + Send + Sync + 'static`, and its future `Send`: no `Rc`, and no \
            `std::sync::MutexGuard` held across an await"
)]
pub trait Handler<Parameters, S = OnEvent>: Clone + Send + Sync + 'static {
    /// Takes the parameters and begins; nothing of the body has run yet. `asked` says whether anybody
    /// waits for the answer; if not, none is encoded.
    ///
    /// # Errors
    /// The event does not have a parameter.
    fn call(self, event: &Invocation, asked: bool) -> Result<Answering, Failure>;
}

macro_rules! handler_of {
    ($($parameter:ident)*) => {
        impl<S, F, Fut, M, $($parameter),*> Handler<(M, $($parameter,)*), S> for F
        where
            F: FnOnce($($parameter),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future + Send + 'static,
            Fut::Output: AnswerIn<S, M>,
            $($parameter: FromEvent<S>,)*
        {
            #[allow(non_snake_case, reason = "the parameters' types name them too")]
            #[allow(unused_variables, reason = "a handler without parameters takes nothing")]
            fn call(self, event: &Invocation, asked: bool) -> Result<Answering, Failure> {
                $(let $parameter = <$parameter as FromEvent<S>>::from_event(event)?;)*
                let running = self($($parameter),*);
                Ok(Box::pin(async move { running.await.into_answer(asked) }))
            }
        }
    };
}

handler_of!();
handler_of!(A);
handler_of!(A B);
handler_of!(A B C);
handler_of!(A B C D);
handler_of!(A B C D E);
handler_of!(A B C D E G);
handler_of!(A B C D E G H);
handler_of!(A B C D E G H I);

/// A handler of any type.
pub(crate) type AnyHandler =
    Arc<dyn Fn(&Invocation, bool) -> Result<Answering, Failure> + Send + Sync>;

pub(crate) fn any<P, S>(handler: impl Handler<P, S>) -> AnyHandler {
    Arc::new(move |event, asked| handler.clone().call(event, asked))
}
