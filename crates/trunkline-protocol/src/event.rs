//! Events as values, and what can name an event.

use std::fmt;
use std::marker::PhantomData;

use crate::{Args, EventName, IntoArgs, InvalidName, MAX_NAME_BYTES};

/// An event as a value: its name, what it carries, and what answers it.
///
/// Declared once, for both sides; every method that takes a name takes one, and a payload or answer
/// of another type does not compile. `T` is what `emit` sends by reference, `Args<(A, B)>` for several
/// args or `()` for none; `R` is the first arg of the ack, `()` if there is none to read.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use trunkline_protocol::Event;
///
/// #[derive(Serialize, Deserialize)]
/// struct Line { text: String }
///
/// const SAY: Event<Line, u64> = Event::new("say");
/// assert_eq!(SAY.name(), "say");
/// ```
///
/// The name of a constant is checked by the compiler:
///
/// ```compile_fail
/// # use trunkline_protocol::Event;
/// const NAMELESS: Event<String> = Event::new("");
/// ```
pub struct Event<T, R = ()> {
    name: &'static str,
    /// Nothing of either is held.
    types: PhantomData<fn(T) -> R>,
}

impl<T, R> Event<T, R> {
    /// The event of this name.
    ///
    /// # Panics
    /// If the name is not 1 to 255 bytes long: in a constant, when it is compiled.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES;
        assert!(is_name, "an event's name is 1 to 255 bytes long");
        Self {
            name,
            types: PhantomData,
        }
    }

    /// The event's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T, R> Clone for Event<T, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, R> Copy for Event<T, R> {}

impl<T, R> fmt::Debug for Event<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.name).finish()
    }
}

/// What names an event: an [`Event`], `&str`, `String`, or an [`EventName`] that was checked before.
pub trait IntoEventName {
    /// The name.
    ///
    /// # Errors
    /// It is not 1 to 255 bytes long.
    fn into_event_name(self) -> Result<EventName, InvalidName>;
}

/// An event that may be sent with these args: any for a plain name, its own for an [`Event`].
#[diagnostic::on_unimplemented(
    message = "the event `{Self}` is not sent with `{A}`",
    label = "other args than the event carries",
    note = "an `Event<T, R>` is sent with `&T`, an `Event<Args<(A, B)>, R>` with `Args((a, b))`, an \
            `Event<(), R>` with `()`"
)]
pub trait EventWith<A>: IntoEventName {}

/// An event whose ack is read as an `R`: any for a plain name, its own for an [`Event`].
#[diagnostic::on_unimplemented(
    message = "the event `{Self}` is not answered with `{R}`",
    label = "another answer than the event has",
    note = "an `Event<T, R>` is answered with an `R`"
)]
pub trait AnsweredWith<R>: IntoEventName {}

impl<T, R> IntoEventName for Event<T, R> {
    fn into_event_name(self) -> Result<EventName, InvalidName> {
        EventName::try_from(self.name)
    }
}

impl<T, R> EventWith<&T> for Event<T, R> {}
impl<R> EventWith<()> for Event<(), R> {}
impl<T, R> EventWith<Args<T>> for Event<Args<T>, R> {}
impl<T, R> AnsweredWith<R> for Event<T, R> {}

/// Names of any type that say nothing of what the event carries.
macro_rules! plain_names {
    ($($name:ty: |$given:ident| $checked:expr;)*) => {
        $(
            impl IntoEventName for $name {
                fn into_event_name(self) -> Result<EventName, InvalidName> {
                    let $given = self;
                    $checked
                }
            }

            impl<A: IntoArgs> EventWith<A> for $name {}
            impl<R> AnsweredWith<R> for $name {}
        )*
    };
}

plain_names! {
    EventName: |name| Ok(name);
    &EventName: |name| Ok(name.clone());
    &str: |text| EventName::try_from(text);
    &String: |text| EventName::try_from(text.as_str());
    String: |text| EventName::try_from(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAY: Event<String, u64> = Event::new("say");

    fn name_for<A: IntoArgs>(event: impl EventWith<A>, _args: A) -> EventName {
        event.into_event_name().unwrap()
    }

    #[test]
    fn names_of_every_kind_name_the_same_event() {
        let text = "say".to_owned();
        let name = EventName::try_from("say").unwrap();
        assert_eq!(name_for(SAY, &text), name);
        assert_eq!(name_for("say", ()), name);
        assert_eq!(name_for(&text, Args((1, 2))), name);
        assert_eq!(name_for(&name, &1), name);
        assert_eq!(name_for(name.clone(), &1), name);
        assert_eq!(name_for(text, &1), name);
    }

    #[test]
    fn args_and_nothing_are_carried_too() {
        const PAIR: Event<Args<(u8, u8)>> = Event::new("pair");
        const PING: Event<(), u64> = Event::new("ping");
        assert_eq!(name_for(PAIR, Args((1, 2))), "pair");
        assert_eq!(name_for(PING, ()), "ping");
    }

    #[test]
    #[should_panic(expected = "1 to 255 bytes")]
    fn a_name_that_is_too_long_is_none() {
        let long: &'static str = String::leak("x".repeat(256));
        let _ = Event::<(), ()>::new(long);
    }
}
