//! Failures: why a handler or a hook did not do what it was asked for.

use std::error::Error;
use std::fmt;

use serde::Serialize;
use trunkline_protocol::{Code, DecodeError, Value};

/// Why a handler or a hook did not do what it was asked for, as the peer is told.
///
/// One that was made on purpose sends its code, text and data. Any error that `?` turns into one
/// reaches the peer as `internal` without a word of it, and is logged: a database's message is
/// nobody's business. For `?` to work on every error, `Failure` is no [`std::error::Error`] itself.
///
/// Specification: frames.md, FAILED and REFUSED; acks.md, ACK-004.
pub struct Failure(Box<Inner>);

struct Inner {
    code: Code,
    message: String,
    data: Value,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure of the application's own kind, told to the peer.
    ///
    /// # Panics
    /// If the code is none of the application's: 4000 to 4999.
    #[must_use]
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        assert!(
            APPLICATION_CODES.contains(&code),
            "an application's codes are 4000 to 4999, not {code}"
        );
        Self::told(Code::new(code), message.into())
    }

    /// The credentials do not suffice. Code `unauthorized`.
    #[must_use]
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::told(Code::UNAUTHORIZED, message.into())
    }

    /// It was asked for more often than a rate limit allows, and was not done. Code `rate-limited`.
    #[must_use]
    pub fn rate_limited(message: impl Into<String>) -> Self {
        Self::told(Code::RATE_LIMITED, message.into())
    }

    /// The args are not what the handler takes, beyond what their type says. Code `bad-args`.
    #[must_use]
    pub fn bad_args(message: impl Into<String>) -> Self {
        Self::told(Code::BAD_ARGS, message.into())
    }

    /// Content does not fit its type: the path and what was expected there are told. Code
    /// `bad-args`.
    #[must_use]
    pub fn misfit(error: &DecodeError) -> Self {
        Self::told(Code::BAD_ARGS, error.to_string())
    }

    /// Nobody handles the event, and nothing has run. Code `unknown-event`.
    #[must_use]
    pub fn unknown_event(message: impl Into<String>) -> Self {
        Self::told(Code::UNKNOWN_EVENT, message.into())
    }

    /// There is no such namespace, or the peer may not know of it. Code `unknown-namespace`.
    #[must_use]
    pub fn unknown_namespace() -> Self {
        Self::named(Code::UNKNOWN_NAMESPACE)
    }

    /// The server has no place for one more namespace of its kind. Code `namespace-limit`.
    #[must_use]
    pub fn namespace_limit() -> Self {
        Self::named(Code::NAMESPACE_LIMIT)
    }

    /// The handler ended without an answer. Code `no-answer`.
    #[must_use]
    pub fn no_answer() -> Self {
        Self::named(Code::NO_ANSWER)
    }

    /// Something went wrong that is not the peer's business. Code `internal`, without a text.
    #[must_use]
    pub fn internal() -> Self {
        Self::told(Code::INTERNAL, String::new())
    }

    /// Adds a value for the peer's program.
    ///
    /// One that does not encode makes the failure an internal one, whose log line says why.
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        match Value::encode(data) {
            Ok(data) => {
                self.0.data = data;
                self
            }
            Err(error) => Self::from(error),
        }
    }

    /// The code that the peer is told.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// The text that the peer is told; empty for an internal failure.
    #[must_use]
    pub const fn message(&self) -> &str {
        self.0.message.as_str()
    }

    /// The value that the peer is told; nil if there is none.
    #[must_use]
    pub const fn data(&self) -> &Value {
        &self.0.data
    }

    /// The error behind an internal failure, which the peer never sees.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// A failure whose text is its code's name.
    fn named(code: Code) -> Self {
        Self::told(code, code.name().unwrap_or_default().to_owned())
    }

    fn told(code: Code, message: String) -> Self {
        Self(Box::new(Inner {
            code,
            message,
            data: Value::nil(),
            source: None,
        }))
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut failure = Self::internal();
        failure.0.source = Some(Box::new(error));
        failure
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failure {
    /// Code, text and the chain of errors behind it: for logs, not for peers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code)?;
        if !self.0.message.is_empty() {
            write!(f, ": {}", self.0.message)?;
        }
        let mut next = self
            .0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static));
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

/// The codes that applications may give out.
const APPLICATION_CODES: std::ops::RangeInclusive<u16> = 4000..=4999;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no row 7")]
    struct NoRow(#[source] fmt::Error);

    fn query() -> Result<(), Failure> {
        Err(NoRow(fmt::Error))?;
        Ok(())
    }

    #[test]
    fn a_foreign_error_is_internal_and_tells_the_peer_nothing() {
        let failure = query().unwrap_err();
        assert_eq!(failure.code(), Code::INTERNAL);
        assert_eq!(failure.message(), "");
        assert!(failure.data().is_nil());
        assert!(
            failure.to_string().contains("no row 7: "),
            "the log has the chain: {failure}"
        );
    }

    #[test]
    fn a_failure_made_on_purpose_tells_its_text_and_data() {
        let failure = Failure::new(4001, "the room is full").with_data(&12);
        assert_eq!(failure.code(), Code::new(4001));
        assert_eq!(failure.message(), "the room is full");
        assert_eq!(failure.data().decode::<u32>().unwrap(), 12);
        assert!(failure.source().is_none());
    }

    #[test]
    #[should_panic(expected = "4000 to 4999, not 3011")]
    fn codes_of_the_protocol_are_not_the_applications() {
        let _ = Failure::new(3011, "looks internal");
    }

    #[test]
    fn a_result_with_a_failure_stays_small() {
        assert_eq!(size_of::<Failure>(), size_of::<usize>());
    }
}
