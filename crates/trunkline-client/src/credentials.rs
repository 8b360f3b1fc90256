//! What a client is let in with: the same each time, or fetched by a callback.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use tokio::task::JoinSet;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{EncodeError, Value};

/// What a client is let in with, for one attempt: the `auth` of HELLO, and what goes with the
/// transport's request.
///
/// Its `Debug` shows none of it.
#[derive(Clone, Default)]
pub struct Credentials {
    pub(crate) auth: Value,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
}

impl Credentials {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `auth` of HELLO, or of AUTH in a refresh: the place for tokens, on every transport.
    ///
    /// # Errors
    /// It does not encode.
    pub fn auth<T: Serialize + ?Sized>(mut self, auth: &T) -> Result<Self, EncodeError> {
        self.auth = Value::encode(auth)?;
        Ok(self)
    }

    /// Adds a parameter to the URL's query: for one-time tickets alone, since URLs are logged.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header for the transport's handshake, where the transport can send one.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// What credentials are fetched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occasion {
    /// A connection is about to be dialled.
    Dial,
    /// The server asks for fresh ones on the connection that lives. Only their `auth` is sent.
    Refresh {
        /// How long those it has hold; none if the server does not say.
        expires: Option<Duration>,
    },
}

/// Why there are no credentials.
///
/// Any error turns into one with `?`: then the client tries again after its back-off, and the attempt
/// counts as failed. For `?` to work on every error it is no [`std::error::Error`] itself. The client
/// writes none of it to its log.
#[derive(Clone)]
pub struct CredentialsError {
    source: Arc<dyn Error + Send + Sync>,
    is_final: bool,
}

impl CredentialsError {
    /// There will be none, such as since the user has logged out: the client ends, and whoever waits
    /// for it gets this error.
    pub fn give_up(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Arc::from(error.into()),
            is_final: true,
        }
    }

    /// Whether the client is not to try again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.is_final
    }

    /// The error behind it.
    #[must_use]
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for CredentialsError {
    fn from(error: E) -> Self {
        Self {
            source: Arc::new(error),
            is_final: false,
        }
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no credentials: {}", self.source)
    }
}

impl fmt::Debug for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsError")
            .field("source", &self.source)
            .field("is_final", &self.is_final)
            .finish()
    }
}

type Fetching = Pin<Box<dyn Future<Output = Result<Credentials, CredentialsError>> + Send>>;

/// Where a client's credentials come from.
#[derive(Clone)]
pub(crate) enum Source {
    Fixed(Credentials),
    Fetched(Arc<dyn Fn(Occasion) -> Fetching + Send + Sync>),
}

impl Source {
    pub(crate) fn fetched<F, Fut>(callback: F) -> Self
    where
        F: Fn(Occasion) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Credentials, CredentialsError>> + Send + 'static,
    {
        Self::Fetched(Arc::new(move |occasion| Box::pin(callback(occasion))))
    }

    /// Gets credentials, for at most `limit`. A callback runs in a task of its own, so that its panic
    /// ends nothing but this.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the callback's task.
    pub(crate) async fn fetch(
        &self,
        occasion: Occasion,
        limit: Duration,
    ) -> Result<Credentials, CredentialsError> {
        let callback = match self {
            Self::Fixed(credentials) => return Ok(credentials.clone()),
            Self::Fetched(callback) => Arc::clone(callback),
        };
        let mut task = JoinSet::new();
        task.spawn(async move { callback(occasion).await });
        match tokio::time::timeout(limit, task.join_next()).await {
            Ok(Some(Ok(fetched))) => fetched,
            Ok(Some(Err(_)) | None) => Err(CallbackError::Panicked)?,
            Err(_elapsed) => Err(CallbackError::TookTooLong { limit })?,
        }
    }
}

/// How the callback itself went wrong.
#[derive(Debug, thiserror::Error)]
enum CallbackError {
    #[error("the callback for credentials panicked")]
    Panicked,
    #[error("the callback for credentials took longer than {} ms", limit.as_millis())]
    TookTooLong { limit: Duration },
}

/// Credentials that the server would not even read.
#[derive(Debug, thiserror::Error)]
#[error("the credentials make a frame of {size} bytes where {limit} may be")]
pub(crate) struct TooLong {
    pub(crate) size: usize,
    pub(crate) limit: usize,
}

impl TooLong {
    /// The message, if a server takes one of its length.
    pub(crate) fn check(message: Vec<u8>, limit: usize) -> Result<Vec<u8>, CredentialsError> {
        let size = message.len();
        if size <= limit {
            return Ok(message);
        }
        Err(CredentialsError::give_up(Self { size, limit }))
    }
}

/// How long the callback for credentials may take, unless
/// [`Builder::credentials_timeout`](crate::Builder::credentials_timeout) says otherwise.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_shows_for_debugging() {
        let credentials = Credentials::new()
            .query("ticket", "s3cret")
            .header(http::header::COOKIE, HeaderValue::from_static("s3cret"));
        assert_eq!(format!("{credentials:?}"), "Credentials(…)");
    }
}
