//! What pages of other hosts may read of plain answers: CORS, from the same list as connecting.

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};

use super::origin::{Caller, Origins};

/// Lets a page that may connect read this answer, and says to caches that it depends on the page.
/// An answer that says itself who may read it is left alone.
pub(super) fn allow<B>(origins: &Origins, request: &HeaderMap, answer: &mut Response<B>) {
    let headers = answer.headers_mut();
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = request.get(header::ORIGIN) else {
        return;
    };
    if origins.judge(request) == Ok(Caller::Page) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
}

/// The answer to a page that may connect and asks ahead whether it may send a GET with headers of
/// its own; none if this is no such question.
pub(super) fn preflight<B: Default>(
    origins: &Origins,
    request: &Request<()>,
) -> Option<Response<B>> {
    let headers = request.headers();
    let wants_get = headers
        .get(header::ACCESS_CONTROL_REQUEST_METHOD)
        .is_some_and(|method| method == Method::GET.as_str());
    let is_preflight = request.method() == Method::OPTIONS && wants_get;
    if !is_preflight || origins.judge(headers) != Ok(Caller::Page) {
        return None;
    }
    let mut answer = Response::new(B::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let allowed = answer.headers_mut();
    let mut say = |name: HeaderName, value: HeaderValue| allowed.insert(name, value);
    say(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET"),
    );
    say(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(MAX_AGE_S),
    );
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        say(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    allow(origins, headers, &mut answer);
    Some(answer)
}

/// How long a browser need not ask again, seconds.
const MAX_AGE_S: &str = "600";
