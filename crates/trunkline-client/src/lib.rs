//! Trunkline's client: reconnecting sessions, sockets per namespace, handlers, acks.
//!
//! It names no transport: whoever builds a [`Client`] hands it a dialer.
//!
//! | file | what it holds |
//! |---|---|
//! | `client.rs`, `builder.rs`, `address.rs` | [`Client`], [`Builder`], the URL's default path |
//! | `credentials.rs`, `refresh.rs` | [`Credentials`]: what a client is let in with; fresh ones on a live session |
//! | `socket.rs`, `subscription.rs`, `stream.rs` | [`Socket`]: one namespace; [`Subscription`]; [`EventStream`] |
//! | `emit.rs` | [`Acked`]: an event that awaits its ack; [`BestEffortEmitter`]: those that may be lost |
//! | `capacity.rs` | what waits for the server, for senders that want to know |
//! | `handler.rs`, `extract.rs` | what a handler may be and take; what it returns is the driver's |
//! | `state.rs`, `stats.rs` | [`State`], [`SocketState`], [`Watch`]; [`Stats`] |
//! | `lost.rs` | [`SessionLost`]: what is unknown after a session was lost; [`EventsDropped`]: what is not sent |
//! | `error.rs` | an error enum per operation |
//! | `shared.rs`, `book.rs`, `membership.rs`, `sending.rs`, `losing.rs` | what handles and the client's task share, by concern |
//! | `namespace.rs`, `inbox.rs` | one namespace: its handlers, its ordered events |
//! | `dispatch.rs` | what arrives in the session |
//! | `transports.rs`, `dial.rs`, `switch.rs` | [`Transports`]: which are dialled and where; their race; moving between them |
//! | `run.rs`, `attempt.rs`, `drive.rs`, `go_away.rs`, `back_off.rs`, `tasks.rs` | the client's one task: handshake, drive, reconnect |
#![forbid(unsafe_code)]

mod address;
mod attempt;
mod back_off;
mod book;
mod builder;
mod capacity;
mod client;
mod credentials;
mod dial;
mod dispatch;
mod drive;
mod emit;
mod error;
mod extract;
mod go_away;
pub mod handler;
mod inbox;
mod losing;
mod lost;
mod membership;
mod namespace;
mod refresh;
mod run;
mod sending;
mod shared;
mod socket;
mod state;
mod stats;
mod stream;
mod subscription;
mod switch;
mod tasks;
mod transports;

pub use back_off::{Jitter, RandomJitter};
pub use builder::{
    ACK_TIMEOUT, AGENT_BYTES, BACK_OFF_BASE, BACK_OFF_CAP, Builder, DIAL_TIMEOUT, QUEUE_BYTES,
    QUEUE_EVENTS, STANDING, WELCOME_TIMEOUT,
};
pub use client::{CLOSE_WAIT, Client};
pub use credentials::{CREDENTIALS_TIMEOUT, Credentials, CredentialsError, Occasion};
pub use emit::{Acked, BestEffortEmitter};
pub use error::{AckError, BuildError, ConnectError, EmitError, SwitchError};
pub use extract::{FromEvent, Invocation, Offers};
pub use go_away::GO_AWAY_MAX;
pub use handler::{Ack, Handler};
pub use http::{HeaderName, HeaderValue};
pub use lost::{DropReason, EventsDropped, LossReason, LostEvent, SessionLost};
pub use refresh::REFRESH_LEAST;
pub use run::RETRY_AFTER_MAX;
pub use socket::{Connected, Socket};
pub use state::{CurrentTransport, SocketState, State, Watch};
pub use stats::Stats;
pub use stream::{EventStream, NextEvent};
pub use subscription::Subscription;
pub use switch::{UPGRADE_BASE, UPGRADE_CAP, UPGRADE_STANDING};
pub use transports::{HEAD_START, Transports, WINNER_REMEMBERED};
pub use trunkline_driver::handler::{Data, Failure};
pub use trunkline_driver::{Direction, Ignored, TAP_QUEUE_BYTES, TAP_TEXT_MAX, TappedFrame};
pub use trunkline_protocol::{
    AnsweredWith, Args, Code, Datagrams, DecodeError, Drops, EncodeError, Encoding, Event,
    EventName, EventWith, IntoArgs, IntoEventName, InvalidName, Kind, Limits, NamespaceName,
    Payload, SessionId, SocketId, Value,
};
pub use trunkline_transport::{DialError, InvalidProxy, Proxy, TransportKind};
