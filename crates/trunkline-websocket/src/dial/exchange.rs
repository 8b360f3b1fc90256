//! The request of a handshake and its answer.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Request, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use trunkline_transport::{DialError, DialRequest};
use tungstenite::handshake::client::{Response, generate_key, generate_request};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;

use super::target::Target;

/// The largest head of an answer, bytes.
const MAX_HEAD: usize = 16 * 1024;

/// What of a refusal's body is kept, bytes.
const MAX_BODY: usize = 1024;

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
    let (response, rest) = read_head(stream).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(stream, &response, rest).await);
    }
    let protocol = check(response.headers(), &key, &request.protocols)?;
    Ok((protocol, rest))
}

fn request_bytes(target: &Target, request: &DialRequest) -> Result<(Vec<u8>, String), DialError> {
    let wrong =
        |cause: String| DialError::Handshake(format!("the request cannot be made: {cause}"));
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| wrong(format!("`{text}` is no header value")))
    };
    let mut head = Request::new(());
    *head.uri_mut() = target
        .path_and_query
        .parse()
        .map_err(|cause| wrong(format!("{cause}")))?;
    let headers = head.headers_mut();
    *headers = request.headers.clone();
    // Nothing that is not spoken here may be offered.
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    headers.insert(header::HOST, value(&target.authority)?);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    headers.insert(header::SEC_WEBSOCKET_KEY, value(&generate_key())?);
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        value(&request.protocols.join(", "))?,
    );
    generate_request(head).map_err(|cause| wrong(cause.to_string()))
}

async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Response, Vec<u8>), DialError> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(DialError::Handshake(format!(
                "the server closed after {} bytes of its answer",
                bytes.len()
            )));
        }
        match Response::try_parse(&bytes) {
            Ok(Some((length, response))) => {
                bytes.drain(..length);
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
    }
}

/// Reads the start of a refusal's body, as far as it comes soon.
async fn refused<S: AsyncRead + Unpin>(
    stream: &mut S,
    response: &Response,
    mut body: Vec<u8>,
) -> DialError {
    let headers = response.headers();
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
        retry_after_s: number(headers, header::RETRY_AFTER),
    }
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
