//! Whether a request is a WebSocket handshake (RFC 6455 section 4.2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Version};
use tungstenite::handshake::derive_accept_key;

use super::negotiate::Negotiated;
use super::refusal::Refusal;

/// What the response to a good handshake says.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) accept: HeaderValue,
    pub(super) protocol_header: HeaderValue,
    pub(super) negotiated: Negotiated,
}

pub(super) fn check<B>(request: &Request<B>, supported: &[String]) -> Result<Granted, Refusal> {
    if request.method() != Method::GET {
        return Err(Refusal::method_not_allowed(request.method()));
    }
    if request.version() != Version::HTTP_11 {
        return Err(Refusal::bad_request(format!(
            "A WebSocket handshake needs HTTP/1.1; this request is {:?}.",
            request.version()
        )));
    }
    let headers = request.headers();
    check_upgrade(headers)?;
    check_version(headers)?;
    let accept = accept_key(headers)?;
    let (negotiated, protocol_header) = protocol(headers, supported)?;
    Ok(Granted {
        accept,
        protocol_header,
        negotiated,
    })
}

fn check_upgrade(headers: &HeaderMap) -> Result<(), Refusal> {
    for (name, token) in [
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "upgrade"),
    ] {
        if !tokens(headers, &name).any(|found| found.eq_ignore_ascii_case(token)) {
            return Err(Refusal::upgrade_required(format!(
                "This is a WebSocket endpoint, and the request's `{name}` header does not say \
                 `{token}`. A proxy in between must pass it on."
            )));
        }
    }
    Ok(())
}

fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    let version = single(headers, &header::SEC_WEBSOCKET_VERSION);
    if version == Some("13") {
        return Ok(());
    }
    let found = version.map_or_else(
        || "missing, repeated or no text".into(),
        |v| format!("`{v}`"),
    );
    Err(Refusal::upgrade_required(format!(
        "`sec-websocket-version` must be 13; it is {}.",
        shortened(&found)
    )))
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let Some(key) = single(headers, &header::SEC_WEBSOCKET_KEY) else {
        return Err(Refusal::bad_request(
            "`sec-websocket-key` must be there once; it is missing, repeated or no text.",
        ));
    };
    let length = STANDARD.decode(key).map(|nonce| nonce.len());
    if length != Ok(16) {
        let found = length.map_or_else(|_| "no base64".into(), |length| format!("{length} bytes"));
        return Err(Refusal::bad_request(format!(
            "`sec-websocket-key` must be 16 bytes in base64; it is {found}."
        )));
    }
    HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| Refusal::bad_request("`sec-websocket-key` cannot be answered."))
}

fn protocol(
    headers: &HeaderMap,
    supported: &[String],
) -> Result<(Negotiated, HeaderValue), Refusal> {
    let offered: Vec<&str> = tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL).collect();
    let example = supported
        .first()
        .map_or("trunkline.v1.json", String::as_str);
    let Some(negotiated) = Negotiated::choose(&offered, supported) else {
        let found = if offered.is_empty() {
            "none was offered".into()
        } else {
            format!("offered were {}", shortened(&offered.join(", ")))
        };
        return Err(Refusal::bad_request(format!(
            "`sec-websocket-protocol` must offer a protocol spoken here, which are {}; {found}. \
             For example: new WebSocket(url, \"{example}\"), or the header \
             `Sec-WebSocket-Protocol: {example}`.",
            supported.join(", ")
        )));
    };
    let value = HeaderValue::from_str(negotiated.name())
        .map_err(|_| Refusal::bad_request("`sec-websocket-protocol` cannot be answered."))?;
    Ok((negotiated, value))
}

/// The comma-separated tokens of all headers of that name.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// The text of a header that is there exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next()?;
    if values.next().is_some() {
        None
    } else {
        first.to_str().ok().map(str::trim)
    }
}

/// What of a peer's text is repeated back to it.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_MAX)]
}

const SHOWN_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn handshake() -> http::request::Builder {
        Request::get("/trunkline")
            .header("Upgrade", "WebSocket")
            .header("Connection", "keep-alive, Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    fn checked(builder: http::request::Builder) -> Result<Granted, Refusal> {
        let supported = [
            "trunkline.v1.msgpack".to_owned(),
            "trunkline.v1.json".to_owned(),
        ];
        check(&builder.body(()).unwrap(), &supported)
    }

    fn offering(builder: http::request::Builder, protocol: &str) -> http::request::Builder {
        builder.header("Sec-WebSocket-Protocol", protocol)
    }

    fn without(name: &str) -> Result<Granted, Refusal> {
        let mut builder = offering(handshake(), "trunkline.v1.json");
        builder.headers_mut().unwrap().remove(name);
        checked(builder)
    }

    #[track_caller]
    fn refused(result: Result<Granted, Refusal>, status: StatusCode, text: &str) {
        let refusal = result.unwrap_err();
        assert_eq!(refusal.status, status, "{}", refusal.text);
        assert!(
            refusal.text.contains(text),
            "`{text}` is not in: {}",
            refusal.text
        );
    }

    #[test]
    fn good_handshake_is_answered_with_the_key_of_the_rfc() {
        let granted = checked(offering(handshake(), "chat, trunkline.v1.json")).unwrap();
        assert_eq!(granted.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(granted.protocol_header, "trunkline.v1.json");
    }

    #[test]
    fn protocols_may_be_spread_over_several_headers() {
        let builder = offering(offering(handshake(), "chat"), "trunkline.v1.msgpack");
        let granted = checked(builder).unwrap();
        assert_eq!(
            granted.negotiated,
            Negotiated::Known("trunkline.v1.msgpack".into())
        );
    }

    #[test]
    fn other_methods_are_405_and_older_http_is_400() {
        refused(
            checked(handshake().method("POST")),
            StatusCode::METHOD_NOT_ALLOWED,
            "POST",
        );
        let old = checked(handshake().version(Version::HTTP_10));
        refused(old, StatusCode::BAD_REQUEST, "HTTP/1.0");
    }

    #[test]
    fn missing_upgrade_headers_are_426_by_name() {
        refused(
            without("upgrade"),
            StatusCode::UPGRADE_REQUIRED,
            "`upgrade`",
        );
        refused(
            without("connection"),
            StatusCode::UPGRADE_REQUIRED,
            "`connection`",
        );
        refused(
            without("sec-websocket-version"),
            StatusCode::UPGRADE_REQUIRED,
            "missing",
        );
    }

    #[test]
    fn other_websocket_version_is_426_and_names_ours() {
        let mut builder = handshake();
        builder
            .headers_mut()
            .unwrap()
            .insert("sec-websocket-version", "8".parse().unwrap());
        let refusal = checked(builder).unwrap_err();
        assert!(refusal.text.contains("`8`"), "{}", refusal.text);
        let response = refusal.into_response();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(response.headers()["upgrade"], "websocket");
    }

    #[test]
    fn bad_keys_are_400_with_what_was_found() {
        refused(
            without("sec-websocket-key"),
            StatusCode::BAD_REQUEST,
            "missing",
        );
        for (key, found) in [("AAAA", "3 bytes"), ("?", "no base64")] {
            let mut builder = handshake();
            builder
                .headers_mut()
                .unwrap()
                .insert("sec-websocket-key", key.parse().unwrap());
            refused(checked(builder), StatusCode::BAD_REQUEST, found);
        }
        let twice = handshake().header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        refused(checked(twice), StatusCode::BAD_REQUEST, "repeated");
    }

    #[test]
    fn no_usable_protocol_is_400_with_an_example() {
        refused(
            checked(handshake()),
            StatusCode::BAD_REQUEST,
            "none was offered",
        );
        let chat = checked(offering(handshake(), "chat"));
        refused(
            chat,
            StatusCode::BAD_REQUEST,
            "offered were chat. For example: new WebSocket",
        );
    }
}
