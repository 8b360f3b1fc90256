//! What a handler may be.

use std::pin::Pin;

use trunkline_driver::sync::Arc;

use crate::{FromEvent, IntoReply, Invocation, Reply};

/// An async function or closure of up to eight parameters, for the events of one name.
///
/// Each parameter is [taken from the event](FromEvent), and what it returns is
/// [the answer](IntoReply). A closure that captures a [`Socket`](crate::Socket) or a
/// [`Client`](crate::Client) keeps the client alive for as long as it is subscribed: take the
/// socket as a parameter instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler",
    label = "not a handler",
    note = "a handler is an async closure or function, `Clone + Send + Sync + 'static`, whose \
            parameters are taken from the event and whose future is `Send`"
)]
pub trait Handler<Parameters>: Clone + Send + Sync + 'static {
    /// Handles one event.
    fn call(self, event: Invocation) -> impl Future<Output = Reply> + Send + 'static;
}

macro_rules! handler_of {
    ($($parameter:ident)*) => {
        impl<F, Fut, R, M, $($parameter),*> Handler<(M, $($parameter,)*)> for F
        where
            F: FnOnce($($parameter),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply<M> + 'static,
            M: 'static,
            $($parameter: FromEvent,)*
        {
            #[allow(non_snake_case, reason = "the parameters' types name them too")]
            async fn call(self, event: Invocation) -> Reply {
                $(let $parameter = match $parameter::from_event(&event) {
                    Ok(taken) => taken,
                    Err(failure) => return Reply(Err(failure)),
                };)*
                // A handler that did not ask for the socket must not keep the client alive.
                drop(event);
                self($($parameter),*).await.into_reply()
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

/// A running handler.
pub(crate) type Running = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A handler of any type.
pub(crate) type AnyHandler = Arc<dyn Fn(Invocation) -> Running + Send + Sync>;

pub(crate) fn any<P, H: Handler<P>>(handler: H) -> AnyHandler {
    Arc::new(move |event| Box::pin(handler.clone().call(event)))
}
