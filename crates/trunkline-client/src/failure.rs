//! How a handler fails.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use trunkline_protocol::{Code, Value};

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
    /// A failure of the application's own kind, told to the other side.
    ///
    /// # Panics
    /// If the code is none of the application's: 4000 to 4999.
    #[must_use]
    pub fn new(code: u16, message: impl Into<Cow<'static, str>>) -> Self {
        assert!(
            (4000..5000).contains(&code),
            "an application's codes are 4000 to 4999, not {code}"
        );
        Self::told(Code::new(code), message)
    }

    /// The args are not what the handler takes, beyond what their type says. Code `bad-args`.
    #[must_use]
    pub fn bad_args(message: impl Into<Cow<'static, str>>) -> Self {
        Self::told(Code::BAD_ARGS, message)
    }

    /// Something went wrong that is not the other side's business. Code `internal`, without a text.
    #[must_use]
    pub fn internal() -> Self {
        Self::told(Code::INTERNAL, "")
    }

    pub(crate) fn told(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: Value::nil(),
            source: None,
        }
    }

    /// Adds a value for the other side's program.
    ///
    /// One that does not encode makes the failure an internal one, whose log line says why.
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        match Value::encode(data) {
            Ok(data) => {
                self.data = data;
                self
            }
            Err(error) => Self::from(error),
        }
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
        assert_eq!(failure.message(), "");
        assert!(failure.source().is_some());
    }

    #[test]
    fn a_failure_made_on_purpose_tells_its_text() {
        let failure = Failure::new(4001, "sold out");
        assert_eq!(
            (failure.code().number(), failure.message()),
            (4001, "sold out")
        );
    }
}
