//! Trunkline's wire protocol 1 in MessagePack, as a client that never resumes speaks it.

use std::time::{Duration, Instant};

use rmp::encode;
use serde::Deserialize;

use super::{DialectError, Incoming, reader::Reader};
use crate::{outgoing::Outgoing, websocket::Opcode};

const HELLO: u64 = 0;
const WELCOME: u64 = 1;
const PING: u64 = 2;
const PONG: u64 = 3;
const RECEIVED: u64 = 4;
const GOAWAY: u64 = 5;
const CLOSE: u64 = 6;
const CONNECT: u64 = 16;
const CONNECTED: u64 = 17;
const REFUSED: u64 = 18;
const DISCONNECT: u64 = 19;
const EVENT: u64 = 20;
const ACK: u64 = 21;
const FAILED: u64 = 22;
const DATAGRAM: u64 = 32;
const LATEST: u64 = 33;

/// The budget that a server has when it announces none, in bytes.
const DEFAULT_REPLAY_BYTES: u64 = 1 << 20;
/// A receipt is due 10 s after the first frame it confirms; the sweep comes once a second.
const RECEIPT_AFTER: Duration = Duration::from_secs(9);

/// The numbers of one connection.
#[derive(Debug)]
pub(super) struct Session {
    /// The last number given to a frame of ours.
    sent: u64,
    /// The last number received.
    received: u64,
    /// Frames received since the last receipt, in bytes.
    unconfirmed_bytes: u64,
    /// When the first of them came.
    unconfirmed_since: Option<Instant>,
    /// A receipt is due at this many bytes: a sixty-fourth of the server's replay budget.
    receipt_bytes: u64,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            sent: 0,
            received: 0,
            unconfirmed_bytes: 0,
            unconfirmed_since: None,
            receipt_bytes: DEFAULT_REPLAY_BYTES / 64,
        }
    }
}

#[derive(Deserialize)]
struct Welcome {
    #[serde(default)]
    limits: Limits,
}

#[derive(Deserialize, Default)]
struct Limits {
    replay: Option<u64>,
}

#[derive(Deserialize)]
struct Close {
    code: u64,
    #[serde(default)]
    reason: String,
}

impl Session {
    /// HELLO and CONNECT to the root namespace, in one write with what follows.
    pub(super) fn greet(&mut self, outgoing: &mut Outgoing) {
        let mut hello = begin(2, HELLO);
        map(&mut hello, 2);
        string(&mut hello, "v");
        integer(&mut hello, 1);
        string(&mut hello, "agent");
        string(&mut hello, "trunkline-bench");
        outgoing.frame(Opcode::Binary, &hello);
        let mut connect = self.begin_numbered(4, CONNECT);
        nil(&mut connect);
        nil(&mut connect);
        outgoing.frame(Opcode::Binary, &connect);
    }

    /// EVENT in the root namespace with the payload as its only argument.
    pub(super) fn event(
        &mut self,
        ack_id: Option<u64>,
        event: &str,
        payload: &[u8],
        outgoing: &mut Outgoing,
    ) {
        let mut frame = self.begin_numbered(6, EVENT);
        nil(&mut frame);
        match ack_id {
            Some(id) => integer(&mut frame, id),
            None => nil(&mut frame),
        }
        string(&mut frame, event);
        array(&mut frame, 1);
        bytes(&mut frame, payload);
        outgoing.frame(Opcode::Binary, &frame);
    }

    /// Takes one frame, counts it if it is numbered and answers pings.
    pub(super) fn receive<'a>(
        &mut self,
        message: &'a [u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<Incoming<'a>, DialectError> {
        let mut reader = Reader::new(message);
        let length = reader.array()?;
        let kind = reader.integer()?;
        check_length(kind, length)?;
        if matches!(kind, 0x10..=0x1f | 0x60..=0x7f) {
            self.count(reader.integer()?, message.len(), now)?;
        }
        let incoming = match kind {
            EVENT => read_event(&mut reader)?,
            ACK => {
                namespace(&mut reader)?;
                let id = reader.integer()?;
                Incoming::Acknowledged {
                    id,
                    payload: only_argument(&mut reader)?,
                }
            }
            PING => {
                let t = reader.integer()?;
                self.answer_ping(t, outgoing);
                Incoming::Nothing
            }
            WELCOME => {
                let (_, welcome): (u64, Welcome) = decode(message, "WELCOME")?;
                let budget = welcome.limits.replay.unwrap_or(DEFAULT_REPLAY_BYTES);
                self.receipt_bytes = budget.min(DEFAULT_REPLAY_BYTES) / 64;
                Incoming::Nothing
            }
            CLOSE => {
                let (_, close): (u64, Close) = decode(message, "CLOSE")?;
                return Err(refused("CLOSE", close.code, &close.reason));
            }
            REFUSED | FAILED | DISCONNECT => return Err(read_refusal(kind, &mut reader)?),
            CONNECTED | PONG | RECEIVED | GOAWAY | DATAGRAM | LATEST | 0x40..=0x7f => {
                Incoming::Nothing
            }
            _ => return Err(DialectError::Malformed("unknown kind")),
        };
        if self.unconfirmed_bytes >= self.receipt_bytes {
            self.confirm(outgoing);
        }
        Ok(incoming)
    }

    /// RECEIVED, if there is anything to confirm.
    pub(super) fn confirm(&mut self, outgoing: &mut Outgoing) {
        if self.unconfirmed_since.is_some() {
            let mut frame = begin(2, RECEIVED);
            integer(&mut frame, self.received);
            outgoing.frame(Opcode::Binary, &frame);
            self.confirmed();
        }
    }

    /// RECEIVED, if the oldest unconfirmed frame has waited its time.
    pub(super) fn sweep(&mut self, now: Instant, outgoing: &mut Outgoing) {
        let due = |since: Instant| now.saturating_duration_since(since) >= RECEIPT_AFTER;
        if self.unconfirmed_since.is_some_and(due) {
            self.confirm(outgoing);
        }
    }

    fn answer_ping(&mut self, t: u64, outgoing: &mut Outgoing) {
        let mut pong = begin(3, PONG);
        integer(&mut pong, t);
        integer(&mut pong, self.received);
        outgoing.frame(Opcode::Binary, &pong);
        self.confirmed();
    }

    fn confirmed(&mut self) {
        self.unconfirmed_bytes = 0;
        self.unconfirmed_since = None;
    }

    /// A session that never resumes gets each number once and in order.
    fn count(&mut self, got: u64, bytes: usize, now: Instant) -> Result<(), DialectError> {
        let expected = self.received + 1;
        if got != expected {
            return Err(DialectError::Sequence { expected, got });
        }
        self.received = got;
        self.unconfirmed_bytes += bytes as u64;
        self.unconfirmed_since.get_or_insert(now);
        Ok(())
    }

    fn begin_numbered(&mut self, length: u32, kind: u64) -> Vec<u8> {
        self.sent += 1;
        let mut frame = begin(length, kind);
        integer(&mut frame, self.sent);
        frame
    }
}

fn check_length(kind: u64, length: u32) -> Result<(), DialectError> {
    let expected = match kind {
        HELLO | WELCOME | RECEIVED | GOAWAY | CLOSE => 2,
        PING | PONG => 3,
        DATAGRAM => 4,
        ACK | DISCONNECT => 5,
        CONNECTED | EVENT | LATEST => 6,
        REFUSED | FAILED => 7,
        _ => return Ok(()),
    };
    if length == expected {
        Ok(())
    } else {
        Err(DialectError::Malformed("wrong array length"))
    }
}

fn namespace(reader: &mut Reader<'_>) -> Result<(), DialectError> {
    if reader.nil() {
        Ok(())
    } else {
        Err(DialectError::Malformed("not the root namespace"))
    }
}

fn read_event<'a>(reader: &mut Reader<'a>) -> Result<Incoming<'a>, DialectError> {
    namespace(reader)?;
    if !reader.nil() {
        return Err(DialectError::Malformed("an event asked for an ack"));
    }
    if reader.string()? != "msg" {
        return Err(DialectError::Malformed("unknown event"));
    }
    only_argument(reader).map(Incoming::Message)
}

fn only_argument<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DialectError> {
    if reader.array()? != 1 {
        return Err(DialectError::Malformed("not one argument"));
    }
    let payload = reader.bytes()?;
    reader.end()?;
    Ok(payload)
}

fn read_refusal(kind: u64, reader: &mut Reader<'_>) -> Result<DialectError, DialectError> {
    namespace(reader)?;
    let what = match kind {
        REFUSED => "REFUSED",
        FAILED => "FAILED",
        _ => "DISCONNECT",
    };
    if kind != DISCONNECT {
        reader.integer()?;
    }
    let code = reader.integer()?;
    Ok(refused(what, code, reader.string()?))
}

fn refused(what: &'static str, code: u64, reason: &str) -> DialectError {
    DialectError::Refused {
        what,
        code,
        reason: reason.to_owned(),
    }
}

fn decode<'a, T: Deserialize<'a>>(
    message: &'a [u8],
    what: &'static str,
) -> Result<T, DialectError> {
    rmp_serde::from_slice(message).map_err(|_| DialectError::Malformed(what))
}

const INFALLIBLE: &str = "writing to memory cannot fail";

fn begin(length: u32, kind: u64) -> Vec<u8> {
    let mut frame = Vec::with_capacity(128);
    array(&mut frame, length);
    integer(&mut frame, kind);
    frame
}

fn array(frame: &mut Vec<u8>, length: u32) {
    encode::write_array_len(frame, length).expect(INFALLIBLE);
}

fn map(frame: &mut Vec<u8>, length: u32) {
    encode::write_map_len(frame, length).expect(INFALLIBLE);
}

fn integer(frame: &mut Vec<u8>, value: u64) {
    encode::write_uint(frame, value).expect(INFALLIBLE);
}

fn string(frame: &mut Vec<u8>, text: &str) {
    encode::write_str(frame, text).expect(INFALLIBLE);
}

fn bytes(frame: &mut Vec<u8>, payload: &[u8]) {
    encode::write_bin(frame, payload).expect(INFALLIBLE);
}

fn nil(frame: &mut Vec<u8>) {
    encode::write_nil(frame).expect(INFALLIBLE);
}

#[cfg(test)]
mod tests;
