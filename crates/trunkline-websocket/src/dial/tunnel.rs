//! The way to a server: straight, or through a proxy that is asked with CONNECT.

use std::io;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use trunkline_transport::{DialError, Proxy, addresses};

use super::retry_after;
use super::target::Target;

/// A stream to the target; what is written to it, the target gets.
pub(super) async fn reach(target: &Target, proxy: Option<&Proxy>) -> Result<TcpStream, DialError> {
    let Some(proxy) = proxy.filter(|proxy| proxy.is_for(&target.host)) else {
        return Ok(connect(&target.host, target.port).await?);
    };
    let problem = |cause: io::Error, what: &str| failed(proxy, format!("{what}: {cause}"));
    let connected = connect(proxy.host(), proxy.port()).await;
    let mut stream = connected.map_err(|cause| problem(cause, "cannot be reached"))?;
    let asked = stream.write_all(&request(target, proxy)).await;
    asked.map_err(|cause| problem(cause, "was lost"))?;
    let mut head = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut head).await;
        if read.map_err(|cause| problem(cause, "was lost"))? == 0 {
            let came = head.len();
            return Err(failed(
                proxy,
                format!("closed after {came} bytes of its answer"),
            ));
        }
        if is_answer(proxy, &head)? {
            return Ok(stream);
        }
        if head.len() >= MAX_HEAD {
            let problem = format!("answers with a head of over {MAX_HEAD} bytes");
            return Err(failed(proxy, problem));
        }
    }
}

/// Connects to the first address of a host that answers.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let found = addresses::alternating(lookup_host((host, port)).await?);
    let wait = || tokio::time::sleep(addresses::HEAD_START);
    addresses::first(found, TcpStream::connect, wait).await
}

/// What asks the proxy for the way: RFC 9110 section 9.3.6.
fn request(target: &Target, proxy: &Proxy) -> Vec<u8> {
    let (host, port) = (&target.host, target.port);
    let authority = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(authorization) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// Whether the proxy has made the way; false if its answer is not whole yet.
fn is_answer(proxy: &Proxy, head: &[u8]) -> Result<bool, DialError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(head) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(false),
        Err(cause) => return Err(failed(proxy, format!("answers what is not HTTP: {cause}"))),
    };
    // A whole answer has one.
    let status = answer.code.unwrap_or_default();
    if !(200..300).contains(&status) {
        return Err(refused(proxy, status, answer.headers));
    }
    // The server says nothing before it is spoken to: this would be taken for its words.
    match head.len() - length {
        0 => Ok(true),
        more => Err(failed(
            proxy,
            format!("says {more} bytes more than its answer"),
        )),
    }
}

fn refused(proxy: &Proxy, status: u16, headers: &[httparse::Header<'_>]) -> DialError {
    let value = |name: HeaderName| {
        let mut headers = headers.iter();
        let header = headers.find(|header| header.name.eq_ignore_ascii_case(name.as_str()))?;
        Some(header.value)
    };
    let retry_after_s = value(RETRY_AFTER)
        .and_then(|asked| retry_after::read(asked, value(DATE), SystemTime::now()));
    let problem = match (status, proxy.authorization()) {
        (407, None) => "answers 407: it asks for credentials".to_owned(),
        (407, Some(_)) => "answers 407: it does not take these credentials".to_owned(),
        _ => {
            let known = StatusCode::from_u16(status).ok();
            let reason = known.and_then(|status| status.canonical_reason());
            format!(
                "answers {status} ({})",
                reason.unwrap_or("not a known status")
            )
        }
    };
    DialError::Proxy {
        proxy: proxy.to_string(),
        problem,
        status: Some(status),
        retry_after_s,
    }
}

fn failed(proxy: &Proxy, problem: String) -> DialError {
    DialError::Proxy {
        proxy: proxy.to_string(),
        problem,
        status: None,
        retry_after_s: None,
    }
}

/// The largest head of a proxy's answer, bytes.
const MAX_HEAD: usize = 16 * 1024;

/// The most headers in it.
const MAX_HEADERS: usize = 100;
