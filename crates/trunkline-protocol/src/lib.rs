//! Trunkline's wire protocol: frames, encodings, limits and codes, and the machines of a session.
//!
//! Everything here is sans-IO: no tokio, no clock, no randomness. Bytes, time and random numbers
//! come in as arguments, so that tests run in virtual time and the crate runs anywhere.
//!
//! MessagePack is the form of content in memory; JSON is a transcoding at the edge.
//!
//! | file | what it holds |
//! |---|---|
//! | `frame.rs`, `frame/` | [`Frame`] and its decoding, a file per group of kinds; session frames encode here |
//! | `prepared.rs` | [`Prepared`]: a sequenced or best-effort frame, encoded once for all recipients |
//! | `ignorable.rs` | [`encode_ignorable`]: frames that peers must tolerate |
//! | `body.rs`, `bad_args.rs` | [`Body`]: content not decoded yet; [`BadArgs`]: what can be wrong with it |
//! | `payload.rs`, `into_args.rs`, `serde_bridge.rs`, `serde_error.rs`, `value_serde.rs` | [`Payload`], [`Value`], [`IntoArgs`]: where serde meets bytes |
//! | `message_pack.rs`, `message_pack/` | tokens, and the walk that checks content |
//! | `json.rs`, `json/` | JSON's grammar, and the transcoding both ways; [`to_json`] |
//! | `event.rs` | [`Event`]: an event as a value, with what it carries and what answers it |
//! | `kind.rs`, `code.rs` | [`Kind`] and [`Code`], with the constants of the registries |
//! | `name.rs`, `id.rs`, `secret.rs` | the checked newtypes |
//! | `limits.rs`, `encoding.rs` | [`Limits`], [`Encoding`] |
//! | `outbound.rs`, `replay_log.rs`, `queue.rs`, `control.rs` | [`Outbound`]: numbering, replay log, window, queue |
//! | `inbound.rs` | [`Inbound`]: dedupe, receipts, credit |
//! | `handshake.rs`, `resume.rs` | the first frames; [`Attachment`]: who may take a session over |
//! | `namespaces.rs`, `acks.rs` | what a session is attached to; who waits for which answer |
//! | `heartbeat.rs` | [`Heartbeat`] and [`Watchdog`] |
//! | `violation.rs`, `time.rs` | [`Violation`]: what a peer did wrong; [`Time`] |
//! | `rate.rs` | [`Rate`] and [`Bucket`]: how often something may happen |
#![forbid(unsafe_code)]

mod acks;
mod bad_args;
mod body;
mod code;
mod control;
mod datagram_queue;
mod drops;
mod encoding;
mod event;
mod frame;
mod handshake;
mod heartbeat;
mod id;
mod ignorable;
mod inbound;
mod into_args;
mod json;
mod kind;
mod limits;
mod message_pack;
mod name;
mod namespaces;
mod outbound;
mod overflow;
mod payload;
mod prepared;
mod queue;
mod rate;
mod replay_log;
mod resume;
mod secret;
mod serde_bridge;
mod serde_error;
#[cfg(test)]
mod test_random;
mod time;
mod value_serde;
mod violation;

pub use acks::{AckTable, TooManyAcks};
pub use bad_args::BadArgs;
pub use body::Body;
pub use code::{Code, Disposition, Role};
pub use datagram_queue::{DATAGRAM_QUEUE_BYTES, DATAGRAM_QUEUE_FRAMES};
pub use drops::Drops;
pub use encoding::{Encoding, MAX_INTEGER, VERSION};
pub use event::{AnsweredWith, Event, EventWith, IntoEventName};
pub use frame::{
    Alternative, Auth, Close, Datagrams, Frame, GoAway, HeaderError, Hello, Resume, ResumeRefusal,
    Sequenced, Welcome, encode_ping, encode_pong, encode_received,
};
pub use handshake::{Answer, ClientHandshake, read_hello};
pub use heartbeat::{Beat, Heartbeat, Watchdog};
pub use id::{AckId, SessionId, SocketId};
pub use ignorable::encode_ignorable;
pub use inbound::{Arrival, Inbound, RECEIPT_DELAY};
pub use into_args::{Args, IntoArgs};
pub use json::to_json;
pub use kind::{Class, Kind};
pub use limits::{Limits, MAX_AUTH_BYTES, MAX_DATAGRAM_TO_MANY, MAX_HELLO_BYTES, MAX_REASON_BYTES};
pub use name::{EventName, InvalidName, Key, MAX_NAME_BYTES, NamespaceName, Room};
pub use namespaces::{ClientNamespace, ServerNamespaces};
pub use outbound::{
    BEST_EFFORT_FRAMES, BEST_EFFORT_QUEUE, DatagramFate, Hold, Lost, Outbound, PushError, Sent,
};
pub use overflow::Overflow;
pub use payload::{Payload, Value};
pub use prepared::{Prefix, Prepared, PreparedEvent};
pub use queue::FRAME_BYTES;
pub use rate::{Bucket, Rate};
pub use resume::{ATTACHES_MAX, ATTACHES_WINDOW, AttachRefusal, Attachment};
pub use secret::{Secret, SecretHash};
pub use serde_error::{DecodeError, EncodeError};
pub use time::Time;
pub use violation::Violation;
