//! What is known of an event where its handler is registered, and which handlers fit.

use std::marker::PhantomData;

use trunkline_protocol::{Event, EventName, IntoEventName};

use crate::handler::{Ack, Answer, Failure};

/// An event arrived that was registered by its name.
#[derive(Debug)]
pub enum OnEvent {}

/// An event arrived that was registered as an [`Event<T, R>`](Event): its content is a `T`, its
/// answer an `R`.
#[derive(Debug)]
pub struct OnTypedEvent<T, R>(PhantomData<fn(T) -> R>);

/// What names an event that is to be handled, and so says what its handler may be.
pub trait Handled: IntoEventName {
    /// What the handler is for: [`OnEvent`] for a plain name, [`OnTypedEvent`] for an [`Event`].
    type Stage;
}

impl<T, R> Handled for Event<T, R> {
    type Stage = OnTypedEvent<T, R>;
}

impl Handled for &str {
    type Stage = OnEvent;
}

impl Handled for String {
    type Stage = OnEvent;
}

impl Handled for &String {
    type Stage = OnEvent;
}

impl Handled for EventName {
    type Stage = OnEvent;
}

impl Handled for &EventName {
    type Stage = OnEvent;
}

/// Handlers whose content may be read as a `T`: any where the event was registered by its name.
#[diagnostic::on_unimplemented(
    message = "the content of `{Self}` is no `{T}`",
    label = "not what the event carries",
    note = "an `Event<T, R>` carries `Data<T>`; an `Event<Args<(A, B)>, R>` carries `Args<(A, B)>`"
)]
pub trait HasContent<T> {}

impl<T> HasContent<T> for OnEvent {}

impl<T, R> HasContent<T> for OnTypedEvent<T, R> {}

/// Handlers that may answer with whatever they like.
pub trait AnyAnswer {}

impl AnyAnswer for OnEvent {}

/// An answer that is right for a handler of `S`: any [`Answer`], and for a typed event one with its
/// type. `M` is a marker the compiler finds by itself.
///
/// `()` is right for every event: it is no args, or leaves the answer to whatever answers later.
#[diagnostic::on_unimplemented(
    message = "a handler of `{S}` cannot return `{Self}`",
    label = "this handler's result is no answer here",
    note = "a handler returns `()`, `Result<T, Failure>` or `Ack<T>`, where `T: serde::Serialize`; \
            any error becomes a `Failure` with `?`",
    note = "a handler of an `Event<T, R>` returns `Result<R, Failure>`, `Ack<R>` or `()`"
)]
pub trait AnswerIn<S, M>: Answer<M> {}

impl<S: AnyAnswer, M, A: Answer<M>> AnswerIn<S, M> for A {}

impl<T, R> AnswerIn<OnTypedEvent<T, R>, ()> for () {}

impl<T, R, M> AnswerIn<OnTypedEvent<T, R>, M> for Ack<R> where Self: Answer<M> {}

impl<T, R, M> AnswerIn<OnTypedEvent<T, R>, M> for Result<R, Failure> where Self: Answer<M> {}
