//! Socket.IO 5 on Engine.IO 4, as a client speaks it over a WebSocket: the root namespace, text
//! only.

use super::{DialectError, Incoming};
use crate::{outgoing::Outgoing, websocket::Opcode};

/// What the messages of a connection begin with: Engine.IO's digit, then Socket.IO's.
const OPEN: u8 = b'0';
const PING: &[u8] = b"2";
const PONG: &[u8] = b"3";
const CONNECT: &[u8] = b"40";
const DISCONNECT: &[u8] = b"41";
const EVENT: &[u8] = b"42";
const ACK: &[u8] = b"43";
const CONNECT_ERROR: &[u8] = b"44";

/// What a message means to the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received<'a> {
    /// The namespace takes events from here on.
    Connected,
    /// Anything else.
    Incoming(Incoming<'a>),
}

/// Asks for the root namespace.
pub(super) fn greet(outgoing: &mut Outgoing) {
    outgoing.frame(Opcode::Text, CONNECT);
}

/// Sends `42ID["event","payload"]`, without the id if no ack is asked for.
pub(super) fn event(id: Option<u64>, event: &str, payload: &[u8], outgoing: &mut Outgoing) {
    outgoing.frame(Opcode::Text, &encode(id, event, payload));
}

/// Payloads are stamps, which need no escapes.
pub(super) fn encode(id: Option<u64>, event: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = EVENT.to_vec();
    if let Some(id) = id {
        message.extend_from_slice(id.to_string().as_bytes());
    }
    message.extend_from_slice(b"[\"");
    message.extend_from_slice(event.as_bytes());
    message.extend_from_slice(b"\",\"");
    message.extend_from_slice(payload);
    message.extend_from_slice(b"\"]");
    message
}

/// Reads one message and answers pings.
pub(super) fn receive<'a>(
    message: &'a [u8],
    outgoing: &mut Outgoing,
) -> Result<Received<'a>, DialectError> {
    if let Some(args) = message.strip_prefix(EVENT) {
        let payload = between(args, b"[\"msg\",\"", b"\"]")?;
        return Ok(Received::Incoming(Incoming::Message(payload)));
    }
    if let Some(rest) = message.strip_prefix(ACK) {
        return acknowledged(rest).map(Received::Incoming);
    }
    if message == PING {
        outgoing.frame(Opcode::Text, PONG);
        return Ok(Received::Incoming(Incoming::Nothing));
    }
    if message.starts_with(CONNECT) {
        return Ok(Received::Connected);
    }
    if message.starts_with(DISCONNECT) || message.starts_with(CONNECT_ERROR) {
        return Err(DialectError::Refused {
            what: "DISCONNECT or CONNECT_ERROR",
            code: 0,
            reason: String::from_utf8_lossy(&message[2..]).into_owned(),
        });
    }
    if message.first() == Some(&OPEN) {
        return Ok(Received::Incoming(Incoming::Nothing));
    }
    Err(DialectError::Malformed("unknown packet"))
}

/// `ID["payload"]`.
fn acknowledged(rest: &[u8]) -> Result<Incoming<'_>, DialectError> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (id, args) = rest.split_at(digits);
    let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok());
    Ok(Incoming::Acknowledged {
        id: id.ok_or(DialectError::Malformed("an ack without its id"))?,
        payload: between(args, b"[\"", b"\"]")?,
    })
}

fn between<'a>(text: &'a [u8], before: &[u8], after: &[u8]) -> Result<&'a [u8], DialectError> {
    text.strip_prefix(before)
        .and_then(|text| text.strip_suffix(after))
        // A second argument would have a quotation mark.
        .filter(|payload| !payload.contains(&b'"'))
        .ok_or(DialectError::Malformed("not one argument of text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> Result<Received<'_>, DialectError> {
        receive(message.as_bytes(), &mut Outgoing::new(1))
    }

    #[test]
    fn messages_acks_and_the_first_packets_are_told_apart() {
        let incoming = |incoming| Ok(Received::Incoming(incoming));
        assert_eq!(read(r#"0{"sid":"a"}"#), incoming(Incoming::Nothing));
        assert_eq!(read(r#"40{"sid":"a"}"#), Ok(Received::Connected));
        assert_eq!(
            read(r#"42["msg","abc"]"#),
            incoming(Incoming::Message(b"abc"))
        );
        assert_eq!(
            read(r#"4317["abc"]"#),
            incoming(Incoming::Acknowledged {
                id: 17,
                payload: b"abc"
            })
        );
    }

    #[test]
    fn a_ping_is_answered() {
        let mut outgoing = Outgoing::new(1);
        receive(PING, &mut outgoing).unwrap();
        assert!(!outgoing.is_empty());
    }

    #[test]
    fn an_event_is_written_as_the_specification_of_socket_io_shows_it() {
        assert_eq!(encode(Some(12), "echo", b"abc"), br#"4212["echo","abc"]"#);
        assert_eq!(encode(None, "bcast", b"abc"), br#"42["bcast","abc"]"#);
    }

    #[test]
    fn other_shapes_are_malformed_and_refusals_are_named() {
        for message in [
            "",
            "9",
            "42",
            r#"42["other","a"]"#,
            r#"43["a"]"#,
            r#"431["a","b"]"#,
        ] {
            assert!(matches!(read(message), Err(DialectError::Malformed(_))));
        }
        let refused = read(r#"44{"message":"no"}"#).unwrap_err();
        assert!(matches!(refused, DialectError::Refused { .. }));
    }
}
