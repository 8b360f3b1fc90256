//! How a handler fails.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use trunkline_protocol::{Code, EncodeError, Value};

/// Why a handler gives no ack: what the other side is told with FAILED.
///
/// It is no [`Error`] itself, so that any error converts into it with `?`. Only one that was made
/// on purpose sends its text; a converted error arrives as `internal`, and is logged here.
///
/// Specification: acks.md, ACK-004.
pub struct Failure {
    code: Code,
    message: Cow<'static, str>,
    data: Value,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure to tell the other side. Codes from 4000 to 4999 are the application's own.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: Value::nil(),
            source: None,
        }
    }

    /// Adds data for the other side.
    ///
    /// # Errors
    /// The data does not serialise, or breaks the value model.
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Result<Self, EncodeError> {
        self.data = Value::encode(data)?;
        Ok(self)
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The text the other side is told.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The data the other side is told.
    #[must_use]
    pub const fn data(&self) -> &Value {
        &self.data
    }

    /// The error it was converted from; it is not sent.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    pub(crate) fn bad_args(problem: &dyn fmt::Display) -> Self {
        Self::new(Code::BAD_ARGS, problem.to_string())
    }

    pub(crate) fn internal() -> Self {
        Self::new(Code::INTERNAL, "the handler failed")
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(source: E) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::internal()
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("code", &self.code)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_foreign_error_is_not_told() {
        let failure = Failure::from(std::io::Error::other("the database's password is 7"));
        assert_eq!(failure.code(), Code::INTERNAL);
        assert_eq!(failure.message(), "the handler failed");
        assert!(failure.source().is_some());
    }

    #[test]
    fn a_failure_made_on_purpose_tells_its_text() {
        let failure = Failure::new(Code::new(4001), "sold out");
        assert_eq!(
            (failure.code().number(), failure.message()),
            (4001, "sold out")
        );
    }
}
