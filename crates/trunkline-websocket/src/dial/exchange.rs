//! The request of a handshake and its answer.

use std::time::{Duration, SystemTime};

use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use trunkline_transport::{DialError, DialRequest, without_credentials};
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;

use super::retry_after;
use super::target::Target;

/// The largest head of an answer, bytes.
const MAX_HEAD: usize = 16 * 1024;

/// What of a refusal's body is kept, bytes.
const MAX_BODY: usize = 1024;

/// What of a redirect's target is kept, characters.
const MAX_LOCATION: usize = 256;

/// How long a refusal's body is waited for once its head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends the request and reads the answer: the protocol agreed on, and bytes that came behind it.
pub(super) async fn shake_hands<S>(
    stream: &mut S,
    target: &Target,
    request: &DialRequest,
) -> Result<(String, Vec<u8>), DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (bytes, key) = request_bytes(target, request)?;
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    let (response, rest) = read_answer(stream).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(stream, &response, rest).await);
    }
    let protocol = check(response.headers(), &key, &request.protocols)?;
    Ok((protocol, rest))
}

/// The request's head, and its key. Not by tungstenite, which would tell the crate `log` all of it,
/// with credentials in its query and headers.
fn request_bytes(target: &Target, request: &DialRequest) -> Result<(Vec<u8>, String), DialError> {
    let wrong =
        |cause: String| DialError::Handshake(format!("the request cannot be made: {cause}"));
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| wrong(format!("`{text}` is no header value")))
    };
    // What is parsed so has no line break that would end the line.
    let path: PathAndQuery = target
        .path_and_query
        .parse()
        .map_err(|cause| wrong(format!("{cause}")))?;
    let key = generate_key();
    // In the letters of RFC 6455, for servers that compare names byte by byte.
    let own = [
        ("Host", value(&target.authority)?),
        ("Connection", HeaderValue::from_static("Upgrade")),
        ("Upgrade", HeaderValue::from_static("websocket")),
        ("Sec-WebSocket-Version", HeaderValue::from_static("13")),
        ("Sec-WebSocket-Key", value(&key)?),
        (
            "Sec-WebSocket-Protocol",
            value(&request.protocols.join(", "))?,
        ),
    ];
    let mut headers = request.headers.clone();
    // Nothing that is not spoken here may be offered.
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    for (name, _) in &own {
        headers.remove(*name);
    }
    let mut bytes = format!("GET {path} HTTP/1.1\r\n").into_bytes();
    let own = own.iter().map(|(name, value)| (*name, value));
    let others = headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in own.chain(others) {
        let line = [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        bytes.extend_from_slice(&line.concat());
    }
    bytes.extend_from_slice(b"\r\n");
    Ok((bytes, key))
}

/// Reads the head of the answer, and gives what came behind it. Heads ahead of it that are no answer
/// yet, such as 103, are passed over; all together are at most [`MAX_HEAD`].
async fn read_answer<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<(Response, Vec<u8>), DialError> {
    let mut bytes = Vec::with_capacity(1024);
    let mut passed = 0;
    loop {
        match Response::try_parse(&bytes[passed..]) {
            Ok(Some((length, response))) => {
                passed += length;
                if is_interim(response.status()) {
                    continue;
                }
                bytes.drain(..passed);
                return Ok((response, bytes));
            }
            Ok(None) if bytes.len() < MAX_HEAD => {}
            Ok(None) => {
                return Err(DialError::Handshake(format!(
                    "the head of the answer is over {MAX_HEAD} bytes"
                )));
            }
            Err(cause) => {
                return Err(DialError::Handshake(format!(
                    "the answer is not HTTP: {cause}"
                )));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(DialError::Handshake(format!(
                "the server closed after {} bytes of its answer",
                bytes.len()
            )));
        }
    }
}

/// Whether another answer follows (RFC 9110 section 15.2).
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Reads the start of a refusal's body, as far as it comes soon.
async fn refused<S: AsyncRead + Unpin>(
    stream: &mut S,
    response: &Response,
    mut body: Vec<u8>,
) -> DialError {
    let headers = response.headers();
    let retry_after_s = wait(headers);
    if let (true, Some(location)) = (
        response.status().is_redirection(),
        headers.get(header::LOCATION),
    ) {
        return redirected(response.status(), location, retry_after_s);
    }
    let length = number(headers, header::CONTENT_LENGTH);
    let wanted = length.map_or(MAX_BODY, |length| MAX_BODY.min(length as usize));
    // Whatever ends it (the end of the stream, an error, the time), what came is shown.
    let _ = tokio::time::timeout(BODY_TIMEOUT, async {
        while body.len() < wanted && stream.read_buf(&mut body).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
    body.truncate(wanted);
    DialError::Refused {
        status: response.status().as_u16(),
        body: String::from_utf8_lossy(&body).trim().to_owned(),
        retry_after_s,
    }
}

fn redirected(status: StatusCode, location: &HeaderValue, retry_after_s: Option<u64>) -> DialError {
    let location = String::from_utf8_lossy(location.as_bytes());
    let location = without_credentials(&location);
    DialError::Redirected {
        status: status.as_u16(),
        location: location.chars().take(MAX_LOCATION).collect(),
        retry_after_s,
    }
}

fn wait(headers: &HeaderMap) -> Option<u64> {
    let retry_after = headers.get(header::RETRY_AFTER)?;
    let date = headers.get(header::DATE).map(HeaderValue::as_bytes);
    retry_after::read(retry_after.as_bytes(), date, SystemTime::now())
}

fn number(headers: &HeaderMap, name: header::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Checks a 101 (RFC 6455 section 4.1) and gives the protocol it names.
fn check(headers: &HeaderMap, key: &str, offered: &[String]) -> Result<String, DialError> {
    let wrong = |detail: String| Err(DialError::Handshake(detail));
    for (name, token) in [
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "upgrade"),
    ] {
        let text = headers
            .get(&name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !text
            .split(',')
            .any(|found| found.trim().eq_ignore_ascii_case(token))
        {
            return wrong(format!("its `{name}` is `{text}`, not `{token}`"));
        }
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept != &derive_accept_key(key.as_bytes())) {
        return wrong("its `sec-websocket-accept` does not answer the key".into());
    }
    if let Some(extensions) = headers.get(header::SEC_WEBSOCKET_EXTENSIONS) {
        return wrong(format!(
            "it uses {extensions:?}, and no extension was offered"
        ));
    }
    let mut protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    match (protocols.next().map(HeaderValue::to_str), protocols.next()) {
        (Some(Ok(protocol)), None) if offered.iter().any(|name| name == protocol) => {
            Ok(protocol.to_owned())
        }
        (Some(Ok(protocol)), None) => wrong(format!(
            "it chose the protocol `{protocol}`, which was not offered"
        )),
        (None, _) => wrong(format!(
            "it chose none of the protocols {}",
            offered.join(", ")
        )),
        _ => wrong("its `sec-websocket-protocol` is repeated or no text".into()),
    }
}
