//! A URL and headers that a program dials with, and what a server answers.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::future::poll_fn;
use trunkline_transport::{DialError, DialRequest};
use trunkline_websocket::{Config, fuzzing};
use tungstenite::handshake::derive_accept_key;

use crate::input::Input;
use crate::stream::{Script, Written, run_in_virtual_time};

/// The first byte says into which pieces the answer is cut. Then lines: the URL, headers, an empty
/// one; and the answer, in which `{accept}` stands for the right `sec-websocket-accept`.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let pieces = input.byte();
    let url = String::from_utf8_lossy(input.until(b"\n")).into_owned();
    let mut headers = HeaderMap::new();
    loop {
        let line = input.until(b"\n");
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = header(line) {
            headers.append(name, value);
        }
    }
    let request = DialRequest {
        url,
        protocols: vec!["trunkline.v1.msgpack".into(), "trunkline.v1.json".into()],
        headers,
        max_message: 600,
        proxy: None,
        certificate_hashes: Vec::new(),
    };
    let answer = input.rest().to_vec();
    run_in_virtual_time(dial(&request, pieces, answer));
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(&line[colon + 1..]).ok()?;
    Some((name, value))
}

async fn dial(request: &DialRequest, pieces: u8, answer: Vec<u8>) {
    let written = Written::default();
    let stream = Script::new(pieces, written.clone(), |head| filled_in(answer, head));
    match fuzzing::dial_over(stream, request, &Config::default()).await {
        Ok(mut connection) => {
            assert!(request.protocols.contains(&connection.protocol));
            while poll_fn(|cx| connection.receiver.poll_receive(cx))
                .await
                .is_ok()
            {}
        }
        Err(error) => check_says_no_secret(request, &error),
    }
    check_head(&written.take());
}

/// The answer with the key that proves that the request was read.
fn filled_in(answer: Vec<u8>, head: &[u8]) -> Vec<u8> {
    let Some(at) = find(&answer, PLACE) else {
        return answer;
    };
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    });
    let key = line.expect("a request with a key");
    let accept = derive_accept_key(key.as_bytes());
    [
        &answer[..at],
        accept.as_bytes(),
        &answer[at + PLACE.len()..],
    ]
    .concat()
}

/// One request was sent, or none: nothing that a URL or a header says makes a second.
fn check_head(head: &[u8]) {
    const END: &[u8] = b"\r\n\r\n";
    // What follows is frames.
    let Some(end) = find(head, END) else {
        assert!(head.is_empty(), "half a head was sent");
        return;
    };
    let head = &head[..end];
    assert!(head.starts_with(b"GET /"));
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.is_empty() && !line.contains(&b'\r'));
    }
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    for name in ["host", "sec-websocket-key", "sec-websocket-protocol"] {
        let start = format!("\r\n{name}:");
        assert_eq!(text.matches(&start).count(), 1, "{text}");
    }
}

/// A refused URL is shown without what may be a ticket or a password.
fn check_says_no_secret(request: &DialRequest, error: &DialError) {
    if !matches!(error, DialError::Url { .. }) {
        return;
    }
    if let Some((before, query)) = request.url.split_once('?')
        && query.contains(SECRET)
        && !before.contains(SECRET)
    {
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

const PLACE: &[u8] = b"{accept}";

/// A query that holds this holds a ticket.
const SECRET: &str = "s3cret";
