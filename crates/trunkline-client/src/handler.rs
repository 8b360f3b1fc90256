//! What a handler may be, and what it may return.

pub use trunkline_driver::handler::{Ack, AckArgs, Answer, Answering};

use trunkline_driver::sync::Arc;

use crate::{Failure, FromEvent, Invocation};

/// An async function or closure of up to eight parameters, for the events of one name.
///
/// Each parameter is [taken from the event](FromEvent), and what it returns is
/// [the answer](Answer). A closure that captures a [`Socket`](crate::Socket) or a
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
    note = "it must be `Clone + Send + Sync + 'static`, and its future `Send`: no `Rc`, and no \
            `std::sync::MutexGuard` held across an await"
)]
pub trait Handler<Parameters>: Clone + Send + Sync + 'static {
    /// Takes the parameters and begins; nothing of the body has run yet. `asked` says whether anybody
    /// waits for the answer; if not, none is encoded.
    ///
    /// # Errors
    /// The event does not have a parameter.
    fn call(self, event: &Invocation, asked: bool) -> Result<Answering, Failure>;
}

macro_rules! handler_of {
    ($($parameter:ident)*) => {
        impl<F, Fut, M, $($parameter),*> Handler<(M, $($parameter,)*)> for F
        where
            F: FnOnce($($parameter),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future + Send + 'static,
            Fut::Output: Answer<M>,
            $($parameter: FromEvent,)*
        {
            #[allow(non_snake_case, reason = "the parameters' types name them too")]
            #[allow(unused_variables, reason = "a handler without parameters takes nothing")]
            fn call(self, event: &Invocation, asked: bool) -> Result<Answering, Failure> {
                $(let $parameter = $parameter::from_event(event)?;)*
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

pub(crate) fn any<P, H: Handler<P>>(handler: H) -> AnyHandler {
    Arc::new(move |event, asked| handler.clone().call(event, asked))
}
