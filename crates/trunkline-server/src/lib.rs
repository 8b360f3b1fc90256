//! Trunkline's server: namespaces, handlers, rooms, broadcast, and the sessions behind them.
//!
//! | file | what it holds |
//! |---|---|
//! | `server.rs` | [`Server`], its [`Builder`] and settings |
//! | `accept.rs`, `auth.rs` | a connection's handshake; [`Handshake`], [`Request`] |
//! | `upgrade.rs`, `credentials.rs`, `principal.rs` | the hooks that judge a request and [`Credentials`]; [`Admission`], [`Principal`] |
//! | `refresh.rs`, `ticket.rs`, `ticket/` | how long a verdict holds; [`Tickets`]: credentials for a URL |
//! | `context.rs`, `registry.rs`, `sweep.rs` | a session with all that hangs on it; all sessions; their deadlines |
//! | `flood.rs`, `door.rs`, `ledger.rs` | [`FloodLimits`]; who is turned away at the door, by address; what addresses did lately |
//! | `presence.rs` | whether the server takes connections, and how many it has |
//! | `namespace.rs` | [`Namespace`]: who is in it, and in which rooms |
//! | `namespaces.rs` | [`Namespaces`]: those whose names fit a pattern, which come and go |
//! | `routes.rs` | [`Routes`]: the handlers and hooks of a namespace, or of all of a pattern |
//! | `authorize.rs` | the hooks that judge who may enter a namespace, and join its rooms |
//! | `handler.rs`, `handler/` | [`Handler`](handler::Handler): async functions of extractors; what they return is the driver's |
//! | `extract.rs`, `extract/` | the extractors |
//! | `socket.rs`, `socket/life.rs` | [`Socket`], and its life from CONNECT to the end |
//! | `middleware.rs` | [`Next`]: what runs around handlers |
//! | `responder.rs` | [`Responder`]: acks that are given later |
//! | `stream.rs` | [`EventStream`]: events as streams |
//! | `queue.rs`, `worker.rs` | the order of a socket's events; what runs their handlers |
//! | `room.rs`, `emit.rs` | rooms; [`Emitter`]: events to many sockets |
//! | `activity.rs`, `figures.rs` | what the server counts; [`Stats`] as a list of [`Figure`]s |
//! | `laggard.rs` | [`Laggard`]: who is behind |
//! | `ack.rs`, `gather.rs` | [`EmitWithAck`], [`EmitWithAcks`]: events that ask a socket, or many, for an answer |
#![forbid(unsafe_code)]

mod accept;
mod ack;
mod activity;
mod auth;
mod authorize;
mod context;
mod credentials;
mod door;
mod drain;
mod emit;
pub mod extract;
mod figures;
mod flood;
mod gather;
pub mod handler;
mod holdings;
mod laggard;
mod ledger;
mod listeners;
mod middleware;
mod namespace;
mod namespaces;
mod presence;
mod principal;
mod queue;
mod refresh;
mod registry;
mod responder;
mod room;
mod routes;
mod server;
mod socket;
mod stream;
mod sweep;
mod ticket;
mod upgrade;
mod worker;

pub use ack::{ACK_TIMEOUT, AckError, Acked, EmitWithAck};
pub use auth::{Handshake, Request};
pub use credentials::{AUTHENTICATION_LIMIT, Credentials, Verdict};
pub use door::Place;
pub use drain::{Drain, Drained};
pub use emit::{BestEffortEmitter, EmitError, Emitter};
pub use extract::{Data, Params, PeerAddress, SocketState, State};
pub use figures::{Figure, FigureKind, Unit};
pub use flood::FloodLimits;
pub use gather::{Answers, EmitWithAcks, Gathered};
pub use handler::Ack;
pub use laggard::Laggard;
pub use listeners::ListenerCounts;
pub use middleware::Next;
pub use namespace::Namespace;
pub use namespaces::{NAMESPACES_MAX, Namespaces};
pub use principal::{Admission, Principal};
pub use refresh::REFRESH_LEAD;
pub use responder::Responder;
pub use routes::{Registration, Routes};
pub use server::{Builder, Server, Stats};
pub use socket::{DisconnectReason, FAREWELL_LIMIT, JoinError, Socket, Undelivered};
pub use stream::EventStream;
pub use sweep::DETACHED_BYTES;
pub use ticket::{
    MemoryTickets, TICKET_PARAMETER, TICKET_VALIDITY, TICKETS_MAX, TicketDigest, TicketError,
    TicketStore, Tickets,
};
pub use trunkline_driver::handler::Failure;
pub use trunkline_driver::{Direction, Flow, Ignored, TAP_QUEUE_BYTES, TAP_TEXT_MAX, TappedFrame};
pub use trunkline_protocol::{
    Alternative, AnsweredWith, Args, Code, DecodeError, Drops, EncodeError, Encoding, Event,
    EventName, EventWith, IntoArgs, IntoEventName, InvalidName, Kind, Limits, NamespaceName,
    Overflow, Payload, Rate, Room, Secret, SessionId, SocketId, Value,
};
pub use trunkline_transport::TransportKind;
pub use upgrade::{HttpRefusal, UpgradeRequest};
