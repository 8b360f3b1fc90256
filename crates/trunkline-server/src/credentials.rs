//! What a client offers to be let in with, and the hook that judges it.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, Uri, header};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::Instrument as _;
use trunkline_driver::sync::Arc;
use trunkline_protocol::{Close, Code, Value};

use crate::{Admission, Failure, Handshake};

/// What a client offers to be let in with: its HELLO and the request before it, or an AUTH later on.
///
/// Its `Debug` shows none of it. Nothing here is kept once the hook is done, but for the session's
/// first [`Handshake`].
pub struct Credentials {
    handshake: Arc<Handshake>,
    headers: HeaderMap,
    /// The `auth` of an AUTH.
    refreshed: Option<Value>,
}

impl Credentials {
    pub(crate) const fn of_hello(handshake: Arc<Handshake>, headers: HeaderMap) -> Self {
        Self {
            handshake,
            headers,
            refreshed: None,
        }
    }

    pub(crate) fn of_auth(handshake: Arc<Handshake>, auth: Value) -> Self {
        Self {
            handshake,
            headers: HeaderMap::new(),
            refreshed: Some(auth),
        }
    }

    /// The `auth` of HELLO or AUTH; nil if the client sent none.
    #[must_use]
    pub fn auth(&self) -> &Value {
        self.refreshed.as_ref().unwrap_or(&self.handshake.auth)
    }

    /// The `auth` as a `T`.
    ///
    /// # Errors
    /// It is no `T`: a refusal with `unauthorized`, which tells the client the place and nothing of
    /// the content.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let misfit = |error| Failure::unauthorized(format!("the credentials do not fit: {error}"));
        self.auth().decode().map_err(misfit)
    }

    /// Whether a session that goes on refreshes its credentials. Then there are no headers, and the
    /// query and the peer are those of the session's first connection: what counts is the
    /// [`auth`](Self::auth).
    #[must_use]
    pub const fn is_refresh(&self) -> bool {
        self.refreshed.is_some()
    }

    /// The headers of the request that the connection began with, where the transport has any.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The token of an `Authorization: Bearer` header.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
    }

    /// The value of a cookie; of several with this name the first.
    ///
    /// Cookies come from browsers, and a browser sends them for any page: they prove something only
    /// together with an `Origin` that was checked (specification: SEC-002).
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(header::COOKIE).into_iter();
        let mut cookies = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        cookies.find_map(|cookie| {
            let (found, value) = cookie.trim().split_once('=')?;
            (found == name).then_some(value)
        })
    }

    /// The request's path and query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.handshake.uri
    }

    /// A parameter of the query, decoded; of several with this name the first. For one-time tickets:
    /// a query ends up in the logs of proxies, and is no place for what is good twice.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let query = self.uri().query()?.as_bytes();
        let mut pairs = form_urlencoded::parse(query);
        pairs.find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The address the connection came from, where the transport knows one.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.handshake.peer()
    }

    /// All that the connection brought but its headers; in a refresh the session's first connection.
    #[must_use]
    pub const fn handshake(&self) -> &Arc<Handshake> {
        &self.handshake
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("is_refresh", &self.is_refresh())
            .finish_non_exhaustive()
    }
}

/// The hook's outcome: who is let in, or a refusal told to the client.
pub type Verdict = Result<Admission, Failure>;

type Judging = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// The program's authentication hook.
#[derive(Clone)]
pub(crate) struct Authenticate(Arc<dyn Fn(Credentials) -> Judging + Send + Sync>);

/// What became of asking the hook.
#[derive(Debug)]
pub(crate) enum Judgement {
    Admitted(Admission),
    /// On purpose.
    Refused(Failure),
    /// It failed, panicked, or took too long, which is no word on the credentials.
    Failed,
}

impl Authenticate {
    pub(crate) fn new<F, Fut, A>(hook: F) -> Self
    where
        F: Fn(Credentials) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, Failure>> + Send + 'static,
        A: Into<Admission>,
    {
        Self(Arc::new(move |credentials| {
            let judging = hook(credentials);
            Box::pin(async move { judging.await.map(Into::into) })
        }))
    }

    /// Asks the hook about the credentials of a client at `peer`, for at most `limit`. It runs in a task
    /// of its own, so that a panic of it ends nothing else.
    pub(crate) async fn judge(
        &self,
        credentials: Credentials,
        peer: Option<SocketAddr>,
        limit: Duration,
    ) -> Judgement {
        let hook = Arc::clone(&self.0);
        // Aborted with this future.
        let mut task = JoinSet::new();
        task.spawn(async move { hook(credentials).await }.in_current_span());
        match tokio::time::timeout(limit, task.join_next()).await {
            Ok(Some(Ok(Ok(admission)))) if admission.valid_for == Some(Duration::ZERO) => {
                Judgement::Refused(Failure::unauthorized("the credentials have expired"))
            }
            Ok(Some(Ok(Ok(admission)))) => Judgement::Admitted(admission),
            Ok(Some(Ok(Err(failure)))) if failure.code() == Code::INTERNAL => {
                tracing::error!(?peer, %failure, "the authentication hook failed");
                Judgement::Failed
            }
            Ok(Some(Ok(Err(failure)))) => Judgement::Refused(failure),
            Ok(Some(Err(_panic))) => {
                // Its text has gone where the program sends panics, and may be of the credentials.
                tracing::error!(?peer, "the authentication hook panicked");
                Judgement::Failed
            }
            // A set of one task is not empty before it was joined.
            Ok(None) => Judgement::Failed,
            Err(_elapsed) => {
                tracing::error!(?peer, ?limit, "the authentication hook took too long");
                Judgement::Failed
            }
        }
    }
}

/// The CLOSE of a refusal by the hook. An application's own code is told as it is.
pub(crate) fn refusal(failure: &Failure) -> Close {
    let code = match failure.code() {
        code if (4000..5000).contains(&code.number()) => code,
        _ => Code::UNAUTHORIZED,
    };
    Close {
        data: failure.data().clone(),
        ..Close::new(code, failure.message())
    }
}

/// How long the authentication hook may take, unless
/// [`Builder::authentication_timeout`](crate::Builder::authentication_timeout) says otherwise.
pub const AUTHENTICATION_LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use trunkline_protocol::Encoding;
    use trunkline_transport::TransportKind;

    use super::*;

    fn credentials(headers: &[(header::HeaderName, &'static str)]) -> Credentials {
        let handshake = Handshake {
            peer: None,
            uri: Uri::from_static("/trunkline?ticket=a%2Bb&ticket=second&empty"),
            transport: TransportKind::Memory,
            encoding: Encoding::Json,
            auth: Value::encode("s3cret").unwrap(),
            agent: "test".into(),
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        Credentials::of_hello(Arc::new(handshake), map)
    }

    #[test]
    fn a_parameter_of_the_query_is_decoded_and_the_first_counts() {
        let offered = credentials(&[]);
        assert_eq!(offered.query("ticket").as_deref(), Some("a+b"));
        assert_eq!(offered.query("empty").as_deref(), Some(""));
        assert_eq!(offered.query("other"), None);
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let offered = credentials(&[
            (header::COOKIE, "my-session=no; session=one=two;theme=dark"),
            (header::COOKIE, "late=yes"),
        ]);
        assert_eq!(offered.cookie("session"), Some("one=two"));
        assert_eq!(offered.cookie("theme"), Some("dark"));
        assert_eq!(offered.cookie("late"), Some("yes"));
        assert_eq!(offered.cookie("sess"), None);
    }

    #[test]
    fn a_bearer_token_is_that_of_its_scheme_only() {
        let bearer = credentials(&[(header::AUTHORIZATION, "bearer t0ken")]);
        assert_eq!(bearer.bearer(), Some("t0ken"));
        let basic = credentials(&[(header::AUTHORIZATION, "Basic t0ken")]);
        assert_eq!(basic.bearer(), None);
    }

    #[test]
    fn a_refresh_has_the_auth_of_its_frame_and_no_headers() {
        let first = credentials(&[(header::COOKIE, "session=one")]);
        let refreshed = Value::encode("fresh").unwrap();
        let refresh = Credentials::of_auth(Arc::clone(first.handshake()), refreshed);
        assert_eq!(refresh.decode::<String>().unwrap(), "fresh");
        assert!(refresh.is_refresh() && refresh.headers().is_empty());
        assert!(!first.is_refresh());
    }

    #[test]
    fn credentials_of_another_type_are_refused_without_a_word_of_them() {
        let failure = credentials(&[]).decode::<u8>().unwrap_err();
        assert_eq!(failure.code(), Code::UNAUTHORIZED);
        assert!(!failure.message().contains("s3cret"), "{failure}");
        let shown = format!("{:?}", credentials(&[(header::COOKIE, "session=s3cret")]));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
