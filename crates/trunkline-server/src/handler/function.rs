//! Functions and closures as handlers.

use crate::Failure;
use crate::extract::Extract;
use crate::handler::{Answer, AnswerIn, Answering, Call};

/// An async function or closure of up to eight extractors, in any order.
///
/// `S` is the [stage](crate::handler::stage) it is for; `A` its args, found by the compiler. It is
/// cloned for every call, and returns what [`Answer`] lists; [`AnswerIn`] says more of typed events.
///
/// ```
/// # use trunkline_server::{Args, Data, Failure, Namespace, Socket};
/// # fn routes(chat: &Namespace) {
/// chat.on("say", |socket: Socket, Data(line): Data<String>| async move {
///     socket.to("lobby").emit("said", &line)?;
///     Ok(line.len())
/// });
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    label = "not an async function of extractors for `{S}`",
    note = "a handler is an async closure or function of up to 8 extractors, each with its type \
            written out",
    note = "extractors are `Socket`, `Data<T>` and `Args<T>` where `T: serde::Deserialize`, \
            `Payload`, `State<T>` and others; which there are in this stage stands at `Extract`",
    note = "it returns `()`, `Result<T, Failure>` or `Ack<T>`, where `T: serde::Serialize`",
    note = "a handler of an `Event<T, R>` (`OnTypedEvent<T, R>`) takes its content as `Data<T>`, and \
            returns `Result<R, Failure>`, `Ack<R>` or `()`",
    note = "it must be `Clone + Send + Sync + 'static`, and its future `Send`: no `Rc`, and no \
            `std::sync::MutexGuard` held across an await"
)]
pub trait Handler<S, A>: Clone + Send + Sync + 'static {
    /// Extracts the args and begins; nothing of the body has run yet.
    ///
    /// # Errors
    /// An extractor found nothing that fits.
    #[doc(hidden)]
    fn call(self, call: &Call<'_>, asked: bool) -> Result<Answering, Failure>;
}

macro_rules! handler {
    ($($part:ident)*) => {
        impl<S, F, Fut, M, $($part),*> Handler<S, (M, $($part,)*)> for F
        where
            F: FnOnce($($part),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future + Send + 'static,
            Fut::Output: AnswerIn<S, M>,
            $($part: Extract<S>,)*
        {
            #[allow(non_snake_case, reason = "each part is named after its type")]
            #[allow(unused_variables, reason = "a handler without parts reads nothing of the call")]
            fn call(self, call: &Call<'_>, asked: bool) -> Result<Answering, Failure> {
                $(let $part = $part::extract(call)?;)*
                let running = self($($part),*);
                Ok(Box::pin(async move { running.await.into_answer(asked) }))
            }
        }
    };
}

handler!();
handler!(A);
handler!(A B);
handler!(A B C);
handler!(A B C D);
handler!(A B C D E);
handler!(A B C D E G);
handler!(A B C D E G H);
handler!(A B C D E G H I);
