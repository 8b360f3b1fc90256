//! What a handler is for. A stage says which extractors make sense there; programs need to name one
//! only to write an extractor of their own that is for some stages alone.

pub use trunkline_driver::handler::{AnyAnswer, HasContent, OnEvent, OnTypedEvent};

/// An event arrived, which others handle.
#[derive(Debug)]
pub enum OnAny {}

/// An event arrived, and what handles it is at hand.
#[derive(Debug)]
pub enum AroundEvent {}

/// A client wants to enter the namespace.
#[derive(Debug)]
pub enum OnConnect {}

/// A client wants to enter the namespace, and what decides about it is at hand.
#[derive(Debug)]
pub enum AroundConnect {}

/// A client wants to enter a room.
#[derive(Debug)]
pub enum OnJoin {}

/// A session was cut from its connection, or resumed on a new one.
#[derive(Debug)]
pub enum OnLife {}

/// The socket is over.
#[derive(Debug)]
pub enum OnDisconnect {}

/// Stages in which the peer has sent content: the args of an event, the auth of a CONNECT.
#[diagnostic::on_unimplemented(
    message = "there is no content to extract from in `{Self}`",
    note = "`Data`, `Args` and `Payload` are for handlers of events, for `on_connect`, and for \
            middleware"
)]
pub trait HasArgs {}

/// Stages that are about an event.
#[diagnostic::on_unimplemented(message = "`{Self}` is about no event")]
pub trait HasEvent {}

/// Stages in which something else is still to run.
#[diagnostic::on_unimplemented(
    message = "nothing is still to run in `{Self}`",
    note = "`Next` is for middleware"
)]
pub trait HasNext {}

/// Stages for which a marker holds.
macro_rules! stages {
    ($($marker:ident: $($stage:ident)*;)*) => {
        $($(impl $marker for $stage {})*)*
    };
}

stages! {
    HasArgs: OnEvent OnAny AroundEvent OnConnect AroundConnect;
    HasEvent: OnEvent OnAny AroundEvent;
    HasNext: AroundEvent AroundConnect;
    AnyAnswer: OnAny AroundEvent OnConnect AroundConnect OnJoin OnLife OnDisconnect;
}

impl<T> HasContent<T> for OnAny {}
impl<T> HasContent<T> for AroundEvent {}
impl<T> HasContent<T> for OnConnect {}
impl<T> HasContent<T> for AroundConnect {}

impl<T, R> HasArgs for OnTypedEvent<T, R> {}
impl<T, R> HasEvent for OnTypedEvent<T, R> {}
