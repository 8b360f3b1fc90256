//! What an event, an ack and a sign of life are on the wire, in bytes: WebSocket frames with their
//! headers, encoded by Trunkline's and by socketioxide's own encoders.

use std::{
    error::Error,
    fmt::{self, Display, Formatter},
};

use engineioxide_core::Packet as EnginePacket;
use serde::Serialize;
use serde_bytes::Bytes;
use socketioxide_core::{Value, packet::Packet, parser::Parse};
use socketioxide_parser_common::CommonParser;
use trunkline::protocol::{
    AckId, Encoding, EventName, IntoArgs, NamespaceName, Prepared, encode_ping, encode_pong,
    encode_received,
};

use crate::{
    payload::PAYLOAD_BYTES,
    websocket::{Opcode, write_frame},
};

/// The thousandth frame, event with an ack and PING of a connection: what is usual, not least.
const NUMBER: u64 = 1_000;
/// Milliseconds since a session began, as a PING after some hours has it.
const PING_AT: u64 = 10_000_000;
const EVENT: &str = "msg";
/// A client's frames are longer by their masking key.
const MASK_BYTES: usize = 4;

/// The table of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireBytes {
    /// What is sent, in the order of the table.
    pub rows: Vec<Row>,
}

/// One line of the table: bytes from server to client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What is sent.
    pub what: &'static str,
    /// Trunkline in MessagePack.
    pub message_pack: usize,
    /// Trunkline in JSON.
    pub json: usize,
    /// Socket.IO with its default parser; none where it has nothing like it.
    pub socket_io: Option<usize>,
}

impl WireBytes {
    /// Encodes everything that is in the table.
    ///
    /// # Errors
    /// A value cannot be encoded.
    pub fn measure() -> Result<Self, Box<dyn Error>> {
        let text = "z".repeat(PAYLOAD_BYTES);
        let binary = Bytes::new(text.as_bytes());
        Ok(Self {
            rows: vec![
                event("event, 64 characters of text", &text, false)?,
                event("event, 64 bytes of binary", binary, false)?,
                event("event that asks for an ack, 64 characters", &text, true)?,
                ack("ack, 64 characters of text", &text)?,
                ack("ack, 64 bytes of binary", binary)?,
                signal("ping", EnginePacket::Ping, |encoding, out| {
                    encode_ping(encoding, PING_AT, NUMBER, out);
                }),
                signal("pong", EnginePacket::Pong, |encoding, out| {
                    encode_pong(encoding, PING_AT, NUMBER, out);
                }),
                receipt(),
            ],
        })
    }
}

fn event<T: Serialize + ?Sized>(
    what: &'static str,
    value: &T,
    asks: bool,
) -> Result<Row, Box<dyn Error>> {
    let args = value.into_args()?;
    let name = EventName::try_from(EVENT)?;
    let ack_id = asks.then(|| AckId::new(NUMBER)).flatten();
    let prepared = Prepared::event(&NamespaceName::default(), ack_id, &name, &args);
    let value = CommonParser.encode_value(value, Some(EVENT));
    let mut packet = Packet::event("/", value?);
    if asks {
        packet.inner.set_ack_id(NUMBER as i64);
    }
    Ok(row(what, &prepared, packet))
}

fn ack<T: Serialize + ?Sized>(what: &'static str, value: &T) -> Result<Row, Box<dyn Error>> {
    let args = value.into_args()?;
    let ack_id = AckId::new(NUMBER).ok_or("the id is too large")?;
    let prepared = Prepared::ack(&NamespaceName::default(), ack_id, &args);
    let value = CommonParser.encode_value(value, None)?;
    Ok(row(what, &prepared, Packet::ack("/", value, NUMBER as i64)))
}

fn row(what: &'static str, prepared: &Prepared, packet: Packet) -> Row {
    let length = |encoding| framed(&prepared.to_message(encoding, NUMBER));
    Row {
        what,
        message_pack: length(Encoding::MessagePack),
        json: length(Encoding::Json),
        socket_io: Some(socket_io(packet)),
    }
}

/// Binary args are messages of their own, after the packet's text.
fn socket_io(packet: Packet) -> usize {
    match CommonParser.encode(packet) {
        Value::Str(text, attachments) => {
            let attachments = attachments.unwrap_or_default();
            engine_io(EnginePacket::Message(text))
                + attachments.iter().map(|bytes| framed(bytes)).sum::<usize>()
        }
        Value::Bytes(bytes) => framed(&bytes),
    }
}

fn engine_io(packet: EnginePacket) -> usize {
    framed(String::from(packet).as_bytes())
}

fn signal(
    what: &'static str,
    packet: EnginePacket,
    encode: impl Fn(Encoding, &mut Vec<u8>),
) -> Row {
    let length = |encoding| {
        let mut message = Vec::new();
        encode(encoding, &mut message);
        framed(&message)
    };
    Row {
        what,
        message_pack: length(Encoding::MessagePack),
        json: length(Encoding::Json),
        socket_io: Some(engine_io(packet)),
    }
}

/// Socket.IO confirms nothing.
fn receipt() -> Row {
    let row = signal(
        "receipt, every 16 KiB or 10 s",
        EnginePacket::Noop,
        |encoding, out| {
            encode_received(encoding, NUMBER, out);
        },
    );
    Row {
        socket_io: None,
        ..row
    }
}

/// The length of a message in one WebSocket frame of a server.
fn framed(message: &[u8]) -> usize {
    let mut frame = Vec::new();
    write_frame(Opcode::Binary, message, [0; MASK_BYTES], &mut frame);
    frame.len() - MASK_BYTES
}

impl Display for WireBytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| bytes from server to client | Trunkline, MessagePack | Trunkline, JSON | Socket.IO |"
        )?;
        writeln!(f, "|---|---|---|---|")?;
        for row in &self.rows {
            let socket_io = row
                .socket_io
                .map_or_else(|| "-".to_owned(), |n| n.to_string());
            let Row {
                what,
                message_pack,
                json,
                ..
            } = row;
            writeln!(f, "| {what} | {message_pack} | {json} | {socket_io} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_ios_events_are_as_its_specification_shows_them() {
        let rows = WireBytes::measure().unwrap().rows;
        // A header of two bytes for each message; the attachment is one of its own.
        let text = r#"42["msg",""]"#.len();
        let binary = r#"451-["msg",{"_placeholder":true,"num":0}]"#.len();
        assert_eq!(rows[0].socket_io, Some(2 + text + 64));
        assert_eq!(rows[1].socket_io, Some(2 + binary + 2 + 64));
        assert_eq!(rows[5].socket_io, Some(2 + "2".len()));
    }

    #[test]
    fn the_table_of_the_documentation_is_what_is_measured() {
        let documented = include_str!("../../../docs/benchmarks.md");
        let table = WireBytes::measure().unwrap().to_string();
        assert!(
            documented.contains(&table),
            "docs/benchmarks.md should have:\n{table}"
        );
    }
}
